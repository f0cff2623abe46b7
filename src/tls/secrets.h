/* The keys that have come, whose ever they are: found by label and client random
 * where both are known, tried in turn where not. */
#ifndef GLASSTAP_TLS_SECRETS_H
#define GLASSTAP_TLS_SECRETS_H

#include "base/list.h"
#include "base/map.h"
#include "base/text.h"
#include "bpf/event.h"

enum secret_label {
	LABEL_UNKNOWN, LABEL_MASTER, LABEL_CLIENT_EARLY, LABEL_CLIENT_HANDSHAKE,
	LABEL_SERVER_HANDSHAKE, LABEL_CLIENT_DATA, LABEL_SERVER_DATA, LABEL_COUNT,
	LABEL_OTHER = LABEL_COUNT  /* nothing is encrypted with it (EXPORTER_SECRET...) */
};

struct secret {
	struct list all, kind;     /* newest first */
	struct secret *same;       /* the next that begins with the same random */
	uint64_t serial;           /* grows with each */
	uint8_t label;             /* enum secret_label */
	bool has_random;
	uint8_t random[SECRET_RANDOM];
	uint8_t len;
	uint8_t bytes[SECRET_MAX];
	uint32_t pid;
	const char *via;
};

struct secrets {
	struct list all;
	struct list loose;         /* those without a random, or without a label */
	struct list masters;       /* those with both whose label is LABEL_MASTER */
	struct list traffic;       /* and the others */
	struct map by_random;      /* of its first bytes to the newest of them */
	size_t count;
	uint64_t serial;           /* of the newest; 0: there was none yet */

	struct map logged;         /* hashes of what was written into the key log */
	uint64_t *logged_order;    /* a ring of the same */
	size_t logged_next;

	struct map resumable;      /* session ids and tickets, hashed, to their masters */
	struct list resumable_order;
};

int secrets_init(struct secrets *secrets);
void secrets_free(struct secrets *secrets);

enum secret_label secrets_label(const char *name);
const char *secrets_label_name(enum secret_label label);

/* Takes a copy. NULL: it is there already, or nothing that one could use. */
struct secret *secrets_add(struct secrets *secrets, const struct secret *secret);

/* The next with that label of that client random, or NULL: more than one only if
 * somebody is lying. */
struct secret *secrets_find(const struct secrets *secrets, const struct secret *after,
			    enum secret_label label, const uint8_t *random);

/* A label and a random for one that has been proved by a record. */
void secrets_name(struct secrets *secrets, struct secret *secret, enum secret_label label,
		  const uint8_t *random);

/* Whether this line of the key log is new. */
bool secrets_log(struct secrets *secrets, const char *label, const uint8_t *random,
		 struct text secret);

/* What a session id or a ticket of TLS 1.2 stands for. */
void secrets_keep(struct secrets *secrets, struct text id, const uint8_t *master, const char *via);
const uint8_t *secrets_resume(const struct secrets *secrets, struct text id, const char **via);

#endif
