/* Extensions, between the files that read hellos: each message has a table of
 * those that it understands. */
#ifndef GLASSTAP_TLS_HELLO_EXTENSION_H
#define GLASSTAP_TLS_HELLO_EXTENSION_H

#include "tls/hello_read.h"

enum extension_id {
	EXTENSION_SNI = 0, EXTENSION_FRAGMENT = 1, EXTENSION_GROUPS = 10, EXTENSION_ALPN = 16,
	EXTENSION_ENCRYPT_THEN_MAC = 22, EXTENSION_EXTENDED_MASTER_SECRET = 23,
	EXTENSION_SIZE_LIMIT = 28, EXTENSION_TICKET = 35, EXTENSION_PSK = 41,
	EXTENSION_EARLY_DATA = 42, EXTENSION_VERSIONS = 43, EXTENSION_AUTHORITIES = 47,
	EXTENSION_POST_HANDSHAKE_AUTH = 49, EXTENSION_SHARES = 51,
	EXTENSION_NEXT_PROTOCOL = 13172, EXTENSION_ECH = 0xfe0d, EXTENSION_RENEGOTIATION = 0xff01
};

struct extension {
	uint16_t id;
	/* What it leaves of the data makes the message malformed. */
	void (*read)(struct window *data, void *result);
	bool last;                 /* none may follow */
};

/* `table` ends with a NULL `read`; up to 32. Uses up `window`, or -EINVAL. */
int extensions_read(struct window *window, const struct extension *table, void *result);

struct text extension_rest(struct window *data);
struct text extension_alpn(struct window *data); /* the one that a server chose */
uint8_t extension_fragment(struct window *data);

#endif
