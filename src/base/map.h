/* A map from a number to a pointer, with a maximum. Takes no memory until the
 * first put, then 16 bytes a slot at a load of at most 3/4. */
#ifndef GLASSTAP_MAP_H
#define GLASSTAP_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct map_slot {
	uint64_t key;
	void *value;               /* NULL: the slot is free */
};

struct map {
	struct map_slot *slots;
	size_t room;               /* slots, a power of two; 0 at first */
	size_t count, max;
	uint64_t seed;
};

void map_init(struct map *map, size_t max);    /* the map must stay where it is */
void map_free(struct map *map);                /* not what the values point to */

void *map_get(const struct map *map, uint64_t key);            /* NULL: none */

/* Adds or replaces; `value` is not NULL. -ENOSPC: there are `max` already;
 * -ENOMEM. In both cases nothing has changed. */
int map_put(struct map *map, uint64_t key, void *value);
void *map_remove(struct map *map, uint64_t key);               /* what was there, or NULL */

/* Each value once, in no order; NULL at the end. *place begins as 0. The map
 * must not change in between, but what the values point to may be freed. */
void *map_next(const struct map *map, size_t *place);

#endif
