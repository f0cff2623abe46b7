/* JSON lines. The member names are a promise to users: a name may be added,
 * none changed. What is not known is absent. */
#include "out/out.h"

#include <errno.h>
#include <sys/socket.h>

#include "out/json_parts.h"

static void add_error(struct buf *out, uint32_t error)
{
	const char *name = out_error_name(error);

	if (!error)
		return;
	buf_literal(out, ",\"error\":\"");
	out_error(out, error);
	buf_char(out, '"');
	if (name)
		add_word_member(out, ",\"errno\":", name);
}

/* Of a connect: what no call has returned has no errno. */
static void add_failure(struct buf *out, uint32_t error)
{
	if (error == ECANCELED)
		add_word_member(out, ",\"error\":", OUT_UNANSWERED);
	else
		add_error(out, error);
}

static void add_fd(struct buf *out, int fd)
{
	if (fd >= 0)
		add_uint_member(out, ",\"fd\":", (uint64_t)fd);
}

static void add_io(struct buf *out, const struct fact *fact)
{
	const struct fact_io *io = &fact->io;

	json_conn(out, fact->conn);
	add_fd(out, io->fd);
	if (io->op)
		add_word_member(out, ",\"op\":", io->op);
	json_dir(out, io->dir);
	add_uint_member(out, ",\"offset\":", io->offset);
	add_uint_member(out, ",\"len\":", io->len);
	if (io->data.len || !io->len)
		add_bytes_member(out, "data", io->data);
	if (io->data.len < io->len)
		buf_literal(out, ",\"truncated\":true");
	if (io->gap)
		add_word_member(out, ",\"gap\":", io->gap);
	if (io->done || io->moved != io->len) {
		add_uint_member(out, ",\"call_len\":", io->moved);
		add_uint_member(out, ",\"call_offset\":", io->done);
	}
	json_sides(out, fact->conn, io->peer);
	json_transport(out, fact->conn);
}

static void add_open(struct buf *out, const struct fact *fact)
{
	const struct conn *conn = fact->conn;

	json_conn(out, conn);
	if (fact->open.kind)
		add_word_member(out, ",\"kind\":", fact->open.kind);
	json_transport(out, conn);
	json_sides(out, conn, TEXT(""));
	if (conn)
		add_fd(out, conn->fd);
	add_ms_member(out, ",\"latency_ms\":", fact->open.latency);
	add_failure(out, fact->open.error);
	if (!conn || conn->family != AF_UNIX)
		return;
	if (conn->inode)
		add_uint_member(out, ",\"inode\":", conn->inode);
	if (conn->peer_inode)
		add_uint_member(out, ",\"peer_inode\":", conn->peer_inode);
	if (conn->peer_pid)
		add_uint_member(out, ",\"peer_pid\":", conn->peer_pid);
}

static void add_close(struct buf *out, const struct fact *fact)
{
	const struct fact_close *close = &fact->close;

	json_conn(out, fact->conn);
	add_uint_member(out, ",\"bytes_out\":", close->bytes[DIR_OUT]);
	add_uint_member(out, ",\"bytes_in\":", close->bytes[DIR_IN]);
	add_ms_member(out, ",\"duration_ms\":", close->duration);
	if (close->reason)
		add_word_member(out, ",\"reason\":", close->reason);
	json_sides(out, fact->conn, TEXT(""));
	json_transport(out, fact->conn);
	add_error(out, close->error);
}

static void add_exec(struct buf *out, const struct fact *fact)
{
	const struct fact_exec *exec = &fact->exec;

	if (exec->ppid)
		add_uint_member(out, ",\"ppid\":", exec->ppid);
	add_uint_member(out, ",\"uid\":", exec->uid);
	if (exec->cwd.len)
		add_bytes_member(out, "cwd", exec->cwd);
	if (exec->filename.len)
		add_bytes_member(out, "filename", exec->filename);
	if (exec->argv.len)
		json_list(out, "argv", exec->argv);
	if (exec->argv.len < exec->argv_len)
		buf_literal(out, ",\"truncated\":true");
}

static void add_exit(struct buf *out, const struct fact *fact)
{
	const struct fact_exit *exit = &fact->exit;

	if (exit->signal) {
		buf_literal(out, ",\"signal\":\"");
		out_signal(out, exit->signal);
		buf_char(out, '"');
	} else {
		buf_literal(out, ",\"status\":");
		buf_int(out, exit->status);
	}
	if (exit->core)
		buf_literal(out, ",\"core\":true");
	add_ms_member(out, ",\"duration_ms\":", exit->duration);
}

static void add_loss(struct buf *out, const struct fact *fact)
{
	const struct fact_loss *loss = &fact->loss;

	json_conn(out, fact->conn);
	if (loss->has_dir) {
		json_dir(out, loss->dir);
		add_uint_member(out, ",\"offset\":", loss->offset);
	}
	add_uint_member(out, ",\"bytes\":", loss->bytes);
	add_uint_member(out, ",\"events\":", loss->events);
	if (loss->where)
		add_word_member(out, ",\"where\":", loss->where);
}

static void add_lost(struct buf *out, const uint64_t lost[LOST_KINDS])
{
	const char *comma = "";

	buf_literal(out, ",\"lost\":{");
	for (int kind = 0; kind < LOST_KINDS; kind++) {
		if (!lost[kind])
			continue;
		buf_printf(out, "%s\"%s\":", comma, out_lost_names[kind]);
		buf_uint(out, lost[kind]);
		comma = ",";
	}
	buf_char(out, '}');
}

static void add_summary(struct buf *out, const struct fact *fact)
{
	const struct fact_summary *summary = &fact->summary;

	add_uint_member(out, ",\"events\":", summary->events);
	add_uint_member(out, ",\"bytes_out\":", summary->bytes[DIR_OUT]);
	add_uint_member(out, ",\"bytes_in\":", summary->bytes[DIR_IN]);
	add_uint_member(out, ",\"captured\":", summary->captured);
	add_uint_member(out, ",\"gap_bytes\":", summary->gap_bytes);
	if (summary->cut_bytes)
		add_uint_member(out, ",\"cut_bytes\":", summary->cut_bytes);
	add_uint_member(out, ",\"lost_bytes\":", summary->lost_bytes);
	add_uint_member(out, ",\"lost_events\":", summary->lost_events);
	add_lost(out, summary->lost);
	add_uint_member(out, ",\"evicted\":", summary->evicted);
	add_uint_member(out, ",\"malformed\":", summary->malformed);
	add_uint_member(out, ",\"connections\":", summary->conns);
	add_uint_member(out, ",\"processes\":", summary->processes);
	buf_literal(out, ",\"seconds\":");
	json_decimal(out, summary->duration, 9);
}

static const struct {
	const char *name;
	void (*add)(struct buf *out, const struct fact *fact);
} types[FACT_TYPES] = {
	[FACT_IO] = { "io", add_io },
	[FACT_OPEN] = { "open", add_open },
	[FACT_CLOSE] = { "close", add_close },
	[FACT_EXEC] = { "exec", add_exec },
	[FACT_EXIT] = { "exit", add_exit },
	[FACT_LOSS] = { "loss", add_loss },
	[FACT_SUMMARY] = { "summary", add_summary },
	[FACT_SECRET] = { NULL, NULL }, /* goes nowhere but into a key log */
	[FACT_TLS] = { "tls", json_tls },
	[FACT_PLAINTEXT] = { "plaintext", json_plaintext },
};
_Static_assert(FACT_TYPES == FACT_PLAINTEXT + 1, "a writer for each");

void json_fact(struct buf *out, const struct out_options *options, const struct fact *fact)
{
	if (!types[fact->type].add)
		return;
	add_word_member(out, "{\"type\":", types[fact->type].name);
	buf_literal(out, ",\"time\":\"");
	json_time(out, fact->time + options->clock_offset);
	buf_char(out, '"');
	if (fact->pid)
		add_uint_member(out, ",\"pid\":", fact->pid);
	if (fact->tid)
		add_uint_member(out, ",\"tid\":", fact->tid);
	if (fact->comm && fact->comm[0])
		add_bytes_member(out, "comm", text_of(fact->comm));
	types[fact->type].add(out, fact);
	buf_literal(out, "}\n");
}
