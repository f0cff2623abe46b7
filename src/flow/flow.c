/* Each event is checked, then given to the part that it concerns:
 *
 *	stream.c     bytes and holes           conns.c      the table of connections
 *	life.c       open and close            address.c    their texts
 *	execs.c      launches                  names.c      the contract's words
 *	holes.c      what moved unseen         processes.c  their number
 *	check.c      hostile events
 *
 * A launch is held back until its texts have come, or its thread goes on without
 * them: the events of a thread come in order. A close may be told from an
 * interrupt, on top of whatever thread was running: it says nothing of what the
 * thread did, and settles nothing. */
#include "flow/flow.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "flow/check.h"
#include "flow/state.h"

struct flow *flow_new(fact_fn *on_fact, void *context)
{
	struct flow *flow = calloc(1, sizeof(*flow));

	if (!flow)
		return NULL;
	flow->on_fact = on_fact;
	flow->context = context;
	conns_init(&flow->conns);
	execs_init(&flow->execs);
	holes_init(&flow->holes);
	processes_init(&flow->processes);
	return flow;
}

void flow_free(struct flow *flow)
{
	if (!flow)
		return;
	conns_free(&flow->conns);
	execs_free(&flow->execs);
	holes_free(&flow->holes);
	processes_free(&flow->processes);
	free(flow);
}

struct fact fact_of(enum fact_type type, const struct event *head, const struct conn *conn)
{
	return (struct fact){
		.type = type, .time = head->time, .pid = head->pid, .tid = head->tid,
		.comm = head->comm, .conn = conn,
	};
}

struct fact fact_of_owner(enum fact_type type, const struct event *head, const struct conn *conn)
{
	struct fact fact = fact_of(type, head, conn);

	if (fact.pid == 0) {
		fact.pid = conn->pid;
		fact.comm = conn->comm;
	}
	return fact;
}

void flow_emit(struct flow *flow, const struct fact *fact)
{
	flow->on_fact(flow->context, fact);
}

int64_t flow_elapsed(uint64_t from, uint64_t to)
{
	if (from == 0 || to < from || to - from > INT64_MAX)
		return -1;
	return (int64_t)(to - from);
}

static void process_exit(struct flow *flow, const struct event_exit *event)
{
	struct fact fact = fact_of(FACT_EXIT, &flow->head, NULL);
	int status = (int)event->status;

	fact.exit = (struct fact_exit){
		.status = WIFEXITED(status) ? WEXITSTATUS(status) : 0,
		.signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0,
		.core = WIFSIGNALED(status) && WCOREDUMP(status),
		.duration = flow_elapsed(event->start, event->head.time),
	};
	processes_ended(&flow->processes, event->head.pid);
	flow_emit(flow, &fact);
}

static void unplaced(struct flow *flow, const struct event_end *event)
{
	struct fact fact = fact_of(FACT_LOSS, &flow->head, NULL);
	uint64_t events = event->lost[LOST_DATA], placed = flow->sum.lost_events;

	events = events > placed ? events - placed : 0;
	flow->sum.lost_events += events;
	if (!event->unplaced_bytes)
		return;
	flow->sum.lost_bytes += event->unplaced_bytes;
	fact.loss = (struct fact_loss){
		.bytes = event->unplaced_bytes, .events = events, .where = "ring",
	};
	flow_emit(flow, &fact);
}

static void end(struct flow *flow, const struct event_end *event)
{
	struct fact fact = fact_of(FACT_SUMMARY, &flow->head, NULL);
	int64_t duration = flow_elapsed(event->began, event->head.time);

	execs_flush(flow);
	holes_flush(flow);
	unplaced(flow, event);
	fact.summary = flow->sum;
	fact.summary.events = event->events;
	memcpy(fact.summary.lost, event->lost, sizeof(event->lost));
	if (event->head.size == sizeof(*event))
		fact.summary.lost_secrets = event->lost_secrets;
	fact.summary.evicted = flow->conns.evicted;
	fact.summary.conns = flow->conns.seen;
	fact.summary.processes = flow->processes.seen;
	fact.summary.duration = duration < 0 ? 0 : (uint64_t)duration;
	flow_emit(flow, &fact);
}

static void secret(struct flow *flow, const struct event_secret *event)
{
	struct fact fact = fact_of(FACT_SECRET, &flow->head, NULL);

	fact.secret = (struct fact_secret){
		.label = event->label,
		.random = { (const char *)event->random, event->random_len },
		.secret = { (const char *)event->secret, event->secret_len },
		.via = event->source == SECRET_MEMORY ? "memory" : "births",
	};
	flow_emit(flow, &fact);
}

/* Whether a thread has done this itself, and has gone on from what it did before. */
static bool by_thread(uint16_t type)
{
	switch (type) {
	case EVENT_DATA:
	case EVENT_OPEN:
	case EVENT_EXEC:
	case EVENT_EXIT:
		return true;
	}
	return false;
}

static void settle(struct flow *flow, const struct event *event)
{
	if (!by_thread(event->type))
		return;
	processes_saw(&flow->processes, event->pid);
	if (flow->execs.by_tid.count)
		execs_settle(flow, event->tid);
}

static int dispatch(struct flow *flow, const struct event *event)
{
	switch (event->type) {
	case EVENT_DATA:
		stream_data(flow, (const struct event_data *)event);
		break;
	case EVENT_OPEN:
		life_open(flow, (const struct event_open *)event);
		break;
	case EVENT_CLOSE:
		life_close(flow, (const struct event_close *)event);
		break;
	case EVENT_EXEC:
		execs_begin(flow, (const struct event_exec *)event);
		break;
	case EVENT_TEXT:
		return execs_text(flow, (const struct event_text *)event);
	case EVENT_EXIT:
		process_exit(flow, (const struct event_exit *)event);
		break;
	case EVENT_TICK:
		execs_expire(flow, event->time);
		break;
	case EVENT_END:
		end(flow, (const struct event_end *)event);
		break;
	case EVENT_TOTAL:
		stream_total(flow, (const struct event_total *)event);
		break;
	case EVENT_SECRET:
		secret(flow, (const struct event_secret *)event);
		break;
	}
	return 0;
}

int flow_event(struct flow *flow, const struct event *event, size_t size)
{
	int error = -EINVAL;

	if (check_event(event, size)) {
		flow->head = *event;
		flow->head.comm[EVENT_COMM - 1] = '\0';
		settle(flow, event);
		if (flow->holes.count)
			holes_expire(flow);
		error = dispatch(flow, event);
	}
	if (error)
		flow->sum.malformed++;
	return error;
}
