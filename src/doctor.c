#include "doctor.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/escape.h"
#include "source/verdict.h"

/* ---- for people -------------------------------------------------------------------- */

static void text_site(struct buf *out, const struct site *site)
{
	if (!site->gives)
		return;
	buf_literal(out, "    ");
	escape_text(out, text_of(site->function));
	if (site->why[0]) {
		buf_literal(out, ": no probe: ");
		escape_text(out, text_of(site->why));
	} else {
		buf_printf(out, "+%u, at 0x%lx in the file: %s%s%s", site->into,
			   (unsigned long)site->offset, site->gives,
			   site->on_stack ? "; arguments on the stack" : "",
			   site->emulated ? "" : "; single-stepped by the kernel");
	}
	buf_char(out, '\n');
}

static void text_file(struct buf *out, const struct verdict_file *file)
{
	const struct discovery *discovery = &file->discovery;

	escape_text(out, text_of(file->path));
	if (discovery->about[0]) {
		buf_literal(out, ": ");
		escape_text(out, text_of(discovery->about));
	}
	buf_char(out, '\n');
	if (discovery->library)
		buf_printf(out, "  TLS: %s\n", discovery->library);
	for (size_t i = 0; i < discovery->count; i++)
		text_site(out, &discovery->sites[i]);
	if (discovery->unseen[0]) {
		buf_literal(out, "  cannot be seen: ");
		escape_text(out, text_of(discovery->unseen));
		buf_char(out, '\n');
	}
}

static void text_verdict(struct buf *out, const struct verdict *verdict)
{
	for (size_t i = 0; i < verdict->count; i++)
		text_file(out, &verdict->files[i]);
	if (!verdict_complete(verdict))
		buf_literal(out, "not all of its TLS can be seen\n");
	else if (verdict_knows_tls(verdict))
		buf_literal(out, "all of its TLS can be seen\n");
	else
		buf_literal(out, "no TLS library that is known is in it; what it loads later is looked at then\n");
}

/* ---- as JSON ------------------------------------------------------------------------ */

/* A path may hold any byte: what is not UTF-8 is shown escaped, as in text. */
static void json_string(struct buf *out, const char *name, const char *value)
{
	struct buf escaped = {};

	buf_printf(out, ",\"%s\":\"", name);
	if (utf8_valid(text_of(value))) {
		escape_json(out, text_of(value));
	} else {
		escape_text(&escaped, text_of(value));
		escape_json(out, (struct text){ escaped.data, escaped.len });
	}
	buf_char(out, '"');
	buf_free(&escaped);
}

static void json_site(struct buf *out, const struct site *site)
{
	buf_printf(out, "{\"probed\":%s", site->why[0] ? "false" : "true");
	json_string(out, "function", site->function);
	buf_printf(out, ",\"address\":%lu", (unsigned long)site->address);
	json_string(out, "gives", site->gives);
	if (site->why[0])
		json_string(out, "why", site->why);
	else
		buf_printf(out, ",\"into\":%u,\"file_offset\":%lu,\"emulated\":%s,\"on_stack\":%s",
			   site->into, (unsigned long)site->offset,
			   site->emulated ? "true" : "false", site->on_stack ? "true" : "false");
	buf_char(out, '}');
}

static void json_file(struct buf *out, const struct verdict_file *file)
{
	const struct discovery *discovery = &file->discovery;
	bool first = true;

	buf_printf(out, "{\"kind\":\"%s\"", file->program ? "program" : "library");
	json_string(out, "path", file->path);
	if (discovery->about[0])
		json_string(out, "about", discovery->about);
	if (discovery->version[0])
		json_string(out, "go_version", discovery->version);
	if (discovery->library)
		json_string(out, "tls", discovery->library);
	if (discovery->unseen[0])
		json_string(out, "unseen", discovery->unseen);
	buf_literal(out, ",\"functions\":[");
	for (size_t i = 0; i < discovery->count; i++) {
		if (!discovery->sites[i].gives)
			continue;
		if (!first)
			buf_char(out, ',');
		first = false;
		json_site(out, &discovery->sites[i]);
	}
	buf_literal(out, "]}");
}

static void json_verdict(struct buf *out, const struct verdict *verdict, uint32_t pid)
{
	buf_printf(out, "{\"type\":\"doctor\"");
	if (pid)
		buf_printf(out, ",\"pid\":%u", pid);
	buf_printf(out, ",\"complete\":%s,\"tls\":%s,\"files\":[",
		   verdict_complete(verdict) ? "true" : "false",
		   verdict_knows_tls(verdict) ? "true" : "false");
	for (size_t i = 0; i < verdict->count; i++) {
		if (i)
			buf_char(out, ',');
		json_file(out, &verdict->files[i]);
	}
	buf_literal(out, "]}\n");
}

/* ---- each target ---------------------------------------------------------------------- */

/* 0: all can be seen, 1: not, or a negative errno. */
static int examine(const struct options *options, uint32_t pid, struct buf *out,
		   struct failure *failure)
{
	bool json = !strcmp(options->outputs[0].format, "json");
	struct verdict verdict = { .count = 0 };
	int result = pid ? verdict_process(&verdict, pid, failure) :
			   verdict_command(&verdict, options->command, failure);

	if (!result) {
		result = !verdict_complete(&verdict);
		if (!json && pid)
			buf_printf(out, "process %u\n", pid);
		if (json)
			json_verdict(out, &verdict, pid);
		else
			text_verdict(out, &verdict);
	}
	verdict_free(&verdict);
	return result;
}

int doctor(const struct options *options)
{
	struct failure failure = {};
	struct buf out = {};
	int status = 0;

	for (size_t i = 0; i < options->pid_count || (options->command && !i); i++) {
		int result = examine(options, options->command ? 0 : options->pids[i], &out, &failure);

		if (result < 0)
			fprintf(stderr, "glasstap: %s\n", failure.text);
		if (result)
			status = 1;
	}
	if (out.failed || fwrite(out.data, 1, out.len, stdout) != out.len || fflush(stdout))
		status = 1;
	buf_free(&out);
	return status;
}
