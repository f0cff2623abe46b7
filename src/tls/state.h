/* What the parts of the decryptor share: tls.c takes facts and keeps the sessions,
 * session.c leads one through its records, handshake.c reads its messages,
 * unlock.c finds its keys, tell.c makes facts of all that. */
#ifndef GLASSTAP_TLS_STATE_H
#define GLASSTAP_TLS_STATE_H

#include "base/buf.h"
#include "tls/cert.h"
#include "tls/hello.h"
#include "tls/secrets.h"
#include "tls/stream.h"
#include "tls/tls.h"

#define RANDOM_BUCKETS 1024
#define MASTER_LEN 48

/* Which keys a direction is under. Up to TLS 1.2 there are only the first and the
 * last. */
enum epoch { EPOCH_PLAIN, EPOCH_EARLY, EPOCH_HANDSHAKE, EPOCH_DATA };

/* What a direction waits for before it can take its next record. */
enum wait { WAIT_NONE, WAIT_HELLO, WAIT_KEY };

/* One direction. */
struct half {
	struct stream stream;
	bool on;                   /* TLS has begun */
	bool sure;                 /* and is no mistake: a hello was read */
	bool sealed;               /* a record came that is encrypted */
	bool finished;             /* its part of the handshake is over */
	bool alerted;
	bool over;                 /* its end was said: what follows need not be TLS */
	uint8_t wait;              /* enum wait */
	uint8_t epoch;             /* enum epoch */
	struct record_key *key;    /* of this epoch; NULL: not found yet */
	uint64_t sequence;         /* of the next record */
	uint8_t secret[SUITE_HASH_MAX]; /* TLS 1.3: that the key is made of */
	struct record_hellos hellos; /* up to TLS 1.2: as they were when the epoch began */
	uint64_t tried;            /* serial of the newest secret that was tried on it */
	struct buf messages;       /* beginning of a handshake message */
	bool update;               /* after this record the next key begins */
	unsigned skipped;          /* records of early data that the server threw away */

	uint64_t offset;           /* in the plaintext */
	const char *via;

	bool lost;                 /* since a gap, or a record that failed, none was opened */
	const char *lost_why;
	uint64_t lost_from;        /* offset of the first byte that was not opened */
	size_t usual;              /* length of the last record that was opened */
	unsigned failures;         /* since then */
};

/* What is known of a handshake, until it is told. */
struct handshake {
	uint64_t began;
	char *client_body;         /* what `client` points into; NULL: no client hello */
	struct hello_client client;
	bool has_server, full;     /* full: more came than a resumed one has */
	bool retried;
	struct text session;       /* id that the server chose; own */
	struct text ticket;        /* that the server issued; own */
	struct text alpn;          /* own */
	struct cert_chain certs, client_certs;
	struct buf error;
};

struct session {
	struct list lru;           /* of tls->used or tls->closed */
	struct list waiting;
	struct list same_random;
	struct conn conn;          /* a copy: for what is told when no fact of it is at hand */
	char *conn_texts;
	const struct conn *at_hand; /* the fact's own, while there is one */
	uint32_t pid;

	bool client_known;
	uint8_t client;            /* direction */
	bool closed;
	bool mistaken;             /* it did not begin with a hello after all */
	bool joined;               /* it was up when it was seen first */
	bool deaf;                 /* nothing is kept any more, unless a key comes */
	bool blind;                /* a server hello that was not seen will not come */
	bool told;                 /* the handshake */
	bool told_unseen;
	bool again;                /* renegotiated */
	bool not_tls;              /* the client's hello was answered with something else */

	uint16_t version, cipher;  /* 0 unknown */
	struct record_hellos hellos; /* of the last handshake; suite NULL: not known here */
	bool has_random;           /* the client's */
	bool foreign;              /* the client's may be another than was seen: ECH */
	bool has_server, has_extensions;
	bool early_accepted;
	int resumed;               /* 1, 0, -1 unknown */
	bool has_master;
	uint8_t master[MASTER_LEN];
	const char *via;
	uint64_t wait_since;
	size_t held;               /* its part of tls->held */
	struct handshake *handshake; /* NULL: told */
	struct half dirs[2];
};

struct tls {
	bool decrypt;
	fact_fn *on_fact;
	void *context;
	struct keys keys;
	struct secrets secrets;
	struct map sessions;
	struct list used, closed;  /* sessions, used last first */
	size_t closed_count;
	struct list waiting;       /* for keys, those for longest first: where another source of
	                            * keys has to look. Their suite is known, and a record that
	                            * a key must open is the first in their streams */
	struct list by_random[RANDOM_BUCKETS];
	size_t held;               /* memory of all streams */
	uint64_t now;              /* of the last fact */
	struct fact_tls_sums sums;
	uint8_t room[RECORD_ROOM];
};

static inline bool is_client(const struct session *session, int dir)
{
	return session->client_known && session->client == dir;
}

static inline bool is_server(const struct session *session, int dir)
{
	return session->client_known && session->client != dir;
}

static inline bool is_tls13(const struct session *session)
{
	return session->version == TLS_1_3;
}

/* Sessions whose client random begins like this one. */
static inline struct list *session_bucket(struct tls *tls, const uint8_t *random)
{
	return &tls->by_random[(random[0] | random[1] << 8) % RANDOM_BUCKETS];
}

/* session.c */
struct session *session_new(const struct conn *conn);
void session_refresh(struct session *session, const struct conn *conn);
void session_free(struct tls *tls, struct session *session);
/* Takes all the records that can be taken. */
void session_pump(struct tls *tls, struct session *session);
/* Nothing more comes, or no more is waited for: tells what is left to tell. */
void session_end(struct tls *tls, struct session *session);
/* Forgets what waits, and keeps no more. `why` NULL: for want of a key. */
void session_give_up(struct tls *tls, struct session *session, const char *why);
/* The keys of the direction's next epoch. */
void session_epoch(struct session *session, int dir, enum epoch epoch);
void session_random(struct tls *tls, struct session *session, const uint8_t *random);

/* handshake.c */
void handshake_bytes(struct tls *tls, struct session *session, int dir, struct text bytes,
		     const struct origin *origin);
void handshake_alert(struct tls *tls, struct session *session, int dir, struct text alert,
		     const struct origin *origin);
/* The client's or server's hello that a record begins with, after a gap. */
bool handshake_is_hello(const struct stream_record *record, uint8_t type);
struct handshake *handshake_of(struct session *session); /* NULL: no memory */
void handshake_free(struct handshake *handshake);

/* unlock.c */
enum fate {
	FATE_OPENED,
	FATE_SKIPPED,              /* nothing in it is for us */
	FATE_HELLO, FATE_KEY,      /* as in enum wait */
	FATE_FAILED
};
enum fate unlock(struct tls *tls, struct session *session, int dir,
		 const struct stream_record *record, struct record_opened *opened);
/* Of one behind a gap. *missing: the plaintext in between. */
enum fate unlock_lost(struct tls *tls, struct session *session, int dir,
		      const struct stream_record *record, struct record_opened *opened,
		      uint64_t *missing);
int unlock_update(struct tls *tls, struct session *session, int dir);

/* tell.c */
void tell_secret(struct tls *tls, const char *label, struct text random, struct text secret,
		 const char *via, const struct fact *like);
void tell_data(struct tls *tls, struct session *session, int dir, struct text data,
	       const struct origin *origin);
void tell_gap(struct tls *tls, struct session *session, int dir, uint64_t len, const char *why,
	      const struct origin *origin);
void tell_handshake(struct tls *tls, struct session *session, const struct origin *origin);
void tell_alert(struct tls *tls, struct session *session, struct text error,
		const struct origin *origin);
void tell_unseen(struct tls *tls, struct session *session, const char *why,
		 const struct origin *origin);

#endif
