/* The demo's client: one connection to 127.0.0.1:PORT, a GET and a POST on it. It
 * prints the status of each answer, and nothing else: what was said on the wire
 * is for glasstap to show. */
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "message.h"

static int ask(int fd, struct message *answer, const char *what, const char *request)
{
	int code = message_send(fd, request, strlen(request));

	if (code == 0)
		code = message_read(answer, fd);
	if (code <= 0) {
		fprintf(stderr, "client: %s: %s\n", what, code ? strerror(-code) : "no answer");
		return 1;
	}
	if (strncmp(answer->data, "HTTP/1.1 2", 10) != 0) {
		fprintf(stderr, "client: %s: %.12s\n", what, answer->data);
		return 1;
	}
	printf("client: %s: %.3s\n", what, answer->data + 9);
	fflush(stdout);
	return 0;
}

int main(int argc, char **argv)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	struct message answer = { .len = 0 };
	int port = argc == 2 ? atoi(argv[1]) : 0, fd, failed;

	if (port < 1 || port > 65535) {
		fprintf(stderr, "usage: client PORT\n");
		return 2;
	}
	address.sin_port = htons((unsigned short)port);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		perror("client: cannot connect");
		return 1;
	}
	failed = ask(fd, &answer, "GET /hello", "GET /hello HTTP/1.1\r\nHost: demo\r\n\r\n");
	failed |= ask(fd, &answer, "POST /orders", "POST /orders HTTP/1.1\r\nHost: demo\r\n"
		      "Content-Type: application/json\r\nContent-Length: 26\r\n\r\n"
		      "{\"item\":\"glass\",\"count\":2}");
	close(fd);
	return failed;
}
