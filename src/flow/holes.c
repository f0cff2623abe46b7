#include "flow/holes.h"

#include <stdlib.h>

#include "flow/state.h"

/* A thread's event follows its transfer within microseconds, unless the thread
 * is taken off its CPU in between. */
#define HOLE_WAIT (20ull * 1000 * 1000)

struct hole {
	struct list list;
	uint64_t conn;
	int dir;
	uint64_t offset, len, time;
};

void holes_init(struct holes *holes)
{
	list_init(&holes->list);
	holes->count = 0;
}

static struct hole *oldest(const struct holes *holes)
{
	return holes->count ? LIST_ITEM(holes->list.next, struct hole, list) : NULL;
}

static void drop(struct holes *holes, struct hole *hole)
{
	list_remove(&hole->list);
	holes->count--;
	free(hole);
}

void holes_free(struct holes *holes)
{
	while (holes->count)
		drop(holes, oldest(holes));
}

static void tell(struct flow *flow, const struct conn_entry *entry, int dir, uint64_t offset,
		 uint64_t len)
{
	struct fact fact = fact_of_owner(FACT_IO, &flow->head, &entry->conn);

	fact.io = (struct fact_io){
		.dir = (uint8_t)dir, .fd = -1, .offset = offset, .len = len, .moved = len,
		.gap = "unseen",
	};
	flow->sum.bytes[dir] += len;
	flow->sum.gap_bytes += len;
	flow_emit(flow, &fact);
}

static void tell_and_drop(struct flow *flow, struct hole *hole)
{
	const struct conn_entry *entry = conns_find(&flow->conns, hole->conn);

	if (!entry)
		entry = conns_passing(&flow->conns, hole->conn);
	tell(flow, entry, hole->dir, hole->offset, hole->len);
	drop(&flow->holes, hole);
}

static struct hole *find(const struct holes *holes, uint64_t conn, int dir)
{
	for (struct list *link = holes->list.next; link != &holes->list; link = link->next) {
		struct hole *hole = LIST_ITEM(link, struct hole, list);

		if (hole->conn == conn && hole->dir == dir)
			return hole;
	}
	return NULL;
}

void holes_open(struct flow *flow, const struct conn_entry *entry, int dir, uint64_t offset,
		uint64_t len)
{
	struct holes *holes = &flow->holes;
	struct hole *hole = find(holes, entry->conn.id, dir);

	/* One at a time for a stream: an earlier one has had its chance. */
	if (hole)
		tell_and_drop(flow, hole);
	else if (holes->count >= MAX_HOLES)
		tell_and_drop(flow, oldest(holes));
	hole = malloc(sizeof(*hole));
	if (!hole) {
		tell(flow, entry, dir, offset, len);
		return;
	}
	*hole = (struct hole){ .conn = entry->conn.id, .dir = dir, .offset = offset, .len = len,
			       .time = flow->head.time };
	list_add_back(&holes->list, &hole->list);
	holes->count++;
}

uint64_t holes_fill(struct flow *flow, const struct conn_entry *entry, int dir, uint64_t len,
		    uint64_t *offset)
{
	struct hole *hole = find(&flow->holes, entry->conn.id, dir);

	if (!hole)
		return 0;
	if (len > hole->len)
		len = hole->len;
	*offset = hole->offset;
	/* Which of its bytes these are is not known, only how many are missing. */
	hole->offset += len;
	hole->len -= len;
	if (!hole->len)
		drop(&flow->holes, hole);
	return len;
}

void holes_expire(struct flow *flow)
{
	struct hole *hole;

	while ((hole = oldest(&flow->holes)) && flow->head.time > hole->time &&
	       flow->head.time - hole->time > HOLE_WAIT)
		tell_and_drop(flow, hole);
}

void holes_settle(struct flow *flow, const struct conn_entry *entry)
{
	for (int dir = 0; dir < 2; dir++) {
		struct hole *hole = find(&flow->holes, entry->conn.id, dir);

		if (hole)
			tell_and_drop(flow, hole);
	}
}

void holes_flush(struct flow *flow)
{
	while (flow->holes.count)
		tell_and_drop(flow, oldest(&flow->holes));
}
