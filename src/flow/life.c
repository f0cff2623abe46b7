/* Connections come and go. */
#include "flow/state.h"

static void tell_open(struct flow *flow, const struct event_open *event, const struct conn *conn)
{
	struct fact fact = fact_of(FACT_OPEN, &flow->head, conn);

	fact.open = (struct fact_open){
		.kind = name_open(event->kind), .latency = -1, .error = event->error,
	};
	if (event->kind == OPEN_CONNECT)
		fact.open.latency = flow_elapsed(event->since, event->head.time);
	flow_emit(flow, &fact);
}

/* It could not be made. If it is known nevertheless (a datagram socket whose
 * second connect fails), it goes on as it was. */
static void open_failed(struct flow *flow, const struct event_open *event,
			const struct conn_entry *known)
{
	struct conn_entry *entry = known ? conns_copy(&flow->conns, known) :
					   conns_passing(&flow->conns, event->conn);

	conn_describe(entry, event);
	tell_open(flow, event, &entry->conn);
}

void life_open(struct flow *flow, const struct event_open *event)
{
	struct conn_entry *entry = conns_find(&flow->conns, event->conn);
	bool news;

	if (event->error) {
		open_failed(flow, event, entry);
		return;
	}
	if (!entry) {
		entry = conns_add(&flow->conns, event->conn);
		entry->begun[DIR_OUT] = entry->begun[DIR_IN] = true;
	}
	news = !entry->opened ||
	       (event->kind != entry->conn.kind && event->kind != OPEN_EXISTING);
	conn_describe(entry, event);
	entry->opened = true;
	if (news)
		tell_open(flow, event, &entry->conn);
}

static void tell_close(struct flow *flow, const struct event_close *event,
		       const struct conn *conn)
{
	struct fact fact = fact_of_owner(FACT_CLOSE, &flow->head, conn);
	uint64_t since = event->since ? event->since : conn->since;
	char room[REASON_ROOM];

	fact.close = (struct fact_close){
		.duration = flow_elapsed(since, event->head.time),
		.reason = name_reason(event->reason, event->error, room),
		.error = event->error,
	};
	/* Of one that was found to be gone, the last count may be an old one. */
	for (int dir = 0; dir < 2; dir++)
		fact.close.bytes[dir] = event->known || event->bytes[dir] > conn->next[dir] ?
						event->bytes[dir] : conn->next[dir];
	flow_emit(flow, &fact);
}

void life_close(struct flow *flow, const struct event_close *event)
{
	struct conn_entry *entry = conns_find(&flow->conns, event->conn);

	if (!entry) {
		if (!(event->bytes[0] | event->bytes[1] |
		      event->lost_events[0] | event->lost_events[1]))
			return;
		entry = conns_add(&flow->conns, event->conn);
	}
	for (int dir = 0; dir < 2; dir++) {
		stream_lost(flow, entry, dir, event->lost[dir], event->lost_events[dir]);
		stream_ends(flow, entry, dir, event->bytes[dir]);
	}
	if (entry->conn.closed)
		return;
	conns_close(&flow->conns, entry);
	tell_close(flow, event, &entry->conn);
}
