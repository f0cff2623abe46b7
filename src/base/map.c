/* Open addressing with linear probing. Invariant: from a key's home slot to the
 * slot that holds it, no slot is free. A removal keeps it by moving later
 * entries of the run back into the hole, so that no mark of the removed is left
 * and lookups stay as short as after the first insertion.
 *
 * Keys may come from a hostile file, so the hash is seeded with the map's own
 * address, which address space randomisation makes hard to know. Nothing that
 * is shown depends on the order of the slots. */
#include "base/map.h"

#include <errno.h>
#include <stdlib.h>

#define MAP_FIRST_ROOM 16

static uint64_t mix(uint64_t value)
{
	value ^= value >> 32;
	value *= 0xd6e8feb86659fd93;
	value ^= value >> 32;
	value *= 0xd6e8feb86659fd93;
	return value ^ value >> 32;
}

static size_t home_of(const struct map *map, uint64_t key)
{
	return (size_t)mix(key ^ map->seed) & (map->room - 1);
}

void map_init(struct map *map, size_t max)
{
	*map = (struct map){ .max = max, .seed = mix((uintptr_t)map) };
}

void map_free(struct map *map)
{
	free(map->slots);
	map->slots = NULL;
	map->room = map->count = 0;
}

/* The slot that holds the key, or the free one where it belongs. */
static struct map_slot *slot_of(const struct map *map, uint64_t key)
{
	size_t place = home_of(map, key);

	while (map->slots[place].value && map->slots[place].key != key)
		place = (place + 1) & (map->room - 1);
	return &map->slots[place];
}

void *map_get(const struct map *map, uint64_t key)
{
	return map->count ? slot_of(map, key)->value : NULL;
}

static int map_grow(struct map *map)
{
	struct map old = *map;

	map->room = old.room ? old.room * 2 : MAP_FIRST_ROOM;
	map->slots = calloc(map->room, sizeof(*map->slots));
	if (!map->slots) {
		*map = old;
		return -ENOMEM;
	}
	for (size_t i = 0; i < old.room; i++)
		if (old.slots[i].value)
			*slot_of(map, old.slots[i].key) = old.slots[i];
	free(old.slots);
	return 0;
}

int map_put(struct map *map, uint64_t key, void *value)
{
	struct map_slot *slot = map->room ? slot_of(map, key) : NULL;

	if (slot && slot->value) {
		slot->value = value;
		return 0;
	}
	if (map->count >= map->max)
		return -ENOSPC;
	if (!slot || map->count >= map->room / 4 * 3) {
		int error = map_grow(map);

		if (error)
			return error;
		slot = slot_of(map, key);
	}
	*slot = (struct map_slot){ key, value };
	map->count++;
	return 0;
}

void *map_remove(struct map *map, uint64_t key)
{
	struct map_slot *slot;
	size_t hole, mask = map->room - 1;
	void *value;

	if (!map->count)
		return NULL;
	slot = slot_of(map, key);
	value = slot->value;
	if (!value)
		return NULL;
	hole = (size_t)(slot - map->slots);
	for (size_t i = (hole + 1) & mask; map->slots[i].value; i = (i + 1) & mask) {
		size_t from_home = (i - home_of(map, map->slots[i].key)) & mask;

		if (from_home < ((i - hole) & mask))
			continue;      /* the hole lies before its home */
		map->slots[hole] = map->slots[i];
		hole = i;
	}
	map->slots[hole].value = NULL;
	map->count--;
	return value;
}

void *map_next(const struct map *map, size_t *place)
{
	while (*place < map->room) {
		void *value = map->slots[(*place)++].value;

		if (value)
			return value;
	}
	return NULL;
}
