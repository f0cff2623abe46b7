/* Lines for people. What we say is ASCII and begins in column 1, or with two
 * spaces where it tells of bytes that are missing; what the program's bytes say
 * is indented by four, so that no data can pass for a line of ours. */
#include "out/out.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/socket.h>

#include "base/escape.h"
#include "out/text_parts.h"

static void add_fd(struct buf *out, int fd)
{
	if (fd < 0)
		return;
	buf_literal(out, "  fd ");
	buf_uint(out, (uint64_t)fd);
}

static void add_io(struct buf *out, const struct out_options *options, const struct fact *fact)
{
	const struct fact_io *io = &fact->io;
	bool outward = io->dir == DIR_OUT;
	size_t start;

	text_begin(out, options, fact, outward ? "out" : "in", outward ? STYLE_CYAN : STYLE_GREEN);
	start = out->len;
	buf_uint_grouped(out, io->len);
	if (io->done || io->moved != io->len) {
		buf_literal(out, " (of ");
		buf_uint_grouped(out, io->moved);
		buf_literal(out, " from ");
		buf_uint_grouped(out, io->done);
		buf_char(out, ')');
	}
	if (fact->conn || io->peer.len)
		text_pad(out, start, SIZE_COLUMNS);
	text_sides(out, fact->conn, outward ? "->" : "<-", io->peer);
	out_style(out, options, STYLE_DIM);
	if (io->op) {
		buf_literal(out, "  ");
		buf_string(out, io->op);
	}
	add_fd(out, io->fd);
	out_style_end(out, options, STYLE_DIM);
	buf_char(out, '\n');
	text_data(out, options, io->data);
	text_gap(out, options, io->data.len, io->len, io->gap);
}

/* Who called whom is known of these two only. */
static const char *open_arrow(const char *kind)
{
	if (kind && strcmp(kind, "connect") == 0)
		return "->";
	return kind && strcmp(kind, "accept") == 0 ? "<-" : "<->";
}

#define INODE_ROOM sizeof("[4294967295]")

static struct text name_or_inode(struct text name, uint32_t inode, char room[INODE_ROOM])
{
	if (name.len || !inode)
		return name;
	return (struct text){ room, (size_t)snprintf(room, INODE_ROOM, "[%" PRIu32 "]", inode) };
}

/* An end of a unix socket without a name is known by its inode: by that the
 * lines of both ends can be told to belong together. */
static void add_ends(struct buf *out, const struct conn *conn, const char *arrow)
{
	char local[INODE_ROOM], remote[INODE_ROOM];
	struct conn named;

	if (conn && conn->family == AF_UNIX) {
		named = *conn;
		named.local = name_or_inode(conn->local, conn->inode, local);
		named.remote = name_or_inode(conn->remote, conn->peer_inode, remote);
		conn = &named;
	}
	text_sides(out, conn, arrow, TEXT(""));
}

/* Of one that was there before, which of the program's it is. */
static bool was_there(const char *kind)
{
	return kind && (strcmp(kind, "existing") == 0 || strcmp(kind, "listen") == 0);
}

static void add_open(struct buf *out, const struct out_options *options, const struct fact *fact)
{
	const struct fact_open *open = &fact->open;
	const struct conn *conn = fact->conn;

	text_begin(out, options, fact, open->kind ? open->kind : "open", open->error ? STYLE_RED : STYLE_PLAIN);
	add_ends(out, conn, open_arrow(open->kind));
	if (conn && conn->peer_pid) {
		buf_literal(out, "  peer pid ");
		buf_uint(out, conn->peer_pid);
	}
	if (conn && was_there(open->kind)) {
		out_style(out, options, STYLE_DIM);
		add_fd(out, conn->fd);
		out_style_end(out, options, STYLE_DIM);
	}
	if (open->error) {
		buf_literal(out, "  ");
		out_style(out, options, STYLE_RED);
		buf_literal(out, "failed: ");
		if (open->error == ECANCELED)
			buf_literal(out, OUT_UNANSWERED);
		else
			out_error(out, open->error);
		out_style_end(out, options, STYLE_RED);
	}
	if (open->latency >= 0) {
		buf_string(out, open->error ? " (" : "  ");
		out_duration(out, (uint64_t)open->latency);
		buf_string(out, open->error ? ")" : "");
	}
	buf_char(out, '\n');
}

static void add_close(struct buf *out, const struct out_options *options, const struct fact *fact)
{
	const struct fact_close *close = &fact->close;

	text_begin(out, options, fact, "close", close->error ? STYLE_RED : STYLE_PLAIN);
	buf_literal(out, "out ");
	buf_uint_grouped(out, close->bytes[DIR_OUT]);
	buf_literal(out, "  in ");
	buf_uint_grouped(out, close->bytes[DIR_IN]);
	if (close->duration >= 0) {
		buf_literal(out, "  ");
		out_duration(out, (uint64_t)close->duration);
	}
	if (close->reason || close->error) {
		buf_literal(out, "  ");
		out_style(out, options, close->error ? STYLE_RED : STYLE_PLAIN);
		if (close->reason)
			buf_string(out, close->reason);
		else
			out_error(out, close->error);
		out_style_end(out, options, close->error ? STYLE_RED : STYLE_PLAIN);
	}
	buf_char(out, '\n');
}

static bool shell_safe(struct text word)
{
	static const char safe[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				   "0123456789_@%+=:,./-";

	for (size_t i = 0; i < word.len; i++)
		if (!memchr(safe, word.data[i], sizeof(safe) - 1))
			return false;
	return word.len > 0;
}

/* As it can be given to bash again: word, 'a word', or $'a word\n' where it
 * takes escapes, of which $'' knows all that escape_text writes. */
static void add_argument(struct buf *out, struct text word)
{
	size_t start = out->len;
	bool escapes;

	if (shell_safe(word)) {
		buf_text(out, word);
		return;
	}
	escape_text(out, word);
	escapes = out->len - start != word.len;
	out->len = start;
	buf_string(out, escapes ? "$'" : "'");
	while (word.len) {
		const char *quote = memchr(word.data, '\'', word.len);
		struct text part = { word.data, quote ? (size_t)(quote - word.data) : word.len };

		escape_text(out, part);
		if (quote)
			buf_string(out, escapes ? "\\'" : "'\\''");
		word.data += part.len + (quote != NULL);
		word.len -= part.len + (quote != NULL);
	}
	buf_char(out, '\'');
}

static void add_argv(struct buf *out, struct text argv)
{
	const char *space = "  ";

	while (argv.len) {
		const char *nul = memchr(argv.data, '\0', argv.len);
		struct text word = { argv.data, nul ? (size_t)(nul - argv.data) : argv.len };
		size_t step = nul ? word.len + 1 : word.len;

		buf_string(out, space);
		add_argument(out, word);
		argv.data += step;
		argv.len -= step;
		space = " ";
	}
}

static void add_exec(struct buf *out, const struct out_options *options, const struct fact *fact)
{
	const struct fact_exec *exec = &fact->exec;

	text_begin(out, options, fact, "exec", STYLE_PLAIN);
	out_style(out, options, STYLE_DIM);
	if (exec->ppid) {
		buf_literal(out, "ppid ");
		buf_uint(out, exec->ppid);
		buf_literal(out, "  ");
	}
	buf_literal(out, "uid ");
	buf_uint(out, exec->uid);
	out_style_end(out, options, STYLE_DIM);
	if (exec->filename.len) {
		buf_literal(out, "  ");
		escape_text(out, exec->filename);
	}
	add_argv(out, exec->argv);
	if (exec->argv.len < exec->argv_len) {
		buf_literal(out, " ... ");
		buf_uint_grouped(out, exec->argv_len - exec->argv.len);
		buf_literal(out, " bytes of arguments not shown");
	}
	if (exec->cwd.len) {
		buf_literal(out, "  ");
		out_style(out, options, STYLE_DIM);
		buf_literal(out, "(cwd ");
		escape_text(out, exec->cwd);
		buf_char(out, ')');
		out_style_end(out, options, STYLE_DIM);
	}
	buf_char(out, '\n');
}

static void add_exit(struct buf *out, const struct out_options *options, const struct fact *fact)
{
	const struct fact_exit *exit = &fact->exit;

	text_begin(out, options, fact, "exit", exit->signal ? STYLE_RED : STYLE_PLAIN);
	if (exit->signal) {
		out_style(out, options, STYLE_RED);
		buf_literal(out, "killed by ");
		out_signal(out, exit->signal);
		if (exit->core)
			buf_literal(out, " (core dumped)");
		out_style_end(out, options, STYLE_RED);
	} else {
		buf_int(out, exit->status);
	}
	if (exit->duration >= 0) {
		buf_literal(out, "  after ");
		out_duration(out, (uint64_t)exit->duration);
	}
	buf_char(out, '\n');
}

static void add_loss(struct buf *out, const struct out_options *options, const struct fact *fact)
{
	const struct fact_loss *loss = &fact->loss;

	text_begin(out, options, fact, "LOST", STYLE_RED);
	out_style(out, options, STYLE_RED);
	if (loss->bytes) {
		out_count(out, loss->bytes, "byte", "bytes");
		buf_literal(out, " (");
	}
	out_count(out, loss->events, "event", "events");
	buf_string(out, loss->bytes ? ")" : "");
	if (loss->has_dir) {
		buf_string(out, loss->dir == DIR_OUT ? " out" : " in");
		buf_literal(out, " at offset ");
		buf_uint_grouped(out, loss->offset);
	}
	if (loss->where && strcmp(loss->where, "ring") == 0) {
		buf_literal(out, ": the ring was full");
	} else if (loss->where) {
		buf_literal(out, ": ");
		buf_string(out, loss->where);
	}
	out_style_end(out, options, STYLE_RED);
	buf_char(out, '\n');
}

static void add_nothing(struct buf *out, const struct out_options *options,
			const struct fact *fact)
{
	(void)out;
	(void)options;
	(void)fact;
}

static void (*const writers[FACT_TYPES])(struct buf *, const struct out_options *,
					 const struct fact *) = {
	[FACT_IO] = add_io, [FACT_OPEN] = add_open, [FACT_CLOSE] = add_close,
	[FACT_EXEC] = add_exec, [FACT_EXIT] = add_exit, [FACT_LOSS] = add_loss,
	[FACT_SUMMARY] = add_nothing, [FACT_SECRET] = add_nothing, [FACT_TLS] = text_tls,
	[FACT_PLAINTEXT] = text_plaintext
};
_Static_assert(FACT_TYPES == FACT_PLAINTEXT + 1, "a writer for each");

void text_fact(struct buf *out, const struct out_options *options, const struct fact *fact)
{
	writers[fact->type](out, options, fact);
}
