/* The reading end of the ring of src/bpf/ring.bpf.h. */
#ifndef GLASSTAP_RING_H
#define GLASSTAP_RING_H

#include <stddef.h>
#include <stdint.h>

struct ring {
	size_t size;               /* bytes, a power of two */
	size_t room;               /* with what is behind it */
	uint64_t secret;           /* what marks a record */
	const volatile uint64_t *head; /* in the programs' own memory */
	volatile uint64_t *tail;
	const char *data;
	unsigned long *bell;       /* how far its ring was read, */
	const unsigned long *rung; /* and written */
};

/* Maps the ring and its bell; head, tail and secret are set by the caller before.
 * Not 0: a negative errno. */
int ring_open(struct ring *ring, int map, size_t size, size_t slack, int bell);
void ring_close(struct ring *ring);

/* The bell is silent again. */
void ring_heard(struct ring *ring);

/* Hands over records in order until there is none, or until on_record says so by
 * a return other than 0. Returns that, or 0. */
int ring_drain(struct ring *ring, int (*on_record)(void *context, void *data, size_t size),
	       void *context);

#endif
