/* dnsd.c - a name server for tests: every name is this machine, but *.invalid is none, and silent.* gets no answer.
 *
 * Prints its UDP port, on 127.0.0.1, and ends when nobody reads its output any more. */
#define _GNU_SOURCE
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define HEADER   12
#define TYPE_A   1
#define NO_NAME  3
#define MAX_SIZE 512

/* Reads the question's name as text. Returns the place behind the question, 0 if there is none. */
static size_t read_question(const unsigned char *data, size_t size, char *name, size_t room) {
  size_t at = HEADER, used = 0;
  while (at < size && data[at] != 0) {
    const size_t n = data[at++];
    if (at + n >= size || used + n + 2 > room) return 0;
    memcpy(name + used, data + at, n);
    used += n;
    name[used++] = '.';
    at += n;
  }
  name[used > 0 ? used - 1 : 0] = '\0';
  return at + 5 <= size ? at + 5 : 0;
}

static bool ends_with(const char *text, const char *end) {
  const size_t n = strlen(text), m = strlen(end);
  return n >= m && strcasecmp(text + n - m, end) == 0;
}

static void answer(int fd, unsigned char *data, size_t size, const struct sockaddr_in *peer) {
  static const unsigned char ADDRESS[] = { 0xc0, HEADER, 0, TYPE_A, 0, 1, 0, 0, 0, 60, 0, 4, 127, 0, 0, 1 };
  char name[256];
  size = read_question(data, size, name, sizeof name);
  if (size == 0 || strncasecmp(name, "silent.", 7) == 0) return;
  const bool unknown = ends_with(name, ".invalid"), found = !unknown && data[size - 3] == TYPE_A;
  data[2] = 0x81;
  data[3] = (unsigned char)(0x80 | (unknown ? NO_NAME : 0));
  memset(data + 4, 0, HEADER - 4);
  data[5] = 1;
  data[7] = found ? 1 : 0;
  if (found) {
    memcpy(data + size, ADDRESS, sizeof ADDRESS);
    size += sizeof ADDRESS;
  }
  (void)sendto(fd, data, size, 0, (const struct sockaddr *)peer, sizeof *peer);
}

int main(void) {
  struct sockaddr_in self = { .sin_family = AF_INET }, peer;
  socklen_t size = sizeof self;
  self.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int fd = socket(AF_INET, SOCK_DGRAM, 0);
  if (fd < 0 || bind(fd, (struct sockaddr *)&self, size) != 0 ||
      getsockname(fd, (struct sockaddr *)&self, &size) != 0) {
    perror("dnsd");
    return 1;
  }
  (void)printf("%d\n", ntohs(self.sin_port));
  (void)fflush(stdout);
  struct pollfd both[2] = { { .fd = fd, .events = POLLIN }, { .fd = STDOUT_FILENO } };
  while (poll(both, 2, -1) > 0 && (both[1].revents & POLLERR) == 0) {
    unsigned char data[MAX_SIZE + 64];
    socklen_t peer_size = sizeof peer;
    const ssize_t n = recvfrom(fd, data, MAX_SIZE, 0, (struct sockaddr *)&peer, &peer_size);
    if (n > HEADER) answer(fd, data, (size_t)n, &peer);
  }
  return 0;
}
