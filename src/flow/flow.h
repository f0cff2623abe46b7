/* flow: events in, facts out. Knows processes and sockets, keeps for each
 * connection how far its two streams have come, and says where bytes are
 * missing. It does no I/O and reads no clock: time comes with the events. */
#ifndef GLASSTAP_FLOW_H
#define GLASSTAP_FLOW_H

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
	uint64_t evicted;          /* connections forgotten for want of room */
	uint64_t malformed;        /* events that made no sense */
	uint64_t conns, processes; /* seen */
	uint64_t duration;         /* ns */
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
	};
};

typedef void flow_fact_fn(void *context, const struct fact *fact);

struct flow *flow_new(flow_fact_fn *on_fact, void *context);   /* NULL: no memory */
void flow_free(struct flow *flow);

/* Takes one event of any content. 0, or -EINVAL for one that makes no sense
 * (counted and otherwise ignored). */
int flow_event(struct flow *flow, const struct event *event, size_t size);

#endif
