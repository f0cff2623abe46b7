/* Events as a test writes them, and the facts that come out as lines of text:
 *
 *	open c1 connect tcp 10.0.0.2:5000 > 10.0.0.1:80 latency=5
 *	io c1 out 0+5 write 'hello'
 *	loss c1 in 100+20 events=2
 *	close c1 5 > 100 closed here duration=9 */
#ifndef GLASSTAP_FLOW_EVENTS_H
#define GLASSTAP_FLOW_EVENTS_H

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "flow/flow.h"
#include "test.h"

#define PID 100

struct trace {
	struct flow *flow;
	char log[8192];
	size_t len;
	bool quiet;                /* sums only */
	uint32_t tid;              /* of launches; 0: PID */
	uint64_t shown[2], lost[2], lost_events, facts[FACT_TYPES];
	uint64_t last_number, argv, argv_len;
	struct fact_summary sum;
};

static char trace_payload[EVENT_PIECE];

__attribute__((format(printf, 2, 3)))
static inline void trace_say(struct trace *trace, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	trace->len += (size_t)vsnprintf(trace->log + trace->len, sizeof(trace->log) - trace->len,
					format, arguments);
	va_end(arguments);
	if (trace->len >= sizeof(trace->log))
		trace->len = sizeof(trace->log) - 1;
}

static inline void trace_text(struct trace *trace, const char *before, struct text text)
{
	if (!text.len)
		return;
	trace_say(trace, "%s", before);
	for (size_t i = 0; i < text.len; i++)
		trace_say(trace, "%c", text.data[i] ? text.data[i] : '|');
}

static const char *const trace_dirs[] = { "out", "in" };

static inline void trace_open(struct trace *trace, const struct fact *fact)
{
	const struct conn *conn = fact->conn;

	trace_say(trace, " %s %s", fact->open.kind, conn->transport ? conn->transport : "?");
	trace_text(trace, " ", conn->local);
	trace_text(trace, " > ", conn->remote);
	if (fact->open.latency >= 0)
		trace_say(trace, " latency=%" PRId64, fact->open.latency);
	if (fact->open.error)
		trace_say(trace, " error=%u", fact->open.error);
}

static inline void trace_close(struct trace *trace, const struct fact_close *close)
{
	trace_say(trace, " %" PRIu64 " > %" PRIu64, close->bytes[0], close->bytes[1]);
	if (close->reason)
		trace_say(trace, " %s", close->reason);
	if (close->duration >= 0)
		trace_say(trace, " duration=%" PRId64, close->duration);
}

static inline void trace_exec(struct trace *trace, const struct fact_exec *exec)
{
	trace_text(trace, " ", exec->filename);
	trace_text(trace, " in ", exec->cwd);
	trace_text(trace, " ", exec->argv);
	trace_say(trace, " %zu/%" PRIu64, exec->argv.len, exec->argv_len);
}

static inline void trace_details(struct trace *trace, const struct fact *fact)
{
	switch (fact->type) {
	case FACT_IO:
		trace_say(trace, " %s %" PRIu64 "+%" PRIu64 " %s", trace_dirs[fact->io.dir],
			  fact->io.offset, fact->io.len, fact->io.op ? fact->io.op : "?");
		trace_text(trace, " peer ", fact->io.peer);
		trace_say(trace, " '%.*s'", (int)fact->io.data.len, fact->io.data.data);
		if (fact->io.gap)
			trace_say(trace, " gap=%s", fact->io.gap);
		break;
	case FACT_OPEN:
		trace_open(trace, fact);
		break;
	case FACT_CLOSE:
		trace_close(trace, &fact->close);
		break;
	case FACT_EXEC:
		trace_exec(trace, &fact->exec);
		break;
	case FACT_EXIT:
		trace_say(trace, " %d %d %d duration=%" PRId64, fact->exit.status,
			  fact->exit.signal, fact->exit.core, fact->exit.duration);
		break;
	case FACT_LOSS:
		trace_say(trace, " %s %" PRIu64 "+%" PRIu64 " events=%" PRIu64,
			  fact->loss.has_dir ? trace_dirs[fact->loss.dir] : "-",
			  fact->loss.offset, fact->loss.bytes, fact->loss.events);
		break;
	default:
		break;
	}
}

static inline void trace_fact(void *context, const struct fact *fact)
{
	static const char *const names[] = { "io", "open", "close", "exec", "exit", "loss",
					     "summary" };
	struct trace *trace = context;

	if (!memchr(fact->comm, '\0', EVENT_COMM))
		test_fail(__FILE__, __LINE__, "a comm without an end");
	trace->facts[fact->type]++;
	if (fact->conn)
		trace->last_number = fact->conn->number;
	if (fact->type == FACT_IO)
		trace->shown[fact->io.dir] += fact->io.len;
	if (fact->type == FACT_LOSS) {
		trace->lost[fact->loss.dir] += fact->loss.bytes;
		trace->lost_events += fact->loss.events;
	}
	if (fact->type == FACT_EXEC) {
		trace->argv = fact->exec.argv.len;
		trace->argv_len = fact->exec.argv_len;
	}
	if (fact->type == FACT_SUMMARY)
		trace->sum = fact->summary;
	if (trace->quiet)
		return;
	trace_say(trace, "%s", names[fact->type]);
	if (fact->conn)
		trace_say(trace, " c%" PRIu64, fact->conn->number);
	trace_details(trace, fact);
	trace_say(trace, "\n");
}

static inline void trace_begin(struct trace *trace)
{
	memset(trace, 0, sizeof(*trace));
	trace->flow = flow_new(trace_fact, trace);
}

static inline void trace_end(struct trace *trace)
{
	flow_free(trace->flow);
	trace->flow = NULL;
}

/* What was said since the last look must be just this. */
#define CHECK_SAID(trace, wanted)                                              \
	do {                                                                   \
		CHECK_BYTES((trace)->log, (trace)->len, wanted, strlen(wanted)); \
		(trace)->len = 0;                                              \
	} while (0)

static inline struct event head_of(uint16_t type, size_t size, uint64_t time)
{
	return (struct event){ .size = (uint32_t)size, .type = type, .time = time, .pid = PID,
			       .tid = PID, .comm = "prog" };
}

#define HEAD(name, time) head_of(name, sizeof(struct event), time)
#define SEND(trace, event)                                                     \
	flow_event((trace)->flow, &(event).head, (event).head.size)

/* The event and its payload in memory of just that size. */
static inline int send_with(struct trace *trace, struct event *event, size_t size, const void *payload,
		     size_t len)
{
	char *bytes = malloc(size + len);
	int result;

	event->size = (uint32_t)(size + len);
	memcpy(bytes, event, size);
	if (len)
		memcpy(bytes + size, payload, len);
	result = flow_event(trace->flow, (struct event *)bytes, size + len);
	free(bytes);
	return result;
}

static inline struct event_data data_event(uint64_t conn, int dir, uint64_t offset, uint64_t len)
{
	return (struct event_data){
		.head = head_of(EVENT_DATA, 0, 1000), .conn = conn, .offset = offset, .len = len,
		.moved = len, .captured = (uint32_t)len, .fd = 3, .op = dir ? OP_READ : OP_WRITE,
		.dir = (uint8_t)dir,
	};
}

static inline int send_data(struct trace *trace, struct event_data event, const char *payload)
{
	return send_with(trace, &event.head, sizeof(event), payload ? payload : trace_payload,
			 event.captured);
}

static inline int say(struct trace *trace, uint64_t conn, int dir, uint64_t offset, const char *text)
{
	return send_data(trace, data_event(conn, dir, offset, strlen(text)), text);
}

static inline struct address ip4(uint8_t last, uint16_t port)
{
	return (struct address){ .family = AF_INET, .port = port, .ip = { 10, 0, 0, last } };
}

static inline struct event_open open_event(uint64_t conn, int kind)
{
	return (struct event_open){
		.head = head_of(EVENT_OPEN, sizeof(struct event_open), 1000), .conn = conn,
		.since = 900, .fd = 3, .family = AF_INET, .type = SOCK_STREAM, .protocol = 6,
		.kind = (uint8_t)kind, .local = ip4(2, 5000), .remote = ip4(1, 80),
	};
}

static inline struct event_close close_event(uint64_t conn, uint64_t out, uint64_t in)
{
	return (struct event_close){
		.head = head_of(EVENT_CLOSE, sizeof(struct event_close), 2000), .conn = conn,
		.bytes = { out, in }, .reason = CLOSE_LOCAL, .known = 1,
	};
}

static inline int send_exec(struct trace *trace, uint32_t filename, uint32_t cwd, uint32_t argv)
{
	struct event_exec event = {
		.head = head_of(EVENT_EXEC, sizeof(event), 1000), .start = 500, .ppid = 1,
		.uid = 1000, .text_len = { filename, cwd, argv },
	};

	event.head.tid = trace->tid ? trace->tid : PID;
	return SEND(trace, event);
}

static inline int send_text(struct trace *trace, uint32_t kind, uint32_t done, const char *text,
		     size_t len, bool unread)
{
	struct event_text event = {
		.head = head_of(EVENT_TEXT, 0, 1001), .kind = kind, .done = done,
		.len = (uint32_t)len, .unread = unread,
	};

	event.head.tid = trace->tid ? trace->tid : PID;
	return send_with(trace, &event.head, sizeof(event), text, len);
}

static inline int send_end(struct trace *trace, struct event_end event)
{
	event.head = head_of(EVENT_END, sizeof(event), 5000);
	event.began = 1000;
	return SEND(trace, event);
}

#endif
