#include <netinet/in.h>
#include <signal.h>

#include "failing.h"
#include "flow_events.h"

static struct trace trace;

TEST(flow_shows_a_connection)
{
	struct event_open open = open_event(7, OPEN_CONNECT);
	struct event_close close = close_event(7, 5, 2);

	trace_begin(&trace);
	CHECK_EQ(SEND(&trace, open), 0);
	CHECK_EQ(say(&trace, 7, DIR_OUT, 0, "hello"), 0);
	CHECK_EQ(say(&trace, 7, DIR_IN, 0, "ok"), 0);
	CHECK_EQ(SEND(&trace, close), 0);
	CHECK_SAID(&trace, "open c1 connect tcp 10.0.0.2:5000 > 10.0.0.1:80 latency=100\n"
			   "io c1 out 0+5 write 'hello'\n"
			   "io c1 in 0+2 read 'ok'\n"
			   "close c1 5 > 2 closed here duration=1100\n");
	trace_end(&trace);
}

TEST(flow_borrows_the_bytes_of_the_event)
{
	struct {
		struct event_data event;
		char bytes[8];
	} event = { .event = data_event(1, DIR_OUT, 0, 5), .bytes = "hello" };

	trace_begin(&trace);
	event.event.head.size = sizeof(struct event_data) + 5;
	memset(event.event.head.comm, 'x', EVENT_COMM);
	CHECK_EQ(flow_event(trace.flow, &event.event.head, event.event.head.size), 0);
	CHECK_SAID(&trace, "io c1 out 0+5 write 'hello'\n");
	trace_end(&trace);
}

TEST(flow_says_why_bytes_are_missing)
{
	struct event_data event = data_event(1, DIR_OUT, 0, 500);

	trace_begin(&trace);
	event.captured = 3;
	event.gap = GAP_CUT;
	CHECK_EQ(send_data(&trace, event, "abc"), 0);
	event.offset = 500;
	event.captured = 0;
	event.gap = GAP_SENDFILE;
	event.op = OP_SENDFILE;
	CHECK_EQ(send_data(&trace, event, ""), 0);
	CHECK_SAID(&trace, "io c1 out 0+500 write 'abc' gap=cut\n"
			   "io c1 out 500+500 sendfile '' gap=sendfile\n");
	send_end(&trace, (struct event_end){ 0 });
	CHECK_EQ(trace.sum.captured, 3);
	CHECK_EQ(trace.sum.gap_bytes, 500);
	CHECK_EQ(trace.sum.cut_bytes, 497);
	CHECK_EQ(trace.sum.bytes[DIR_OUT], 1000);
	trace_end(&trace);
}

TEST(flow_says_where_bytes_were_lost)
{
	struct event_data event = data_event(1, DIR_IN, 105, 5);

	trace_begin(&trace);
	say(&trace, 1, DIR_IN, 0, "first");
	event.lost = 100;
	event.lost_events = 2;
	send_data(&trace, event, "again");
	say(&trace, 1, DIR_IN, 110, "lost=0: came late");
	event.offset = 127;
	send_data(&trace, event, "still");
	CHECK_SAID(&trace, "io c1 in 0+5 read 'first'\n"
			   "loss c1 in 5+100 events=2\n"
			   "io c1 in 105+5 read 'again'\n"
			   "io c1 in 110+17 read 'lost=0: came late'\n"
			   "io c1 in 127+5 read 'still'\n");
	trace_end(&trace);
}

TEST(flow_says_what_was_lost_at_the_end)
{
	struct event_close close = close_event(1, 5, 70);
	struct event_data late = data_event(1, DIR_IN, 75, 4);
	struct event_total total = {
		.head = head_of(EVENT_TOTAL, sizeof(total), 2000), .conn = 2,
		.bytes = { 9, 0 }, .lost = { 4, 0 }, .lost_events = { 1, 0 },
	};

	trace_begin(&trace);
	say(&trace, 1, DIR_OUT, 0, "hello");
	say(&trace, 2, DIR_OUT, 0, "world");
	close.lost[DIR_IN] = 70;
	close.lost_events[DIR_IN] = 3;
	SEND(&trace, close);
	SEND(&trace, total);
	SEND(&trace, total);
	late.lost = 75;
	late.lost_events = 4;
	send_data(&trace, late, "late");
	total.lost[DIR_OUT] = 6;
	total.lost_events[DIR_OUT] = 2;
	SEND(&trace, total);
	CHECK_SAID(&trace, "io c1 out 0+5 write 'hello'\n"
			   "io c2 out 0+5 write 'world'\n"
			   "loss c1 in 0+70 events=3\n"
			   "close c1 5 > 70 closed here\n"
			   "loss c2 out 5+4 events=1\n"
			   "loss c1 in 70+5 events=1\n"
			   "io c1 in 75+4 read 'late'\n"
			   "loss c2 out 9+2 events=1\n");
	send_end(&trace, (struct event_end){ .lost[LOST_DATA] = 8, .unplaced_bytes = 33 });
	CHECK_SAID(&trace, "loss - 0+33 events=2\nsummary\n");
	CHECK_EQ(trace.sum.lost_bytes, 114);
	CHECK_EQ(trace.sum.lost_events, 8);
	CHECK_EQ(trace.sum.lost[LOST_DATA], 8);
	CHECK_EQ(trace.sum.bytes[DIR_OUT], 16);
	CHECK_EQ(trace.sum.bytes[DIR_IN], 79);
	CHECK_EQ(trace.sum.duration, 4000);
	trace_end(&trace);
}

TEST(flow_shows_a_connection_of_which_all_was_lost)
{
	struct event_close close = close_event(9, 0, 0);

	trace_begin(&trace);
	SEND(&trace, close);
	CHECK_SAID(&trace, "");        /* it is not known, and nothing moved */
	close.bytes[DIR_OUT] = close.lost[DIR_OUT] = 40;
	close.lost_events[DIR_OUT] = 1;
	SEND(&trace, close);
	CHECK_SAID(&trace, "loss c1 out 0+40 events=1\nclose c1 40 > 0 closed here\n");
	trace_end(&trace);
}

TEST(flow_keeps_quiet_about_another_thread_s_bytes)
{
	trace_begin(&trace);
	say(&trace, 1, DIR_OUT, 5, "world");
	say(&trace, 1, DIR_OUT, 0, "hello");
	say(&trace, 1, DIR_OUT, 10, "!");
	CHECK_SAID(&trace, "io c1 out 5+5 write 'world'\n"
			   "io c1 out 0+5 write 'hello'\n"
			   "io c1 out 10+1 write '!'\n");
	trace_end(&trace);
}

/* The kernel's side as it counts, with drops at random. */
struct kernel {
	uint64_t offset[2], lost[2], lost_events[2];
};

static void moves(struct kernel *kernel, uint64_t conn, uint64_t *random)
{
	uint64_t choice = test_random(random);
	int dir = choice & 1;
	uint64_t len = choice >> 8 & 1023;
	struct event_data event = data_event(conn, dir, kernel->offset[dir], len);

	kernel->offset[dir] += len;
	if ((choice >> 1 & 3) == 0) {
		kernel->lost[dir] += len;
		kernel->lost_events[dir]++;
		return;
	}
	event.lost = kernel->lost[dir];
	event.lost_events = kernel->lost_events[dir];
	send_data(&trace, event, NULL);
}

TEST(flow_accounts_for_each_byte)
{
	static struct kernel kernels[50];
	uint64_t random = 4, moved[2] = { 0, 0 }, lost_events = 0;

	memset(kernels, 0, sizeof(kernels));
	trace_begin(&trace);
	trace.quiet = true;
	for (int i = 0; i < 20000; i++) {
		uint64_t conn = test_random(&random) % 50;

		moves(&kernels[conn], conn, &random);
	}
	for (uint64_t conn = 0; conn < 50; conn++) {
		struct kernel *kernel = &kernels[conn];
		struct event_close close = close_event(conn, kernel->offset[0], kernel->offset[1]);
		struct event_total total = {
			.head = head_of(EVENT_TOTAL, sizeof(total), 2000), .conn = conn,
		};

		for (int dir = 0; dir < 2; dir++) {
			total.bytes[dir] = kernel->offset[dir];
			close.lost[dir] = total.lost[dir] = kernel->lost[dir];
			close.lost_events[dir] = total.lost_events[dir] = kernel->lost_events[dir];
			moved[dir] += kernel->offset[dir];
			lost_events += kernel->lost_events[dir];
		}
		CHECK_EQ(conn % 2 ? SEND(&trace, close) : SEND(&trace, total), 0);
	}
	for (int dir = 0; dir < 2; dir++)
		CHECK_EQ(trace.shown[dir] + trace.lost[dir], moved[dir]);
	CHECK_EQ(trace.lost_events, lost_events);
	CHECK(lost_events > 1000);
	send_end(&trace, (struct event_end){ .lost[LOST_DATA] = lost_events });
	CHECK_EQ(trace.sum.bytes[0], moved[0]);
	CHECK_EQ(trace.sum.bytes[1], moved[1]);
	CHECK_EQ(trace.sum.lost_bytes, trace.lost[0] + trace.lost[1]);
	CHECK_EQ(trace.sum.lost_events, lost_events);
	CHECK_EQ(trace.sum.malformed, 0);
	trace_end(&trace);
}

TEST(flow_finds_the_connection_of_late_bytes)
{
	struct event_open open = open_event(7, OPEN_ACCEPT);
	struct event_close close = close_event(7, 0, 0);
	struct event_data late = data_event(7, DIR_IN, 0, 4);

	trace_begin(&trace);
	SEND(&trace, open);
	close.reason = CLOSE_ERROR;
	close.error = ECONNRESET;
	SEND(&trace, close);
	send_data(&trace, late, "late");
	SEND(&trace, close);
	CHECK_SAID(&trace, "open c1 accept tcp 10.0.0.2:5000 > 10.0.0.1:80\n"
			   "close c1 0 > 0 reset by the other side duration=1100\n"
			   "io c1 in 0+4 read 'late'\n");
	for (uint64_t conn = 100; conn < 1000; conn++) {
		open.conn = close.conn = conn;
		SEND(&trace, open);
		SEND(&trace, close);
	}
	trace.len = 0;
	send_data(&trace, late, "more");
	CHECK_SAID(&trace, "io c902 in 0+4 read 'more'\n");    /* forgotten by then */
	trace_end(&trace);
}

TEST(flow_says_why_a_connection_closed)
{
	static const struct {
		uint8_t reason;
		uint32_t error;
		const char *said;
	} cases[] = {
		{ CLOSE_UNKNOWN, 0, "" },
		{ CLOSE_REMOTE, 0, " closed by the other side" },
		{ CLOSE_ERROR, ETIMEDOUT, " timed out" },
		{ CLOSE_ERROR, EPIPE, " broken pipe" },
		{ CLOSE_ERROR, 0, " failed" },
		{ CLOSE_ABORT, 0, " reset here" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct event_close close = close_event(1, 5, 0);
		char wanted[128];

		trace_begin(&trace);
		close.reason = cases[i].reason;
		close.error = cases[i].error;
		SEND(&trace, close);
		snprintf(wanted, sizeof(wanted), "close c1 5 > 0%s\n", cases[i].said);
		CHECK_SAID(&trace, wanted);
		trace_end(&trace);
	}
}

/* Whoever saw more of it is right. */
TEST(flow_counts_the_bytes_of_one_that_was_gone)
{
	struct event_close close = close_event(1, 0, 0);

	trace_begin(&trace);
	close.known = 0;
	close.reason = CLOSE_GONE;
	close.since = 500;
	SEND(&trace, close);
	CHECK_SAID(&trace, "");
	say(&trace, 1, DIR_OUT, 0, "hello");
	trace.len = 0;
	close.bytes[DIR_IN] = 9;
	SEND(&trace, close);
	CHECK_SAID(&trace, "close c1 5 > 9 closed duration=1500\n");
	close.conn = 2;
	close.lost[DIR_IN] = 9;
	close.lost_events[DIR_IN] = 1;
	SEND(&trace, close);
	CHECK_SAID(&trace, "loss c2 in 0+9 events=1\nclose c2 0 > 9 closed duration=1500\n");
	trace_end(&trace);
}

TEST(flow_opens_once_and_again_when_something_is_new)
{
	struct event_open open = open_event(7, OPEN_SOCKET);

	trace_begin(&trace);
	open.type = SOCK_DGRAM;
	open.protocol = IPPROTO_UDP;
	open.remote = (struct address){ .family = AF_INET };
	say(&trace, 7, DIR_OUT, 0, "x");
	CHECK_SAID(&trace, "io c1 out 0+1 write 'x'\n");
	SEND(&trace, open);            /* the first, although bytes came before */
	CHECK_SAID(&trace, "open c1 socket udp 10.0.0.2:5000\n");
	open.local = ip4(3, 5001);
	open.fd = -1;
	SEND(&trace, open);            /* another local address: no word */
	open.kind = OPEN_EXISTING;
	SEND(&trace, open);
	open.kind = OPEN_SOCKET;
	SEND(&trace, open);
	CHECK_SAID(&trace, "");
	open.kind = OPEN_CONNECT;
	open.remote = ip4(1, 53);
	SEND(&trace, open);
	CHECK_SAID(&trace, "open c1 connect udp 10.0.0.3:5001 > 10.0.0.1:53 latency=100\n");
	open.remote = ip4(9, 53);
	open.error = ENETUNREACH;
	SEND(&trace, open);            /* fails, so that it stays where it was */
	CHECK_SAID(&trace, "open c1 connect udp 10.0.0.3:5001 > 10.0.0.9:53 latency=100 "
			   "error=101\n");
	open.error = 0;
	open.kind = OPEN_LISTEN;
	open.remote = (struct address){ 0 };
	SEND(&trace, open);
	CHECK_SAID(&trace, "open c1 listen udp 10.0.0.3:5001 > 10.0.0.1:53\n");
	trace_end(&trace);
}

TEST(flow_forgets_a_connect_that_failed)
{
	struct event_open open = open_event(7, OPEN_CONNECT);

	trace_begin(&trace);
	open.error = ECONNREFUSED;
	SEND(&trace, open);
	SEND(&trace, open);
	CHECK_SAID(&trace,
		   "open c1 connect tcp 10.0.0.2:5000 > 10.0.0.1:80 latency=100 error=111\n"
		   "open c2 connect tcp 10.0.0.2:5000 > 10.0.0.1:80 latency=100 error=111\n");
	trace_end(&trace);
}

TEST(flow_shows_no_local_address_that_was_not_chosen)
{
	static const struct {
		uint8_t kind, type, last;
		const char *said;
	} cases[] = {
		{ OPEN_CONNECT, SOCK_STREAM, 0, "connect tcp > 10.0.0.1:80 latency=100 error=101" },
		{ OPEN_CONNECT, SOCK_STREAM, 2, "connect tcp > 10.0.0.1:80 latency=100 error=101" },
		{ OPEN_SOCKET, SOCK_DGRAM, 0, "socket udp > 10.0.0.1:80" },
		{ OPEN_SOCKET, SOCK_DGRAM, 2, "socket udp 10.0.0.2:0 > 10.0.0.1:80" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct event_open open = open_event(7, cases[i].kind);
		char wanted[128];

		trace_begin(&trace);
		open.type = cases[i].type;
		open.protocol = 0;
		open.local = cases[i].last ? ip4(cases[i].last, 0) :
					     (struct address){ .family = AF_INET };
		open.error = cases[i].kind == OPEN_CONNECT ? ENETUNREACH : 0;
		SEND(&trace, open);
		snprintf(wanted, sizeof(wanted), "open c1 %s\n", cases[i].said);
		CHECK_SAID(&trace, wanted);
		trace_end(&trace);
	}
}

TEST(flow_does_not_guess_a_latency)
{
	struct event_open open = open_event(7, OPEN_CONNECT);

	trace_begin(&trace);
	open.since = 2000;             /* after its end */
	SEND(&trace, open);
	CHECK_SAID(&trace, "open c1 connect tcp 10.0.0.2:5000 > 10.0.0.1:80\n");
	trace_end(&trace);
}

TEST(flow_names_transports)
{
	static const struct {
		uint16_t family, type, protocol;
		const char *said;
	} cases[] = {
		{ AF_INET, SOCK_STREAM, IPPROTO_TCP, "tcp" },
		{ AF_INET6, SOCK_STREAM, 262, "mptcp" },
		{ AF_INET, SOCK_DGRAM, IPPROTO_UDP, "udp" },
		{ AF_INET, SOCK_DGRAM, IPPROTO_UDPLITE, "udplite" },
		{ AF_INET, SOCK_SEQPACKET, IPPROTO_SCTP, "sctp" },
		{ AF_INET, SOCK_DGRAM, IPPROTO_ICMP, "icmp" },
		{ AF_INET6, SOCK_RAW, IPPROTO_TCP, "raw" },
		{ AF_UNIX, SOCK_STREAM, 0, "unix" },
		{ AF_NETLINK, SOCK_RAW, 0, "netlink > netlink:route" },
		{ AF_NETLINK, SOCK_RAW, 16, "netlink > netlink:generic" },
		{ AF_NETLINK, SOCK_RAW, 77, "netlink > netlink:77" },
		{ AF_PACKET, SOCK_RAW, 0, "packet" },
		{ AF_VSOCK, SOCK_STREAM, 0, "vsock" },
		{ AF_ALG, SOCK_SEQPACKET, 0, "alg" },
		{ 200, SOCK_STREAM, 0, "af200" },
		{ UINT16_MAX, SOCK_STREAM, 0, "af65535" },
		{ 0, S_IFREG, 0, "file" }, { 0, S_IFIFO, 0, "pipe" }, { 0, S_IFCHR, 0, "char" },
		{ 0, S_IFDIR, 0, "dir" }, { 0, 0, 0, "?" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct event_open open = open_event(1, OPEN_EXISTING);
		char wanted[128];

		trace_begin(&trace);
		open.local = open.remote = (struct address){ 0 };
		open.family = cases[i].family;
		open.type = cases[i].type;
		open.protocol = cases[i].protocol;
		SEND(&trace, open);
		snprintf(wanted, sizeof(wanted), "open c1 existing %s\n", cases[i].said);
		CHECK_SAID(&trace, wanted);
		trace_end(&trace);
	}
}

static void check_address(struct address address, const char *said)
{
	struct event_open open = open_event(1, OPEN_ACCEPT);
	char wanted[128];

	trace_begin(&trace);
	open.local = (struct address){ 0 };
	open.remote = address;
	SEND(&trace, open);
	snprintf(wanted, sizeof(wanted), "open c1 accept tcp%s\n", said);
	CHECK_SAID(&trace, wanted);
	trace_end(&trace);
}

TEST(flow_writes_addresses)
{
	struct address ip6 = { .family = AF_INET6, .port = 80 };

	check_address(ip4(255, 65535), " > 10.0.0.255:65535");
	check_address((struct address){ .family = AF_INET }, "");
	check_address((struct address){ .family = AF_INET, .port = 1 }, " > 0.0.0.0:1");
	check_address((struct address){ .family = AF_INET6 }, "");
	check_address(ip6, " > [::]:80");
	ip6.ip[15] = 1;
	check_address(ip6, " > [::1]:80");
	ip6.ip[0] = 0xfe;
	ip6.ip[1] = 0x80;
	ip6.scope = UINT32_MAX;
	check_address(ip6, " > [fe80::1%4294967295]:80");
	memset(ip6.ip, 0xab, 16);
	ip6.port = 65535;
	check_address(ip6, " > [abab:abab:abab:abab:abab:abab:abab:abab%4294967295]:65535");
}

static void check_path(uint16_t family, uint16_t type, const char *path, size_t len,
		       const char *said)
{
	struct event_open open = open_event(1, OPEN_ACCEPT);
	char wanted[256];

	trace_begin(&trace);
	open.local = open.remote = (struct address){ 0 };
	open.family = family;
	open.type = type;
	open.local_len = (uint8_t)len;
	memcpy(open.local_path, path, len);
	SEND(&trace, open);
	snprintf(wanted, sizeof(wanted), "open c1 accept %s\n", said);
	CHECK_SAID(&trace, wanted);
	trace_end(&trace);
}

TEST(flow_writes_paths)
{
	char longest[EVENT_PATH], wanted[EVENT_PATH + 16];

	check_path(AF_UNIX, SOCK_STREAM, "/run/x\0", 7, "unix /run/x");
	check_path(AF_UNIX, SOCK_STREAM, "\0ab\0c\0", 6, "unix @ab|c|");
	check_path(AF_UNIX, SOCK_STREAM, "", 0, "unix");
	check_path(AF_UNIX, SOCK_STREAM, "", 1, "unix");
	check_path(0, S_IFREG, "/etc/hosts", 10, "file /etc/hosts");
	check_path(0, S_IFCHR, "/dev/pts/3", 10, "terminal /dev/pts/3");
	check_path(0, S_IFCHR, "/dev/tty", 8, "terminal /dev/tty");
	check_path(0, S_IFCHR, "/dev/null", 9, "char /dev/null");
	memset(longest, 'p', sizeof(longest));
	snprintf(wanted, sizeof(wanted), "unix %.*s", EVENT_PATH, longest);
	check_path(AF_UNIX, SOCK_STREAM, longest, sizeof(longest), wanted);
}

TEST(flow_names_the_other_side_of_a_datagram)
{
	struct event_data event = data_event(1, DIR_OUT, 0, 1);

	trace_begin(&trace);
	for (int i = 0; i < 3; i++) {
		event.peer = ip4((uint8_t)(1 + i / 2), 53);
		send_data(&trace, event, "q");
		event.offset++;
	}
	say(&trace, 1, DIR_OUT, 3, "q");
	CHECK_SAID(&trace, "io c1 out 0+1 write peer 10.0.0.1:53 'q'\n"
			   "io c1 out 1+1 write peer 10.0.0.1:53 'q'\n"
			   "io c1 out 2+1 write peer 10.0.0.2:53 'q'\n"
			   "io c1 out 3+1 write 'q'\n");
	trace_end(&trace);
}

TEST(flow_forgets_the_connection_not_used_for_longest)
{
	trace_begin(&trace);
	trace.quiet = true;
	for (uint64_t conn = 0; conn < MAX_CONNS; conn++)
		say(&trace, conn, DIR_OUT, 0, "x");
	say(&trace, 0, DIR_OUT, 1, "x");       /* now conn 1 is the oldest */
	CHECK_EQ(trace.last_number, 1);
	say(&trace, MAX_CONNS, DIR_OUT, 0, "x");
	CHECK_EQ(trace.last_number, MAX_CONNS + 1);
	say(&trace, 0, DIR_OUT, 2, "x");
	CHECK_EQ(trace.last_number, 1);
	say(&trace, 1, DIR_OUT, 1, "x");
	CHECK_EQ(trace.last_number, MAX_CONNS + 2);
	send_end(&trace, (struct event_end){ 0 });
	CHECK_EQ(trace.sum.evicted, 2);
	CHECK_EQ(trace.sum.conns, MAX_CONNS + 2);
	trace_end(&trace);
}

TEST(flow_counts_processes)
{
	struct event_exit exit = { .head = head_of(EVENT_EXIT, sizeof(exit), 1000) };
	struct event_data event = data_event(1, DIR_OUT, 0, 0);

	trace_begin(&trace);
	for (uint32_t pid = 0; pid < 10; pid++) {
		event.head.pid = pid % 5;      /* 0 is unknown */
		send_data(&trace, event, "");
	}
	exit.head.pid = 3;
	SEND(&trace, exit);
	event.head.pid = 3;            /* another one of that pid */
	send_data(&trace, event, "");
	send_end(&trace, (struct event_end){ .events = 12 });
	CHECK_EQ(trace.sum.processes, 5);
	CHECK_EQ(trace.sum.events, 12);
	trace_end(&trace);
}

TEST(flow_tells_how_a_process_ended)
{
	struct event_exit exit = { .head = head_of(EVENT_EXIT, sizeof(exit), 1000), .start = 400 };

	trace_begin(&trace);
	exit.status = 3 << 8;
	SEND(&trace, exit);
	exit.status = SIGSEGV | 0x80;
	SEND(&trace, exit);
	exit.start = 0;
	exit.status = SIGTERM;
	SEND(&trace, exit);
	CHECK_SAID(&trace, "exit 3 0 0 duration=600\n"
			   "exit 0 11 1 duration=600\n"
			   "exit 0 15 0 duration=-1\n");
	exit.status = 0x137f;          /* stopped, not ended */
	CHECK_EQ(SEND(&trace, exit), -EINVAL);
	trace_end(&trace);
}

TEST(flow_puts_a_launch_together)
{
	trace_begin(&trace);
	send_exec(&trace, 8, 5, 9);
	send_text(&trace, TEXT_FILENAME, 0, "/bin/ls\0", 8, false);
	send_text(&trace, TEXT_CWD, 0, "/root", 5, false);
	send_text(&trace, TEXT_ARGV, 0, "ls\0-", 4, false);
	CHECK_SAID(&trace, "");
	send_text(&trace, TEXT_ARGV, 4, "l\0/x\0", 5, false);
	CHECK_SAID(&trace, "exec /bin/ls in /root ls|-l|/x| 9/9\n");
	send_exec(&trace, 0, 0, 0);
	CHECK_SAID(&trace, "exec 0/0\n");
	send_text(&trace, TEXT_ARGV, 0, "lost", 4, false);     /* of nothing that is known */
	CHECK_SAID(&trace, "");
	trace_end(&trace);
}

TEST(flow_cuts_a_launch_where_a_piece_is_missing)
{
	trace_begin(&trace);
	send_exec(&trace, 7, 0, 12);
	send_text(&trace, TEXT_FILENAME, 0, "/bin/ls", 7, false);
	send_text(&trace, TEXT_ARGV, 0, "ls\0", 3, false);
	send_text(&trace, TEXT_ARGV, 6, "-x\0-y\0", 6, false); /* 3 bytes were refused */
	CHECK_SAID(&trace, "exec /bin/ls ls| 3/12\n");
	send_exec(&trace, 7, 4, 9);
	send_text(&trace, TEXT_FILENAME, 0, "\0\0\0\0\0\0\0", 7, true);
	send_text(&trace, TEXT_CWD, 0, "/r", 2, false);        /* half a name is another name */
	send_text(&trace, TEXT_CWD, 2, "\0\0", 2, true);
	send_text(&trace, TEXT_ARGV, 0, "ls\0", 3, false);
	send_text(&trace, TEXT_ARGV, 3, "\0\0\0", 3, true);
	send_text(&trace, TEXT_ARGV, 6, "-y\0", 3, false);
	CHECK_SAID(&trace, "exec ls| 3/9\n");
	trace_end(&trace);
}

TEST(flow_tells_what_moved_unseen)
{
	struct event_tick tick = { .head = head_of(EVENT_TICK, sizeof(tick), 1000000000) };
	struct event_close close = close_event(1, 0, 0);
	struct event_open open = open_event(1, OPEN_EXISTING);

	trace_begin(&trace);
	SEND(&trace, open);
	CHECK_SAID(&trace, "open c1 existing tcp 10.0.0.2:5000 > 10.0.0.1:80\n");
	say(&trace, 1, DIR_IN, 5, "world");
	CHECK_SAID(&trace, "io c1 in 5+5 read 'world'\n");
	SEND(&trace, tick);
	CHECK_SAID(&trace, "io c1 in 0+5 ? '' gap=unseen\n");
	close.bytes[DIR_IN] = 12;
	SEND(&trace, close);
	CHECK_SAID(&trace, "io c1 in 10+2 ? '' gap=unseen\nclose c1 0 > 12 closed here duration=1100\n");
	trace_end(&trace);
}

TEST(flow_takes_a_late_loss_for_what_is_missing)
{
	struct event_tick tick = { .head = head_of(EVENT_TICK, sizeof(tick), 1000000000) };
	struct event_total total = {
		.head = head_of(EVENT_TOTAL, sizeof(total), 1000), .conn = 1,
	};

	trace_begin(&trace);
	say(&trace, 1, DIR_OUT, 0, "hello");
	say(&trace, 1, DIR_OUT, 15, "world"); /* ten were refused, which is told later */
	total.bytes[DIR_OUT] = 20;
	total.lost[DIR_OUT] = 10;
	total.lost_events[DIR_OUT] = 1;
	SEND(&trace, total);
	SEND(&trace, tick);
	CHECK_SAID(&trace, "io c1 out 0+5 write 'hello'\nio c1 out 15+5 write 'world'\n"
			   "loss c1 out 5+10 events=1\n");
	trace_end(&trace);
}

TEST(flow_tells_a_launch_when_the_thread_goes_on)
{
	struct event_close close = close_event(1, 0, 0);
	struct event_tick tick = { .head = head_of(EVENT_TICK, sizeof(tick), 1000000000) };

	trace_begin(&trace);
	send_exec(&trace, 0, 0, 9);
	send_text(&trace, TEXT_ARGV, 0, "ls\0", 3, false);
	SEND(&trace, close);           /* may be from an interrupt on top of the thread */
	SEND(&trace, tick);
	CHECK_SAID(&trace, "");
	say(&trace, 1, DIR_OUT, 0, "x");
	CHECK_SAID(&trace, "exec ls| 3/9\nio c1 out 0+1 write 'x'\n");
	send_exec(&trace, 0, 0, 9);
	tick.head.time = 1000001001;
	SEND(&trace, tick);
	CHECK_SAID(&trace, "exec 0/9\n");
	send_exec(&trace, 0, 0, 5);
	send_end(&trace, (struct event_end){ 0 });
	CHECK_SAID(&trace, "exec 0/5\nsummary\n");
	trace_end(&trace);
}

TEST(flow_bounds_launches)
{
	struct event_exec exec = { .head = head_of(EVENT_EXEC, sizeof(exec), 1000),
				   .text_len = { 0, 0, UINT32_MAX } };
	static char piece[EVENT_PIECE];
	uint32_t done = 0;

	trace_begin(&trace);
	trace.quiet = true;
	for (uint32_t tid = 1; tid <= 2 * MAX_EXEC_PENDING; tid++) {
		exec.head.tid = tid;
		SEND(&trace, exec);
	}
	CHECK_EQ(trace.facts[FACT_EXEC], MAX_EXEC_PENDING);
	exec.head.tid = PID;
	SEND(&trace, exec);
	for (; done < 2 * MAX_EXEC_TEXT; done += EVENT_PIECE)
		REQUIRE(send_text(&trace, TEXT_ARGV, done, piece, sizeof(piece), false) == 0);
	say(&trace, 1, DIR_OUT, 0, "x");
	CHECK_EQ(trace.argv, MAX_EXEC_TEXT);
	CHECK_EQ(trace.argv_len, UINT32_MAX);
	trace_end(&trace);
}

/* Sends `len` bytes of arguments. */
static void send_arguments(uint32_t tid, uint32_t len, uint32_t claimed)
{
	trace.tid = tid;
	send_exec(&trace, 0, 0, claimed);
	for (uint32_t done = 0; done < len; done += EVENT_PIECE)
		send_text(&trace, TEXT_ARGV, done, trace_payload, EVENT_PIECE, false);
}

TEST(flow_bounds_what_launches_hold)
{
	trace_begin(&trace);
	trace.quiet = true;
	for (uint32_t tid = 1; tid <= 20; tid++)       /* each is told, and holds nothing more */
		send_arguments(tid, MAX_EXEC_TEXT, MAX_EXEC_TEXT);
	CHECK_EQ(trace.facts[FACT_EXEC], 20);
	CHECK_EQ(trace.argv, MAX_EXEC_TEXT);
	for (uint32_t tid = 1; tid <= 4; tid++)
		send_arguments(tid, MAX_EXEC_TEXT, MAX_EXEC_TEXT + 1);
	CHECK_EQ(trace.facts[FACT_EXEC], 20);
	send_arguments(5, EVENT_PIECE, MAX_EXEC_TEXT); /* the oldest makes room */
	CHECK_EQ(trace.facts[FACT_EXEC], 21);
	CHECK_EQ(trace.argv_len, MAX_EXEC_TEXT + 1);
	trace_end(&trace);
}

/* 100,000 connections need no more than the first few did. */
TEST(flow_needs_the_same_room_for_ever)
{
	struct event_open open = open_event(0, OPEN_ACCEPT);
	struct event_close close = close_event(0, 1, 0);
	size_t used = 0;

	trace_begin(&trace);
	trace.quiet = true;
	for (uint64_t conn = 0; conn < 100000; conn++) {
		if (conn == 1000)
			used = failing_used();
		open.conn = close.conn = conn;
		SEND(&trace, open);
		say(&trace, conn, DIR_OUT, 0, "x");
		SEND(&trace, close);
	}
	CHECK(used > 0);
	CHECK(failing_used() <= used);
	send_end(&trace, (struct event_end){ 0 });
	CHECK_EQ(trace.sum.conns, 100000);
	CHECK_EQ(trace.sum.evicted, 0);
	CHECK_EQ(trace.facts[FACT_CLOSE], 100000);
	trace_end(&trace);
}

/* A little of everything, on stack memory. */
static void send_some(void)
{
	struct event_exec exec = { .head = head_of(EVENT_EXEC, sizeof(exec), 1000),
				   .text_len = { 3 } };
	struct event_open open = open_event(0, OPEN_ACCEPT);
	struct event_end end = { .head = head_of(EVENT_END, sizeof(end), 5000) };
	struct {
		struct event_text event;
		char text[8];
	} text = { .event = { .head = head_of(EVENT_TEXT, 59, 1000), .len = 3 }, .text = "abc" };
	struct event_data data = data_event(1, DIR_OUT, 0, 0);

	data.head.size = sizeof(data);
	SEND(&trace, exec);
	flow_event(trace.flow, &text.event.head, text.event.head.size);
	for (open.conn = 0; open.conn < 40; open.conn++) {
		SEND(&trace, open);
		data.conn = open.conn;
		SEND(&trace, data);
	}
	SEND(&trace, end);
}

TEST(flow_shows_everything_without_memory)
{
	size_t n = 0;

	do {
		failing_after = n++;
		failing_count = 0;
		trace_begin(&trace);
		trace.quiet = true;
		if (trace.flow)
			send_some();
		failing_after = SIZE_MAX;
		if (!trace.flow)
			continue;
		CHECK_EQ(trace.facts[FACT_IO], 40);
		CHECK_EQ(trace.facts[FACT_OPEN], 40);
		CHECK_EQ(trace.facts[FACT_EXEC], 1);
		CHECK_EQ(trace.facts[FACT_SUMMARY], 1);
		trace_end(&trace);
	} while (failing_count);
	CHECK(n > 40);
}

#define REFUSED(trace, kind, base, change)                                     \
	do {                                                                   \
		kind event_ = (base);                                          \
		change;                                                        \
		CHECK_EQ(SEND(trace, event_), -EINVAL);                        \
	} while (0)

#define REFUSED_DATA(trace, change)                                            \
	do {                                                                   \
		struct event_data event_ = data_event(1, DIR_OUT, 0, 8);       \
		change;                                                        \
		CHECK_EQ(send_with(trace, &event_.head, sizeof(event_), "12345678", 8), -EINVAL); \
	} while (0)

TEST(flow_refuses_what_makes_no_sense)
{
	trace_begin(&trace);
	REFUSED_DATA(&trace, event_.captured = 7);
	REFUSED_DATA(&trace, event_.captured = 9);
	REFUSED_DATA(&trace, event_.captured = UINT32_MAX);
	REFUSED_DATA(&trace, event_.len = 7);
	REFUSED_DATA(&trace, event_.moved = 7);
	REFUSED_DATA(&trace, event_.done = 1);
	REFUSED_DATA(&trace, event_.done = UINT64_MAX);
	REFUSED_DATA(&trace, event_.offset = UINT64_MAX - 7);
	REFUSED_DATA(&trace, event_.fd = -2);
	REFUSED_DATA(&trace, event_.op = OP_COUNT);
	REFUSED_DATA(&trace, event_.dir = 2);
	REFUSED_DATA(&trace, event_.gap = GAP_COUNT);
	REFUSED_DATA(&trace, event_.peer.family = AF_UNIX);
	REFUSED(&trace, struct event_open, open_event(1, 0), );
	REFUSED(&trace, struct event_open, open_event(1, 8), );
	REFUSED(&trace, struct event_open, open_event(1, 1), event_.local_len = EVENT_PATH + 1);
	REFUSED(&trace, struct event_open, open_event(1, 1), event_.remote_len = 255);
	REFUSED(&trace, struct event_open, open_event(1, 1), event_.error = 5000);
	REFUSED(&trace, struct event_open, open_event(1, 1), event_.remote.family = 77);
	REFUSED(&trace, struct event_open, open_event(1, 1), event_.head.size--);
	REFUSED(&trace, struct event_open, open_event(1, 1), event_.head.type = EVENT_TYPE_COUNT);
	REFUSED(&trace, struct event_open, open_event(1, 1), event_.head.type = 0);
	REFUSED(&trace, struct event_close, close_event(1, 0, 0), event_.reason = 6);
	REFUSED(&trace, struct event_close, close_event(1, 0, 0), event_.known = 2);
	REFUSED(&trace, struct event_open, open_event(1, 1), event_.fd = -2);
	CHECK_EQ(send_text(&trace, TEXT_KINDS, 0, "x", 1, false), -EINVAL);
	send_exec(&trace, 0, 0, 3);
	CHECK_EQ(send_text(&trace, TEXT_ARGV, 0, "four", 4, false), -EINVAL);
	CHECK_EQ(send_text(&trace, TEXT_ARGV, UINT32_MAX, "x", 1, false), -EINVAL);
	CHECK_SAID(&trace, "");
	send_end(&trace, (struct event_end){ 0 });
	CHECK_EQ(trace.sum.malformed, 28);
	trace_end(&trace);
}

/* Each event cut at each length, in memory that ends there. */
TEST(flow_reads_nothing_behind_an_event)
{
	struct event_open open = open_event(1, 1);

	trace_begin(&trace);
	for (uint16_t type = 0; type <= EVENT_TYPE_COUNT; type++) {
		for (size_t size = sizeof(struct event); size < 400; size++) {
			char *bytes = malloc(size);

			memset(bytes, 0, size);
			memcpy(bytes, &open, size < sizeof(open) ? size : sizeof(open));
			((struct event *)bytes)->type = type;
			((struct event *)bytes)->size = (uint32_t)size;
			flow_event(trace.flow, (struct event *)bytes, size);
			CHECK_EQ(flow_event(trace.flow, (struct event *)bytes, size - 1), -EINVAL);
			free(bytes);
		}
	}
	CHECK_EQ(flow_event(trace.flow, &open.head, 0), -EINVAL);
	trace_end(&trace);
}

TEST_MAIN()
