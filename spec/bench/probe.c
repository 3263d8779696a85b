/* probe.c - how long a server lets a small request wait: asks at a steady rate, whatever the answers do.
 *
 *   probe PORT PATH RATE DELAY SECONDS
 *
 * After DELAY seconds sends GET PATH to 127.0.0.1:PORT RATE times a second for SECONDS, each over an idle connection, a
 * new one if none is. A request's time runs from the moment at which it was due to the arrival of its whole answer,
 * which must fit into BUFFER: so what the server makes wait counts for all that were due meanwhile. Prints the number
 * of requests, then their median, 99th percentile and longest time in milliseconds. Fails if a request does. */
#define _POSIX_C_SOURCE 200809L
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MAX_CONNECTIONS 1024
#define BUFFER          1024
#define PATIENCE        10.0 /* seconds after the last request */

typedef struct probe {
  struct pollfd fds[MAX_CONNECTIONS]; /* events is 0 while a connection is idle */
  double due[MAX_CONNECTIONS];
  char answer[MAX_CONNECTIONS][BUFFER];
  size_t length[MAX_CONNECTIONS];
  nfds_t open;
  char request[BUFFER];
  uint16_t port;
  double *times;
  size_t answered;
} probe;

static double now(void) {
  struct timespec t;
  (void)clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void die(const char *message) {
  perror(message);
  exit(1);
}

/* The place of an idle connection, perhaps a new one. */
static nfds_t idle_connection(probe *p) {
  struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(p->port) };
  int one = 1, fd;
  for (nfds_t i = 0; i < p->open; i++) {
    if (p->fds[i].events == 0) return i;
  }
  if (p->open == MAX_CONNECTIONS) die("too many requests without an answer");
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  fd = socket(AF_INET, SOCK_STREAM, 0);
  if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof address) != 0) die("connect");
  (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  p->fds[p->open].fd = fd;
  return p->open++;
}

static void ask(probe *p, double due) {
  const nfds_t i = idle_connection(p);
  p->fds[i].events = POLLIN;
  p->due[i] = due;
  p->length[i] = 0;
  if (write(p->fds[i].fd, p->request, strlen(p->request)) < 0) die("write");
}

/* Has the whole answer come? */
static int is_whole(const char *answer) {
  const char *end = strstr(answer, "\r\n\r\n"), *length = strstr(answer, "Content-Length: ");
  if (end == NULL || length == NULL) return 0;
  if (strncmp(answer, "HTTP/1.1 200 ", 13) != 0) die("an answer is no 200");
  return strlen(end + 4) >= strtoul(length + 16, NULL, 10);
}

static void take(probe *p, nfds_t i) {
  char *answer = p->answer[i];
  const ssize_t n = read(p->fds[i].fd, answer + p->length[i], BUFFER - 1 - p->length[i]);
  if (n <= 0) die("read");
  p->length[i] += (size_t)n;
  answer[p->length[i]] = '\0';
  if (!is_whole(answer)) return;
  p->times[p->answered++] = now() - p->due[i];
  p->fds[i].events = 0;
}

static void listen_till(probe *p, double till) {
  double left = till - now();
  while (left > 0) {
    /* poll knows milliseconds only: it sleeps for all but the last one, which is spent in nanosleep */
    const int ready = poll(p->fds, p->open, left >= 0.002 ? (int)(left * 1000) - 1 : 0);
    if (ready < 0) die("poll");
    for (nfds_t i = 0; ready > 0 && i < p->open; i++) {
      if (p->fds[i].events != 0 && p->fds[i].revents != 0) take(p, i);
    }
    if (ready == 0 && left < 0.002) {
      const struct timespec pause = { .tv_nsec = 50000 };
      (void)nanosleep(&pause, NULL);
    }
    left = till - now();
  }
}

static int ascending(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

int main(int argc, char **argv) {
  static probe p;
  if (argc != 6) return 2;
  const double rate = atof(argv[3]), began = now() + atof(argv[4]);
  const size_t count = (size_t)(rate * atof(argv[5]));
  p.port = (uint16_t)atoi(argv[1]);
  p.times = calloc(count + 1, sizeof *p.times);
  if (p.times == NULL || count == 0) return 2;
  (void)snprintf(p.request, sizeof p.request, "GET %s HTTP/1.1\r\nHost: probe\r\n\r\n", argv[2]);
  for (size_t i = 0; i < count; i++) {
    const double due = began + (double)i / rate;
    listen_till(&p, due);
    ask(&p, due);
  }
  for (const double till = now() + PATIENCE; p.answered < count && now() < till;) listen_till(&p, now() + 0.001);
  if (p.answered < count) die("answers are missing");
  qsort(p.times, count, sizeof *p.times, ascending);
  (void)printf("%zu %.3f %.3f %.3f\n", count, p.times[count / 2] * 1e3, p.times[count * 99 / 100] * 1e3,
               p.times[count - 1] * 1e3);
  free(p.times);
  return 0;
}
