/* The two streams of a connection. The kernel counts, for each direction, every
 * byte that moved (`offset`) and those it could not hand over because the ring
 * was full (`lost`). So a hole is said when `lost` has grown since it was last
 * said. Whatever follows a hole, data, close or total, carries the count, so that
 * none is missed. An offset that is ahead with nothing lost is another matter
 * (holes.h). */
#include "flow/state.h"

void stream_lost(struct flow *flow, struct conn_entry *entry, int dir, uint64_t bytes,
		 uint64_t events)
{
	struct conn *conn = &entry->conn;
	uint64_t offset = conn->next[dir];
	struct fact fact;

	/* Less than before: an event that another thread's has overtaken. */
	bytes = bytes > conn->lost[dir] ? bytes - conn->lost[dir] : 0;
	events = events > conn->lost_events[dir] ? events - conn->lost_events[dir] : 0;
	if (!bytes && !events)
		return;
	conn->next[dir] += bytes - holes_fill(flow, entry, dir, bytes, &offset);
	entry->begun[dir] = true;
	fact = fact_of_owner(FACT_LOSS, &flow->head, conn);
	fact.loss = (struct fact_loss){
		.dir = (uint8_t)dir, .has_dir = true, .offset = offset,
		.bytes = bytes, .events = events, .where = "ring",
	};
	conn->lost[dir] += bytes;
	conn->lost_events[dir] += events;
	flow->sum.bytes[dir] += bytes;
	flow->sum.lost_bytes += bytes;
	flow->sum.lost_events += events;
	flow_emit(flow, &fact);
}

static struct conn_entry *first_sight(struct flow *flow, const struct event_data *event)
{
	struct conn_entry *entry = conns_add(&flow->conns, event->conn);

	entry->conn.pid = flow->head.pid;
	entry->conn.fd = event->fd;
	memcpy(entry->conn.comm, flow->head.comm, EVENT_COMM);
	return entry;
}

static struct text peer_text(struct flow *flow, const struct address *peer)
{
	if (peer->family == 0)
		return (struct text){ NULL, 0 };
	if (memcmp(peer, &flow->peer, sizeof(*peer)) != 0) {
		flow->peer = *peer;
		flow->peer_len = address_text(peer, flow->peer_text);
	}
	return (struct text){ flow->peer_text, flow->peer_len };
}

void stream_data(struct flow *flow, const struct event_data *event)
{
	struct conn_entry *entry = conns_find(&flow->conns, event->conn);
	uint64_t end = event->offset + event->len;
	int dir = event->dir;
	struct conn *conn;
	struct fact fact;

	if (!entry)
		entry = first_sight(flow, event);
	conn = &entry->conn;
	/* Without its beginning (it was forgotten, or never announced): from here. */
	if (!entry->begun[dir]) {
		conn->next[dir] = event->offset > event->lost ? event->offset - event->lost : 0;
		entry->begun[dir] = true;
	}
	stream_lost(flow, entry, dir, event->lost, event->lost_events);
	if (event->offset > conn->next[dir])
		holes_open(flow, entry, dir, conn->next[dir], event->offset - conn->next[dir]);
	else if (event->offset < conn->next[dir] && flow->holes.count)
		holes_fill(flow, entry, dir, event->len, &(uint64_t){ 0 });
	if (end > conn->next[dir])
		conn->next[dir] = end;
	flow->sum.bytes[dir] += event->len;
	flow->sum.captured += event->captured;
	*(event->gap == GAP_CUT ? &flow->sum.cut_bytes : &flow->sum.gap_bytes) +=
		event->len - event->captured;
	fact = fact_of(FACT_IO, &flow->head, conn);
	fact.io = (struct fact_io){
		.op = name_operation(event->op), .dir = event->dir, .fd = event->fd,
		.offset = event->offset, .len = event->len,
		.done = event->done, .moved = event->moved,
		.data = { (const char *)(event + 1), event->captured },
		.gap = event->captured < event->len ? name_gap(event->gap) : NULL,
		.peer = peer_text(flow, &event->peer),
	};
	flow_emit(flow, &fact);
}

void stream_ends(struct flow *flow, struct conn_entry *entry, int dir, uint64_t bytes)
{
	struct conn *conn = &entry->conn;

	holes_settle(flow, entry);
	if (bytes <= conn->next[dir] || !entry->begun[dir])
		return;
	holes_open(flow, entry, dir, conn->next[dir], bytes - conn->next[dir]);
	conn->next[dir] = bytes;
	holes_settle(flow, entry);
}

void stream_total(struct flow *flow, const struct event_total *event)
{
	struct conn_entry *entry = conns_find(&flow->conns, event->conn);

	if (!entry) {
		if (!(event->lost[0] | event->lost[1]))
			return;        /* moved nothing, or is one that was evicted */
		entry = conns_add(&flow->conns, event->conn);
	}
	for (int dir = 0; dir < 2; dir++) {
		stream_lost(flow, entry, dir, event->lost[dir], event->lost_events[dir]);
		stream_ends(flow, entry, dir, event->bytes[dir]);
	}
}
