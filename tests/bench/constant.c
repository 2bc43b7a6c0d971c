/*
 * constant.c - the least that can answer behind nginx: one thread, one constant FastCGI
 * answer (that of /livez), nothing parsed. What nginx alone costs, for ./dev bench.
 *
 *	constant SOCKET
 */
#include "compat.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>

#define ANSWER                                                                         \
	"Status: 200 OK\r\nContent-Type: application/json; charset=utf-8\r\n"          \
	"Server-Timing: app;dur=0.010, db;dur=0.000\r\nContent-Length: 42\r\n\r\n"     \
	"{\"success\":true,\"data\":{\"status\":\"alive\"}}"
#define LENGTH (sizeof(ANSWER) - 1)
#define PADDED ((LENGTH + 7) / 8 * 8)

/* FCGI_STDOUT with the answer, then FCGI_END_REQUEST (FastCGI 1.0, 3.3 and 5.5) */
static const struct {
	unsigned char head[8];
	char text[PADDED];
	unsigned char end[16];
} answer = {
	{ 1, 6, 0, 1, LENGTH / 256, LENGTH % 256, PADDED - LENGTH },
	ANSWER,
	{ 1, 3, 0, 1, 0, 8 },
};

static void watch(int set, int fd)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.fd = fd };

	if (fd < 0 || epoll_ctl(set, EPOLL_CTL_ADD, fd, &ev) < 0)
		exit(1);
}

static int listen_at(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	if (strlen(path) >= sizeof(address.sun_path))
		exit(2);
	memcpy(address.sun_path, path, strlen(path));
	unlink(path);
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, 4096) < 0) {
		perror(path);
		exit(1);
	}
	return fd;
}

/* One request of nginx is smaller than the buffer and comes in one piece. */
static void serve(int fd)
{
	char request[8192];

	if (read(fd, request, sizeof(request)) <= 0 ||
	    write(fd, &answer, sizeof(answer)) != (ssize_t)sizeof(answer))
		close(fd);
}

int main(int argc, char **argv)
{
	struct epoll_event ready[64];
	int set = epoll_create1(0), door;

	if (argc != 2)
		return 2;
	door = listen_at(argv[1]);
	watch(set, door);
	for (;;) {
		int n = epoll_wait(set, ready, COUNT(ready), -1);

		for (int i = 0; i < n; i++) {
			if (ready[i].data.fd == door)
				watch(set, accept(door, NULL, NULL));
			else
				serve(ready[i].data.fd);
		}
	}
}
