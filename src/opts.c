/* The command line.
 *
 * `option_table` is the only place that knows an option: the parser, `--help`
 * and the completion read it. It is walked by hand because getopt_long(3)
 * reorders argv and keeps its state in globals.
 *
 * Names of -n are cut out of argv in place, at their commas. */
#include "opts.h"

#include <errno.h>
#include <string.h>

#include "opts_table.h"
#include "out/out.h"

#define RING_DEFAULT (64u << 20)
#define RING_MIN (1u << 20)
#define RING_MAX (256u << 20)  /* the verifier adds no more than 512M to a pointer */
#define SECONDS_MAX 1000000000 /* 31 years: in nanoseconds it fits 64 bits */

static const struct { const char *ending, *format; } endings[] = {
	{ ".gtap", RECORDING }, { ".json", "json" }, { ".jsonl", "json" }, { ".txt", "text" },
	{ ".keylog", "keylog" },
};

static const char *const planned[] = { "dns", "http", "ca", NULL };

/* Reads decimal digits up to `max`. The end, or NULL. */
static const char *read_number(const char *from, uint64_t max, uint64_t *number)
{
	const char *at = from;

	for (*number = 0; *at >= '0' && *at <= '9'; at++) {
		uint64_t digit = (uint64_t)(*at - '0');

		if (*number > (max - digit) / 10)
			return NULL;
		*number = *number * 10 + digit;
	}
	return at > from ? at : NULL;
}

static bool read_size(const char *value, uint64_t *size)
{
	static const struct { char letter; int shift; } units[] = {
		{ 'k', 10 }, { 'K', 10 }, { 'm', 20 }, { 'M', 20 }, { 'g', 30 }, { 'G', 30 },
	};
	const char *end = read_number(value, UINT64_MAX - 1, size);
	int shift = 0;

	if (!end)
		return false;
	for (size_t i = 0; *end && i < sizeof(units) / sizeof(*units); i++)
		if (*end == units[i].letter) {
			shift = units[i].shift;
			end++;
			break;
		}
	if (*end || *size > (UINT64_MAX - 1) >> shift)
		return false;
	*size <<= shift;
	return true;
}

static int add_pid(struct parse *parse, uint32_t pid)
{
	struct options *options = parse->options;

	for (size_t i = 0; i < options->pid_count; i++)
		if (options->pids[i] == pid)
			return 0;
	if (options->pid_count == MAX_TARGETS)
		return usage(parse->failure, "-p takes up to %d processes, '%u' is one more",
			     MAX_TARGETS, pid);
	options->pids[options->pid_count++] = pid;
	return 0;
}

static int take_pids(struct parse *parse, const char *value)
{
	const char *at = value;

	for (;;) {
		const char *end;
		uint64_t pid;

		end = read_number(at, INT32_MAX, &pid);
		if (!end || pid == 0 || (*end && *end != ','))
			return usage(parse->failure, "-p needs process ids such as 123,456, not "
				     VALUE, value);
		if (add_pid(parse, (uint32_t)pid) < 0)
			return -EINVAL;
		if (!*end)
			return 0;
		at = end + 1;
	}
}

static int take_names(struct parse *parse, const char *value)
{
	struct options *options = parse->options;
	char *name = (char *)value; /* of argv, which is ours to write */

	if (!*name || *name == ',' || strstr(name, ",,") || name[strlen(name) - 1] == ',')
		return usage(parse->failure, "-n needs names of programs such as curl,nginx, not "
			     VALUE, value);
	while (name) {
		char *comma = strchr(name, ',');

		if (options->name_count == MAX_TARGETS)
			return usage(parse->failure, "-n takes up to %d names, " VALUE " is one more",
				     MAX_TARGETS, name);
		options->names[options->name_count++] = name;
		if (comma)
			*comma++ = '\0';
		name = comma;
	}
	return 0;
}

static int take_replay(struct parse *parse, const char *value)
{
	if (parse->options->replay)
		return usage(parse->failure, "-r reads one recording, " VALUE " is a second", value);
	if (!*value)
		return usage(parse->failure, "-r needs a FILE, not ''");
	parse->options->replay = value;
	return 0;
}

static int add_output(struct parse *parse, const char *format, const char *path)
{
	struct options *options = parse->options;

	if (path && strcmp(path, "-") == 0)
		path = NULL;
	for (size_t i = 0; i < options->output_count; i++) {
		const char *other = options->outputs[i].path;

		if (!path && !other)
			return usage(parse->failure, "'%s' and '%s' cannot both go to stdout: name a "
				     "file for one, as in -o %s=FILE", options->outputs[i].format,
				     format, format);
		if (path && other && strcmp(path, other) == 0)
			return usage(parse->failure, "two outputs cannot both go to " VALUE, path);
	}
	if (options->output_count == MAX_OUTPUTS)
		return usage(parse->failure, "up to %d outputs are possible, '%s' is one more",
			     MAX_OUTPUTS, path ? path : format);
	options->outputs[options->output_count++] = (struct output){ format, path };
	return 0;
}

static int take_json(struct parse *parse, const char *value)
{
	(void)value;
	return add_output(parse, "json", NULL);
}

static int take_output(struct parse *parse, const char *value)
{
	const char *equals = strchr(value, '=');
	struct text wanted = { value, equals ? (size_t)(equals - value) : strlen(value) };
	const char *format = NULL;

	for (const struct out_format *known = out_formats; known->name; known++)
		if (text_equal(wanted, text_of(known->name)))
			format = known->name;
	if (text_equal(wanted, TEXT(RECORDING)))
		format = RECORDING;
	if (!format)
		return usage(parse->failure, "there is no format '%.*s'",
			     wanted.len > 160 ? 160 : (int)wanted.len, wanted.data);
	if (equals && !equals[1])
		return usage(parse->failure, "a file name is missing in " VALUE, value);
	return add_output(parse, format, equals ? equals + 1 : NULL);
}

static int take_file(struct parse *parse, const char *value)
{
	size_t len = strlen(value);

	for (size_t i = 0; i < sizeof(endings) / sizeof(*endings); i++) {
		size_t ending = strlen(endings[i].ending);

		if (len >= ending && strcmp(value + len - ending, endings[i].ending) == 0)
			return add_output(parse, endings[i].format, value);
	}
	return usage(parse->failure, "-w knows the format by the ending .gtap, .json, .jsonl, .txt "
		     "or .keylog, which " VALUE " has not: use -o FORMAT=FILE", value);
}

static int take_verbose(struct parse *parse, const char *value)
{
	(void)value;
	parse->options->verbose++;
	return 0;
}

static int take_snap(struct parse *parse, const char *value)
{
	if (!read_size(value, &parse->options->snap))
		return usage(parse->failure, "-s needs a number of bytes such as 0, 512 or 64k, not "
			     VALUE, value);
	return 0;
}

static int take_seconds(struct parse *parse, const char *value)
{
	double seconds, place = 0.1;
	uint64_t whole = 0;
	const char *at = *value == '.' ? value : read_number(value, SECONDS_MAX, &whole);

	seconds = (double)whole;
	if (at && *at == '.')
		for (at++; *at >= '0' && *at <= '9'; at++, place /= 10)
			seconds += place * (*at - '0');
	if (!at || *at || !(seconds > 0))
		return usage(parse->failure, "-d needs seconds such as 10 or 0.5, not " VALUE, value);
	parse->options->seconds = seconds;
	return 0;
}

static int take_colour(struct parse *parse, const char *value)
{
	static const char *const names[] = { "auto", "always", "never" };

	if (!value)
		value = "always";
	for (int i = 0; i < 3; i++)
		if (strcmp(value, names[i]) == 0) {
			parse->options->colour = (enum colour)i;
			return 0;
		}
	return usage(parse->failure, "--color is auto, always or never, not " VALUE, value);
}

static int take_tls(struct parse *parse, const char *value)
{
	static const char *const names[] = { "auto", "births", "off" };

	for (int i = 0; i < 3; i++)
		if (strcmp(value, names[i]) == 0) {
			parse->options->tls = (enum keys)i;
			return 0;
		}
	return usage(parse->failure, "--tls is auto, births or off, not " VALUE, value);
}

static int take_ring(struct parse *parse, const char *value)
{
	uint64_t size, ring = RING_MIN;

	if (!read_size(value, &size) || size < RING_MIN || size > RING_MAX)
		return usage(parse->failure, "--ring needs 1M to 256M, not " VALUE, value);
	while (ring < size)
		ring *= 2;
	parse->options->ring = ring;
	return 0;
}

#define FLAG(member, value) .flag = offsetof(struct options, member), .set = value

const struct option option_table[] = {
	{ .letter = 'p', .argument = "PID[,PID...]", .take = take_pids, .complete = COMPLETE_PID,
	  .help = "attach to these processes; may be repeated" },
	{ .letter = 'n', .argument = "NAME[,NAME...]", .take = take_names,
	  .complete = COMPLETE_NAME,
	  .help = "every process of that name, now and to come" },
	{ .letter = 'a', FLAG(all, true), .help = "the whole machine" },
	{ .letter = 'r', .argument = "FILE", .take = take_replay, .complete = COMPLETE_FILE,
	  .help = "show a recording; needs no root" },
	{ .letter = 'w', .argument = "FILE", .take = take_file, .complete = COMPLETE_FILE,
	  .help = "write to FILE.gtap, .json, .jsonl, .txt or .keylog" },
	{ .letter = 'j', .take = take_json, .help = "JSON lines on stdout: -o json" },
	{ .letter = 'o', .argument = "FORMAT[=FILE]", .take = take_output,
	  .complete = COMPLETE_FORMAT,
	  .help = "text, json, keylog or gtap to FILE or stdout" },
	{ .letter = 'v', .take = take_verbose, .help = "say more; may be repeated" },
	{ .letter = 'x', FLAG(hex, true), .help = "data as a hex dump" },
	{ .letter = 's', .argument = "BYTES", .take = take_snap, .capturing = true,
	  .help = "keep so much of each call's data (0: none; 64k, 1M)" },
	{ .letter = 'd', .argument = "SECONDS", .take = take_seconds, .capturing = true,
	  .help = "stop after so long (0.5, 10)" },
	{ .letter = 'q', FLAG(quiet, true), .help = "nothing on stderr but errors" },
	{ .name = "color", .argument = "WHEN", .optional = true, .take = take_colour,
	  .words = "auto always never", .help = "auto (default), always or never" },
	{ .name = "show-secrets", FLAG(show_secrets, true), .help = "do not mask passwords, tokens" },
	{ .name = "tls", .argument = "KEYS", .take = take_tls, .words = "auto births off",
	  .help = "keys of TLS from: auto (default), births or off" },
	{ .name = "no-follow", FLAG(follow, false), .capturing = true,
	  .help = "leave out the descendants of a target" },
	{ .name = "all-fds", FLAG(all_fds, true), .capturing = true,
	  .help = "pipes, files and terminals as well" },
	{ .name = "ring", .argument = "BYTES", .take = take_ring, .capturing = true,
	  .help = "size of the buffer in the kernel, 1M to 256M (64M)" },
	{ .name = "completion", .argument = "SHELL", .take = take_completion, .words = "bash",
	  .help = "print the completion for a shell: bash" },
	{ .letter = 'h', .name = "help", .take = take_help, .help = "print this" },
	{ .name = "version", .take = take_version, .help = "print the version" },
	{ 0 }
};

static int take(struct parse *parse, const struct option *option, const char *value)
{
	if (option->capturing && !parse->capturing)
		parse->capturing = option;
	if (option->take)
		return option->take(parse, value);
	*(bool *)((char *)parse->options + option->flag) = option->set;
	return 0;
}

/* The argument that follows in argv, or NULL: "--" is none. */
static const char *next_value(char ***at)
{
	const char *next = (*at)[1];

	if (!next || strcmp(next, "--") == 0)
		return NULL;
	(*at)++;
	return next;
}

static int parse_long(struct parse *parse, char ***at)
{
	const char *name = **at + 2, *equals = strchr(name, '='), *value = equals ? equals + 1 : NULL;
	struct text wanted = { name, equals ? (size_t)(equals - name) : strlen(name) };

	for (const struct option *option = option_table; option->help; option++) {
		if (!option->name || !text_equal(wanted, text_of(option->name)))
			continue;
		if (value && !option->argument)
			return usage(parse->failure, "--%s takes no value, but was given " VALUE,
				     option->name, value);
		if (!value && option->argument && !option->optional) {
			value = next_value(at);
			if (!value)
				return usage(parse->failure, "--%s needs %s", option->name,
					     option->argument);
		}
		return take(parse, option, value);
	}
	return usage(parse->failure, "there is no option " VALUE, **at);
}

/* One or more letters, the last of which may take the rest or the next. */
static int parse_short(struct parse *parse, char ***at)
{
	for (const char *letter = **at + 1; *letter; letter++) {
		const struct option *option = option_table;
		const char *value = NULL;

		while (option->help && option->letter != *letter)
			option++;
		if (!option->help)
			return usage(parse->failure, "there is no option '-%c' (in " VALUE ")",
				     *letter, **at);
		if (option->argument) {
			value = letter[1] ? letter + 1 : next_value(at);
			if (!value)
				return usage(parse->failure, "-%c needs %s", *letter,
					     option->argument);
		}
		if (take(parse, option, value) < 0)
			return -EINVAL;
		if (parse->done || option->argument)
			return 0;
	}
	return 0;
}

static int parse_view(struct parse *parse, const char *name)
{
	if (parse->has_view)
		return usage(parse->failure, "the view is '%s' already, what is " VALUE
			     "? A command goes behind --", parse->options->view->name, name);
	for (const struct view *view = views; view->name; view++)
		if (strcmp(view->name, name) == 0) {
			parse->options->view = view;
			parse->has_view = true;
			return 0;
		}
	for (const char *const *later = planned; *later; later++)
		if (strcmp(*later, name) == 0)
			return usage(parse->failure, "the view '%s' is planned, it is not there yet",
				     name);
	return usage(parse->failure, "there is no view " VALUE "; a command goes behind --", name);
}

static int check_target(struct parse *parse)
{
	struct options *options = parse->options;
	bool processes = options->pid_count || options->name_count;

	if (options->replay && (processes || options->all || options->command))
		return usage(parse->failure, "-r " VALUE " shows a recording: leave out -p, -n, -a "
			     "and the command", options->replay);
	if (options->replay && parse->capturing) {
		const struct option *option = parse->capturing;
		char letter[2] = { option->letter, '\0' };

		return usage(parse->failure, "-%s%s says how to capture: it does not go with -r "
			     VALUE, option->letter ? "" : "-",
			     option->letter ? letter : option->name, options->replay);
	}
	for (size_t i = 0; options->replay && i < options->output_count; i++)
		if (options->outputs[i].path &&
		    strcmp(options->outputs[i].path, options->replay) == 0)
			return usage(parse->failure, "-r reads " VALUE ": write to another file",
				     options->replay);
	if (options->replay && options->view->facts)
		return 0;
	if (!options->view->facts && !options->pid_count && !options->command)
		return usage(parse->failure, "%s needs -p PID or -- COMMAND", options->view->name);
	if (options->all && (processes || options->command))
		return usage(parse->failure, "-a is everything already: leave out -p, -n and the command");
	if (options->command && processes)
		return usage(parse->failure, "the command " VALUE " does not go with -p or -n: run "
			     "glasstap twice", options->command[0]);
	if (!options->all && !processes && !options->command)
		return usage(parse->failure, "nothing to look at: give -- COMMAND, -p PID, -n NAME, -a "
			     "or -r FILE");
	return 0;
}

/* What the outputs need of the rest. */
static int check_outputs(struct parse *parse)
{
	const struct options *options = parse->options;

	for (size_t i = 0; options->tls == KEYS_OFF && i < options->output_count; i++)
		if (strcmp(options->outputs[i].format, "keylog") == 0)
			return usage(parse->failure, "--tls=off finds no keys for the key log '%.160s'",
				     options->outputs[i].path ? options->outputs[i].path : "-");
	return 0;
}

static int parse_all(struct parse *parse, char **argv)
{
	for (char **at = argv + 1; *at; at++) {
		int code;

		if (strcmp(*at, "--") == 0) {
			if (!at[1])
				return usage(parse->failure, "there is no command behind --");
			parse->options->command = at + 1;
			break;
		}
		if (strncmp(*at, "--", 2) == 0)
			code = parse_long(parse, &at);
		else if (at[0][0] == '-' && at[0][1])
			code = parse_short(parse, &at);
		else
			code = parse_view(parse, *at);
		if (code < 0 || parse->done)
			return code;
	}
	if (check_target(parse) < 0 || check_outputs(parse) < 0)
		return -EINVAL;
	return parse->options->output_count ? 0 : add_output(parse, "text", NULL);
}

/* Without any argument the whole synopsis is in `text`, for stderr. */
enum opts_result opts_parse(struct options *options, int argc, char **argv, struct buf *text,
			    struct failure *failure)
{
	struct parse parse = { .options = options, .text = text, .failure = failure };

	*options = (struct options){
		.view = views, .follow = true, .snap = UINT64_MAX, .ring = RING_DEFAULT,
	};
	if (argc < 2) {
		add_synopsis(text);
		check_target(&parse);
		return OPTS_USAGE;
	}
	if (parse_all(&parse, argv) < 0)
		return OPTS_USAGE;
	return parse.done ? OPTS_DONE : OPTS_RUN;
}
