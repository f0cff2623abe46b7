#include "message.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

static size_t body_len(const char *head, const char *end)
{
	for (const char *line = strstr(head, "\r\n"); line < end; line = strstr(line + 2, "\r\n"))
		if (strncasecmp(line + 2, "content-length:", 15) == 0)
			return strtoul(line + 17, NULL, 10);
	return 0;
}

static void forget_last(struct message *message)
{
	message->len -= message->whole;
	memmove(message->data, message->data + message->whole, message->len);
	message->head = message->whole = 0;
}

int message_read(struct message *message, int fd)
{
	forget_last(message);
	for (;;) {
		char *end;
		ssize_t got;

		message->data[message->len] = '\0';
		end = strstr(message->data, "\r\n\r\n");
		if (end && !message->head) {
			size_t head = (size_t)(end - message->data) + 4, body = body_len(message->data, end);

			if (body > MESSAGE_ROOM - head)
				return -EMSGSIZE;
			message->head = head;
			message->whole = head + body;
		}
		if (message->head && message->len >= message->whole)
			return 1;
		if (message->len == MESSAGE_ROOM)
			return -EMSGSIZE;
		got = read(fd, message->data + message->len, MESSAGE_ROOM - message->len);
		if (got < 0 && errno != EINTR)
			return -errno;
		if (got == 0)
			return message->len ? -EPIPE : 0;
		if (got > 0)
			message->len += (size_t)got;
	}
}

int message_send(int fd, const char *data, size_t len)
{
	while (len) {
		ssize_t sent = send(fd, data, len, MSG_NOSIGNAL);

		if (sent < 0 && errno != EINTR)
			return -errno;
		if (sent > 0) {
			data += sent;
			len -= (size_t)sent;
		}
	}
	return 0;
}
