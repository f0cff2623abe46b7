/* A connection is watched from its EVENT_OPEN to its EVENT_CLOSE. A sweep lists
 * the sockets that are alive in the kernel; one that is missing twice in a row
 * is gone (once is not enough: the kernel may skip entries while others are
 * removed). */
#include "source/watch.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>

#include "base/map.h"
#include "limits.h"

struct watched {
	uint64_t id;
	uint8_t silent;            /* it may end without an EVENT_CLOSE */
	uint8_t missing;           /* sweeps in a row that did not list it */
	struct refused sums;       /* as the last sweep had them */
};

struct watch {
	int refused_map;
	struct map open;           /* id -> struct watched */
	size_t silent;
};

struct watch *watch_new(int refused_map)
{
	struct watch *watch = calloc(1, sizeof(*watch));

	if (!watch)
		return NULL;
	watch->refused_map = refused_map;
	map_init(&watch->open, MAX_CONNS);
	return watch;
}

static void forget(struct watch *watch, struct watched *watched)
{
	map_remove(&watch->open, watched->id);
	watch->silent -= watched->silent;
	free(watched);
}

void watch_free(struct watch *watch)
{
	struct watched *watched;
	size_t place = 0;

	if (!watch)
		return;
	while ((watched = map_next(&watch->open, &place)))
		free(watched);
	map_free(&watch->open);
	free(watch);
}

/* Only TCP tells its end. */
static bool is_silent(const struct event_open *open)
{
	return open->protocol != 6 || open->kind == OPEN_LISTEN;
}

static void on_open(struct watch *watch, const struct event_open *open)
{
	struct watched *watched = map_get(&watch->open, open->conn);

	if (open->error || open->kind == OPEN_FILE || watched)
		return;
	watched = calloc(1, sizeof(*watched));
	if (!watched)
		return;
	watched->id = open->conn;
	watched->silent = is_silent(open);
	/* Beyond the maximum it is not watched: flow evicts by then too. */
	if (map_put(&watch->open, watched->id, watched)) {
		free(watched);
		return;
	}
	watch->silent += watched->silent;
}

void watch_event(struct watch *watch, const struct event *event)
{
	struct watched *watched;

	if (event->type == EVENT_OPEN) {
		on_open(watch, (const struct event_open *)event);
	} else if (event->type == EVENT_CLOSE) {
		watched = map_get(&watch->open, ((const struct event_close *)event)->conn);
		if (watched)
			forget(watch, watched);
	}
}

bool watch_needed(const struct watch *watch, uint64_t lost_closes)
{
	return watch->silent || (lost_closes && watch->open.count);
}

void watch_begin(struct watch *watch)
{
	struct watched *watched;
	size_t place = 0;

	while ((watched = map_next(&watch->open, &place)))
		watched->missing++;
}

void watch_rows(struct watch *watch, const struct sweep_row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct watched *watched = map_get(&watch->open, rows[i].id);

		if (!watched)
			continue;
		watched->missing = 0;
		watched->sums = rows[i].sums;
	}
}

static int say_gone(struct watch *watch, struct watched *watched, uint64_t now,
		    source_event_fn *on_event, void *context)
{
	struct event_close close = {
		.head = { .size = sizeof(close), .type = EVENT_CLOSE, .time = now },
		.conn = watched->id,
		.reason = CLOSE_GONE,
	};
	struct refused sums = watched->sums;

	/* Newer than the last sweep, if something was refused since. */
	bpf_map_lookup_elem(watch->refused_map, &watched->id, &sums);
	bpf_map_delete_elem(watch->refused_map, &watched->id);
	for (int i = 0; i < 2; i++) {
		close.bytes[i] = sums.moved[i];
		close.lost[i] = sums.lost[i];
		close.lost_events[i] = sums.lost_events[i];
	}
	forget(watch, watched);
	return on_event(context, &close.head, sizeof(close));
}

int watch_end(struct watch *watch, uint64_t now, source_event_fn *on_event, void *context)
{
	size_t place = 0, count = 0, room = watch->open.count;
	struct watched *watched, **gone;
	int result = 0;

	if (!room)
		return 0;
	gone = malloc(room * sizeof(*gone));
	if (!gone)
		return 0;
	while ((watched = map_next(&watch->open, &place)))
		if (watched->missing >= 2)
			gone[count++] = watched;
	for (size_t i = 0; i < count; i++)
		if (!result)
			result = say_gone(watch, gone[i], now, on_event, context);
	free(gone);
	return result;
}

static int say_total(uint64_t id, const struct refused *sums, uint64_t now,
		     source_event_fn *on_event, void *context)
{
	struct event_total total = {
		.head = { .size = sizeof(total), .type = EVENT_TOTAL, .time = now },
		.conn = id,
	};

	for (int i = 0; i < 2; i++) {
		total.bytes[i] = sums->moved[i];
		total.lost[i] = sums->lost[i];
		total.lost_events[i] = sums->lost_events[i];
	}
	return on_event(context, &total.head, sizeof(total));
}

int watch_totals(struct watch *watch, uint64_t now, source_event_fn *on_event, void *context)
{
	struct watched *watched;
	struct refused sums;
	size_t place = 0;
	uint64_t id, *last = NULL;
	int result = 0;

	while (!result && (watched = map_next(&watch->open, &place))) {
		bpf_map_delete_elem(watch->refused_map, &watched->id);
		result = say_total(watched->id, &watched->sums, now, on_event, context);
	}
	/* What was never announced, or closed without a word. */
	while (!result && !bpf_map_get_next_key(watch->refused_map, last, &id)) {
		if (!bpf_map_lookup_elem(watch->refused_map, &id, &sums))
			result = say_total(id, &sums, now, on_event, context);
		last = &id;
	}
	return result;
}
