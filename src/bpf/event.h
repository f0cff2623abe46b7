/* The contract between the kernel programs and everything behind them, and the
 * payload of a recording.
 *
 * Every event is one struct below, beginning with `struct event`, followed by
 * the bytes that it says it carries. `size` covers both; it is not padded. All
 * integers are in the machine's byte order (a recording notes which).
 *
 * Invariants
 * - Events of one thread come in the order in which they happened. So do the
 *   events of one direction of one connection, unless two threads use it at
 *   once; then `offset` tells the order.
 * - `conn` names a connection, not a descriptor: it is never used twice.
 * - `offset` counts every byte that moved in that direction since the
 *   connection was first seen, whether it was copied, refused for want of room
 *   or could not be read. `lost` counts those that were refused. So no byte is
 *   missing without a trace, and later bytes are at their right place.
 * - Enum values are appended, never changed: recordings keep them. */
#ifndef GLASSTAP_EVENT_H
#define GLASSTAP_EVENT_H

#include <linux/types.h>

#define EVENT_VERSION 1
#define EVENT_COMM 16
#define EVENT_PATH 108         /* of a unix socket: sizeof sun_path */
#define EVENT_PIECE 65536      /* the most payload of one event */

enum event_type {
	EVENT_DATA = 1,        /* bytes moved through a socket or a file */
	EVENT_OPEN = 2,        /* a connection is known now, or could not be made */
	EVENT_CLOSE = 3,
	EVENT_EXEC = 4,
	EVENT_TEXT = 5,        /* a piece of a program's name, directory or arguments */
	EVENT_EXIT = 6,
	EVENT_TICK = 7,        /* from the reader: nothing older than this is still to come */
	EVENT_END = 8,         /* from the reader: the sums, last in every trace */
	EVENT_TOTAL = 9,       /* from the reader: how far a connection had come at the end */
	EVENT_SECRET = 10,     /* a key of TLS, at its birth or found later */
	EVENT_TYPE_COUNT
};

struct event {
	__u32 size;
	__u16 type;
	__u16 cpu;
	__u64 time;            /* CLOCK_BOOTTIME, nanoseconds */
	__u32 pid, tid;        /* as glasstap's own pid namespace shows them; 0 unknown */
	char comm[EVENT_COMM]; /* ends in NUL */
};

struct address {
	__u16 family;          /* AF_INET (also for v4-mapped), AF_INET6; 0 unknown */
	__u16 port;            /* host byte order */
	__u32 scope;           /* interface of a link-local address */
	__u8 ip[16];
};

enum direction { DIR_OUT = 0, DIR_IN = 1 };

/* What moved the bytes. The name of each is the system call's. */
enum operation {
	OP_UNKNOWN = 0,
	OP_READ, OP_WRITE, OP_READV, OP_WRITEV, OP_PREADV, OP_PWRITEV, OP_PREADV2,
	OP_PWRITEV2, OP_PREAD64, OP_PWRITE64, OP_SENDTO, OP_RECVFROM, OP_SENDMSG,
	OP_RECVMSG, OP_SENDMMSG, OP_RECVMMSG, OP_SENDFILE, OP_SPLICE, OP_TEE,
	OP_VMSPLICE, OP_COPY_FILE_RANGE, OP_IO_URING,
	OP_COUNT
};

/* Why bytes that moved are not in the event. */
enum gap {
	GAP_NONE = 0,
	GAP_CUT,               /* -s BYTES: the user asked for no more */
	GAP_SENDFILE,          /* they went from a file to the socket inside the kernel */
	GAP_SPLICE,            /* likewise, between a pipe and the socket */
	GAP_IO_URING,          /* the request's buffer is not known */
	GAP_UNREADABLE,        /* the memory could not be read any more */
	GAP_DISCARDED,         /* recv(MSG_TRUNC): the kernel threw them away as asked */
	GAP_KERNEL,            /* no system call with a buffer moved them */
	GAP_IOVEC,             /* more buffers than were walked */
	GAP_COMPAT,            /* a 32-bit program's system call */
	GAP_UNPLACED,          /* which message of a recvmmsg/sendmmsg is not known */
	GAP_COUNT
};

/* One piece of what one call moved. A call's pieces follow one another in the
 * order of `done`, with nothing of the same thread in between. */
struct event_data {
	struct event head;
	__u64 conn;
	__u64 offset;          /* of this piece in its direction */
	__u64 lost;            /* bytes of this direction refused so far: the ring was full */
	__u64 lost_events;
	__u64 moved;           /* what the whole call moved, as the kernel returned it */
	__u64 done;            /* of those, before this piece */
	__u64 len;             /* of those, in this piece */
	__u32 captured;        /* bytes behind this struct, the first of the piece */
	__s32 fd;              /* -1 unknown */
	__u8 op;
	__u8 dir;
	__u8 gap;              /* why captured < len */
	__u8 pad[5];
	struct address peer;   /* of a datagram over IP; family 0 unknown */
};

enum open_kind {
	OPEN_CONNECT = 1,
	OPEN_ACCEPT = 2,
	OPEN_EXISTING = 3,     /* was there before it was looked at */
	OPEN_LISTEN = 4,
	OPEN_SOCKET = 5,       /* first use of a socket that has no other side yet (UDP...) */
	OPEN_PAIR = 6,         /* socketpair */
	OPEN_FILE = 7          /* first use of a file, pipe or terminal (--all-fds) */
};

/* A second EVENT_OPEN of the same conn says something new of it: its owner, or
 * a remote side. */
struct event_open {
	struct event head;     /* pid: who connected or accepted */
	__u64 conn;
	__u64 since;           /* when the connect began, or the accepted connection was made;
	                        * 0 unknown */
	__u32 error;           /* errno of a connect that failed; ECANCELED: it was closed here
	                        * before it was answered */
	__s32 fd;              /* -1 unknown */
	__u32 netns;           /* inode of the network namespace */
	__u32 inode;           /* of the socket or file */
	__u16 family;          /* AF_*; 0 for a file */
	__u16 type;            /* SOCK_*; of a file, its S_IFMT bits */
	__u16 protocol;        /* IPPROTO_*, NETLINK_* */
	__u8 kind;
	__u8 pad;
	__u32 peer_inode;      /* of the other end of a unix socket; 0 unknown */
	__u32 peer_pid;        /* who that was when it connected or listened; 0 unknown */
	struct address local, remote;
	__u8 local_len, remote_len; /* of a unix socket's name, which may hold NULs */
	__u8 pad2[6];
	char local_path[EVENT_PATH], remote_path[EVENT_PATH];
};

enum close_reason {
	CLOSE_UNKNOWN = 0,
	CLOSE_LOCAL = 1,       /* this side said so first */
	CLOSE_REMOTE = 2,      /* the other side said so first */
	CLOSE_ERROR = 3,       /* see `error`: reset, timed out... */
	CLOSE_ABORT = 4,       /* this side reset it */
	CLOSE_GONE = 5         /* found to be gone: `time` is when that was noticed */
};

struct event_close {
	struct event head;
	__u64 conn;
	__u64 since;           /* when it was opened; 0 unknown */
	__u64 bytes[2];        /* moved, by direction */
	__u64 lost[2];         /* of those, refused */
	__u64 lost_events[2];
	__u32 error;
	__u8 reason;
	__u8 known;            /* 0: bytes[] is an older count. What the events and the losses
	                        * add up to is right all the same. */
	__u8 pad[2];
};

/* How far a connection that is still open had come at the end of the trace. */
struct event_total {
	struct event head;
	__u64 conn;
	__u64 bytes[2], lost[2], lost_events[2];
};

/* Followed by EVENT_TEXTs of the same thread that carry what the lengths say. */
struct event_exec {
	struct event head;
	__u64 start;           /* when the process began */
	__u32 ppid;
	__u32 uid;
	__u32 text_len[3];     /* by enum text_kind; the arguments each end in NUL */
	__u32 pad;
};

enum text_kind { TEXT_FILENAME = 0, TEXT_CWD = 1, TEXT_ARGV = 2, TEXT_KINDS = 3 };

struct event_text {
	struct event head;
	__u32 kind;
	__u32 done;            /* bytes of this text before this piece */
	__u32 len;             /* bytes behind this struct */
	__u32 unread;          /* not 0: they are zeros, the memory could not be read */
};

struct event_exit {
	struct event head;
	__u64 start;
	__u32 status;          /* as wait(2) has it */
	__u32 pad;
};

struct event_tick {
	struct event head;
};

enum secret_source {
	SECRET_BIRTH = 1,      /* seen where the program made it */
	SECRET_MEMORY = 2      /* found in its memory */
};

#define SECRET_LABEL 40
#define SECRET_RANDOM 32
#define SECRET_MAX 64

/* A traffic secret of TLS 1.3 or a master secret of TLS 1.2. Which connection it
 * belongs to is not said: only a record that it decrypts proves that. */
struct event_secret {
	struct event head;
	char label[SECRET_LABEL]; /* as in a key log, ends in NUL: "CLIENT_RANDOM" (the master
	                           * secret), "CLIENT_TRAFFIC_SECRET_0"...; "": a traffic secret
	                           * of TLS 1.3, of which is not known */
	__u8 random[SECRET_RANDOM]; /* the client's */
	__u8 secret[SECRET_MAX];
	__u8 random_len;       /* 0 unknown, or 32 */
	__u8 secret_len;
	__u8 source;
	__u8 pad[5];
};

/* Where events were refused, by what they were. */
enum lost_kind {
	LOST_DATA = 0,         /* also in the connections' own counts */
	LOST_OPEN, LOST_CLOSE, LOST_EXEC, LOST_EXIT,
	LOST_UNTRACKED,        /* a socket for which no state could be kept */
	LOST_NESTED,           /* the kernel refused to run a program inside itself */
	LOST_KINDS
};

struct event_end {
	struct event head;
	__u64 began;           /* CLOCK_BOOTTIME */
	__u64 events;          /* read from the ring */
	__u64 lost[LOST_KINDS];
	__u64 unplaced_bytes;  /* refused, of connections that are gone */
	__u64 lost_secrets;    /* not in recordings of glasstap 0.1.0: then 0 */
};

#ifndef __BPF__
_Static_assert(sizeof(struct event) == 40, "layout");
_Static_assert(sizeof(struct address) == 24, "layout");
_Static_assert(sizeof(struct event_data) == 40 + 7 * 8 + 8 + 8 + 24, "layout");
_Static_assert(sizeof(struct event_open) == 40 + 16 + 16 + 8 + 8 + 48 + 8 + 2 * EVENT_PATH, "layout");
_Static_assert(sizeof(struct event_close) == 40 + 16 + 48 + 8, "layout");
_Static_assert(sizeof(struct event_total) == 40 + 8 + 48, "layout");
_Static_assert(sizeof(struct event_exec) == 40 + 8 + 8 + 12 + 4, "layout");
_Static_assert(sizeof(struct event_text) == 56, "layout");
_Static_assert(sizeof(struct event_exit) == 56, "layout");
_Static_assert(sizeof(struct event_secret) == 40 + SECRET_LABEL + SECRET_RANDOM + SECRET_MAX + 8, "layout");
_Static_assert(sizeof(struct event_end) == 40 + 16 + 8 * LOST_KINDS + 16, "layout");
#endif
#endif
