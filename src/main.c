/* Wires the stages together: a source, the sink behind it, and a loop that looks
 * at the ring, the signals and the clock. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "command.h"
#include "doctor.h"
#include "flow/flow.h"
#include "opts.h"
#include "sink.h"
#include "source/live.h"
#include "source/record.h"

#define EXIT_USAGE 2
#define EXIT_FAILED 1
#define EXIT_FAILED_WITH_COMMAND 125
#define LOOK_MS 2              /* between two looks at the ring while there is traffic: a long
                                * burst of ours would let one of two programs wait that
                                * answer each other */
#define IDLE_LOOKS 100         /* empty looks until it sleeps */
#define TEND_MS 100
#define IDLE_TEND_MS 1000
#define LINGER_MS 30           /* after the targets' end: their connections' last words */

struct trace {
	const struct options *options;
	struct live *live;
	struct sink *sink;
	struct command command;
	int signals, epoll;        /* descriptors */
	bool stop;                 /* the user, the clock, or the last target's end */
	unsigned interrupts;
	uint64_t until;            /* ms; 0: no end */
};

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static uint64_t now_ms(void)
{
	return clock_ns(CLOCK_MONOTONIC) / 1000000;
}

static void say(const char *text)
{
	fprintf(stderr, "glasstap: %s\n", text);
}

/* The arguments as one line. */
static void join(char *line, size_t room, char **argv)
{
	size_t len = 0;

	line[0] = 0;
	for (int i = 0; argv[i] && len < room - 1; i++)
		len += snprintf(line + len, room - len, "%s%s", i ? " " : "", argv[i]);
}

static void describe(struct source_info *info, char **argv)
{
	struct utsname system;
	time_t now = time(NULL);
	struct tm local = {};

	*info = (struct source_info){ .began = clock_ns(CLOCK_BOOTTIME) };
	info->clock_offset = clock_ns(CLOCK_REALTIME) - clock_ns(CLOCK_BOOTTIME);
	localtime_r(&now, &local);
	info->zone_offset = local.tm_gmtoff;
	snprintf(info->version, sizeof(info->version), "%s", GLASSTAP_VERSION);
	join(info->command, sizeof(info->command), argv);
	if (uname(&system))
		return;
	snprintf(info->kernel, sizeof(info->kernel), "%s %s", system.release, system.version);
	snprintf(info->machine, sizeof(info->machine), "%s", system.machine);
	snprintf(info->host, sizeof(info->host), "%s", system.nodename);
}

/* Blocks the signals that end a trace and makes them readable. */
static int catch_signals(struct trace *trace)
{
	struct epoll_event event = { .events = EPOLLIN };
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	trace->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	trace->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (trace->signals < 0 || trace->epoll < 0)
		return -errno;
	return epoll_ctl(trace->epoll, EPOLL_CTL_ADD, trace->signals, &event) ? -errno : 0;
}

/* A command gets what the terminal sends by itself, and from here what was sent
 * to glasstap alone; tracing goes on until it has ended. A second signal ends
 * the trace in any case. */
static void on_signal(struct trace *trace, const struct signalfd_siginfo *signal)
{
	if (signal->ssi_signo == SIGCHLD) {
		command_reap(&trace->command, false);
		return;
	}
	trace->interrupts++;
	if (trace->command.pid > 0 && !trace->command.ended) {
		if (signal->ssi_code != SI_KERNEL)
			command_signal(&trace->command, signal->ssi_signo);
		trace->stop = trace->interrupts > 1;
	} else {
		trace->stop = true;
	}
}

static void take_signals(struct trace *trace)
{
	struct signalfd_siginfo signal;

	while (read(trace->signals, &signal, sizeof(signal)) == sizeof(signal))
		on_signal(trace, &signal);
}

static bool is_over(struct trace *trace)
{
	const struct options *options = trace->options;

	if (trace->stop || trace->command.ended)
		return true;
	if (trace->until && now_ms() >= trace->until)
		return true;
	return options->pid_count && !options->name_count && !live_targets(trace->live);
}

static int drain(struct trace *trace)
{
	int got = live_drain(trace->live, sink_event, trace->sink);
	int error = sink_flush(trace->sink);

	return error ? error : got;
}

/* The shorter of two waits, -1 being for ever. */
static int shorter(int a, int b)
{
	if (a < 0 || b < 0)
		return a < 0 ? b : a;
	return a < b ? a : b;
}

static int time_left(const struct trace *trace)
{
	uint64_t now = now_ms();

	if (!trace->until)
		return -1;
	return trace->until > now ? (int)(trace->until - now) : 0;
}

/* Until it is over: look, and sleep when there is nothing to see. */
static int follow(struct trace *trace)
{
	uint64_t tended = 0;
	unsigned empty = 0;
	int next_tend = TEND_MS;

	while (!is_over(trace)) {
		struct epoll_event event;
		int got = drain(trace), wait;

		if (got < 0)
			return got;
		take_signals(trace);
		if (got >= 1000)
			continue; /* there is more */
		empty = got ? 0 : empty + 1;
		if (got)
			next_tend = TEND_MS;
		if (next_tend >= 0 && now_ms() - tended >= (uint64_t)next_tend) {
			next_tend = live_tend(trace->live, sink_event, trace->sink);
			tended = now_ms();
			if (next_tend < -1)
				return next_tend;
			if (sink_flush(trace->sink))
				return -1;
		}
		wait = empty < IDLE_LOOKS ? LOOK_MS : next_tend;
		if (empty >= IDLE_LOOKS) {
			if (next_tend > 0)
				wait = next_tend = IDLE_TEND_MS;
			live_idle(trace->live, true);
			if (drain(trace) != 0) {
				empty = 0;
				continue;
			}
		}
		epoll_wait(trace->epoll, &event, 1, shorter(wait, time_left(trace)));
		live_idle(trace->live, false);
		take_signals(trace);
	}
	return 0;
}

/* The connections of what has ended may have a few states to go through yet. */
static int linger(struct trace *trace)
{
	uint64_t until = now_ms() + LINGER_MS;
	int got = 0;

	while (got >= 0 && !trace->stop && now_ms() < until) {
		struct timespec pause = { .tv_nsec = 5000000 };

		got = drain(trace);
		if (!got)
			nanosleep(&pause, NULL);
	}
	return got < 0 ? got : 0;
}

/* From another thread: one call for one line. */
static void say_probes(void *context, const char *line)
{
	(void)context;
	fprintf(stderr, "glasstap: %s\n", line);
}

static int open_live(struct trace *trace, struct failure *failure)
{
	const struct options *options = trace->options;
	struct epoll_event event = { .events = EPOLLIN };
	unsigned wanted = sink_wants(options);
	struct live_options live = {
		.pids = options->pids,
		.pid_count = options->pid_count,
		.names = options->names,
		.name_count = options->name_count,
		.all = options->all,
		.follow = options->follow,
		.all_fds = options->all_fds,
		.sockets = wanted & (SINK_TLS | 1u << FACT_IO | 1u << FACT_OPEN | 1u << FACT_CLOSE),
		.snap = options->snap,
		.ring = options->ring,
		.tls = wanted & SINK_TLS,
		.say = options->verbose ? say_probes : NULL,
	};

	if (live.tls)
		live.snap = UINT64_MAX; /* a record is decrypted whole or not at all */
	else if (!(wanted & 1u << FACT_IO))
		live.snap = 0;          /* every byte still counts */
	trace->live = live_open(&live, failure);
	if (!trace->live)
		return -1;
	if (epoll_ctl(trace->epoll, EPOLL_CTL_ADD, live_fd(trace->live), &event))
		return failure_set(failure, -errno, "cannot wait for events: %s", strerror(errno));
	return 0;
}

/* -v: from here on everything is seen, and what that does not include. */
static void say_start(const struct trace *trace)
{
	const char *missing = live_missing(trace->live);

	if (trace->options->all)
		fprintf(stderr, "glasstap: tracing every process\n");
	else
		fprintf(stderr, "glasstap: tracing %zu process%s\n", live_targets(trace->live),
			live_targets(trace->live) == 1 ? "" : "es");
	if (missing)
		fprintf(stderr, "glasstap: %s\n", missing);
}

static int run(struct trace *trace, struct failure *failure)
{
	const struct options *options = trace->options;
	int error;

	sink_interrupt(trace->sink, trace->signals);
	if (options->command) {
		error = command_start(&trace->command, options->command, failure);
		if (!error)
			error = live_add(trace->live, trace->command.pid, failure);
		if (error)
			return error;
	}
	if (live_scan(trace->live, failure))
		return -1;
	if (options->command) {
		live_command(trace->live, options->command);
		error = command_go(&trace->command, options->command, failure);
		if (error)
			return error;
	} else if (options->name_count && !live_found(trace->live) && !options->quiet) {
		fprintf(stderr, "glasstap: no process of that name yet; waiting\n");
	}
	if (options->verbose)
		say_start(trace);
	if (options->seconds > 0)
		trace->until = now_ms() + (uint64_t)(options->seconds * 1000);
	error = follow(trace);
	if (!error)
		error = linger(trace);
	if (!error)
		error = live_end(trace->live, sink_event, trace->sink);
	return error;
}

/* What the shell gets to see. */
static int exit_status(const struct trace *trace, int error)
{
	if (error == -EPIPE && !trace->options->command) {
		/* As any other program whose reader has gone. */
		signal(SIGPIPE, SIG_DFL);
		raise(SIGPIPE);
	}
	if (!trace->options->command)
		return error ? EXIT_FAILED : 0;
	if (error && error != -EPIPE)
		return EXIT_FAILED_WITH_COMMAND;
	return trace->command.ended ? command_exit_status(&trace->command) : 128 + SIGINT;
}

static int trace_live(const struct options *options, const struct source_info *info)
{
	struct trace trace = { .options = options, .command = { .go = -1 } };
	struct failure failure = {};
	int error = catch_signals(&trace), sunk;

	if (!error)
		error = open_live(&trace, &failure);
	if (!error) {
		trace.sink = sink_open(options, info, &failure);
		error = trace.sink ? run(&trace, &failure) : -1;
	}
	if (trace.command.pid > 0 && trace.command.go >= 0)
		command_cancel(&trace.command);
	live_free(trace.live);
	sunk = sink_close(trace.sink, &failure);
	if (sunk)
		error = sunk;
	if (error && error != -EPIPE)
		say(failure.text[0] ? failure.text : strerror(-error));
	if (options->command && (error == -ENOENT || error == -ENOTDIR) && !sunk)
		return 127;
	if (options->command && error == -EACCES && !sunk)
		return 126;
	/* Whatever became of the trace, the command is not left behind. */
	if (trace.command.pid > 0 && !trace.command.ended && !trace.stop)
		command_reap(&trace.command, true);
	return exit_status(&trace, error);
}

static int show_recording(const struct options *options)
{
	struct failure failure = {};
	struct replay *replay = replay_open(options->replay, &failure);
	struct sink *sink = NULL;
	int error = -1, sunk;

	signal(SIGPIPE, SIG_IGN);
	if (replay)
		sink = sink_open(options, replay_info(replay), &failure);
	if (sink) {
		error = replay_run(replay, sink_event, sink, &failure);
		sunk = sink_close(sink, &failure);
		if (sunk)
			error = sunk;
	}
	replay_free(replay);
	if (error == -EPIPE) {
		signal(SIGPIPE, SIG_DFL);
		raise(SIGPIPE);
	}
	if (error)
		say(failure.text);
	return error ? EXIT_FAILED : 0;
}

int main(int argc, char **argv)
{
	struct options options;
	struct source_info info;
	struct failure failure = {};
	struct buf text = {};
	int status = 0;

	describe(&info, argv); /* before the names in argv are cut */
	switch (opts_parse(&options, argc, argv, &text, &failure)) {
	case OPTS_DONE:
		if (fwrite(text.data, 1, text.len, stdout) != text.len || fflush(stdout))
			status = EXIT_FAILED;
		break;
	case OPTS_USAGE:
		if (text.len)
			fwrite(text.data, 1, text.len, stderr);
		else
			say(failure.text);
		status = EXIT_USAGE;
		break;
	case OPTS_RUN:
		if (!options.view->facts)
			status = doctor(&options);
		else
			status = options.replay ? show_recording(&options) : trace_live(&options, &info);
		break;
	}
	buf_free(&text);
	return status;
}
