/* curl_bare.c - the yardstick for `make bench`: what a kept HTTPS call costs a program that uses libcurl alone.
 *
 *   curl_bare URL CA_FILE COUNT [METHOD [BODY]] < headers      one "name: value" a line
 *
 * One easy handle, used again and again over one kept connection, TLS verified, the answer thrown away. A tenth of
 * COUNT is called first to warm up. Prints the client's CPU time (user and system) per call in microseconds. Fails if a
 * call does, or if a second connection was opened. */
#define _POSIX_C_SOURCE 200809L
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define MAX_LINE 8192

static double cpu_us(void) {
  struct rusage u;
  (void)getrusage(RUSAGE_SELF, &u);
  return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e6 + (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

static size_t discard(char *data, size_t size, size_t count, void *ud) {
  (void)data, (void)ud;
  return size * count;
}

static struct curl_slist *read_headers(FILE *in) {
  char line[MAX_LINE];
  struct curl_slist *list = NULL;
  while (fgets(line, sizeof line, in) != NULL) {
    line[strcspn(line, "\r\n")] = '\0';
    if (line[0] != '\0') list = curl_slist_append(list, line);
  }
  return list;
}

static CURLcode call_many(CURL *easy, long count, long *connections) {
  CURLcode rc = CURLE_OK;
  for (long i = 0; i < count && rc == CURLE_OK; i++) {
    long status = 0, opened = 0;
    rc = curl_easy_perform(easy);
    (void)curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    (void)curl_easy_getinfo(easy, CURLINFO_NUM_CONNECTS, &opened);
    *connections += opened;
    if (rc == CURLE_OK && status >= 400) rc = CURLE_HTTP_RETURNED_ERROR;
  }
  return rc;
}

int main(int argc, char **argv) {
  if (argc < 4 || argc > 6) {
    (void)fprintf(stderr, "usage: %s URL CA_FILE COUNT [METHOD [BODY]] < headers\n", argv[0]);
    return 2;
  }
  const long count = strtol(argv[3], NULL, 10);
  struct curl_slist *headers = read_headers(stdin);
  CURL *easy = curl_easy_init();
  long connections = 0;
  if (easy == NULL || count < 1) return 2;
  (void)curl_easy_setopt(easy, CURLOPT_URL, argv[1]);
  (void)curl_easy_setopt(easy, CURLOPT_CAINFO, argv[2]);
  (void)curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
  (void)curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, discard);
  (void)curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L); /* as the engine has it: no sigaction calls around each step */
  if (argc > 5) (void)curl_easy_setopt(easy, CURLOPT_POSTFIELDS, argv[5]);
  if (argc > 4) (void)curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, argv[4]);

  CURLcode rc = call_many(easy, count / 10 + 1, &connections);
  const double before = cpu_us();
  if (rc == CURLE_OK) rc = call_many(easy, count, &connections);
  const double spent = cpu_us() - before;
  if (rc != CURLE_OK || connections != 1)
    (void)fprintf(stderr, "%s, %ld connections\n", curl_easy_strerror(rc), connections);
  else
    (void)printf("%.3f\n", spent / (double)count);
  curl_easy_cleanup(easy);
  curl_slist_free_all(headers);
  return rc == CURLE_OK && connections == 1 ? 0 : 1;
}
