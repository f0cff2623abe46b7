/* The demo's server: GET /hello greets, POST /orders confirms. It listens on
 * 127.0.0.1, prints the port, serves one connection after the other, and ends by
 * itself after MAX_CONNECTIONS or MAX_SECONDS, so that nothing stays behind. */
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "message.h"

#define MAX_CONNECTIONS 100
#define MAX_SECONDS 60

static int answer(int fd, const struct message *request)
{
	char text[512], body[128];
	const char *status = "404 Not Found", *type = "text/plain";

	snprintf(body, sizeof(body), "no such thing\n");
	if (strncmp(request->data, "GET /hello ", 11) == 0) {
		status = "200 OK";
		snprintf(body, sizeof(body), "Hello from the demo server.\n");
	} else if (strncmp(request->data, "POST /orders ", 13) == 0) {
		status = "201 Created";
		type = "application/json";
		snprintf(body, sizeof(body), "{\"order\":1,\"received\":%zu}\n",
			 request->whole - request->head);
	}
	snprintf(text, sizeof(text), "HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n\r\n%s",
		 status, type, strlen(body), body);
	return message_send(fd, text, strlen(text));
}

static void serve(int fd)
{
	struct message request = { .len = 0 };

	while (message_read(&request, fd) > 0)
		if (answer(fd, &request) < 0)
			break;
}

int main(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	socklen_t len = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	alarm(MAX_SECONDS);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (listener < 0 || bind(listener, (struct sockaddr *)&address, len) < 0 ||
	    listen(listener, 16) < 0 || getsockname(listener, (struct sockaddr *)&address, &len) < 0) {
		perror("server: cannot listen on 127.0.0.1");
		return 1;
	}
	printf("%d\n", ntohs(address.sin_port));
	fflush(stdout);
	for (int i = 0; i < MAX_CONNECTIONS; i++) {
		int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

		if (fd < 0)
			continue;
		serve(fd);
		close(fd);
	}
	return 0;
}
