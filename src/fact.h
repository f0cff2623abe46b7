/* Facts: what the stages behind the source tell one another. flow makes them of
 * events, tls and later stages pass them on and add their own, out shows them.
 *
 * A fact and all that it points to is borrowed: valid until the callback
 * returns; but a `const char *` that is a word of ours (gap, where, via, kind...)
 * is of a table and stays. */
#ifndef GLASSTAP_FACT_H
#define GLASSTAP_FACT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"
#include "bpf/event.h"
#include "limits.h"

/* A connection. Borrowed: valid until the fact's callback returns. */
struct conn {
	uint64_t id;               /* event_data.conn */
	uint64_t number;           /* shown as c1, c2...: in order of first sight */
	uint32_t pid;              /* who opened it; 0 unknown */
	char comm[EVENT_COMM];
	int fd;                    /* when it was opened; -1 unknown */
	uint8_t kind;              /* enum open_kind; 0 unknown */
	uint16_t family, type, protocol;
	uint32_t inode, netns, peer_inode, peer_pid;
	const char *transport;     /* "tcp", "udp", "unix", "netlink", "file", "pipe"...;
	                            * NULL unknown */
	struct text local, remote; /* shown form: "127.0.0.1:80", "[::1]:80", a unix path with
	                            * its bytes as they are; len 0 unknown or none */
	uint64_t since;            /* 0 unknown */
	uint64_t next[2];          /* offset behind the last byte seen, by direction */
	uint64_t lost[2], lost_events[2]; /* reported so far */
	bool closed;
};

enum fact_type {
	FACT_IO = 0,               /* one piece of one call */
	FACT_OPEN, FACT_CLOSE,
	FACT_EXEC, FACT_EXIT,
	FACT_LOSS, FACT_SUMMARY,
	FACT_SECRET,               /* a key of TLS; from flow as it was seen, from tls once each,
	                            * with label and random, for the key log */
	FACT_TLS,                  /* a handshake, or what else TLS had to say */
	FACT_PLAINTEXT,
	FACT_TYPES
};

struct fact_io {
	const char *op;            /* the system call's name; NULL unknown */
	uint8_t dir;               /* enum direction */
	int fd;                    /* -1 unknown */
	uint64_t offset, len;      /* what moved, in this piece */
	uint64_t done, moved;      /* the piece's place in its call, and the call's whole */
	struct text data;          /* of those, what was captured: the first data.len bytes */
	const char *gap;           /* why data.len < len; NULL where it is whole */
	struct text peer;          /* of a datagram; len 0: conn->remote, if anything */
};

struct fact_open {
	const char *kind;          /* "connect", "accept", "existing", "listen"...; NULL unknown */
	int64_t latency;           /* ns; -1 unknown */
	uint32_t error;            /* errno; 0: it succeeded; ECANCELED: as in event_open */
};

struct fact_close {
	uint64_t bytes[2];
	int64_t duration;          /* ns; -1 unknown */
	const char *reason;        /* "closed here", "closed by the other side"...; NULL unknown */
	uint32_t error;
};

struct fact_exec {
	uint32_t ppid, uid;
	struct text filename, cwd; /* len 0 unknown */
	struct text argv;          /* each argument ends in NUL */
	uint64_t argv_len;         /* its true length; more than argv.len: cut */
};

struct fact_exit {
	int status, signal;        /* signal 0: it exited with status */
	bool core;
	int64_t duration;          /* ns since the process began */
};

struct fact_loss {
	uint8_t dir;
	bool has_dir;              /* else: not of a connection's stream */
	uint64_t offset, bytes, events;
	const char *where;         /* "ring", ... */
};

struct fact_summary {
	uint64_t events;           /* read */
	uint64_t bytes[2];         /* moved on connections, by direction: seen and lost */
	uint64_t captured;         /* of those, data bytes in hand */
	uint64_t gap_bytes;        /* moved, not copied, said with a reason */
	uint64_t cut_bytes;        /* moved, not copied because the user wanted no more */
	uint64_t lost_bytes, lost_events;
	uint64_t lost[LOST_KINDS]; /* by enum lost_kind */
	uint64_t lost_secrets;     /* keys of TLS that found no room in the ring */
	uint64_t evicted;          /* connections forgotten for want of room */
	uint64_t malformed;        /* events that made no sense */
	uint64_t conns, processes; /* seen */
	uint64_t duration;         /* ns */
	struct fact_tls_sums {
		uint64_t handshakes, records; /* records: opened */
		uint64_t bytes[2];         /* of plaintext, by direction: shown */
		uint64_t missing[2];       /* and shown as missing */
		uint64_t failed;           /* records whose tag was wrong */
		uint64_t unseen;           /* connections of which not all could be opened */
		uint64_t dropped;          /* bytes of ciphertext for which no key came */
		uint64_t evicted;          /* connections forgotten for want of room */
	} tls;
};

struct fact_secret {
	const char *label;         /* as in a key log; "" unknown */
	struct text random;        /* the client's; len 0 unknown */
	struct text secret;
	const char *via;           /* "births", "memory" */
};

#define CERT_TIME_UNKNOWN INT64_MIN

struct fact_cert {
	struct text subject, issuer; /* as one line: "CN=example.org, O=..." */
	struct text san;           /* each name ends in NUL: "DNS:example.org", "IP:127.0.0.1" */
	int64_t not_before, not_after; /* seconds since 1970, or CERT_TIME_UNKNOWN */
	bool is_ca;
};

enum tls_moment {
	TLS_HANDSHAKE = 1,         /* it is complete, or has failed: see `error` */
	TLS_ALERT,                 /* a fatal alert later on: see `error` */
	TLS_UNSEEN                 /* application data whose plaintext cannot be had, said once a
	                            * connection: `error` says why */
};

struct fact_tls {
	enum tls_moment moment;
	uint8_t client_dir;        /* the direction in which the client sends */
	bool client_dir_known;
	const char *version;       /* "TLS 1.3"; NULL unknown */
	const char *cipher;        /* "TLS_AES_128_GCM_SHA256"; NULL unknown */
	struct text sni, alpn;     /* len 0: none, or unknown */
	int resumed;               /* 1, 0, -1 unknown */
	bool early_data;           /* accepted */
	bool hello_retry;
	int64_t duration;          /* ns from the first hello to the last finished; -1 unknown */
	const struct fact_cert *certs; /* the server's, its own first */
	size_t cert_count;
	const struct fact_cert *client_certs;
	size_t client_cert_count;
	const char *via;           /* where its keys came from; NULL: there are none */
	struct text error;         /* len 0: none */
};

/* One piece of the plaintext of a direction. */
struct fact_plaintext {
	uint8_t dir;
	uint64_t offset, len;      /* in the plaintext of that direction */
	struct text data;          /* the first data.len bytes of it */
	const char *gap;           /* why data.len < len; then len is what is known to be
	                            * missing, at least: exact for AEAD suites but where a key
	                            * changed in between, or no record came behind it */
	const char *via;
};

struct fact {
	enum fact_type type;
	uint64_t time;             /* CLOCK_BOOTTIME ns, as the events have it */
	uint32_t pid, tid;         /* 0 unknown; of a close or a loss that no process did
	                            * itself, pid and comm are the connection's owner's */
	const char *comm;          /* NUL-terminated, raw bytes */
	const struct conn *conn;   /* NULL: none */
	union {
		struct fact_io io;
		struct fact_open open;
		struct fact_close close;
		struct fact_exec exec;
		struct fact_exit exit;
		struct fact_loss loss;
		struct fact_summary summary;
		struct fact_secret secret;
		struct fact_tls tls;
		struct fact_plaintext plaintext;
	};
};

typedef void fact_fn(void *context, const struct fact *fact);

#endif
