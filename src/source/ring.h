/* The reading end of a BPF ring buffer. */
#ifndef GLASSTAP_RING_H
#define GLASSTAP_RING_H

#include <stddef.h>
#include <stdint.h>

struct ring {
	int map;
	size_t size;               /* bytes, a power of two */
	unsigned long *consumer;   /* written here, read by the kernel */
	const unsigned long *producer;
	const char *data;          /* mapped twice, end to end: no record wraps */
};

/* Not 0: the kernel's errno. */
int ring_open(struct ring *ring, int map, size_t size);
void ring_close(struct ring *ring);

/* Hands over records in order until there is none, or until on_record says so by
 * a return other than 0. Returns that, or 0. */
int ring_drain(struct ring *ring, int (*on_record)(void *context, void *data, size_t size),
	       void *context);

#endif
