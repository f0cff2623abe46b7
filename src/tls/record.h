/* The keys of one direction from one change of keys to the next, and the records
 * that they open. A record is opened if its tag (or, of CBC, its padding and MAC)
 * is right, which is at once the proof that the key is its own. */
#ifndef GLASSTAP_TLS_RECORD_H
#define GLASSTAP_TLS_RECORD_H

#include "tls/keys.h"

#define RECORD_HEAD 5
#define RECORD_MAX (16384 + 2048) /* the most that a record carries (RFC 5246, 6.2.3) */
#define RECORD_ROOM (RECORD_MAX + SUITE_BLOCK_MAX)

enum record_type {
	RECORD_CHANGE = 20, RECORD_ALERT = 21, RECORD_HANDSHAKE = 22, RECORD_DATA = 23,
	RECORD_HEARTBEAT = 24
};

struct record_opened {
	uint8_t type;              /* what is inside */
	const uint8_t *data;       /* in the room that was given */
	size_t len;
};

struct record_key;

/* TLS 1.3: of a traffic secret. NULL: it does not fit the suite, or no memory. */
struct record_key *record_key13(struct keys *keys, const struct suite *suite, struct text secret);

/* Up to TLS 1.2: of the master secret and what both hellos said. */
struct record_hellos {
	const struct suite *suite;
	uint16_t version;
	bool encrypt_then_mac;
	uint8_t client_random[32], server_random[32];
};
struct record_key *record_key12(struct keys *keys, const struct record_hellos *hellos,
				struct text master, bool of_client);
void record_key_free(struct record_key *key);

/* Opens a whole record, head and all, into `room` of RECORD_ROOM bytes. 0;
 * -EBADMSG: the key or the sequence number is not this record's; -EAGAIN: they are,
 * but the one before it should have been opened first (see record_cbc.c). */
int record_decrypt(struct record_key *key, uint64_t sequence, const uint8_t *record, size_t len,
		uint8_t *room, struct record_opened *opened);

/* Opens a record of which the sequence number is not known: at least `from` and
 * less than `to`, most likely near `guess`. Where the mode does not tell it by
 * itself, it is looked for as far as MAX_SEARCH_WORK allows. */
struct record_search {
	uint64_t from, guess, to;
	const uint8_t *before;     /* the SUITE_BLOCK_MAX bytes before it; NULL: not known */
	uint64_t found;
};
int record_search(struct record_key *key, struct record_search *search, const uint8_t *record,
		  size_t len, uint8_t *room, struct record_opened *opened);

/* Bytes that a record has besides its content, head included. Of CBC, where that
 * depends on the length, the most without more padding than is needed. */
size_t record_overhead(const struct record_key *key);

#endif
