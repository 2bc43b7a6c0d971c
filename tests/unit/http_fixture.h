/*
 * http_fixture.h - an HTTP/1.1 server on a unix socket, one thread per connection, for tests
 * of what calls other services.
 */
#ifndef HALLE_HTTP_FIXTURE_H
#define HALLE_HTTP_FIXTURE_H

#include "compat.h"

struct http_request {
	char method[16];
	char path[1024];
	char head[8192]; /* all header lines */
	char body[65536];
	size_t body_len;
};

/* Answers one request on fd; false closes the connection. Runs in the server's threads. */
typedef bool (*http_handler)(const struct http_request *rq, int fd);

void http_start(const char *socket, http_handler handler);
/* Stops listening; open connections end with their clients. */
void http_stop(void);
unsigned http_connections(void); /* accepted so far */
unsigned http_requests(void);    /* read so far */

/* A whole answer with Content-Length. */
bool http_answer(int fd, int status, const char *body);
/* Value of a header of the request in a static buffer of this thread, "" when absent. */
const char *http_header(const struct http_request *rq, const char *name);

#endif
