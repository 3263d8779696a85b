/* curl_multi.c - the yardstick for many calls at once: a bare libcurl multi program that makes the same requests.
 *
 *   curl_multi URL CA_FILE COUNT AT_ONCE VERSION CONNECTIONS < headers      one "name: value" a line
 *
 * One multi with one loop of curl_multi_perform and curl_multi_poll, AT_ONCE easy handles that are used again and
 * again, HTTP VERSION 1.1 or 2, at most CONNECTIONS connections, TLS verified, the answers thrown away. A tenth of
 * COUNT and AT_ONCE more are called first to warm up. Prints the calls per second and the client's CPU time (user and
 * system) per call in microseconds. Fails if a call does. */
#define _POSIX_C_SOURCE 200809L
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#define MAX_LINE    8192
#define MAX_AT_ONCE 4096
#define BUFFER      16384L /* as the engine has it: small enough for hundreds at once */

typedef struct program {
  CURLM *multi;
  CURL *easy[MAX_AT_ONCE];
  long at_once;
} program;

static double seconds(clockid_t clock) {
  struct timespec t;
  (void)clock_gettime(clock, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

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

static CURL *new_easy(char **argv, struct curl_slist *headers) {
  CURL *easy = curl_easy_init();
  if (easy == NULL) return NULL;
  (void)curl_easy_setopt(easy, CURLOPT_URL, argv[1]);
  (void)curl_easy_setopt(easy, CURLOPT_CAINFO, argv[2]);
  (void)curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
  (void)curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, discard);
  (void)curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  (void)curl_easy_setopt(easy, CURLOPT_PIPEWAIT, 1L);
  (void)curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, BUFFER);
  (void)curl_easy_setopt(easy, CURLOPT_HTTP_VERSION,
                         strcmp(argv[5], "2") == 0 ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_1_1);
  return easy;
}

/* Takes back the handles that are done, and starts them again while there are calls to make. Returns how many were
 * done; -1 if one failed. */
static long take_done(program *p, long *left) {
  long done = 0, status = 0;
  int queued = 0;
  for (CURLMsg *m; (m = curl_multi_info_read(p->multi, &queued)) != NULL; done++) {
    CURL *easy = m->easy_handle;
    (void)curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    if (m->data.result != CURLE_OK || status >= 400) {
      (void)fprintf(stderr, "%s, status %ld\n", curl_easy_strerror(m->data.result), status);
      return -1;
    }
    (void)curl_multi_remove_handle(p->multi, easy);
    if (*left > 0) {
      (*left)--;
      (void)curl_multi_add_handle(p->multi, easy);
    }
  }
  return done;
}

static int call_many(program *p, long count) {
  long left = count, done = 0;
  for (long i = 0; i < p->at_once && left > 0; i++, left--) (void)curl_multi_add_handle(p->multi, p->easy[i]);
  while (done < count) {
    int running = 0;
    if (curl_multi_perform(p->multi, &running) != CURLM_OK) return 1;
    const long n = take_done(p, &left);
    if (n < 0) return 1;
    done += n;
    if (n == 0 && curl_multi_poll(p->multi, NULL, 0, 1000, NULL) != CURLM_OK) return 1;
  }
  return 0;
}

int main(int argc, char **argv) {
  static program p;
  if (argc != 7) {
    (void)fprintf(stderr, "usage: %s URL CA_FILE COUNT AT_ONCE VERSION CONNECTIONS < headers\n", argv[0]);
    return 2;
  }
  const long count = strtol(argv[3], NULL, 10), connections = strtol(argv[6], NULL, 10);
  struct curl_slist *headers = read_headers(stdin);
  p.at_once = strtol(argv[4], NULL, 10);
  p.multi = curl_multi_init();
  if (p.multi == NULL || count < 1 || p.at_once < 1 || p.at_once > MAX_AT_ONCE) return 2;
  (void)curl_multi_setopt(p.multi, CURLMOPT_MAX_HOST_CONNECTIONS, connections);
  (void)curl_multi_setopt(p.multi, CURLMOPT_MAXCONNECTS, connections);
  for (long i = 0; i < p.at_once; i++) {
    p.easy[i] = new_easy(argv, headers);
    if (p.easy[i] == NULL) return 2;
  }

  int failed = call_many(&p, count / 10 + p.at_once);
  const double began = seconds(CLOCK_MONOTONIC), before = cpu_us();
  if (!failed) failed = call_many(&p, count);
  const double spent = cpu_us() - before, took = seconds(CLOCK_MONOTONIC) - began;
  if (!failed) (void)printf("%.1f %.3f\n", (double)count / took, spent / (double)count);
  for (long i = 0; i < p.at_once; i++) curl_easy_cleanup(p.easy[i]);
  (void)curl_multi_cleanup(p.multi);
  curl_slist_free_all(headers);
  return failed;
}
