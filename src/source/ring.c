#include "source/ring.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bpf/event.h"
#include "bpf/shared.h"

/* The programs read the tail at every event; where it is written as often, its
 * cache line is never theirs. */
#define GIVE_BACK (1u << 20)

static int map_part(void *part, int map, size_t from, size_t len, int protection)
{
	void *memory = mmap(NULL, len, protection, MAP_SHARED, map, from);

	if (memory == MAP_FAILED)
		return -errno;
	memcpy(part, &memory, sizeof(memory));
	return 0;
}

int ring_open(struct ring *ring, int map, size_t size, size_t slack, int bell)
{
	size_t page = sysconf(_SC_PAGESIZE);
	int error;

	ring->size = size;
	ring->room = (size + slack + page - 1) & ~(page - 1);
	error = map_part(&ring->data, map, 0, ring->room, PROT_READ);
	if (!error)
		error = map_part(&ring->bell, bell, 0, page, PROT_READ | PROT_WRITE);
	if (!error)
		error = map_part(&ring->rung, bell, page, page, PROT_READ);
	if (error)
		ring_close(ring);
	return error;
}

void ring_close(struct ring *ring)
{
	size_t page = sysconf(_SC_PAGESIZE);

	if (ring->data)
		munmap((void *)ring->data, ring->room);
	if (ring->bell)
		munmap(ring->bell, page);
	if (ring->rung)
		munmap((void *)ring->rung, page);
	*ring = (struct ring){};
}

void ring_heard(struct ring *ring)
{
	__atomic_store_n(ring->bell, __atomic_load_n(ring->rung, __ATOMIC_ACQUIRE),
			 __ATOMIC_RELEASE);
}

static void give_back(struct ring *ring, uint64_t at)
{
	__atomic_store_n(ring->tail, at, __ATOMIC_RELEASE);
}

int ring_drain(struct ring *ring, int (*on_record)(void *context, void *data, size_t size),
	       void *context)
{
	uint64_t at = *ring->tail, given = at;
	size_t part = ring->size / 8 < GIVE_BACK ? ring->size / 8 : GIVE_BACK;
	int result = 0;

	while (!result && at < __atomic_load_n(ring->head, __ATOMIC_ACQUIRE)) {
		const struct ring_record *record =
			(const void *)(ring->data + (at & (ring->size - 1)));
		const struct event *event = (const void *)(record + 1);

		if (__atomic_load_n(&record->stamp, __ATOMIC_ACQUIRE) != (at ^ ring->secret))
			break;
		result = on_record(context, (void *)event, event->size);
		at += record->len;
		if (at - given >= part) {
			give_back(ring, at);
			given = at;
		}
	}
	if (at != given)
		give_back(ring, at);
	return result;
}
