/* A launch comes as one EVENT_EXEC, which says how long each text is, and the
 * pieces of these texts in order. It is told when all has come. A piece may have
 * been refused or unreadable; then its text is cut there, since what stands
 * behind a hole is not what it seems. A cut argv shows by its true length; a cut
 * file name or directory is left out, for a part of it names another one.
 *
 * Memory grows with what has come, never with what an event claims. */
#include "flow/execs.h"

#include <errno.h>
#include <stdlib.h>

#include "flow/state.h"

/* The pieces of one launch come within a millisecond. This is for a virtual
 * machine that stood still in between. */
#define EXEC_WAIT (1000ull * 1000 * 1000)

struct exec_text {
	char *data;
	size_t len, room;
	uint64_t come;             /* end of the last piece, kept or not */
	bool cut;
};

struct exec {
	struct list list;
	struct event_exec event;
	struct exec_text texts[TEXT_KINDS];
};

void execs_init(struct execs *execs)
{
	*execs = (struct execs){ 0 };
	map_init(&execs->by_tid, MAX_EXEC_PENDING);
	list_init(&execs->waiting);
}

static void exec_free(struct exec *exec)
{
	for (int kind = 0; kind < TEXT_KINDS; kind++)
		free(exec->texts[kind].data);
	free(exec);
}

void execs_free(struct execs *execs)
{
	size_t place = 0;
	void *exec;

	while ((exec = map_next(&execs->by_tid, &place)))
		exec_free(exec);
	map_free(&execs->by_tid);
}

static struct exec *oldest(const struct execs *execs)
{
	return LIST_ITEM(execs->waiting.next, struct exec, list);
}

static bool whole(const struct exec *exec)
{
	for (int kind = 0; kind < TEXT_KINDS; kind++)
		if (exec->texts[kind].come < exec->event.text_len[kind])
			return false;
	return true;
}

static struct text path_of(const struct exec *exec, enum text_kind kind)
{
	const struct exec_text *text = &exec->texts[kind];
	struct text path = { text->data, text->len };

	if (text->len < exec->event.text_len[kind])
		return (struct text){ NULL, 0 };
	while (path.len && path.data[path.len - 1] == '\0')
		path.len--;
	return path;
}

static void tell(struct flow *flow, const struct exec *exec)
{
	const struct exec_text *argv = &exec->texts[TEXT_ARGV];
	struct fact fact = fact_of(FACT_EXEC, &exec->event.head, NULL);

	fact.exec = (struct fact_exec){
		.ppid = exec->event.ppid,
		.uid = exec->event.uid,
		.filename = path_of(exec, TEXT_FILENAME),
		.cwd = path_of(exec, TEXT_CWD),
		.argv = { argv->data, argv->len },
		.argv_len = exec->event.text_len[TEXT_ARGV],
	};
	flow_emit(flow, &fact);
}

static void tell_and_drop(struct flow *flow, struct exec *exec)
{
	struct execs *execs = &flow->execs;

	tell(flow, exec);
	map_remove(&execs->by_tid, exec->event.head.tid);
	list_remove(&exec->list);
	for (int kind = 0; kind < TEXT_KINDS; kind++)
		execs->held -= exec->texts[kind].room;
	exec_free(exec);
}

void execs_begin(struct flow *flow, const struct event_exec *event)
{
	struct execs *execs = &flow->execs;
	struct exec *exec, now = { .event = *event };

	now.event.head = flow->head;
	if (execs->by_tid.count >= MAX_EXEC_PENDING)
		tell_and_drop(flow, oldest(execs));
	exec = malloc(sizeof(*exec));
	if (!exec || whole(&now) || map_put(&execs->by_tid, event->head.tid, exec)) {
		free(exec);
		tell(flow, &now);
		return;
	}
	*exec = now;
	list_add_back(&execs->waiting, &exec->list);
}

/* Room for `more` bytes behind the text, within what the text may become. */
static bool reserve(struct execs *execs, struct exec_text *text, size_t more, size_t whole_len)
{
	size_t most = whole_len < MAX_EXEC_TEXT ? whole_len : MAX_EXEC_TEXT;
	size_t room = text->room * 2;
	char *data;

	if (more > most - text->len)
		return false;
	if (text->len + more <= text->room)
		return true;
	if (room < text->len + more)
		room = text->len + more;
	if (room > most)
		room = most;
	data = realloc(text->data, room);
	if (!data)
		return false;
	execs->held += room - text->room;
	text->data = data;
	text->room = room;
	return true;
}

static void keep(struct execs *execs, struct exec_text *text, const struct event_text *event,
		 size_t whole_len)
{
	size_t len = event->len, most;

	if (text->cut || event->unread || event->done != text->len) {
		text->cut = true;
		return;
	}
	most = MAX_EXEC_TEXT - text->len;
	if (len > most) {
		len = most;
		text->cut = true;
	}
	if (!reserve(execs, text, len, whole_len)) {
		text->cut = true;
		return;
	}
	if (len)
		memcpy(text->data + text->len, event + 1, len);
	text->len += len;
}

int execs_text(struct flow *flow, const struct event_text *event)
{
	struct execs *execs = &flow->execs;
	struct exec *exec = map_get(&execs->by_tid, event->head.tid);
	uint64_t end = (uint64_t)event->done + event->len;
	struct exec_text *text;

	if (!exec)
		return 0;              /* its EVENT_EXEC was refused, and counted so */
	if (end > exec->event.text_len[event->kind])
		return -EINVAL;
	text = &exec->texts[event->kind];
	keep(execs, text, event, exec->event.text_len[event->kind]);
	if (end > text->come)
		text->come = end;
	if (whole(exec))
		tell_and_drop(flow, exec);
	while (execs->held > MAX_EXECS_HELD)
		tell_and_drop(flow, oldest(execs));
	return 0;
}

void execs_settle(struct flow *flow, uint32_t tid)
{
	struct exec *exec = map_get(&flow->execs.by_tid, tid);

	if (exec)
		tell_and_drop(flow, exec);
}

void execs_expire(struct flow *flow, uint64_t now)
{
	while (!list_empty(&flow->execs.waiting)) {
		struct exec *exec = oldest(&flow->execs);
		uint64_t since = exec->event.head.time;

		if (now < since || now - since <= EXEC_WAIT)
			break;
		tell_and_drop(flow, exec);
	}
}

void execs_flush(struct flow *flow)
{
	while (!list_empty(&flow->execs.waiting))
		tell_and_drop(flow, oldest(&flow->execs));
}
