/* The ring that every event goes through, in a map that the reader maps.
 *
 * The kernel's own ring buffer costs more than the rest of an event: a lock for
 * the place, an exchange at the end that waits until all stores have reached the
 * cache, and a size that is constant where it is reserved. Here a place is one
 * compare-and-swap, records are as long as what is in them, and what is said
 * last is a plain store.
 *
 * `ring_head` and `ring_tail` count bytes for ever; a record lies at its count
 * modulo the ring's size, in one piece (the map is longer than the ring by the
 * largest record). A record is there when its stamp is: its own count and a
 * secret number, so that neither what an earlier lap has left nor what a traced
 * program writes can be taken for one. */
#ifndef GLASSTAP_RING_BPF_H
#define GLASSTAP_RING_BPF_H

#include "kernel.bpf.h" /* before libbpf's own, which use its types */

#include <bpf/bpf_helpers.h>

#include "event.h"
#include "shared.h"

const volatile __u64 ring_mask = 0xfff;   /* its size less 1 */
const volatile __u64 ring_secret = 0;
const volatile __u64 data_limit = ~0ULL;  /* fill above which data is refused, so that the
                                           * rarer events still find room */

/* Each on a cache line of its own: one is written at every event. */
__u64 ring_head __attribute__((aligned(128)));
__u64 ring_tail __attribute__((aligned(128)));  /* written by the reader */
__u32 reader_idle __attribute__((aligned(128))); /* it sleeps without a timer: wake it */

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__uint(key_size, 4);
	__uint(value_size, RING_SLACK); /* and the ring's size, set before it is loaded */
} ring SEC(".maps");

/* Nothing goes through this one: it makes the reader's descriptor readable. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096); /* a page, set to what this machine has */
} bell SEC(".maps");

#define RING_TRIES 64          /* others that come in between, each having got its place */

/* A place for an event of `size` bytes, with the ring's `limit` in mind. */
static __always_inline struct ring_record *ring_reserve(__u64 size, __u64 limit)
{
	__u64 len = (sizeof(struct ring_record) + size + 7) & ~7ULL;
	struct ring_record *record;
	__u32 zero = 0;
	char *memory = bpf_map_lookup_elem(&ring, &zero);

	if (!memory)
		return NULL;
	for (int i = 0; i < RING_TRIES; i++) {
		__u64 at = *(volatile __u64 *)&ring_head;

		if (at + len - *(volatile __u64 *)&ring_tail > limit)
			return NULL;
		if (__sync_val_compare_and_swap(&ring_head, at, at + len) != at)
			continue;
		record = (void *)(memory + (at & ring_mask));
		record->len = len;
		record->at = at;
		return record;
	}
	return NULL;
}

/* For all but data. */
static __always_inline void *ring_event(__u64 size)
{
	struct ring_record *record = ring_reserve(size, ring_mask + 1);

	return record ? record + 1 : NULL;
}

/* A word to the reader. */
static __always_inline void wake_reader(void)
{
	void *nothing = bpf_ringbuf_reserve(&bell, 8, 0);

	if (nothing)
		bpf_ringbuf_discard(nothing, BPF_RB_FORCE_WAKEUP);
}

/* The record is whole. The reader looks by itself every few milliseconds while
 * there is traffic, so that nobody pays for waking it; only when it has gone to
 * sleep for good it must be woken. */
static __always_inline void ring_submit(struct ring_record *record)
{
	__u64 stamp = record->at ^ ring_secret;

#if defined(__TARGET_ARCH_x86)
	/* Stores are seen in their order. */
	asm volatile("" ::: "memory");
	*(volatile __u64 *)&record->stamp = stamp;
#else
	__sync_lock_test_and_set(&record->stamp, stamp);
#endif
	if (reader_idle) {
		reader_idle = 0;
		wake_reader();
	}
}

static __always_inline void ring_event_done(void *event)
{
	ring_submit((struct ring_record *)event - 1);
}

#endif
