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

#endif
