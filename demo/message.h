/* One HTTP/1.1 message at a time, with a Content-Length or no body: what the demo
 * speaks, and no more. */
#ifndef DEMO_MESSAGE_H
#define DEMO_MESSAGE_H

#include <stddef.h>

#define MESSAGE_ROOM 8192      /* head and body; a longer message is refused */

struct message {
	char data[MESSAGE_ROOM + 1]; /* ends in NUL behind what was read */
	size_t len;            /* read so far; may reach into the next message */
	size_t head, whole;    /* length of the head, and of head and body */
};

/* Reads the next message behind the last. 1, 0 at the end of the connection, or
 * a negative errno. */
int message_read(struct message *message, int fd);

/* Sends all of it. 0 or a negative errno. */
int message_send(int fd, const char *data, size_t len);

#endif
