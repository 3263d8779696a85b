/* faultd.c - an HTTP server that misbehaves on request, for spec/host/curl_spec.lua.
 *
 *   faultd DIR       DIR: ca.pem, server.pem, server.key, and wrong.pem, wrong.key of a certificate for another host
 *
 * Prints the ports it has got, all on 127.0.0.1, as "name=port" on one line, and ends when nobody reads its output
 * any more:
 *   plain    HTTP; also a proxy (CONNECT and absolute URLs)
 *   tls      HTTPS          wrong    HTTPS with the other certificate
 *   mutual   HTTPS that wants a client certificate           old      HTTPS up to TLS 1.2
 *   slam     closes every connection at once
 *   silent   takes connections and says nothing              full     takes no more connections: SYNs stay unanswered
 *
 * What happens to a request is the first segment of its path; `behaviours` below lists them. Every request that was
 * read whole is counted under its x-jdcloud-nonce; /count/NONCE tells. So are the connections to a
 * port, under its name. */
#define _GNU_SOURCE
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX_REQUEST (1 << 20)
#define MAX_NAMES   4096
#define DRIP_MS     30

typedef struct conn {
  int fd;
  SSL *ssl;    /* NULL: plain */
  char *data;  /* the request as received */
  size_t len;  /* what has arrived, perhaps beyond the request */
  size_t size; /* of the request */
  char method[16], target[2048];
  bool close;     /* end the connection after this answer */
  char armed[16]; /* what to do when the first byte of the next request comes */
} conn;

static struct {
  pthread_mutex_t lock;
  pthread_cond_t more;
  char *names[MAX_NAMES];
  int counts[MAX_NAMES];
} arrivals = { .lock = PTHREAD_MUTEX_INITIALIZER, .more = PTHREAD_COND_INITIALIZER };

/* Adds `n` to a name's count, tells what it is then, and wakes whoever waits for a count. */
static int count(const char *name, int n) {
  int result = 0;
  (void)pthread_mutex_lock(&arrivals.lock);
  for (int i = 0; i < MAX_NAMES; i++) {
    if (arrivals.names[i] == NULL) arrivals.names[i] = strdup(name);
    if (strcmp(arrivals.names[i], name) != 0) continue;
    result = arrivals.counts[i] += n;
    break;
  }
  (void)pthread_cond_broadcast(&arrivals.more);
  (void)pthread_mutex_unlock(&arrivals.lock);
  return result;
}

static void await_count(const char *name, int wanted) {
  while (count(name, 0) < wanted) {
    (void)pthread_mutex_lock(&arrivals.lock);
    struct timespec soon;
    (void)clock_gettime(CLOCK_REALTIME, &soon);
    soon.tv_sec += 1;
    (void)pthread_cond_timedwait(&arrivals.more, &arrivals.lock, &soon);
    (void)pthread_mutex_unlock(&arrivals.lock);
  }
}

static long number(const char *text) { return strtol(text, NULL, 10); }

static long receive(const conn *c, char *to, size_t room) {
  return c->ssl != NULL ? SSL_read(c->ssl, to, (int)room) : recv(c->fd, to, room, 0);
}

static bool put(const conn *c, const void *data, size_t n) {
  const char *from = data;
  while (n > 0) {
    const long sent = c->ssl != NULL ? SSL_write(c->ssl, from, (int)n) : send(c->fd, from, n, MSG_NOSIGNAL);
    if (sent <= 0) return false;
    from += sent;
    n -= (size_t)sent;
  }
  return true;
}

static bool say(const conn *c, const char *format, ...) __attribute__((format(printf, 2, 3)));
static bool say(const conn *c, const char *format, ...) {
  char text[4096];
  va_list args;
  va_start(args, format);
  const int n = vsnprintf(text, sizeof text, format, args);
  va_end(args);
  return put(c, text, (size_t)n);
}

static const char *header(const conn *c, const char *name, char *value, size_t room) {
  char *at = strcasestr(c->data, name);
  value[0] = '\0';
  if (at != NULL) (void)snprintf(value, room, "%.*s", (int)strcspn(at + strlen(name), "\r"), at + strlen(name));
  return value;
}

/* Reads one whole request. False if the peer went away first. */
static bool read_request(conn *c) {
  c->len = c->size = 0;
  char *end = NULL, value[64];
  while (end == NULL || c->len < c->size) {
    const long n = receive(c, c->data + c->len, MAX_REQUEST - c->len);
    if (n <= 0) return false;
    c->len += (size_t)n;
    c->data[c->len] = '\0';
    if (end == NULL && (end = strstr(c->data, "\r\n\r\n")) != NULL)
      c->size = (size_t)(end + 4 - c->data) + (size_t)number(header(c, "\r\ncontent-length: ", value, sizeof value));
  }
  if (sscanf(c->data, "%15s %2047s", c->method, c->target) != 2) return false;
  if (*header(c, "\r\nx-jdcloud-nonce: ", value, sizeof value) != '\0') (void)count(value, 1);
  return true;
}

static void answer(conn *c, int status, const char *headers, const void *body, size_t n) {
  (void)say(c, "HTTP/1.1 %d Whatever\r\n%sContent-Length: %zu\r\n\r\n", status, headers, n);
  if (strcmp(c->method, "HEAD") != 0 && status != 204) (void)put(c, body, n);
}

static void ok(conn *c, const char *text) { answer(c, 200, "", text, strlen(text)); }

static void wait_for_peer(conn *c) {
  char rest[256];
  while (receive(c, rest, sizeof rest) > 0) {
  }
  c->close = true;
}

static void reset(const conn *c) {
  const struct linger now = { .l_onoff = 1, .l_linger = 0 };
  (void)setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

static void chunks(conn *c, size_t n) {
  char block[1000];
  memset(block, 'x', sizeof block);
  (void)say(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
  while (n > 0) {
    const size_t part = n < sizeof block ? n : sizeof block;
    if (!say(c, "%zx\r\n", part) || !put(c, block, part) || !say(c, "\r\n")) break;
    n -= part;
  }
}

static void do_ok(conn *c, const char *arg) { (void)arg, ok(c, "{\"ok\":true}"); }
static void do_echo(conn *c, const char *arg) { (void)arg, answer(c, 200, "", c->data, c->size); }
static void do_count(conn *c, const char *arg) {
  char text[16];
  (void)snprintf(text, sizeof text, "%d", count(arg, 0));
  ok(c, text);
}
static void do_status(conn *c, const char *arg) {
  answer(c, (int)number(arg), "Location: /count/followed\r\nWWW-Authenticate: Basic realm=\"x\"\r\n", "page", 4);
}
static void do_size(conn *c, const char *arg) {
  const size_t n = (size_t)number(arg);
  char *body = malloc(n + 1);
  memset(body, 'x', n + 1);
  answer(c, 200, "", body, n);
  free(body);
}
static void do_chunked(conn *c, const char *arg) {
  chunks(c, (size_t)number(arg));
  (void)say(c, "0\r\nX-Trailer: late\r\n\r\n");
}
static void do_headers(conn *c, const char *arg) {
  (void)say(c, "HTTP/1.1 200 OK\r\n");
  for (long n = number(arg); n > 0 && say(c, "X-Long: %01000d\r\n", 0); n -= 1000) {
  }
  (void)say(c, "Content-Length: 0\r\n\r\n");
}
static void do_header(conn *c, const char *arg) {
  (void)say(c, "HTTP/1.1 200 OK\r\nX-Long: ");
  for (long n = number(arg); n > 0 && say(c, "%01000d", 0); n -= 1000) {
  }
  (void)say(c, "\r\nContent-Length: 0\r\n\r\n");
}
static void do_interim(conn *c, const char *arg) {
  (void)arg, (void)say(c, "HTTP/1.1 103 Early Hints\r\nX-Early: yes\r\n\r\n");
  ok(c, "late");
}
static void do_mixed(conn *c, const char *arg) {
  (void)arg, answer(c, 200, "X-Two: one\r\nx-two:  two \r\nX-Empty:\r\nX-Colon: a:b\r\n", "", 0);
}
static void do_binary(conn *c, const char *arg) { (void)arg, answer(c, 200, "", "a\0b\r\n\xff", 6); }
static void do_close(conn *c, const char *arg) { (void)arg, c->close = true; }
static void do_reset(conn *c, const char *arg) { (void)arg, reset(c), c->close = true; }
static void do_cut(conn *c, const char *arg) {
  (void)arg, (void)say(c, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n0123456789");
  c->close = true;
}
static void do_cut_chunked(conn *c, const char *arg) { (void)arg, chunks(c, 10), c->close = true; }
static void do_cut_head(conn *c, const char *arg) {
  (void)arg, (void)say(c, "HTTP/1.1 200 OK\r\nContent-Le"), c->close = true;
}
static void do_last(conn *c, const char *arg) {
  (void)arg, (void)say(c, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlast"), c->close = true;
}
static void do_garbage(conn *c, const char *arg) {
  (void)arg, (void)say(c, "\x16\x03 this is not HTTP\r\n\r\n"), c->close = true;
}
static void do_stall(conn *c, const char *arg) { (void)arg, wait_for_peer(c); }
static void do_stall_body(conn *c, const char *arg) {
  (void)arg, (void)say(c, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n0123456789"), wait_for_peer(c);
}
static void do_drip(conn *c, const char *arg) {
  long n = number(arg);
  (void)say(c, "HTTP/1.1 200 OK\r\nContent-Length: %ld\r\n\r\n", n);
  while (n-- > 0 && say(c, "x")) (void)poll(NULL, 0, DRIP_MS);
}
/* /at/HOW/FORM/N: the first N bytes of an answer in the form "sized" or "chunked"; then "close", "stall" or "garbage".
 */
static void do_at(conn *c, const char *arg) {
  static const char SIZED[] =
      "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: 20\r\n\r\n"
      "{\"result\":{\"n\":123}}";
  static const char CHUNKED[] = "HTTP/1.1 200 OK\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
                                "b\r\n{\"result\":{\r\n9;x=y\r\n\"n\":123}}\r\n0\r\nX-Late: yes\r\n\r\n";
  static const char GARBAGE[] = "\0\xff\x80 garbage: ~\r\n\x01\r\n\r\n\xfe{\0";
  const char *form = strchr(arg, '/'), *n = strrchr(arg, '/');
  if (form == NULL || n == form) return;
  const char *text = form[1] == 's' ? SIZED : CHUNKED;
  const size_t wanted = (size_t)number(n + 1);
  (void)put(c, text, wanted < strlen(text) ? wanted : strlen(text));
  if (*arg == 's') wait_for_peer(c);
  if (*arg == 'g') (void)put(c, GARBAGE, sizeof GARBAGE);
  c->close = true;
}
/* /arm/HOW/GROUP/N: answers once N requests of the group have come, each on its own connection; then see `armed`. */
static void do_arm(conn *c, const char *arg) {
  const char *group = strchr(arg, '/'), *n = strrchr(arg, '/');
  if (group == NULL || n == group) return;
  (void)snprintf(c->armed, sizeof c->armed, "%.*s", (int)(group - arg), arg);
  (void)count(group, 1); /* with the number behind it, as good a name as any */
  await_count(group, (int)number(n + 1));
  ok(c, "armed");
}

static const struct {
  const char *name;
  void (*act)(conn *c, const char *arg);
} behaviours[] = {
  { "ok", do_ok },
  { "echo", do_echo },       /* the request's bytes as the body */
  { "count", do_count },     /* /count/NONCE */
  { "status", do_status },   /* /status/302: with a Location */
  { "size", do_size },       /* /size/N: bytes */
  { "chunked", do_chunked }, /* /chunked/N: bytes in chunks, and a trailer */
  { "header", do_header },   /* /header/N: one header of some N bytes */
  { "headers", do_headers }, /* /headers/N: some N bytes of headers */
  { "interim", do_interim }, /* a 103 before the answer */
  { "mixed", do_mixed },     /* headers in odd forms */
  { "binary", do_binary },
  { "close", do_close }, /* no answer */
  { "reset", do_reset },
  { "cut", do_cut }, /* a part of the answer */
  { "cut-chunked", do_cut_chunked },
  { "cut-head", do_cut_head },
  { "last", do_last }, /* closes after the answer, without saying so */
  { "garbage", do_garbage },
  { "stall", do_stall },
  { "stall-body", do_stall_body },
  { "drip", do_drip }, /* /drip/N: bytes, 30 ms apart */
  { "at", do_at },     /* /at/HOW/FORM/N */
  { "arm", do_arm },
};

/* A kept connection that ends just as the next request comes: unread, its first byte having arrived; read whole, and so
 * counted; or reset. */
static void spring(conn *c) {
  char first;
  if (recv(c->fd, &first, 1, MSG_PEEK) <= 0) return;
  if (strcmp(c->armed, "read") == 0) (void)read_request(c);
  if (strcmp(c->armed, "reset") == 0) reset(c);
}

static int connect_to(long port) {
  struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
  a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  if (connect(fd, (struct sockaddr *)&a, sizeof a) == 0) return fd;
  (void)close(fd);
  return -1;
}

/* A proxy's tunnel; whatever the host is called, it is this machine. */
static void tunnel(conn *c) {
  const char *port = strrchr(c->target, ':');
  const int other = port != NULL ? connect_to(number(port + 1)) : -1;
  (void)count(c->target, 1);
  c->close = true;
  if (other < 0) {
    (void)say(c, "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n");
    return;
  }
  (void)say(c, "HTTP/1.1 200 Connection established\r\nX-Proxy: yes\r\n\r\n");
  struct pollfd both[2] = { { .fd = c->fd, .events = POLLIN }, { .fd = other, .events = POLLIN } };
  for (bool open = true; open && poll(both, 2, -1) > 0;) {
    for (int i = 0; i < 2 && open; i++) {
      char block[4096];
      if (both[i].revents == 0) continue;
      const ssize_t n = recv(both[i].fd, block, sizeof block, 0);
      open = n > 0 && send(both[1 - i].fd, block, (size_t)n, MSG_NOSIGNAL) == n;
    }
  }
  (void)close(other);
}

static void act(conn *c) {
  const char *path = c->target;
  if (strncmp(path, "http://", 7) == 0) path = strchr(path + 7, '/');
  if (path == NULL) path = "/";
  char name[64];
  (void)snprintf(name, sizeof name, "%.*s", (int)strcspn(path + 1, "/?"), path + 1);
  const char *arg = path + 1 + strlen(name);
  for (size_t i = 0; i < sizeof behaviours / sizeof behaviours[0]; i++) {
    if (strcmp(behaviours[i].name, name) != 0) continue;
    behaviours[i].act(c, *arg == '/' ? arg + 1 : arg);
    return;
  }
  answer(c, 404, "", "no such behaviour", 17);
}

static void *serve(void *ud) {
  conn *c = ud;
  bool open = c->ssl == NULL || SSL_accept(c->ssl) == 1;
  while (open && c->armed[0] == '\0' && read_request(c)) {
    if (strcmp(c->method, "CONNECT") == 0)
      tunnel(c);
    else
      act(c);
    open = !c->close;
  }
  if (c->armed[0] != '\0') spring(c);
  (void)close(c->fd); /* without a TLS goodbye, as a server that dies */
  SSL_free(c->ssl);
  free(c->data);
  free(c);
  return NULL;
}

typedef struct listener {
  int fd;
  SSL_CTX *tls;
  const char *name;
} listener;

static void *accept_all(void *ud) {
  const listener *l = ud;
  for (;;) {
    const int fd = accept(l->fd, NULL, NULL);
    if (fd < 0) continue;
    (void)count(l->name, 1);
    if (strcmp(l->name, "slam") == 0) {
      (void)close(fd);
      continue;
    }
    const int yes = 1;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    conn *c = calloc(1, sizeof *c);
    c->fd = fd;
    c->data = malloc(MAX_REQUEST + 1);
    if (l->tls != NULL) {
      c->ssl = SSL_new(l->tls);
      (void)SSL_set_fd(c->ssl, fd);
    }
    pthread_t thread;
    if (pthread_create(&thread, NULL, serve, c) == 0) (void)pthread_detach(thread);
  }
  return NULL;
}

static int listen_on(const char *name, int backlog) {
  struct sockaddr_in a = { .sin_family = AF_INET };
  socklen_t size = sizeof a;
  a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  if (fd < 0 || bind(fd, (struct sockaddr *)&a, size) != 0 || listen(fd, backlog) != 0 ||
      getsockname(fd, (struct sockaddr *)&a, &size) != 0) {
    perror("faultd");
    exit(1);
  }
  (void)printf("%s=%d ", name, ntohs(a.sin_port));
  return fd;
}

static void serve_on(const char *name, SSL_CTX *tls) {
  listener *l = malloc(sizeof *l);
  *l = (listener){ .fd = listen_on(name, 128), .tls = tls, .name = name };
  pthread_t thread;
  if (pthread_create(&thread, NULL, accept_all, l) == 0) (void)pthread_detach(thread);
}

static SSL_CTX *certified(const char *name) {
  char cert[64], key[64];
  (void)snprintf(cert, sizeof cert, "%s.pem", name);
  (void)snprintf(key, sizeof key, "%s.key", name);
  SSL_CTX *tls = SSL_CTX_new(TLS_server_method());
  if (SSL_CTX_use_certificate_file(tls, cert, SSL_FILETYPE_PEM) != 1 ||
      SSL_CTX_use_PrivateKey_file(tls, key, SSL_FILETYPE_PEM) != 1) {
    (void)fprintf(stderr, "faultd: %s can't be used\n", cert);
    exit(1);
  }
  return tls;
}

/* Fills the queue of a socket that never accepts; from then on the kernel drops what asks for a connection. */
static void fill(int fd) {
  struct sockaddr_in a;
  socklen_t size = sizeof a;
  (void)getsockname(fd, (struct sockaddr *)&a, &size);
  for (int i = 0; i < 4; i++) {
    const int client = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    (void)connect(client, (struct sockaddr *)&a, size);
  }
}

int main(int argc, char **argv) {
  if (argc != 2 || chdir(argv[1]) != 0) {
    (void)fprintf(stderr, "usage: faultd DIR\n");
    return 2;
  }
  (void)signal(SIGPIPE, SIG_IGN);
  (void)signal(SIGINT, SIG_IGN); /* meant for the client under test, in the same terminal */
  SSL_CTX *mutual = certified("server"), *old = certified("server");
  (void)SSL_CTX_load_verify_locations(mutual, "ca.pem", NULL);
  SSL_CTX_set_verify(mutual, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
  (void)SSL_CTX_set_max_proto_version(old, TLS1_2_VERSION);
  serve_on("plain", NULL);
  serve_on("tls", certified("server"));
  serve_on("wrong", certified("wrong"));
  serve_on("mutual", mutual);
  serve_on("old", old);
  serve_on("slam", NULL);
  (void)listen_on("silent", 128);
  fill(listen_on("full", 0));
  (void)printf("\n");
  (void)fflush(stdout);
  struct pollfd reader = { .fd = STDOUT_FILENO };
  while (poll(&reader, 1, -1) <= 0 || (reader.revents & POLLERR) == 0) {
  }
  return 0;
}
