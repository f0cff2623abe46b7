#ifndef _GNU_SOURCE
#define _GNU_SOURCE            /* strerrorname_np and its like: glibc 2.32 */
#endif
#include "out/out.h"

#include <ctype.h>
#include <signal.h>

const struct out_format out_formats[] = {
	{ .name = "text", .fact = text_fact },
	{ .name = "json", .fact = json_fact },
	{ .name = "keylog", .fact = keylog_fact, .facts = 1u << FACT_SECRET, .secret = true },
	{ 0 }
};

const char *const out_lost_names[LOST_KINDS] = {
	[LOST_DATA] = "data", [LOST_OPEN] = "open", [LOST_CLOSE] = "close",
	[LOST_EXEC] = "exec", [LOST_EXIT] = "exit", [LOST_UNTRACKED] = "untracked",
	[LOST_NESTED] = "nested"
};
_Static_assert(LOST_KINDS == LOST_NESTED + 1, "a name for each");

char *out_digits(char *to, uint64_t value, int count)
{
	for (int i = count - 1; i >= 0; i--) {
		to[i] = (char)('0' + value % 10);
		value /= 10;
	}
	return to + count;
}

/* In the Gregorian calendar, counted from 0000-03-01, so that a leap day ends a
 * year; an era of 400 years more keeps what comes before it positive. (Method:
 * H. Hinnant, "chrono-Compatible Low-Level Date Algorithms".) */
char *out_date(char *to, int64_t day)
{
	uint32_t since = (uint32_t)(day + 719468 + 146097), era = since / 146097;
	uint32_t of_era = since % 146097;
	uint32_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	uint32_t of_year = of_era - (365 * year + year / 4 - year / 100);
	uint32_t month = (5 * of_year + 2) / 153; /* from March */

	to = out_digits(to, era * 400 + year + (month >= 10) - 400, 4);
	*to++ = '-';
	to = out_digits(to, month < 10 ? month + 3 : month - 9, 2);
	*to++ = '-';
	return out_digits(to, of_year - (153 * month + 2) / 5 + 1, 2);
}

bool out_has_date(int64_t second)
{
	return second >= -62167219200 && second < 253402300800; /* 0000-01-01 to 9999-12-31 */
}

int64_t out_day(int64_t second)
{
	return second / 86400 - (second % 86400 < 0);
}

char *out_time_of_day(char *to, uint32_t second)
{
	to = out_digits(to, second / 3600, 2);
	*to++ = ':';
	to = out_digits(to, second / 60 % 60, 2);
	*to++ = ':';
	return out_digits(to, second % 60, 2);
}

/* The C library's words without the capital, if it is one and no acronym's. In
 * English whatever the locale: the output is read by programs too. */
void out_error(struct buf *out, uint32_t error)
{
	const char *words = error <= INT32_MAX ? strerrordesc_np((int)error) : NULL;

	if (!words) {
		buf_literal(out, "error ");
		buf_uint(out, error);
		return;
	}
	if (words[0] && !isupper((unsigned char)words[1])) {
		buf_char(out, (char)tolower((unsigned char)words[0]));
		words++;
	}
	buf_string(out, words);
}

const char *out_error_name(uint32_t error)
{
	return error <= INT32_MAX ? strerrorname_np((int)error) : NULL;
}

void out_signal(struct buf *out, int signal)
{
	const char *name = signal > 0 ? sigabbrev_np(signal) : NULL;

	buf_literal(out, "SIG");
	if (name) {
		buf_string(out, name);
	} else if (signal >= SIGRTMIN && signal <= SIGRTMAX) {
		buf_literal(out, "RTMIN+");
		buf_int(out, signal - SIGRTMIN);
	} else {
		buf_int(out, signal);
	}
}

static const char *const codes[] = {
	[STYLE_PLAIN] = "", [STYLE_DIM] = "\033[2m", [STYLE_RED] = "\033[31m",
	[STYLE_GREEN] = "\033[32m", [STYLE_YELLOW] = "\033[33m", [STYLE_CYAN] = "\033[36m"
};

void out_style(struct buf *out, const struct out_options *options, enum style style)
{
	if (options->colour && style != STYLE_PLAIN)
		buf_string(out, codes[style]);
}

void out_style_end(struct buf *out, const struct out_options *options, enum style style)
{
	if (options->colour && style != STYLE_PLAIN)
		buf_literal(out, "\033[0m");
}

void out_count(struct buf *out, uint64_t count, const char *one, const char *many)
{
	buf_uint_grouped(out, count);
	buf_char(out, ' ');
	buf_string(out, count == 1 ? one : many);
}

static void add_minutes(struct buf *out, uint64_t seconds)
{
	bool hours = seconds >= 7200;

	buf_uint_grouped(out, seconds / (hours ? 3600 : 60));
	buf_string(out, hours ? " h " : " min ");
	buf_uint(out, hours ? seconds / 60 % 60 : seconds % 60);
	buf_string(out, hours ? " min" : " s");
}

void out_duration(struct buf *out, uint64_t ns)
{
	static const struct { uint64_t ns; const char *name; } units[] = {
		{ 1, " ns" }, { 1000, " us" }, { 1000000, " ms" }, { 1000000000, " s" }
	};
	unsigned unit = 0, scale, hundredths;

	if (ns >= 120 * units[3].ns) {
		add_minutes(out, ns / units[3].ns);
		return;
	}
	while (unit < 3 && (ns + units[unit].ns / 2) / units[unit].ns >= 1000)
		unit++;
	scale = ns >= 100 * units[unit].ns ? 1 : ns >= 10 * units[unit].ns ? 10 : 100;
	ns = (ns * scale + units[unit].ns / 2) / units[unit].ns;
	buf_uint(out, ns / scale);
	hundredths = (unsigned)(ns % scale) * (100 / scale);
	if (hundredths) {
		buf_char(out, '.');
		buf_uint_pad(out, hundredths % 10 ? hundredths : hundredths / 10,
			     hundredths % 10 ? 2 : 1, '0');
	}
	buf_string(out, units[unit].name);
}

/* What was missed besides the streams' bytes, for the one who must act on it. */
static const char *const missed[LOST_KINDS][2] = {
	[LOST_DATA] = { NULL, NULL },
	[LOST_OPEN] = { "opening of a connection", "openings of connections" },
	[LOST_CLOSE] = { "closing of a connection", "closings of connections" },
	[LOST_EXEC] = { "launch of a program", "launches of programs" },
	[LOST_EXIT] = { "end of a program", "ends of programs" },
	[LOST_UNTRACKED] = { "socket for want of room", "sockets for want of room" },
	[LOST_NESTED] = { "kernel event inside another", "kernel events inside others" },
};

static bool lost_anything(const struct fact_summary *summary)
{
	bool any = summary->lost_bytes || summary->lost_events;

	for (int kind = 0; kind < LOST_KINDS; kind++)
		any |= summary->lost[kind] != 0;
	return any;
}

static void add_lost(struct buf *out, const struct fact_summary *summary)
{
	uint64_t events = summary->lost_events ? summary->lost_events : summary->lost[LOST_DATA];
	const char *between = "LOST: ";

	if (summary->lost_bytes || events) {
		buf_string(out, between);
		out_count(out, summary->lost_bytes, "byte", "bytes");
		buf_literal(out, " in ");
		out_count(out, events, "event", "events");
		buf_literal(out, " (the ring was full: a larger --ring, or -s, helps)");
		between = ", ";
	}
	for (int kind = 0; kind < LOST_KINDS; kind++) {
		if (!summary->lost[kind] || !missed[kind][0])
			continue;
		buf_string(out, between);
		out_count(out, summary->lost[kind], missed[kind][0], missed[kind][1]);
		between = ", ";
	}
}

static void add_remarks(struct buf *out, const struct fact_summary *summary)
{
	const char *between = "glasstap: ";

	if (summary->gap_bytes) {
		buf_string(out, between);
		out_count(out, summary->gap_bytes, "byte", "bytes");
		buf_literal(out, " moved but not shown (the reason stands at each place)");
		between = "; ";
	}
	if (summary->evicted) {
		buf_string(out, between);
		out_count(out, summary->evicted, "connection", "connections");
		buf_literal(out, " forgotten for want of room");
		between = "; ";
	}
	if (summary->malformed) {
		buf_string(out, between);
		out_count(out, summary->malformed, "event", "events");
		buf_literal(out, " made no sense");
		between = "; ";
	}
	if (between[0] == ';')
		buf_char(out, '\n');
}

void out_summary(struct buf *out, const struct out_options *options,
		 const struct fact_summary *summary)
{
	bool lost = lost_anything(summary);

	buf_literal(out, "glasstap: ");
	out_count(out, summary->events, "event", "events");
	buf_literal(out, ", ");
	out_count(out, summary->conns, "connection", "connections");
	buf_literal(out, ", ");
	out_count(out, summary->processes, "process", "processes");
	buf_literal(out, ", ");
	out_count(out, summary->bytes[DIR_OUT], "byte out", "bytes out");
	buf_literal(out, ", ");
	buf_uint_grouped(out, summary->bytes[DIR_IN]);
	buf_literal(out, " in, ");
	out_duration(out, summary->duration);
	buf_literal(out, "; ");
	out_style(out, options, lost ? STYLE_RED : STYLE_PLAIN);
	if (lost)
		add_lost(out, summary);
	else
		buf_literal(out, "nothing lost");
	out_style_end(out, options, lost ? STYLE_RED : STYLE_PLAIN);
	buf_char(out, '\n');
	add_remarks(out, summary);
}
