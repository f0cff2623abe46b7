#include "sink.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "flow/flow.h"
#include "out/out.h"
#include "source/record.h"
#include "tls/tls.h"
#include "unseen.h"

#define FLUSH_AT (64u << 10)
#define PIPE_ATOM 4096         /* a pipe that polls as writable takes so much at once */
#define HURRY_MS 2000

struct target {
	const struct out_format *format;
	const char *path;          /* NULL: stdout */
	int fd;
	bool patient;              /* may block: a pipe, a terminal */
	struct out_options options;
	struct buf buf;
};

struct sink {
	const struct options *options;
	struct flow *flow;
	struct tls *tls;
	struct record *record;
	const char *record_path;
	struct target targets[MAX_OUTPUTS];
	size_t count;
	struct fact_summary summary;
	bool has_summary;
	int interrupt;             /* -1: none */
	bool hurry;
	int error;                 /* latched */
	const char *error_path;
	struct unseen unseen;
};

static int fail(struct sink *sink, int error, const char *path)
{
	if (!sink->error) {
		sink->error = error;
		sink->error_path = path ? path : "standard output";
	}
	return sink->error;
}

/* Waits until the output takes more. */
static int wait_for(struct sink *sink, struct target *target)
{
	struct pollfd fds[2] = { { .fd = target->fd, .events = POLLOUT },
				 { .fd = sink->interrupt, .events = POLLIN } };
	int ready;

	do
		ready = poll(fds, sink->interrupt >= 0 && !sink->hurry ? 2 : 1,
			     sink->hurry ? HURRY_MS : -1);
	while (ready < 0 && errno == EINTR);
	if (ready == 0)
		return -ETIMEDOUT;
	if (fds[0].revents)
		return 0;
	/* The user wants to stop: no more than a moment for what waits. */
	sink->hurry = true;
	return wait_for(sink, target);
}

static int write_out(struct sink *sink, struct target *target)
{
	size_t done = 0;

	while (done < target->buf.len && !sink->error) {
		size_t len = target->buf.len - done;
		ssize_t put;

		if (target->patient) {
			int error = wait_for(sink, target);

			if (error)
				return fail(sink, error, target->path);
			if (len > PIPE_ATOM)
				len = PIPE_ATOM;
		}
		put = write(target->fd, target->buf.data + done, len);
		if (put >= 0)
			done += put;
		else if (errno == EAGAIN)
			target->patient = true;
		else if (errno != EINTR)
			fail(sink, -errno, target->path);
	}
	target->buf.len = 0;
	return sink->error;
}

static unsigned wanted_by(const struct options *options, const struct out_format *format)
{
	return format->facts ? format->facts : options->view->facts;
}

static void on_fact(void *context, const struct fact *given)
{
	struct sink *sink = context;
	const struct fact *fact = given;
	struct fact copy;

	if (fact->type == FACT_SUMMARY) {
		sink->summary = fact->summary;
		sink->has_summary = true;
	}
	if (!sink->options->replay && !sink->options->quiet) {
		if (fact->type == FACT_EXEC)
			unseen_launch(&sink->unseen, fact);
		else if (fact->type == FACT_TLS && fact->tls.moment == TLS_UNSEEN)
			unseen_say(&sink->unseen, fact);
	}
	/* -s: of ciphertext all is needed, so that what was decrypted is cut here. */
	if (fact->type == FACT_PLAINTEXT && fact->plaintext.data.len > sink->options->snap) {
		copy = *fact;
		copy.plaintext.data.len = sink->options->snap;
		copy.plaintext.gap = "cut";
		fact = &copy;
	}
	for (size_t i = 0; i < sink->count; i++) {
		struct target *target = &sink->targets[i];

		if (!(wanted_by(sink->options, target->format) & 1u << fact->type))
			continue;
		target->format->fact(&target->buf, &target->options, fact);
		if (target->buf.failed)
			fail(sink, -ENOMEM, target->path);
		else if (target->buf.len >= (target->format->secret ? 1 : FLUSH_AT))
			write_out(sink, target);
	}
}

static void on_flow_fact(void *context, const struct fact *fact)
{
	struct sink *sink = context;

	tls_fact(sink->tls, fact);
}

static bool wants_colour(const struct options *options, int fd)
{
	const char *term = getenv("TERM"), *no = getenv("NO_COLOR");

	if (options->colour != COLOUR_AUTO)
		return options->colour == COLOUR_ALWAYS;
	return isatty(fd) && !(no && *no) && !(term && !strcmp(term, "dumb"));
}

static const struct out_format *format_named(const char *name)
{
	const struct out_format *format = out_formats;

	while (format->name && strcmp(format->name, name))
		format++;
	return format->name ? format : NULL;
}

/* Decrypting is work: not for what nobody looks at. A recording is decrypted when
 * it is shown. */
static bool decrypts(const struct options *options)
{
	for (size_t i = 0; i < options->output_count; i++) {
		const struct out_format *format = format_named(options->outputs[i].format);

		if (format && wanted_by(options, format) & SINK_TLS)
			return options->tls != KEYS_OFF;
	}
	return false;
}

unsigned sink_wants(const struct options *options)
{
	unsigned wanted = 0;

	for (size_t i = 0; i < options->output_count; i++) {
		const struct out_format *format = format_named(options->outputs[i].format);

		/* A recording takes what there is. */
		wanted |= format ? wanted_by(options, format) : ~0u;
	}
	/* A recording that keeps a part of each call cannot be decrypted any more. */
	if (options->tls == KEYS_OFF || (options->snap != UINT64_MAX && !decrypts(options)))
		wanted &= ~SINK_TLS;
	return wanted;
}

static int add_target(struct sink *sink, const struct output *output,
		      const struct source_info *info, struct failure *failure)
{
	struct target *target = &sink->targets[sink->count];
	struct stat status;

	target->format = format_named(output->format);
	target->path = output->path;
	target->fd = STDOUT_FILENO;
	if (!target->format)
		return failure_set(failure, -EINVAL, "no output format '%s'", output->format);
	if (output->path && strcmp(output->path, "-"))
		target->fd = open(output->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (target->fd < 0)
		return failure_set(failure, -errno, "cannot write '%s': %s", output->path,
				   strerror(errno));
	sink->count++;
	if (fstat(target->fd, &status))
		return failure_set(failure, -errno, "cannot write to %s: %s",
				   output->path ? output->path : "standard output",
				   strerror(errno));
	/* It may have been there, for all to read. What stdout is, the user has chosen. */
	if (target->format->secret && target->fd != STDOUT_FILENO && S_ISREG(status.st_mode) &&
	    fchmod(target->fd, 0600))
		return failure_set(failure, -errno, "cannot keep '%s' for its owner alone: %s",
				   output->path, strerror(errno));
	target->patient = S_ISFIFO(status.st_mode) || S_ISSOCK(status.st_mode) || isatty(target->fd);
	target->options = (struct out_options){
		.clock_offset = info->clock_offset,
		.zone_offset = info->zone_offset,
		.colour = wants_colour(sink->options, target->fd),
		.hex = sink->options->hex,
		.verbose = sink->options->verbose,
	};
	return 0;
}

static int open_outputs(struct sink *sink, const struct source_info *info,
			struct failure *failure)
{
	for (size_t i = 0; i < sink->options->output_count; i++) {
		const struct output *output = &sink->options->outputs[i];
		int error = 0;

		if (strcmp(output->format, "gtap")) {
			error = add_target(sink, output, info, failure);
		} else if (!sink->record) {
			sink->record_path = output->path;
			sink->record = record_open(output->path ? output->path : "-", info, failure);
			error = sink->record ? 0 : -EIO;
		} else {
			error = failure_set(failure, -EINVAL, "only one recording at a time");
		}
		if (error)
			return error;
	}
	return 0;
}

struct sink *sink_open(const struct options *options, const struct source_info *info,
		       struct failure *failure)
{
	struct sink *sink = calloc(1, sizeof(*sink));

	if (sink) {
		sink->options = options;
		sink->interrupt = -1;
		sink->flow = flow_new(on_flow_fact, sink);
		sink->tls = tls_new(decrypts(options), on_fact, sink);
	}
	if (!sink || !sink->flow || !sink->tls) {
		failure_set(failure, -ENOMEM, "no memory");
		if (sink) {
			flow_free(sink->flow);
			tls_free(sink->tls);
		}
		free(sink);
		return NULL;
	}
	if (open_outputs(sink, info, failure)) {
		sink->error = -ECANCELED; /* nothing is to be written any more */
		sink_close(sink, &(struct failure){});
		return NULL;
	}
	return sink;
}

int sink_event(void *context, const struct event *event, size_t size)
{
	struct sink *sink = context;

	if (sink->record) {
		int error = record_event(sink->record, event, size);

		if (error)
			return fail(sink, error, sink->record_path);
	}
	flow_event(sink->flow, event, size);
	return sink->error;
}

int sink_flush(struct sink *sink)
{
	for (size_t i = 0; i < sink->count; i++)
		if (sink->targets[i].buf.len)
			write_out(sink, &sink->targets[i]);
	if (sink->record && !sink->error) {
		int error = record_flush(sink->record);

		if (error)
			fail(sink, error, sink->record_path);
	}
	return sink->error;
}

void sink_hurry(struct sink *sink)
{
	sink->hurry = true;
}

void sink_interrupt(struct sink *sink, int descriptor)
{
	sink->interrupt = descriptor;
}

/* On stderr, so that stdout holds nothing but the data. */
static void say_summary(struct sink *sink)
{
	struct out_options options = { .colour = wants_colour(sink->options, STDERR_FILENO) };
	struct buf text = {};

	if (sink->has_summary && !sink->options->quiet) {
		out_summary(&text, &options, &sink->summary);
		if (!text.failed && write(STDERR_FILENO, text.data, text.len) < 0)
			fail(sink, -errno, "standard error");
	}
	buf_free(&text);
}

int sink_close(struct sink *sink, struct failure *failure)
{
	int error;

	if (!sink)
		return 0;
	if (!sink->error)
		sink_flush(sink);
	if (sink->record) {
		error = record_close(sink->record, failure);
		if (error && !sink->error) {
			sink->error = error;
			sink->error_path = NULL; /* failure has its text */
		}
	}
	for (size_t i = 0; i < sink->count; i++) {
		buf_free(&sink->targets[i].buf);
		if (sink->targets[i].fd != STDOUT_FILENO && close(sink->targets[i].fd))
			fail(sink, -errno, sink->targets[i].path);
	}
	say_summary(sink);
	error = sink->error;
	if (error && error != -EPIPE && sink->error_path)
		failure_set(failure, error, "cannot write to %s: %s%s", sink->error_path,
			    strerror(-error), error == -ENOSPC ? "; what was written so far is whole" : "");
	flow_free(sink->flow);
	tls_free(sink->tls);
	free(sink);
	return error;
}
