#include "flow/attempts.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "flow/state.h"

/* What a connect takes from its last route lookup to its end is microseconds;
 * this leaves room for a thread that was interrupted in between. */
#define ATTEMPT_WAIT (20ull * 1000 * 1000)

/* A thread waits with one at most, so this is threads, as for launches. */
#define MAX_ATTEMPTS MAX_EXEC_PENDING

struct attempt {
	struct list list;
	struct event_unrouted event;
};

void attempts_init(struct attempts *attempts)
{
	map_init(&attempts->by_tid, MAX_ATTEMPTS);
	list_init(&attempts->waiting);
}

void attempts_free(struct attempts *attempts)
{
	size_t place = 0;
	void *attempt;

	while ((attempt = map_next(&attempts->by_tid, &place)))
		free(attempt);
	map_free(&attempts->by_tid);
}

static struct attempt *oldest(const struct attempts *attempts)
{
	return LIST_ITEM(attempts->waiting.next, struct attempt, list);
}

static void drop(struct flow *flow, struct attempt *attempt)
{
	map_remove(&flow->attempts.by_tid, attempt->event.head.tid);
	list_remove(&attempt->list);
	free(attempt);
}

/* Latency 0: the route is looked up first, and nothing is waited for. */
static void tell(struct flow *flow, const struct event_unrouted *event)
{
	struct conn_entry *entry = conns_passing(&flow->conns, 0);
	struct conn *conn = &entry->conn;
	struct fact fact = fact_of(FACT_OPEN, &event->head, conn);

	conn->pid = event->head.pid;
	memcpy(conn->comm, event->head.comm, EVENT_COMM - 1);
	conn->fd = event->fd;
	conn->kind = OPEN_CONNECT;
	conn->family = event->family;
	conn->type = event->type;
	conn->transport = name_transport(event->family, event->type, 0, entry->transport);
	conn->remote = (struct text){ entry->remote,
				      address_text(&event->remote, entry->remote) };
	fact.open = (struct fact_open){
		.kind = name_open(OPEN_CONNECT), .latency = 0, .error = event->error,
	};
	flow_emit(flow, &fact);
}

static void tell_and_drop(struct flow *flow, struct attempt *attempt)
{
	tell(flow, &attempt->event);
	drop(flow, attempt);
}

static bool same_address(const struct address *a, const struct address *b)
{
	size_t len = a->family == AF_INET ? 4 : sizeof(a->ip);

	return a->family == b->family && a->port == b->port && memcmp(a->ip, b->ip, len) == 0;
}

/* The kernel takes 0.0.0.0 and [::] for this machine. */
static bool any_address(const struct address *address)
{
	static const uint8_t any[sizeof(address->ip)];

	return memcmp(address->ip, any, address->family == AF_INET ? 4 : sizeof(any)) == 0;
}

/* Programs try one address after the other, often with the same descriptor: an
 * open to another one says nothing of this one. */
static bool succeeded(const struct event_unrouted *attempt, const struct event *event)
{
	const struct event_open *open = (const struct event_open *)event;

	if (event->type != EVENT_OPEN || open->kind != OPEN_CONNECT)
		return false;
	return same_address(&attempt->remote, &open->remote) ||
	       (any_address(&attempt->remote) && attempt->remote.port == open->remote.port);
}

static bool repeats(const struct event_unrouted *attempt, const struct event *event)
{
	const struct event_unrouted *again = (const struct event_unrouted *)event;

	return event->type == EVENT_UNROUTED && attempt->fd == again->fd &&
	       same_address(&attempt->remote, &again->remote);
}

void attempts_add(struct flow *flow, const struct event_unrouted *event)
{
	struct attempts *attempts = &flow->attempts;
	struct attempt *attempt;

	if (attempts->by_tid.count >= MAX_ATTEMPTS)
		tell_and_drop(flow, oldest(attempts));
	attempt = malloc(sizeof(*attempt));
	if (attempt) {
		attempt->event = *event;
		attempt->event.head = flow->head;
	}
	if (!attempt || map_put(&attempts->by_tid, event->head.tid, attempt)) {
		struct event_unrouted now = *event;

		free(attempt);
		now.head = flow->head;
		tell(flow, &now);
		return;
	}
	list_add_back(&attempts->waiting, &attempt->list);
}

void attempts_settle(struct flow *flow, const struct event *event)
{
	struct attempt *attempt = map_get(&flow->attempts.by_tid, event->tid);

	if (!attempt)
		return;
	if (succeeded(&attempt->event, event) || repeats(&attempt->event, event))
		drop(flow, attempt);
	else
		tell_and_drop(flow, attempt);
}

void attempts_expire(struct flow *flow, uint64_t now)
{
	while (!list_empty(&flow->attempts.waiting)) {
		struct attempt *attempt = oldest(&flow->attempts);
		uint64_t since = attempt->event.head.time;

		if (now < since || now - since <= ATTEMPT_WAIT)
			break;
		tell_and_drop(flow, attempt);
	}
}

void attempts_flush(struct flow *flow)
{
	while (!list_empty(&flow->attempts.waiting))
		tell_and_drop(flow, oldest(&flow->attempts));
}
