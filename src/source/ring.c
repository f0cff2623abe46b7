/* Why not libbpf's own reader: it gives each record back by itself, and so takes
 * the page with its position away from the programs at each. They read it twice
 * for each record; on another CPU that costs more than the record. Here space is
 * given back in larger parts. */
#include "source/ring.h"

#include <errno.h>
#include <linux/bpf.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <unistd.h>

#define GIVE_BACK (1u << 20)

int ring_open(struct ring *ring, int map, size_t size)
{
	size_t page = sysconf(_SC_PAGESIZE);
	void *memory;

	*ring = (struct ring){ .map = map, .size = size };
	memory = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, map, 0);
	if (memory == MAP_FAILED)
		return -errno;
	ring->consumer = memory;
	memory = mmap(NULL, page + 2 * size, PROT_READ, MAP_SHARED, map, page);
	if (memory == MAP_FAILED) {
		int error = -errno;

		ring_close(ring);
		return error;
	}
	ring->producer = memory;
	ring->data = (char *)memory + page;
	return 0;
}

void ring_close(struct ring *ring)
{
	size_t page = sysconf(_SC_PAGESIZE);

	if (ring->consumer)
		munmap(ring->consumer, page);
	if (ring->producer)
		munmap((void *)ring->producer, page + 2 * ring->size);
	*ring = (struct ring){};
}

int ring_drain(struct ring *ring, int (*on_record)(void *context, void *data, size_t size),
	       void *context)
{
	unsigned long at = *ring->consumer, given = at;
	size_t part = ring->size / 8 < GIVE_BACK ? ring->size / 8 : GIVE_BACK;
	int result = 0;

	while (!result && at < __atomic_load_n(ring->producer, __ATOMIC_ACQUIRE)) {
		const char *record = ring->data + (at & (ring->size - 1));
		uint32_t head = __atomic_load_n((const uint32_t *)record, __ATOMIC_ACQUIRE);
		size_t len = head & ~(BPF_RINGBUF_BUSY_BIT | BPF_RINGBUF_DISCARD_BIT);

		if (head & BPF_RINGBUF_BUSY_BIT)
			break;
		if (!(head & BPF_RINGBUF_DISCARD_BIT))
			result = on_record(context, (void *)(record + BPF_RINGBUF_HDR_SZ), len);
		at += (len + BPF_RINGBUF_HDR_SZ + 7) & ~7ul;
		if (at - given >= part) {
			__atomic_store_n(ring->consumer, at, __ATOMIC_RELEASE);
			given = at;
		}
	}
	__atomic_store_n(ring->consumer, at, __ATOMIC_RELEASE);
	return result;
}
