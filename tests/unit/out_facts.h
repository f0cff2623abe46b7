/* Facts for the tests of the outputs, and what every line of them begins with. */
#ifndef GLASSTAP_OUT_FACTS_H
#define GLASSTAP_OUT_FACTS_H

#include <stdlib.h>
#include <sys/socket.h>

#include "out/out.h"
#include "output_check.h"
#include "test.h"

#define S UINT64_C(1000000000)

/* 2026-02-28T23:34:56.789012345Z, one hour east: the next day there. */
static const struct out_options plain = { .clock_offset = 1772321696 * S, .zone_offset = 3600 };
static const struct out_options hex = { .clock_offset = 1772321696 * S, .zone_offset = 3600, .hex = true };
static const struct out_options colour = { .clock_offset = 1772321696 * S, .zone_offset = 3600, .colour = true };

static struct conn conn(void)
{
	return (struct conn){
		.number = 1, .fd = 5, .family = AF_INET, .transport = "tcp",
		.local = TEXT("127.0.0.1:40000"), .remote = TEXT("127.0.0.1:8088")
	};
}

static struct fact fact(enum fact_type type, const struct conn *conn)
{
	return (struct fact){
		.type = type, .time = 789012345, .pid = 1234, .tid = 1235, .comm = "curl", .conn = conn
	};
}

static const struct out_format *format(const char *name)
{
	const struct out_format *format = out_formats;

	while (format->name && strcmp(format->name, name) != 0)
		format++;
	return format;
}

static void check_fact(const char *name, const struct out_options *options,
		       const struct fact *fact, const char *wanted)
{
	struct buf out = { 0 };

	format(name)->fact(&out, options, fact);
	CHECK_TEXT(out, wanted);
	if (strcmp(name, "json") == 0)
		CHECK(check_json_line(out.data, out.len));
	else
		CHECK(check_terminal(out.data, out.len, options->colour));
	if (getenv("SHOW"))
		fwrite(out.data, 1, out.len, stderr);
	buf_free(&out);
}

#define HEAD "{\"type\":\""
#define WHO "\",\"time\":\"2026-02-28T23:34:56.789012345Z\",\"pid\":1234,\"tid\":1235,\"comm\":\"curl\""
#define SIDES ",\"local\":\"127.0.0.1:40000\",\"remote\":\"127.0.0.1:8088\""
#define TCP SIDES ",\"transport\":\"tcp\"}\n"
#define BEGIN "00:34:56.789012 curl[1234]            "

#endif
