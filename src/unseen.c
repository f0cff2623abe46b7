#include "unseen.h"

#include <stdio.h>

#include "base/escape.h"
#include "source/verdict.h"

void unseen_launch(struct unseen *unseen, const struct fact *fact)
{
	size_t at = unseen->next++ % MAX_LAUNCHES_KEPT;
	char *path = unseen->launches[at].path;
	const struct fact_exec *exec = &fact->exec;
	bool relative = !exec->filename.len || exec->filename.data[0] != '/';
	int len = snprintf(path, MAX_LAUNCH_PATH, "%.*s%s%.*s", relative ? (int)exec->cwd.len : 0,
			   exec->cwd.data ? exec->cwd.data : "", relative ? "/" : "",
			   (int)exec->filename.len, exec->filename.data ? exec->filename.data : "");

	unseen->launches[at].pid = len < MAX_LAUNCH_PATH ? fact->pid : 0;
}

static const char *launch_of(const struct unseen *unseen, uint32_t pid)
{
	for (size_t i = 1; i <= MAX_LAUNCHES_KEPT && i <= unseen->next; i++) {
		size_t at = (unseen->next - i) % MAX_LAUNCHES_KEPT;

		if (unseen->launches[at].pid == pid)
			return unseen->launches[at].path;
	}
	return NULL;
}

void unseen_say(struct unseen *unseen, const struct fact *fact)
{
	struct buf line = {};
	char why[700];

	for (size_t i = 0; i < unseen->count; i++)
		if (unseen->pids[i] == fact->pid)
			return;
	if (!fact->pid || unseen->count == MAX_UNSEEN_SAID)
		return;
	unseen->pids[unseen->count++] = fact->pid;
	verdict_why(fact->pid, launch_of(unseen, fact->pid), why, sizeof(why));
	buf_literal(&line, "glasstap: ");
	escape_text(&line, text_of(fact->comm));
	buf_printf(&line, " (%u): TLS without its keys: ", fact->pid);
	escape_text(&line, text_of(why));
	buf_char(&line, '\n');
	if (!line.failed)
		fwrite(line.data, 1, line.len, stderr);
	buf_free(&line);
}
