/* The command line. One table of options makes the parser, `--help`, the shell
 * completion and the check of the manual. */
#ifndef GLASSTAP_OPTS_H
#define GLASSTAP_OPTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/failure.h"

#define MAX_TARGETS 256
#define MAX_OUTPUTS 16

struct view {
	const char *name, *help;
	unsigned facts;            /* bits 1 << enum fact_type that it shows */
};
extern const struct view views[]; /* ended by a NULL name; the first is the default */

struct output {
	const char *format;        /* a name of out_formats, or "gtap" */
	const char *path;          /* NULL: stdout */
};

enum colour { COLOUR_AUTO, COLOUR_ALWAYS, COLOUR_NEVER };

/* Where the keys of TLS come from. */
enum keys { KEYS_AUTO, KEYS_BIRTHS, KEYS_OFF };

struct options {
	const struct view *view;
	char **command;            /* NULL, or argv of the program to run, NULL-ended */
	uint32_t pids[MAX_TARGETS];
	size_t pid_count;
	const char *names[MAX_TARGETS];
	size_t name_count;
	bool all, follow, all_fds, hex, quiet, show_secrets;
	int verbose;
	enum colour colour;
	enum keys tls;             /* --tls */
	struct output outputs[MAX_OUTPUTS];
	size_t output_count;       /* at least one after parsing */
	const char *replay;        /* -r, or NULL */
	uint64_t snap;             /* -s: bytes kept of a message; UINT64_MAX: all */
	double seconds;            /* -d; 0: no end */
	uint64_t ring;             /* --ring: bytes of the event ring, a power of two */
};

enum opts_result {
	OPTS_RUN,                  /* options are filled */
	OPTS_DONE,                 /* --help, --version...: `text` belongs on stdout, exit 0 */
	OPTS_USAGE                 /* `failure` says why; exit 2 */
};

enum opts_result opts_parse(struct options *options, int argc, char **argv, struct buf *text,
			    struct failure *failure);

#endif
