#include "opts.h"

#include <stdlib.h>
#include <sys/prctl.h>

#include "fact.h"
#include "test.h"

#define MAX_WORDS 600

/* One command line, in memory that ends where its words end. */
struct line {
	char *argv[MAX_WORDS];
	int argc;
	struct options options;
	struct buf text;
	struct failure failure;
	enum opts_result result;
};

static void line_free(struct line *line)
{
	for (int i = 0; i < line->argc; i++)
		free(line->argv[i]);
	buf_free(&line->text);
	memset(line, 0, sizeof(*line));
}

/* `words` are separated by blanks; "@" stands for an empty word. */
static enum opts_result parse(struct line *line, const char *words)
{
	line_free(line);
	line->argv[line->argc++] = strdup("glasstap");
	while (*words && line->argc < MAX_WORDS - 1) {
		size_t len = strcspn(words, " ");

		line->argv[line->argc++] = strndup(words, *words == '@' ? 0 : len);
		words += len + (words[len] == ' ');
	}
	line->result = opts_parse(&line->options, line->argc, line->argv, &line->text,
				  &line->failure);
	return line->result;
}

static struct line line;

#define RUNS(words) REQUIRE(parse(&line, words) == OPTS_RUN)

/* Refused, with a line that has `why` in it and says where to look. */
#define REFUSED(words, why)                                                    \
	do {                                                                   \
		CHECK_EQ(parse(&line, words), OPTS_USAGE);                     \
		if (!strstr(line.failure.text, why))                           \
			test_fail(__FILE__, __LINE__, "'%s' gives '%s'", words, \
				  line.failure.text);                          \
		if (!strstr(line.failure.text, "see 'glasstap --help'"))       \
			test_fail(__FILE__, __LINE__, "no advice: '%s'",       \
				  line.failure.text);                          \
	} while (0)

TEST(opts_defaults)
{
	RUNS("-a");
	CHECK_STR(line.options.view->name, "trace");
	CHECK(line.options.all && line.options.follow);
	CHECK(!line.options.all_fds && !line.options.hex && !line.options.quiet);
	CHECK(!line.options.show_secrets && !line.options.command && !line.options.replay);
	CHECK_EQ(line.options.verbose, 0);
	CHECK_EQ(line.options.colour, COLOUR_AUTO);
	CHECK(line.options.snap == UINT64_MAX);
	CHECK(line.options.seconds == 0);
	CHECK_EQ(line.options.ring, 64 << 20);
	REQUIRE(line.options.output_count == 1);
	CHECK_STR(line.options.outputs[0].format, "text");
	CHECK(!line.options.outputs[0].path);
}

TEST(opts_view_stands_anywhere_before_the_command)
{
	RUNS("io -a");
	CHECK_STR(line.options.view->name, "io");
	RUNS("-j net -a");
	CHECK_STR(line.options.view->name, "net");
	RUNS("-p 1 exec");
	CHECK_STR(line.options.view->name, "exec");
	REFUSED("io net -a", "'net'");
	REFUSED("curl -a", "no view 'curl'");
	REFUSED("- -a", "no view '-'");
	REFUSED("dns -a", "'dns' is planned");
	RUNS("doctor -p 1");
	CHECK_STR(line.options.view->name, "doctor");
	RUNS("doctor -j -- true");
	REFUSED("doctor", "doctor needs -p PID or -- COMMAND");
	REFUSED("doctor -a", "doctor needs -p PID or -- COMMAND");
	REFUSED("doctor -r x.gtap", "doctor needs -p PID or -- COMMAND");
}

TEST(opts_views_show_their_facts)
{
	const unsigned ends = 1u << FACT_LOSS | 1u << FACT_SUMMARY;

	CHECK_EQ(views[0].facts, ends | 1u << FACT_OPEN | 1u << FACT_CLOSE | 1u << FACT_EXEC |
		 1u << FACT_EXIT | 1u << FACT_TLS);
	RUNS("tls -a");
	CHECK_EQ(line.options.view->facts, ends | 1u << FACT_TLS | 1u << FACT_PLAINTEXT);
	RUNS("io -a");
	CHECK_EQ(line.options.view->facts, ends | 1u << FACT_IO);
	RUNS("net -a");
	CHECK_EQ(line.options.view->facts, ends | 1u << FACT_OPEN | 1u << FACT_CLOSE);
	RUNS("exec -a");
	CHECK_EQ(line.options.view->facts, ends | 1u << FACT_EXEC | 1u << FACT_EXIT);
}

TEST(opts_everything_behind_the_dashes_is_the_command)
{
	RUNS("io -j -- curl -s -j -- --help");
	REQUIRE(line.options.command != NULL);
	CHECK_STR(line.options.command[0], "curl");
	CHECK_STR(line.options.command[1], "-s");
	CHECK_STR(line.options.command[3], "--");
	CHECK_STR(line.options.command[4], "--help");
	CHECK(!line.options.command[5]);
	REFUSED("io --", "no command");
	REFUSED("io -s -- curl", "-s needs BYTES");
	REFUSED("--ring -- curl", "--ring needs BYTES");
}

TEST(opts_processes)
{
	RUNS("-p 12,3 -p4 -p 12");
	CHECK_EQ(line.options.pid_count, 3);
	CHECK_EQ(line.options.pids[0], 12);
	CHECK_EQ(line.options.pids[1], 3);
	CHECK_EQ(line.options.pids[2], 4);
	RUNS("-p 2147483647");
	CHECK_EQ(line.options.pids[0], 2147483647);
	REFUSED("-p 2147483648", "'2147483648'");
	REFUSED("-p 99999999999999999999999", "99999999999999999999999");
	REFUSED("-p 0", "'0'");
	REFUSED("-p -1", "'-1'");
	REFUSED("-p 1,", "'1,'");
	REFUSED("-p ,1", "',1'");
	REFUSED("-p 1,,2", "'1,,2'");
	REFUSED("-p 1x", "'1x'");
	REFUSED("-p @", "''");
	REFUSED("-p", "-p needs PID");
}

TEST(opts_names)
{
	RUNS("-n curl,nginx -n a");
	CHECK_EQ(line.options.name_count, 3);
	CHECK_STR(line.options.names[0], "curl");
	CHECK_STR(line.options.names[1], "nginx");
	CHECK_STR(line.options.names[2], "a");
	REFUSED("-n @", "''");
	REFUSED("-n a,,b", "'a,,b'");
	REFUSED("-n a,", "'a,'");
	REFUSED("-n ,a", "',a'");
}

TEST(opts_targets_have_a_maximum)
{
	char words[4096] = "-p 1";

	for (int i = 2; i <= MAX_TARGETS; i++)
		sprintf(words + strlen(words), ",%d", i);
	RUNS(words);
	CHECK_EQ(line.options.pid_count, MAX_TARGETS);
	strcat(words, ",9999");
	REFUSED(words, "'9999' is one more");
	strcpy(words, "-n a");
	for (int i = 1; i < MAX_TARGETS; i++)
		strcat(words, ",a");
	RUNS(words);
	strcat(words, ",last");
	REFUSED(words, "'last' is one more");
}

TEST(opts_one_kind_of_target)
{
	RUNS("-p 1 -n curl");
	RUNS("-r f.gtap");
	CHECK_STR(line.options.replay, "f.gtap");
	REFUSED("io", "nothing to look at");
	REFUSED("-p 1 -- true", "'true'");
	REFUSED("-n x -- true", "'true'");
	REFUSED("-a -p 1", "-a is everything");
	REFUSED("-a -n x", "-a is everything");
	REFUSED("-a -- true", "-a is everything");
	REFUSED("-r f.gtap -a", "'f.gtap'");
	REFUSED("-r f.gtap -p 1", "'f.gtap'");
	REFUSED("-r f.gtap -- true", "'f.gtap'");
	REFUSED("-r f.gtap -r g.gtap", "'g.gtap'");
	REFUSED("-r @", "-r needs");
}

TEST(opts_a_recording_is_captured_already)
{
	REFUSED("-r f -s 10", "-s says how to capture");
	REFUSED("-d 1 -r f", "-d says how to capture");
	REFUSED("-r f --ring=1M", "--ring says how to capture");
	REFUSED("-r f --all-fds", "--all-fds says how to capture");
	REFUSED("-r f.json -w f.json", "'f.json'");
	RUNS("io -r f.gtap -jxvq -w g.gtap");
}

TEST(opts_outputs)
{
	RUNS("-a -j");
	REQUIRE(line.options.output_count == 1);
	CHECK_STR(line.options.outputs[0].format, "json");
	CHECK(!line.options.outputs[0].path);
	RUNS("-a -o json=a=b -o text=- -o gtap=c");
	REQUIRE(line.options.output_count == 3);
	CHECK_STR(line.options.outputs[0].path, "a=b");
	CHECK_STR(line.options.outputs[1].format, "text");
	CHECK(!line.options.outputs[1].path);
	CHECK_STR(line.options.outputs[2].format, "gtap");
	CHECK_STR(line.options.outputs[2].path, "c");
	RUNS("-a -w x.gtap -w x.json -w x.jsonl -w x.txt");
	REQUIRE(line.options.output_count == 4);
	CHECK_STR(line.options.outputs[0].format, "gtap");
	CHECK_STR(line.options.outputs[0].path, "x.gtap");
	CHECK_STR(line.options.outputs[1].format, "json");
	CHECK_STR(line.options.outputs[2].format, "json");
	CHECK_STR(line.options.outputs[3].format, "text");
	REFUSED("-a -w x.pcap", "'x.pcap'");
	REFUSED("-a -w -", "'-'");
	REFUSED("-a -w @", "''");
	REFUSED("-a -o xml", "no format 'xml'");
	REFUSED("-a -o jso=x", "no format 'jso'");
	REFUSED("-a -o json=", "'json='");
	REFUSED("-a -o @", "no format ''");
}

TEST(opts_no_two_outputs_to_one_place)
{
	REFUSED("-a -j -o text", "'json' and 'text' cannot both go to stdout");
	REFUSED("-a -j -j", "stdout");
	REFUSED("-a -o gtap -o json=-", "stdout");
	REFUSED("-a -w x.json -o text=x.json", "'x.json'");
	RUNS("-a -j -o text=x");
}

TEST(opts_outputs_have_a_maximum)
{
	char words[1024] = "-a";

	for (int i = 0; i < MAX_OUTPUTS; i++)
		sprintf(words + strlen(words), " -w %d.txt", i);
	RUNS(words);
	strcat(words, " -w more.txt");
	REFUSED(words, "'more.txt' is one more");
}

TEST(opts_bundles_and_attached_values)
{
	RUNS("-jxqvva");
	CHECK(line.options.hex && line.options.quiet && line.options.all);
	CHECK_EQ(line.options.verbose, 2);
	CHECK_STR(line.options.outputs[0].format, "json");
	RUNS("-axs100");
	CHECK(line.options.hex);
	CHECK_EQ(line.options.snap, 100);
	RUNS("-as 100");
	CHECK_EQ(line.options.snap, 100);
	RUNS("-a --ring 2M --all-fds --no-follow --show-secrets");
	CHECK_EQ(line.options.ring, 2 << 20);
	CHECK(line.options.all_fds && !line.options.follow && line.options.show_secrets);
	REFUSED("-aZ", "no option '-Z' (in '-aZ')");
	REFUSED("-a --nope=1", "no option '--nope=1'");
	REFUSED("-a --rin=1M", "no option '--rin=1M'");
	REFUSED("-a --all-fds=yes", "--all-fds takes no value, but was given 'yes'");
	REFUSED("-a --ring", "--ring needs BYTES");
}

TEST(opts_sizes)
{
	RUNS("-a -s 0");
	CHECK_EQ(line.options.snap, 0);
	RUNS("-a -s 64k");
	CHECK_EQ(line.options.snap, 65536);
	RUNS("-a -s 1M");
	CHECK_EQ(line.options.snap, 1 << 20);
	RUNS("-a -s 3G");
	CHECK_EQ(line.options.snap, 3ll << 30);
	RUNS("-a -s 18446744073709551614");
	CHECK(line.options.snap == UINT64_MAX - 1);
	REFUSED("-a -s 18446744073709551615", "'18446744073709551615'");
	REFUSED("-a -s 18014398509481984k", "'18014398509481984k'");
	REFUSED("-a -s -1", "'-1'");
	REFUSED("-a -s 1kk", "'1kk'");
	REFUSED("-a -s 1T", "'1T'");
	REFUSED("-a -s k", "'k'");
	REFUSED("-a -s @", "''");
	REFUSED("-a -s 0x10", "'0x10'");
}

TEST(opts_ring_is_a_power_of_two)
{
	RUNS("-a --ring=1M");
	CHECK_EQ(line.options.ring, 1 << 20);
	RUNS("-a --ring=1048577");
	CHECK_EQ(line.options.ring, 2 << 20);
	RUNS("-a --ring=200M");
	CHECK_EQ(line.options.ring, 256 << 20);
	RUNS("-a --ring=256M");
	CHECK_EQ(line.options.ring, 256 << 20);
	REFUSED("-a --ring=1048575", "'1048575'");
	REFUSED("-a --ring=257M", "'257M'");
	REFUSED("-a --ring=", "''");
}

TEST(opts_seconds)
{
	RUNS("-a -d 10");
	CHECK(line.options.seconds == 10);
	RUNS("-a -d 0.25");
	CHECK(line.options.seconds > 0.2499 && line.options.seconds < 0.2501);
	RUNS("-a -d .5");
	CHECK(line.options.seconds == 0.5);
	REFUSED("-a -d 0", "'0'");
	REFUSED("-a -d .", "'.'");
	REFUSED("-a -d 1.2.3", "'1.2.3'");
	REFUSED("-a -d inf", "'inf'");
	REFUSED("-a -d nan", "'nan'");
	REFUSED("-a -d 1e9", "'1e9'");
	REFUSED("-a -d -1", "'-1'");
	REFUSED("-a -d 99999999999999999999", "'99999999999999999999'");
}

TEST(opts_colour)
{
	RUNS("-a --color");
	CHECK_EQ(line.options.colour, COLOUR_ALWAYS);
	RUNS("-a --color=never");
	CHECK_EQ(line.options.colour, COLOUR_NEVER);
	RUNS("-a --color=auto");
	CHECK_EQ(line.options.colour, COLOUR_AUTO);
	RUNS("--color io -a"); /* its value is never the next word */
	CHECK_STR(line.options.view->name, "io");
	REFUSED("-a --color=blue", "'blue'");
}

TEST(opts_tls)
{
	RUNS("-a");
	CHECK_EQ(line.options.tls, KEYS_AUTO);
	RUNS("-a --tls=births");
	CHECK_EQ(line.options.tls, KEYS_BIRTHS);
	RUNS("-a --tls off");
	CHECK_EQ(line.options.tls, KEYS_OFF);
	RUNS("tls -r x.gtap --tls=auto -o keylog=y");
	CHECK_EQ(line.options.tls, KEYS_AUTO);
	CHECK_STR(line.options.outputs[0].format, "keylog");
	RUNS("-a -w keys.keylog");
	CHECK_STR(line.options.outputs[0].format, "keylog");
	REFUSED("-a --tls=memory", "'memory'");
	REFUSED("-a --tls", "--tls needs KEYS");
	REFUSED("-a --tls=", "''");
	REFUSED("-a --tls=off -o keylog=keys", "key log 'keys'");
	REFUSED("-a -o keylog --tls=off", "key log '-'");
}

/* No view shows a key, whatever else it shows. */
TEST(opts_views_show_no_keys)
{
	for (const struct view *view = views; view->name; view++)
		CHECK(!(view->facts & 1u << FACT_SECRET));
}

TEST(opts_nothing_given)
{
	CHECK_EQ(parse(&line, ""), OPTS_USAGE);
	CHECK(line.failure.text[0]);
	REQUIRE(line.text.len > 0);
	CHECK(memmem(line.text.data, line.text.len, "usage: glasstap [VIEW]", 22));
	CHECK_EQ(parse(&line, "io"), OPTS_USAGE);
	CHECK_EQ(line.text.len, 0);
}

TEST(opts_version)
{
	CHECK_EQ(parse(&line, "--version"), OPTS_DONE);
	CHECK_BYTES(line.text.data, line.text.len, "glasstap " GLASSTAP_VERSION "\n",
		    sizeof(GLASSTAP_VERSION) + 9);
	REFUSED("--nope --version", "'--nope'");
}

TEST(opts_long_values_leave_the_advice)
{
	char words[2000] = "-a -s ";

	memset(words + 6, 'x', sizeof(words) - 7);
	REFUSED(words, "'xxxx");
	memcpy(words, "-a -o ", 6);
	REFUSED(words, "'xxxx");
	memcpy(words, "-a -w ", 6);
	REFUSED(words, "'xxxx");
	memcpy(words, "-a -n ,", 7);
	REFUSED(words, "',xxx");
	memcpy(words, "-r xx -j", 8);
	words[8] = ' ';
	words[9] = '-';
	words[10] = '-';
	REFUSED(words, "no option '--xxx");
}

static bool manual_names(const char *manual, const char *option)
{
	char wanted[64];
	size_t len;

	/* mdoc: -x is Fl x, --name is Fl -name */
	len = (size_t)snprintf(wanted, sizeof(wanted), "Fl %s", option + 1);
	for (const char *at = manual; (at = strstr(at, wanted)); at++)
		if (strchr(" \n=", at[len]))
			return true;
	return false;
}

/* Options begin the lines of --help that begin with "  -". */
TEST(opts_manual_names_every_option_and_view)
{
	FILE *file = fopen("man/glasstap.1", "r");
	static char manual[1 << 17];
	char *help, *save = NULL;
	int options = 0;

	REQUIRE(file != NULL);
	manual[fread(manual, 1, sizeof(manual) - 1, file)] = '\0';
	fclose(file);
	CHECK_EQ(parse(&line, "--help"), OPTS_DONE);
	buf_char(&line.text, '\0');
	REQUIRE(!line.text.failed);
	help = line.text.data;
	for (char *row = strtok_r(help, "\n", &save); row; row = strtok_r(NULL, "\n", &save)) {
		char option[32], second[32];
		int count = sscanf(row, "  %31[-a-z],%*1[ ]%31[-a-z]", option, second);

		if (strlen(row) > 80)
			test_fail(__FILE__, __LINE__, "over 80 columns: %s", row);
		if (count < 1 || option[0] != '-')
			continue;
		options++;
		if (!manual_names(manual, option))
			test_fail(__FILE__, __LINE__, "the manual does not name %s", option);
		if (count > 1 && !manual_names(manual, second))
			test_fail(__FILE__, __LINE__, "the manual does not name %s", second);
	}
	CHECK_EQ(options, 21);
	for (const struct view *view = views; view->name; view++) {
		char item[32];

		snprintf(item, sizeof(item), ".It Cm %s\n", view->name);
		if (!strstr(manual, item))
			test_fail(__FILE__, __LINE__, "the manual does not name %s", view->name);
	}
}

/* What bash offers at the end of `words`: the last of them is being typed. */
static bool completes(const char *words, const char *wanted)
{
	char command[512], out[512] = "", path[] = "/tmp/glasstap-completion-XXXXXX";
	int fd = mkstemp(path);
	FILE *file = fd < 0 ? NULL : fdopen(fd, "w"), *bash;
	size_t len;

	if (!file)
		return false;
	fwrite(line.text.data, 1, line.text.len, file);
	fclose(file);
	snprintf(command, sizeof(command), "bash -c 'set -eu; . %s; COMP_WORDS=(glasstap %s); "
		 "COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _glasstap; echo ${COMPREPLY[*]}' 2>&1",
		 path, words);
	bash = popen(command, "r");
	len = bash ? fread(out, 1, sizeof(out) - 1, bash) : 0;
	if (bash)
		pclose(bash);
	remove(path);
	out[len] = '\0';
	if (strcmp(out, wanted) == 0)
		return true;
	fprintf(stderr, "after '%s' bash offers: %s", words, out);
	return false;
}

TEST(opts_completion_for_bash)
{
	CHECK_EQ(parse(&line, "--completion=bash"), OPTS_DONE);
	CHECK(completes("n", "net\n"));
	CHECK(completes("io --no", "--no-follow\n"));
	CHECK(completes("-o j", "json\n"));
	CHECK(completes("-o g", "gtap\n"));
	CHECK(completes("-o k", "keylog\n"));
	CHECK(completes("--tls = b", "births\n"));
	CHECK(completes("t", "trace tls\n"));
	CHECK(completes("--color = al", "always\n"));
	CHECK(completes("--color =", "auto always never\n"));
	CHECK(completes("--completion = \"\"", "bash\n"));
	CHECK(completes("-r src/opts.", "src/opts.c src/opts.h\n") ||
	      completes("-r src/opts.", "src/opts.h src/opts.c\n"));
	CHECK(completes("-p 1,2 -- tests/unit/test_opts.", "tests/unit/test_opts.c\n"));
	prctl(PR_SET_NAME, "glasstap-named");
	CHECK(completes("-n glasstap-n", "glasstap-named\n"));
	prctl(PR_SET_NAME, "$(echo pwned)"); /* which bash must not run */
	CHECK(completes("-n pw", "\n"));
	REFUSED("--completion=fish", "'fish'");
}

TEST_MAIN()
