/* JSON lines. The member names are a promise to users: a name may be added,
 * none changed. What is not known is absent. */
#include "out/out.h"

#include <errno.h>
#include <sys/socket.h>

#include "base/base64.h"
#include "base/escape.h"

#define SECOND 1000000000u

/* A day's number since 1970-01-01 as year, month, day, in the Gregorian
 * calendar: counted from 0000-03-01, so that a leap day ends a year. (Method:
 * H. Hinnant, "chrono-Compatible Low-Level Date Algorithms".) */
static char *put_date(char *to, uint32_t day)
{
	uint32_t since = day + 719468, era = since / 146097, of_era = since % 146097;
	uint32_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	uint32_t of_year = of_era - (365 * year + year / 4 - year / 100);
	uint32_t month = (5 * of_year + 2) / 153; /* from March */

	to = out_digits(to, era * 400 + year + (month >= 10), 4);
	*to++ = '-';
	to = out_digits(to, month < 10 ? month + 3 : month - 9, 2);
	*to++ = '-';
	return out_digits(to, of_year - (153 * month + 2) / 5 + 1, 2);
}

/* RFC 3339. 64 bits of nanoseconds end in 2554: four digits are enough. */
static void add_time(struct buf *out, uint64_t time)
{
	uint64_t second = time / SECOND;
	char *to = buf_reserve(out, 30), *from = to;

	if (!to)
		return;
	to = put_date(to, (uint32_t)(second / 86400));
	*to++ = 'T';
	to = out_time_of_day(to, (uint32_t)(second % 86400));
	*to++ = '.';
	to = out_digits(to, time % SECOND, 9);
	*to++ = 'Z';
	out->len += (size_t)(to - from);
}

/* `key` is the whole `,"name":`. */
#define add_uint_member(out, key, value) (buf_literal(out, key), buf_uint(out, value))

/* A string of ours: nothing in it needs an escape. */
#define add_word_member(out, key, word)                                        \
	(buf_literal(out, key "\""), buf_string(out, word), buf_char(out, '"'))

static void add_quoted(struct buf *out, struct text bytes, bool valid)
{
	buf_char(out, '"');
	if (valid)
		escape_json(out, bytes);
	else
		base64(out, bytes);
	buf_char(out, '"');
}

/* `key` or `key_base64`, as the bytes need. */
#define add_bytes_member(out, key, bytes) add_bytes(out, TEXT(",\"" key), bytes)

static inline void add_bytes(struct buf *out, struct text key, struct text bytes)
{
	bool valid = utf8_valid(bytes);

	buf_text(out, key);
	buf_text(out, valid ? TEXT("\":") : TEXT("_base64\":"));
	add_quoted(out, bytes, valid);
}

/* Exactly `ns`, in units of 10^digits ns: no less than 3 decimals. */
static void add_decimal(struct buf *out, uint64_t ns, int digits)
{
	uint64_t unit = digits == 6 ? 1000000 : SECOND;
	char decimals[9];

	buf_uint(out, ns / unit);
	buf_char(out, '.');
	out_digits(decimals, ns % unit, digits);
	while (digits > 3 && decimals[digits - 1] == '0')
		digits--;
	buf_add(out, decimals, (size_t)digits);
}

#define add_ms_member(out, key, ns)                                            \
	((ns) < 0 ? (void)0 : (buf_literal(out, key), add_decimal(out, (uint64_t)(ns), 6)))

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

static void add_conn(struct buf *out, const struct conn *conn)
{
	if (!conn)
		return;
	buf_literal(out, ",\"conn\":\"c");
	buf_uint(out, conn->number);
	buf_char(out, '"');
}

static void add_fd(struct buf *out, int fd)
{
	if (fd >= 0)
		add_uint_member(out, ",\"fd\":", (uint64_t)fd);
}

static void add_dir(struct buf *out, uint8_t dir)
{
	buf_text(out, dir == DIR_OUT ? TEXT(",\"dir\":\"out\"") : TEXT(",\"dir\":\"in\""));
}

static void add_transport(struct buf *out, const struct conn *conn)
{
	if (conn && conn->transport)
		add_word_member(out, ",\"transport\":", conn->transport);
}

/* `peer`: the other side of this one datagram, if it has a length. */
static void add_sides(struct buf *out, const struct conn *conn, struct text peer)
{
	if (conn && conn->local.len)
		add_bytes_member(out, "local", conn->local);
	if (peer.len)
		add_bytes_member(out, "remote", peer);
	else if (conn && conn->remote.len)
		add_bytes_member(out, "remote", conn->remote);
}

static void add_io(struct buf *out, const struct fact *fact)
{
	const struct fact_io *io = &fact->io;

	add_conn(out, fact->conn);
	add_fd(out, io->fd);
	if (io->op)
		add_word_member(out, ",\"op\":", io->op);
	add_dir(out, io->dir);
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
	add_sides(out, fact->conn, io->peer);
	add_transport(out, fact->conn);
}

static void add_open(struct buf *out, const struct fact *fact)
{
	const struct conn *conn = fact->conn;

	add_conn(out, conn);
	if (fact->open.kind)
		add_word_member(out, ",\"kind\":", fact->open.kind);
	add_transport(out, conn);
	add_sides(out, conn, TEXT(""));
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

	add_conn(out, fact->conn);
	add_uint_member(out, ",\"bytes_out\":", close->bytes[DIR_OUT]);
	add_uint_member(out, ",\"bytes_in\":", close->bytes[DIR_IN]);
	add_ms_member(out, ",\"duration_ms\":", close->duration);
	if (close->reason)
		add_word_member(out, ",\"reason\":", close->reason);
	add_sides(out, fact->conn, TEXT(""));
	add_transport(out, fact->conn);
	add_error(out, close->error);
}

/* One argument that is not valid makes them all base64: a NUL between two ends
 * any character, so they can be judged at once. */
static void add_argv(struct buf *out, struct text argv)
{
	bool valid = utf8_valid(argv);

	buf_text(out, valid ? TEXT(",\"argv\":[") : TEXT(",\"argv_base64\":["));
	while (argv.len) {
		const char *nul = memchr(argv.data, '\0', argv.len);
		size_t len = nul ? (size_t)(nul - argv.data) : argv.len;
		size_t step = nul ? len + 1 : len;

		add_quoted(out, (struct text){ argv.data, len }, valid);
		argv.data += step;
		argv.len -= step;
		if (argv.len)
			buf_char(out, ',');
	}
	buf_char(out, ']');
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
		add_argv(out, exec->argv);
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

	add_conn(out, fact->conn);
	if (loss->has_dir) {
		add_dir(out, loss->dir);
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
	add_decimal(out, summary->duration, 9);
}

static void add_nothing(struct buf *out, const struct fact *fact)
{
	(void)out;
	(void)fact;
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
	[FACT_SECRET] = { "secret", add_nothing },
	[FACT_TLS] = { "tls", add_nothing },
	[FACT_PLAINTEXT] = { "plaintext", add_nothing },
};
_Static_assert(FACT_TYPES == FACT_PLAINTEXT + 1, "a writer for each");

void json_fact(struct buf *out, const struct out_options *options, const struct fact *fact)
{
	add_word_member(out, "{\"type\":", types[fact->type].name);
	buf_literal(out, ",\"time\":\"");
	add_time(out, fact->time + options->clock_offset);
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
