/* Handshake messages, for test_hello and fuzz_hello. */
#ifndef GLASSTAP_HELLO_MESSAGES_H
#define GLASSTAP_HELLO_MESSAGES_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <zlib.h>

#include "base/text.h"

/* Puts one together: numbers in network order, and vectors, whose length is
 * set when they are closed. */
struct message {
	char bytes[4096];
	size_t len, open[8];
	int widths[8], depth;
};

static void put(struct message *message, uint64_t value, int width)
{
	while (width--)
		message->bytes[message->len++] = (char)(value >> 8 * width);
}

static void put_bytes(struct message *message, const void *bytes, size_t len)
{
	memcpy(message->bytes + message->len, bytes, len);
	message->len += len;
}

static void put_fill(struct message *message, char byte, size_t len)
{
	memset(message->bytes + message->len, byte, len);
	message->len += len;
}

static void begin(struct message *message, int width)
{
	put(message, 0, width);
	message->widths[message->depth] = width;
	message->open[message->depth++] = message->len;
}

static void end(struct message *message)
{
	int width = message->widths[--message->depth];
	size_t from = message->open[message->depth], len = message->len - from;

	for (int i = 1; i <= width; i++, len >>= 8)
		message->bytes[from - (size_t)i] = (char)len;
}

static void vector(struct message *message, int width, const char *bytes, size_t len)
{
	begin(message, width);
	put_bytes(message, bytes, len);
	end(message);
}

static void extension(struct message *message, uint16_t id)
{
	put(message, id, 2);
	begin(message, 2);
}

static void empty_extension(struct message *message, uint16_t id)
{
	extension(message, id);
	end(message);
}

static void put_psk(struct message *message)
{
	extension(message, 41);
	begin(message, 2);
	vector(message, 2, "ticket-one", 10);
	put(message, 0x01020304, 4);
	vector(message, 2, "two", 3);
	put(message, 0, 4);
	end(message);
	begin(message, 2);
	begin(message, 1);
	put_fill(message, 'B', 32);
	end(message);
	begin(message, 1);
	put_fill(message, 'C', 48);
	end(message);
	end(message);
	end(message);
}

static void put_client_head(struct message *message)
{
	put(message, 0x0303, 2);
	put_fill(message, 'R', 32);
	vector(message, 1, "SSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSS", 32);
	begin(message, 2);
	put(message, 0x1a1a, 2);
	put(message, 0x1301, 2);
	put(message, 0xc02f, 2);
	put(message, 0x00ff, 2);
	end(message);
	vector(message, 1, "", 1);
}

static void put_client_names(struct message *message)
{
	extension(message, 0);
	begin(message, 2);
	put(message, 0, 1);
	vector(message, 2, "example.org", 11);
	end(message);
	end(message);
	extension(message, 16);
	begin(message, 2);
	vector(message, 1, "h2", 2);
	vector(message, 1, "http/1.1", 8);
	end(message);
	end(message);
}

static void put_client_ids(struct message *message)
{
	extension(message, 43);
	begin(message, 1);
	put(message, 0xfafa, 2);
	put(message, 0x0304, 2);
	put(message, 0x0303, 2);
	end(message);
	end(message);
	extension(message, 10);
	begin(message, 2);
	put(message, 29, 2);
	put(message, 4588, 2);
	end(message);
	end(message);
	extension(message, 51);
	begin(message, 2);
	put(message, 0x0a0a, 2);
	vector(message, 2, "", 1);
	put(message, 29, 2);
	vector(message, 2, "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk", 32);
	end(message);
	end(message);
}

static void put_client_flags(struct message *message)
{
	empty_extension(message, 0x2a2a); /* GREASE */
	empty_extension(message, 0x2a2a); /* nobody minds twice */
	empty_extension(message, 22);
	empty_extension(message, 23);
	empty_extension(message, 42);
	empty_extension(message, 49);
	empty_extension(message, 13172);
	extension(message, 35);
	put_bytes(message, "old ticket", 10);
	end(message);
	extension(message, 28);
	put(message, 16385, 2);
	end(message);
	extension(message, 1);
	put(message, 4, 1);
	end(message);
	extension(message, 0xff01);
	vector(message, 1, "verify", 6);
	end(message);
	extension(message, 0xfe0d);
	put_bytes(message, "\0anything", 9);
	end(message);
}

/* `head`: its length without extensions, which are a message too. */
static struct message make_client(size_t *head)
{
	struct message message = {};

	put_client_head(&message);
	if (head)
		*head = message.len;
	begin(&message, 2);
	put_client_names(&message);
	put_client_ids(&message);
	put_client_flags(&message);
	put_psk(&message);
	end(&message);
	return message;
}

static void put_server_head(struct message *message, uint16_t cipher)
{
	put(message, 0x0303, 2);
	put_fill(message, 'r', 32);
	vector(message, 1, "session", 7);
	put(message, cipher, 2);
	put(message, 0, 1);
}

static struct message make_server(size_t *head)
{
	struct message message = {};

	put_server_head(&message, 0x1301);
	if (head)
		*head = message.len;
	begin(&message, 2);
	extension(&message, 43);
	put(&message, 0x0304, 2);
	end(&message);
	extension(&message, 51);
	put(&message, 29, 2);
	vector(&message, 2, "key", 3);
	end(&message);
	extension(&message, 41);
	put(&message, 1, 2);
	end(&message);
	end(&message);
	return message;
}

static struct message make_extensions(void)
{
	struct message message = {};

	begin(&message, 2);
	extension(&message, 16);
	begin(&message, 2);
	vector(&message, 1, "http/1.1", 8);
	end(&message);
	end(&message);
	empty_extension(&message, 42);
	empty_extension(&message, 0);
	extension(&message, 28);
	put(&message, 4096, 2);
	end(&message);
	extension(&message, 0xfe0d);
	put_bytes(&message, "configs", 7);
	end(&message);
	end(&message);
	return message;
}

static struct message make_certificates(bool tls13)
{
	struct message message = {};

	if (tls13)
		vector(&message, 1, "context", 7);
	begin(&message, 3);
	vector(&message, 3, "first certificate", 17);
	if (tls13)
		vector(&message, 2, "\0\5\0\1x", 5);
	vector(&message, 3, "second", 6);
	if (tls13)
		vector(&message, 2, "", 0);
	end(&message);
	return message;
}

static struct message make_compressed(const struct message *inside, uint64_t len)
{
	struct message message = {};
	uLongf room = 2048;

	put(&message, 1, 2);
	put(&message, len, 3);
	begin(&message, 3);
	compress((Bytef *)message.bytes + message.len, &room, (const Bytef *)inside->bytes,
		 inside->len);
	message.len += room;
	end(&message);
	return message;
}

#endif
