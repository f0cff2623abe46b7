#include <errno.h>
#include <signal.h>

#include "out_facts.h"

static struct fact io_fact(const struct conn *conn, const void *data, size_t len)
{
	struct fact io = fact(FACT_IO, conn);

	io.io = (struct fact_io){
		.op = "sendto", .dir = DIR_OUT, .fd = 5, .len = len, .moved = len, .data = { data, len }
	};
	return io;
}

#define IO HEAD "io" WHO ",\"conn\":\"c1\",\"fd\":5,\"op\":\"sendto\",\"dir\":\"out\""
#define SENDTO "127.0.0.1:40000 -> 127.0.0.1:8088  sendto  fd 5\n"

#define GET "GET / HTTP/1.1\r\nHost: x\r\nCookie: a\\b\x1b[1m\r\n\r\n"

TEST(io_whole)
{
	struct conn c = conn();
	struct fact io = io_fact(&c, GET, sizeof(GET) - 1);

	check_fact("text", &plain, &io, BEGIN "c1    out       44       tcp " SENDTO
		   "    GET / HTTP/1.1\n    Host: x\n    Cookie: a\\\\b\\x1b[1m\n\n");
	check_fact("json", &plain, &io, IO ",\"offset\":0,\"len\":44,\"data\":\"GET / HTTP/1.1\\r\\n"
		   "Host: x\\r\\nCookie: a\\\\b\\u001b[1m\\r\\n\\r\\n\"" TCP);
}

TEST(io_in_with_colour)
{
	struct conn c = conn();
	struct fact io = io_fact(&c, "hi", 2);

	io.io.dir = DIR_IN;
	check_fact("text", &colour, &io, "\033[2m00:34:56.789012\033[0m curl[1234]            c1    "
		   "\033[32min\033[0m        2        tcp 127.0.0.1:40000 <- 127.0.0.1:8088"
		   "\033[2m  sendto  fd 5\033[0m\n    hi\n");
}

TEST(io_piece_cut)
{
	struct conn c = conn();
	struct fact io = io_fact(&c, "0123456789", 10);

	io.io.offset = 7777;
	io.io.len = 65536;
	io.io.done = 65536;
	io.io.moved = 1000000;
	io.io.gap = "cut";
	check_fact("text", &plain, &io, BEGIN "c1    out       65,536 (of 1,000,000 from 65,536) tcp " SENDTO
		   "    0123456789\n  ... 65,526 of 65,536 bytes not shown (-s)\n");
	check_fact("json", &plain, &io, IO ",\"offset\":7777,\"len\":65536,\"data\":\"0123456789\",\"truncated\":true,"
		   "\"gap\":\"cut\",\"call_len\":1000000,\"call_offset\":65536" TCP);
}

TEST(io_nothing_captured)
{
	struct conn c = conn();
	struct fact io = io_fact(&c, NULL, 0);

	io.io.len = io.io.moved = 1024;
	io.io.gap = "sendfile";
	check_fact("text", &plain, &io, BEGIN "c1    out       1,024    tcp " SENDTO
		   "  ... 1,024 bytes not shown: sendfile\n");
	check_fact("json", &plain, &io, IO ",\"offset\":0,\"len\":1024,\"truncated\":true,\"gap\":\"sendfile\"" TCP);
}

TEST(io_empty_datagram_to_a_peer)
{
	struct conn c = conn();
	struct fact io = io_fact(&c, "", 0);

	c.transport = "udp";
	c.remote.len = 0;
	io.io.peer = TEXT("[::1]:53");
	io.io.fd = -1;
	io.io.op = NULL;
	check_fact("text", &plain, &io, BEGIN "c1    out       0        udp 127.0.0.1:40000 -> [::1]:53\n");
	check_fact("json", &plain, &io, HEAD "io" WHO ",\"conn\":\"c1\",\"dir\":\"out\",\"offset\":0,\"len\":0,"
		   "\"data\":\"\",\"local\":\"127.0.0.1:40000\",\"remote\":\"[::1]:53\",\"transport\":\"udp\"}\n");
}

TEST(io_all_unknown)
{
	struct fact io = io_fact(NULL, "x", 1);

	io.pid = io.tid = 0;
	io.comm = NULL;
	io.io.fd = -1;
	io.io.op = NULL;
	check_fact("text", &plain, &io, "00:34:56.789012 -                     -     out       1\n    x\n");
	check_fact("json", &plain, &io, HEAD "io\",\"time\":\"2026-02-28T23:34:56.789012345Z\",\"dir\":\"out\","
		   "\"offset\":0,\"len\":1,\"data\":\"x\"}\n");
}

TEST(io_bytes_that_are_no_text)
{
	struct conn c = conn();
	struct fact io = io_fact(&c, "\xff\0\1", 3);

	c.local = TEXT("/run/\xff");
	c.remote = TEXT("\0abstract");
	c.transport = "unix";
	io.comm = "\xe9t\xe9\033";
	check_fact("text", &plain, &io, "00:34:56.789012 \\xe9t\\xe9\\x1b[1234]   c1    out       3        "
		   "unix /run/\\xff -> \\x00abstract  sendto  fd 5\n    \\xff\\x00\\x01\n");
	check_fact("json", &plain, &io, HEAD "io\",\"time\":\"2026-02-28T23:34:56.789012345Z\",\"pid\":1234,"
		   "\"tid\":1235,\"comm_base64\":\"6XTpGw==\",\"conn\":\"c1\",\"fd\":5,\"op\":\"sendto\",\"dir\":\"out\","
		   "\"offset\":0,\"len\":3,\"data_base64\":\"/wAB\",\"local_base64\":\"L3J1bi//\","
		   "\"remote\":\"\\u0000abstract\",\"transport\":\"unix\"}\n");
}

TEST(text_lines)
{
	static const struct { const char *data, *shown; } known[] = {
		{ "a", "    a\n" }, { "a\n", "    a\n" }, { "a\r\n", "    a\n" },
		{ "\n", "\n" }, { "\r\n\r\n", "\n\n" }, { "a\n\nb", "    a\n\n    b\n" },
		{ "a\rb\r\r\nc\r", "    a\\rb\\r\n    c\\r\n" }, { "tab\there", "    tab\\there\n" },
		{ "  \n", "      \n" },
		{ "\1\n\2\n", "    \\x01\\n\\x02\\n\n" },
		{ "HTTP/1.1 200 OK\r\n\r\n\x1f\x8b\n\x80\r\n\xff", "    HTTP/1.1 200 OK\n\n    \\x1f\\x8b\\n\\x80\\r\\n\\xff\n" },
		{ "mostly text\x01\nwith a stray byte\n", "    mostly text\\x01\n    with a stray byte\n" },
	};
	struct conn c = conn();

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		struct fact io = io_fact(&c, known[i].data, strlen(known[i].data));
		struct buf out = { 0 };
		const char *behind;

		format("text")->fact(&out, &plain, &io);
		behind = memchr(out.data, '\n', out.len);
		REQUIRE(behind != NULL);
		behind++;
		CHECK_BYTES(behind, (size_t)(out.data + out.len - behind), known[i].shown, strlen(known[i].shown));
		buf_free(&out);
	}
}

TEST(binary_is_wrapped_at_100)
{
	struct conn c = conn();
	struct fact io;
	char data[50], wanted[512];

	memset(data, 0, sizeof(data));
	io = io_fact(&c, data, sizeof(data));
	strcpy(wanted, BEGIN "c1    out       50       tcp " SENDTO "    ");
	for (int i = 0; i < 50; i++)
		strcat(wanted, i == 24 || i == 48 ? "\n    \\x00" : "\\x00");
	strcat(wanted, "\n");
	check_fact("text", &plain, &io, wanted);
}

TEST(hex_dump)
{
	struct conn c = conn();
	struct fact io = io_fact(&c, "GET / HTTP/1.1\r\n\x7f~\x80", 19);

	io.io.offset = 4096;
	check_fact("text", &hex, &io, BEGIN "c1    out       19       tcp " SENDTO
		   "    00000000: 4745 5420 2f20 4854 5450 2f31 2e31 0d0a  GET / HTTP/1.1..\n"
		   "    00000010: 7f7e 80                                  .~.\n");
}

TEST(open_connected)
{
	struct conn c = conn();
	struct fact open = fact(FACT_OPEN, &c);

	open.open = (struct fact_open){ "connect", 123456, 0 };
	check_fact("text", &plain, &open, BEGIN "c1    connect   tcp 127.0.0.1:40000 -> 127.0.0.1:8088  123 us\n");
	check_fact("json", &plain, &open, HEAD "open" WHO ",\"conn\":\"c1\",\"kind\":\"connect\",\"transport\":\"tcp\""
		   SIDES ",\"fd\":5,\"latency_ms\":0.123456}\n");
}

TEST(open_failed)
{
	struct conn c = conn();
	struct fact open = fact(FACT_OPEN, &c);

	c.local.len = 0;
	c.fd = -1;
	open.open = (struct fact_open){ "connect", 50000, ECONNREFUSED };
	check_fact("text", &plain, &open, BEGIN "c1    connect   tcp -> 127.0.0.1:8088  failed: connection refused (50 us)\n");
	check_fact("text", &colour, &open, "\033[2m00:34:56.789012\033[0m curl[1234]            c1    "
		   "\033[31mconnect\033[0m   tcp -> 127.0.0.1:8088  \033[31mfailed: connection refused\033[0m (50 us)\n");
	check_fact("json", &plain, &open, HEAD "open" WHO ",\"conn\":\"c1\",\"kind\":\"connect\",\"transport\":\"tcp\","
		   "\"remote\":\"127.0.0.1:8088\",\"latency_ms\":0.050,\"error\":\"connection refused\","
		   "\"errno\":\"ECONNREFUSED\"}\n");
	open.open.error = ECANCELED;
	check_fact("text", &plain, &open, BEGIN "c1    connect   tcp -> 127.0.0.1:8088  failed: closed before it was answered (50 us)\n");
	check_fact("json", &plain, &open, HEAD "open" WHO ",\"conn\":\"c1\",\"kind\":\"connect\",\"transport\":\"tcp\","
		   "\"remote\":\"127.0.0.1:8088\",\"latency_ms\":0.050,\"error\":\"closed before it was answered\"}\n");
	open.open = (struct fact_open){ NULL, -1, 4711 };
	check_fact("text", &plain, &open, BEGIN "c1    open      tcp <-> 127.0.0.1:8088  failed: error 4711\n");
	check_fact("json", &plain, &open, HEAD "open" WHO ",\"conn\":\"c1\",\"transport\":\"tcp\","
		   "\"remote\":\"127.0.0.1:8088\",\"error\":\"error 4711\"}\n");
}

TEST(open_of_every_kind)
{
	struct conn c = conn();
	struct fact open = fact(FACT_OPEN, &c);

	open.open = (struct fact_open){ "accept", -1, 0 };
	check_fact("text", &plain, &open, BEGIN "c1    accept    tcp 127.0.0.1:40000 <- 127.0.0.1:8088\n");
	open.open.kind = "existing";
	check_fact("text", &plain, &open, BEGIN "c1    existing  tcp 127.0.0.1:40000 <-> 127.0.0.1:8088  fd 5\n");
	open.open.kind = "listen";
	c.remote.len = 0;
	check_fact("text", &plain, &open, BEGIN "c1    listen    tcp 127.0.0.1:40000  fd 5\n");
	c = (struct conn){ .number = 1234567, .fd = 3, .family = AF_UNIX, .transport = "unix", .inode = 99,
			   .peer_pid = 812, .remote = TEXT("/run/x.sock") };
	open.open.kind = "connect";
	check_fact("text", &plain, &open, BEGIN "c1234567 connect   unix [99] -> /run/x.sock  peer pid 812\n");
	check_fact("json", &plain, &open, HEAD "open" WHO ",\"conn\":\"c1234567\",\"kind\":\"connect\","
		   "\"transport\":\"unix\",\"remote\":\"/run/x.sock\",\"fd\":3,\"inode\":99,\"peer_pid\":812}\n");
	c.remote.len = 0;
	c.peer_inode = UINT32_MAX;
	open.open.kind = "pair";
	check_fact("text", &plain, &open, BEGIN "c1234567 pair      unix [99] <-> [4294967295]  peer pid 812\n");
	check_fact("json", &plain, &open, HEAD "open" WHO ",\"conn\":\"c1234567\",\"kind\":\"pair\","
		   "\"transport\":\"unix\",\"fd\":3,\"inode\":99,\"peer_inode\":4294967295,\"peer_pid\":812}\n");
}

TEST(close_with_sums)
{
	struct conn c = conn();
	struct fact close = fact(FACT_CLOSE, &c);

	close.close = (struct fact_close){ { 78, 1234 }, S / 2, "closed by the other side", 0 };
	check_fact("text", &plain, &close, BEGIN "c1    close     out 78  in 1,234  500 ms  closed by the other side\n");
	check_fact("json", &plain, &close, HEAD "close" WHO ",\"conn\":\"c1\",\"bytes_out\":78,\"bytes_in\":1234,"
		   "\"duration_ms\":500.000,\"reason\":\"closed by the other side\"" TCP);
	close.close = (struct fact_close){ { 0, 0 }, -1, NULL, ECONNRESET };
	check_fact("text", &plain, &close, BEGIN "c1    close     out 0  in 0  connection reset by peer\n");
	check_fact("json", &plain, &close, HEAD "close" WHO ",\"conn\":\"c1\",\"bytes_out\":0,\"bytes_in\":0" SIDES ",\"transport\":\"tcp\","
		   "\"error\":\"connection reset by peer\",\"errno\":\"ECONNRESET\"}\n");
}

TEST(exec_with_arguments)
{
	static const char argv[] = "curl\0-H\0a: 'b'\0\0x\ny'\\\0gr\xc3\xbc\xc3\x9f";
	struct fact exec = fact(FACT_EXEC, NULL);

	exec.exec = (struct fact_exec){ 1, 0, TEXT("/usr/bin/curl"), TEXT("/root"), { argv, sizeof(argv) }, sizeof(argv) };
	check_fact("text", &plain, &exec, BEGIN "-     exec      ppid 1  uid 0  /usr/bin/curl  curl -H 'a: '\\''b'\\''' '' "
		   "$'x\\ny\\'\\\\' 'gr\xc3\xbc\xc3\x9f'  (cwd /root)\n");
	check_fact("json", &plain, &exec, HEAD "exec" WHO ",\"ppid\":1,\"uid\":0,\"cwd\":\"/root\","
		   "\"filename\":\"/usr/bin/curl\",\"argv\":[\"curl\",\"-H\",\"a: 'b'\",\"\",\"x\\ny'\\\\\",\"gr\xc3\xbc\xc3\x9f\"]}\n");
}

TEST(exec_cut_and_not_text)
{
	static const char argv[] = "a\0\xff" "b";
	struct fact exec = fact(FACT_EXEC, NULL);

	exec.exec = (struct fact_exec){ 0, 7, TEXT("/\xff"), TEXT("\xfe"), { argv, sizeof(argv) - 1 }, 5000 };
	check_fact("text", &plain, &exec, BEGIN "-     exec      uid 7  /\\xff  a $'\\xffb' ... 4,996 bytes of arguments "
		   "not shown  (cwd \\xfe)\n");
	check_fact("json", &plain, &exec, HEAD "exec" WHO ",\"uid\":7,\"cwd_base64\":\"/g==\",\"filename_base64\":\"L/8=\","
		   "\"argv_base64\":[\"YQ==\",\"/2I=\"],\"truncated\":true}\n");
}

TEST(exit_by_itself_and_killed)
{
	struct fact exit = fact(FACT_EXIT, NULL);

	exit.exit = (struct fact_exit){ 7, 0, false, 12345678 };
	check_fact("text", &plain, &exit, BEGIN "-     exit      7  after 12.3 ms\n");
	check_fact("json", &plain, &exit, HEAD "exit" WHO ",\"status\":7,\"duration_ms\":12.345678}\n");
	exit.exit = (struct fact_exit){ 0, SIGSEGV, true, 3 * S };
	check_fact("text", &plain, &exit, BEGIN "-     exit      killed by SIGSEGV (core dumped)  after 3 s\n");
	check_fact("json", &plain, &exit, HEAD "exit" WHO ",\"signal\":\"SIGSEGV\",\"core\":true,\"duration_ms\":3000.000}\n");
	exit.exit = (struct fact_exit){ 0, SIGRTMIN + 3, false, -1 };
	check_fact("text", &plain, &exit, BEGIN "-     exit      killed by SIGRTMIN+3\n");
	exit.exit.signal = 99;
	check_fact("json", &plain, &exit, HEAD "exit" WHO ",\"signal\":\"SIG99\"}\n");
}

TEST(loss_of_a_stream_and_of_none)
{
	struct conn c = conn();
	struct fact loss = fact(FACT_LOSS, &c);

	loss.loss = (struct fact_loss){ DIR_OUT, true, 777, 12345, 3, "ring" };
	check_fact("text", &plain, &loss, BEGIN "c1    LOST      12,345 bytes (3 events) out at offset 777: the ring was full\n");
	check_fact("json", &plain, &loss, HEAD "loss" WHO ",\"conn\":\"c1\",\"dir\":\"out\",\"offset\":777,"
		   "\"bytes\":12345,\"events\":3,\"where\":\"ring\"}\n");
	loss = fact(FACT_LOSS, NULL);
	loss.pid = loss.tid = 0;
	loss.comm = "";
	loss.loss = (struct fact_loss){ 0, false, 0, 0, 1, NULL };
	check_fact("text", &plain, &loss, "00:34:56.789012 -                     -     LOST      1 event\n");
	check_fact("json", &plain, &loss, HEAD "loss\",\"time\":\"2026-02-28T23:34:56.789012345Z\",\"bytes\":0,\"events\":1}\n");
}

static void check_summary(const struct fact_summary *summary, const char *text, const char *json)
{
	struct fact fact = { .type = FACT_SUMMARY, .time = 0, .summary = *summary };
	struct buf out = { 0 };

	out_summary(&out, &plain, summary);
	CHECK_TEXT(out, text);
	CHECK(check_terminal(out.data, out.len, false));
	check_fact("json", &plain, &fact, json);
	check_fact("text", &plain, &fact, "");
	buf_free(&out);
}

TEST(summary_of_nothing_lost_and_of_all)
{
	struct fact_summary summary = {
		.events = 1234, .bytes = { 78, 1234 }, .captured = 1312, .conns = 12, .processes = 1, .duration = 3 * S / 2
	};

	check_summary(&summary, "glasstap: 1,234 events, 12 connections, 1 process, 78 bytes out, 1,234 in, 1.5 s; nothing lost\n",
		      HEAD "summary\",\"time\":\"2026-02-28T23:34:56.000000000Z\",\"events\":1234,\"bytes_out\":78,"
		      "\"bytes_in\":1234,\"captured\":1312,\"gap_bytes\":0,\"lost_bytes\":0,\"lost_events\":0,\"lost\":{},"
		      "\"evicted\":0,\"malformed\":0,\"connections\":12,\"processes\":1,\"seconds\":1.500}\n");
	summary = (struct fact_summary){
		.events = 1, .bytes = { 1, 0 }, .gap_bytes = 1024, .cut_bytes = 2048, .lost_bytes = 12345, .lost_events = 3,
		.lost = { [LOST_DATA] = 3, [LOST_OPEN] = 1, [LOST_CLOSE] = 2, [LOST_EXIT] = 1, [LOST_UNTRACKED] = 5, [LOST_NESTED] = 6 },
		.evicted = 1, .malformed = 2, .conns = 1, .duration = 3725 * S + 1
	};
	check_summary(&summary, "glasstap: 1 event, 1 connection, 0 processes, 1 byte out, 0 in, 62 min 5 s; "
		      "LOST: 12,345 bytes in 3 events (the ring was full: a larger --ring, or -s, helps), 1 opening of a connection, 2 closings of connections, 1 end of a program, "
		      "5 sockets for want of room, 6 kernel events inside others\n"
		      "glasstap: 1,024 bytes moved but not shown (the reason stands at each place); 1 connection forgotten for "
		      "want of room; 2 events made no sense\n",
		      HEAD "summary\",\"time\":\"2026-02-28T23:34:56.000000000Z\",\"events\":1,\"bytes_out\":1,\"bytes_in\":0,"
		      "\"captured\":0,\"gap_bytes\":1024,\"cut_bytes\":2048,\"lost_bytes\":12345,\"lost_events\":3,\"lost\":{\"data\":3,\"open\":1,"
		      "\"close\":2,\"exit\":1,\"untracked\":5,\"nested\":6},\"evicted\":1,\"malformed\":2,\"connections\":1,"
		      "\"processes\":0,\"seconds\":3725.000000001}\n");
}

TEST(summary_of_tls)
{
	struct fact_summary summary = {
		.events = 9, .tls = { .handshakes = 1, .records = 7, .bytes = { 1, 1234 } }
	};

#define NINE "glasstap: 9 events, 0 connections, 0 processes, 0 bytes out, 0 in, 0 ns; "
#define NINE_JSON HEAD "summary\",\"time\":\"2026-02-28T23:34:56.000000000Z\",\"events\":9,\"bytes_out\":0,\"bytes_in\":0," \
	"\"captured\":0,\"gap_bytes\":0,\"lost_bytes\":0,\"lost_events\":0,\"lost\":{},\"evicted\":0,\"malformed\":0," \
	"\"connections\":0,\"processes\":0,"
	check_summary(&summary, NINE "nothing lost\nglasstap: TLS: 1 handshake, in the clear 1 byte out, 1,234 in\n",
		      NINE_JSON "\"tls\":{\"handshakes\":1,\"records\":7,\"bytes_out\":1,\"bytes_in\":1234,\"missing_out\":0,"
		      "\"missing_in\":0,\"failed\":0,\"unseen\":0,\"dropped\":0,\"evicted\":0},\"seconds\":0.000}\n");
	summary.lost_secrets = 2;
	summary.tls = (struct fact_tls_sums){ 3, 7, { 0, 5 }, { 100, 20 }, 1, 2, 4096, 5 };
	check_summary(&summary, NINE "LOST: 2 keys of TLS\nglasstap: TLS: 3 handshakes, in the clear 0 bytes out, 5 in; "
		      "2 connections not all in the clear, 120 bytes missing, 4,096 bytes of ciphertext without a key, "
		      "1 record that failed its check, 5 connections forgotten for want of room\n",
		      NINE_JSON "\"lost_secrets\":2,\"tls\":{\"handshakes\":3,\"records\":7,\"bytes_out\":0,\"bytes_in\":5,\"missing_out\":100,"
		      "\"missing_in\":20,\"failed\":1,\"unseen\":2,\"dropped\":4096,\"evicted\":5},\"seconds\":0.000}\n");
}

TEST(durations)
{
	static const struct { uint64_t ns; const char *shown; } known[] = {
		{ 0, "0 ns" }, { 999, "999 ns" }, { 1000, "1 us" }, { 1234, "1.23 us" }, { 1050, "1.05 us" },
		{ 12349, "12.3 us" }, { 999499, "999 us" }, { 999500, "1 ms" }, { 9999999, "10 ms" },
		{ S - 1, "1 s" }, { 59 * S, "59 s" }, { 119 * S + S / 2, "120 s" }, { 120 * S, "2 min 0 s" },
		{ 7200 * S, "2 h 0 min" }, { UINT64_MAX, "5,124,095 h 34 min" }
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		struct buf out = { 0 };

		out_duration(&out, known[i].ns);
		CHECK_TEXT(out, known[i].shown);
		buf_free(&out);
	}
}

TEST(dates)
{
	static const struct { uint64_t second; const char *date; } known[] = {
		{ 0, "1970-01-01T00:00:00" }, { 951782399, "2000-02-28T23:59:59" }, { 951782400, "2000-02-29T00:00:00" },
		{ 951868800, "2000-03-01T00:00:00" }, { 1735689599, "2024-12-31T23:59:59" },
		{ 1735689600, "2025-01-01T00:00:00" }, { 4107542400, "2100-03-01T00:00:00" }, { 4107542399, "2100-02-28T23:59:59" },
	};
	struct fact exit = fact(FACT_EXIT, NULL);

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		struct out_options options = { .clock_offset = known[i].second * S };
		struct buf out = { 0 };

		format("json")->fact(&out, &options, &exit);
		REQUIRE(out.len > 50);
		CHECK_BYTES(out.data + sizeof("{\"type\":\"exit\",\"time\":\"") - 1, 19, known[i].date, 19);
		buf_free(&out);
	}
}

TEST(zones)
{
	static const struct { int64_t zone; const char *clock; } known[] = {
		{ 0, "23:34:56" }, { -86399, "23:34:57" }, { -3600 * 12, "11:34:56" }, { 20700, "05:19:56" },
		{ INT64_MAX, "15:05:03" }, { INT64_MIN, "08:04:48" }
	};
	struct fact exit = fact(FACT_EXIT, NULL);

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		struct out_options options = { .clock_offset = 1772321696 * S, .zone_offset = known[i].zone };
		struct buf out = { 0 };

		format("text")->fact(&out, &options, &exit);
		CHECK_BYTES(out.data, 8, known[i].clock, 8);
		buf_free(&out);
	}
}

/* Whatever is in the data, names and paths, the output stays what it must be. */
TEST(random_bytes_are_safe)
{
	uint64_t state = 5;

	for (int i = 0; i < 4000; i++) {
		char bytes[1500], comm[EVENT_COMM];
		size_t len = test_random(&state) % (i % 16 ? 200 : sizeof(bytes)), part = len / 3;
		unsigned printable = (unsigned)test_random(&state) % 101;
		struct conn c = conn();
		struct fact facts[2] = { io_fact(&c, bytes, len), fact(FACT_EXEC, NULL) };

		for (size_t at = 0; at < sizeof(bytes); at++) {
			uint64_t random = test_random(&state);

			bytes[at] = (char)(random >> 32);
			if (random % 100 < printable)
				bytes[at] = "ab \n\r\\'\xc2\x9b"[random / 100 % 9];
		}
		memcpy(comm, bytes + 600, sizeof(comm));
		comm[sizeof(comm) - 1] = '\0';
		c.local = (struct text){ bytes + 300, test_random(&state) % 108 };
		c.remote = (struct text){ bytes + 450, test_random(&state) % 108 };
		facts[0].comm = facts[1].comm = comm;
		facts[1].exec.filename = facts[1].exec.cwd = c.local;
		facts[1].exec.argv = (struct text){ bytes, part };
		for (int which = 0; which < 2; which++) {
			struct buf out = { 0 };

			json_fact(&out, &plain, &facts[which]);
			CHECK(check_json_line(out.data, out.len));
			out.len = 0;
			text_fact(&out, i % 2 ? &plain : &hex, &facts[which]);
			CHECK(check_terminal(out.data, out.len, false));
			CHECK(check_indent(out.data, out.len));
			out.len = 0;
			text_fact(&out, &colour, &facts[which]);
			CHECK(check_terminal(out.data, out.len, true));
			buf_free(&out);
		}
	}
}

TEST_MAIN()
