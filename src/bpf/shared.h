/* What the kernel programs and their loader agree on besides the events: the
 * layouts of the maps that the loader reads and writes, and their sizes. */
#ifndef GLASSTAP_SHARED_H
#define GLASSTAP_SHARED_H

#include "event.h"

/* The kernel gives no higher pid (PID_MAX_LIMIT). */
#define MAX_PIDS (4u << 20)
#define MAX_WANTED 65536
/* Connections with a loss that no event has told so far: one for each socket of
 * a busy server. */
#define MAX_REFUSED 16384
/* Room for what a program puts together on its way: two halves. */
#define SCRATCH_HALF 32768
#define MAX_CONNECT_CALLS 16384    /* threads that are inside connect(2) */
#define MAX_FILES 16384            /* open files in use at once, with --all-fds */
#define MAX_IOVECS 1024            /* UIO_MAXIOV: the kernel takes no more */
#define NAME_SIZE 64

struct name {
	char text[NAME_SIZE];
};

struct refused {
	__u64 moved[2], lost[2], lost_events[2];
};

/* In the ring: what goes before an event. */
struct ring_record {
	__u64 stamp;           /* `at` and a secret number: the record is whole */
	__u64 at;              /* its place, counted from the start */
	__u64 len;             /* with this, a multiple of 8 */
};

/* Behind the ring, for the record that begins at its end: the largest, and as
 * much again, because the verifier sees the most that can be copied behind the
 * most that is there already. */
#define RING_SLACK (2 * EVENT_PIECE + 4096)

/* A living socket, as the sweep writes it. */
struct sweep_row {
	__u64 id;
	struct refused sums;
};

/* What a probe stands on. Its cookie says which, and how far the stack pointer
 * is there below its value at the function's first instruction. */
enum probed {
	PROBED_GO_LOG = 1,     /* crypto/tls writeKeyLog(c, label, clientRandom, secret) */
	PROBED_GO_MASTER = 2,  /* keysFromMasterSecret(version, suite, masterSecret,
	                        * clientRandom, ...) */
	PROBED_KDF = 3,        /* OpenSSL 3: EVP_KDF_derive(context, out, len, params) */
	PROBED_LOADER = 4,     /* the dynamic loader has mapped something, or will */
};

#define COOKIE_PROBED(cookie) ((cookie) & 0xff)
#define COOKIE_ON_STACK 0x100  /* Go's arguments, before 1.17 */
#define COOKIE_DEPTH(cookie) ((cookie) >> 32)
#define COOKIE(probed, on_stack, depth) \
	((__u64)(depth) << 32 | ((on_stack) ? COOKIE_ON_STACK : 0) | (probed))

/* A file as the kernel's own numbers have it; what fstat(2) says can differ. */
struct file_id {
	__u64 dev, inode, size, changed;
};

#define NOTICE_FILES 16

/* A word to whoever places probes: a traced process has mapped code that he has
 * not looked at. */
struct notice {
	__u64 number;          /* 1 and up */
	__u32 pid;             /* as glasstap's own pid namespace shows it */
	__u32 count;           /* of files; 0: not known which */
	struct noticed {
		struct file_id id;
		__u64 start, end;  /* where it is mapped */
	} files[NOTICE_FILES];
};

#define NOTICE_ROOM (256u << 10)   /* some hundred files that wait to be looked at */
#define NOTICE_SLOTS 256           /* processes that are held at once */
#define MAX_KNOWN 8192             /* programs and libraries that need no second look */
/* How long a process waits for its probes while nothing is answered, and in all. To
 * read a program takes 1 to 10 ms and to place a probe 5 to 30 (the kernel waits
 * for a grace period of RCU), and more on a machine under load. */
#define HOLD_NS 200000000
#define HOLD_MAX_NS 1000000000
#define NO_HOLD_NS 2000000000ULL   /* after one that waited in vain, none waits */

#endif
