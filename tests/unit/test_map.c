#include <errno.h>

#include "base/list.h"
#include "base/map.h"
#include "test.h"

TEST(map_takes_nothing_until_used)
{
	struct map map;
	size_t place = 0;

	map_init(&map, 10);
	CHECK(map.slots == NULL);
	CHECK(map_get(&map, 7) == NULL);
	CHECK(map_remove(&map, 7) == NULL);
	CHECK(map_next(&map, &place) == NULL);
	map_free(&map);
}

TEST(map_puts_replaces_and_removes)
{
	struct map map;
	int one, two;

	map_init(&map, 10);
	CHECK_EQ(map_put(&map, 0, &one), 0);
	CHECK_EQ(map_put(&map, UINT64_MAX, &two), 0);
	CHECK(map_get(&map, 0) == &one);
	CHECK(map_get(&map, UINT64_MAX) == &two);
	CHECK(map_get(&map, 1) == NULL);
	CHECK_EQ(map_put(&map, 0, &two), 0);
	CHECK(map_get(&map, 0) == &two);
	CHECK_EQ(map.count, 2);
	CHECK(map_remove(&map, 0) == &two);
	CHECK(map_remove(&map, 0) == NULL);
	CHECK_EQ(map.count, 1);
	map_free(&map);
	CHECK(map_get(&map, UINT64_MAX) == NULL);
}

TEST(map_refuses_more_than_its_maximum)
{
	struct map map;
	int values[101];

	map_init(&map, 100);
	for (uint64_t i = 0; i < 100; i++)
		CHECK_EQ(map_put(&map, i * 0x100000000, &values[i]), 0);
	CHECK_EQ(map_put(&map, 1, &values[100]), -ENOSPC);
	CHECK(map_get(&map, 1) == NULL);
	CHECK_EQ(map_put(&map, 0, &values[100]), 0);   /* another value is not one more */
	CHECK(map_remove(&map, 0) == &values[100]);
	CHECK_EQ(map_put(&map, 1, &values[100]), 0);
	map_free(&map);
}

#define KEYS 600

/* Against an array that knows the truth. */
TEST(map_agrees_with_an_array)
{
	static int values[KEYS];
	void *truth[KEYS] = { 0 };
	uint64_t random = 1;
	size_t count = 0;
	struct map map;

	map_init(&map, KEYS);
	for (int i = 0; i < 300000; i++) {
		uint64_t choice = test_random(&random);
		uint64_t key = choice % KEYS;
		int want = (i / 20000) % 2 ? 1 : 3;    /* of 4 steps, grow or shrink */

		if ((int)(choice >> 40 & 3) < want) {
			count += truth[key] == NULL;
			truth[key] = &values[choice >> 50 & 255];
			REQUIRE(map_put(&map, key, truth[key]) == 0);
		} else {
			REQUIRE(map_remove(&map, key) == truth[key]);
			count -= truth[key] != NULL;
			truth[key] = NULL;
		}
		REQUIRE(map.count == count);
		key = test_random(&random) % KEYS;
		REQUIRE(map_get(&map, key) == truth[key]);
	}
	for (uint64_t key = 0; key < KEYS; key++)
		REQUIRE(map_get(&map, key) == truth[key]);
	map_free(&map);
}

TEST(map_gives_each_value_once)
{
	static char seen[1000];
	size_t place = 0, count = 0;
	struct map map;
	char *value;

	map_init(&map, 1000);
	for (uint64_t i = 0; i < 1000; i++)
		REQUIRE(map_put(&map, i, &seen[i]) == 0);
	while ((value = map_next(&map, &place))) {
		CHECK(!*value);
		*value = 1;
		count++;
	}
	CHECK_EQ(count, 1000);
	map_free(&map);
}

/* Ever new keys, few at a time: what was removed must leave no trace. */
TEST(map_stays_small_and_short)
{
	struct map map;
	size_t longest = 0, run = 0;
	int value;

	map_init(&map, 1000);
	for (uint64_t i = 0; i < 1000000; i++) {
		REQUIRE(map_put(&map, i, &value) == 0);
		if (i >= 100)
			REQUIRE(map_remove(&map, i - 100) == &value);
	}
	CHECK_EQ(map.count, 100);
	CHECK(map.room <= 256);
	for (size_t i = 0; i < map.room; i++) {
		run = map.slots[i].value ? run + 1 : 0;
		longest = run > longest ? run : longest;
	}
	CHECK(longest < 60);
	map_free(&map);
}

struct item {
	int number;
	struct list list;
};

TEST(list_keeps_its_order)
{
	struct item items[3] = { { .number = 1 }, { .number = 2 }, { .number = 3 } };
	struct list head;

	list_init(&head);
	CHECK(list_empty(&head));
	list_add_back(&head, &items[1].list);
	list_add_front(&head, &items[0].list);
	list_add_back(&head, &items[2].list);
	CHECK_EQ(LIST_ITEM(head.next, struct item, list)->number, 1);
	CHECK_EQ(LIST_ITEM(head.next->next, struct item, list)->number, 2);
	CHECK_EQ(LIST_ITEM(head.prev, struct item, list)->number, 3);
	list_remove(&items[1].list);
	list_remove(&items[1].list);
	CHECK(items[0].list.next == &items[2].list);
	list_remove(&items[0].list);
	list_remove(&items[2].list);
	CHECK(list_empty(&head));
}

TEST_MAIN()
