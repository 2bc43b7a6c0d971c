/* http_fixture.c - a small HTTP server for tests. */
#include "compat.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "http_fixture.h"

static int listener = -1;
static pthread_t acceptor;
static http_handler handle;
static atomic_uint connections, requests;

bool http_answer(int fd, int status, const char *body)
{
	char head[128];
	int n = snprintf(head, sizeof(head), "HTTP/1.1 %d X\r\nContent-Length: %zu\r\n\r\n",
			 status, strlen(body));

	return write(fd, head, (size_t)n) == n &&
	       write(fd, body, strlen(body)) == (ssize_t)strlen(body);
}

const char *http_header(const struct http_request *rq, const char *name)
{
	static _Thread_local char value[8192];
	size_t len = strlen(name);

	for (const char *line = rq->head; *line; line += strcspn(line, "\n") + 1) {
		if (strncasecmp(line, name, len) == 0 && line[len] == ':') {
			line += len + 1 + strspn(line + len + 1, " ");
			snprintf(value, sizeof(value), "%.*s", (int)strcspn(line, "\r\n"), line);
			return value;
		}
	}
	return "";
}

/* Reads one byte at a time up to the empty line: slow, and never reads too much. */
static bool read_head(int fd, char *head, size_t size)
{
	for (size_t n = 0; n + 1 < size; n++) {
		if (read(fd, head + n, 1) != 1)
			return false;
		head[n + 1] = '\0';
		if (n >= 3 && memcmp(head + n - 3, "\r\n\r\n", 4) == 0)
			return true;
	}
	return false;
}

static bool read_request(int fd, struct http_request *rq)
{
	if (!read_head(fd, rq->head, sizeof(rq->head)) ||
	    sscanf(rq->head, "%15s %1023s", rq->method, rq->path) != 2)
		return false;
	rq->body_len = strtoul(http_header(rq, "Content-Length"), NULL, 10);
	if (rq->body_len >= sizeof(rq->body))
		return false;
	for (size_t n = 0; n < rq->body_len;) {
		ssize_t got = read(fd, rq->body + n, rq->body_len - n);

		if (got <= 0)
			return false;
		n += (size_t)got;
	}
	rq->body[rq->body_len] = '\0';
	requests++;
	return true;
}

static void *serve(void *arg)
{
	int fd = (int)(intptr_t)arg;
	struct http_request *rq = xmalloc(sizeof(*rq));

	while (read_request(fd, rq) && handle(rq, fd))
		;
	free(rq);
	close(fd);
	return NULL;
}

static void *accept_all(void *arg UNUSED)
{
	int fd;

	while ((fd = accept(listener, NULL, NULL)) >= 0) {
		pthread_t thread;

		connections++;
		if (pthread_create(&thread, NULL, serve, (void *)(intptr_t)fd) == 0)
			pthread_detach(thread);
	}
	return NULL;
}

void http_start(const char *socket_path, http_handler handler)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", socket_path);
	unlink(socket_path);
	handle = handler;
	listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(listener, (struct sockaddr *)&addr, sizeof(addr)) < 0 ||
	    listen(listener, 64) < 0 || pthread_create(&acceptor, NULL, accept_all, NULL) != 0) {
		perror("http_fixture");
		exit(1);
	}
}

void http_stop(void)
{
	shutdown(listener, SHUT_RDWR);
	pthread_join(acceptor, NULL);
	close(listener);
}

unsigned http_connections(void)
{
	return connections;
}

unsigned http_requests(void)
{
	return requests;
}
