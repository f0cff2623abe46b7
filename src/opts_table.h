/* The table of options: between opts.c, which parses by it, and opts_text.c,
 * which describes it. */
#ifndef GLASSTAP_OPTS_TABLE_H
#define GLASSTAP_OPTS_TABLE_H

#include "opts.h"

#define RECORDING "gtap"       /* the format that no out_format writes */

/* Of a user's value, no more than leaves room for the advice behind it. */
#define VALUE "'%.160s'"

#define usage(failure, format, ...) \
	failure_set(failure, -EINVAL, format "; see 'glasstap --help'", ##__VA_ARGS__)

struct parse {
	struct options *options;
	struct buf *text;
	struct failure *failure;
	const struct option *capturing; /* an option that says how to capture */
	bool has_view, done;
};

enum complete { COMPLETE_NOTHING, COMPLETE_FILE, COMPLETE_PID, COMPLETE_NAME, COMPLETE_FORMAT };

struct option {
	char letter;               /* 0: none */
	const char *name;          /* NULL: none */
	const char *argument;      /* NULL: takes none */
	const char *help;
	int (*take)(struct parse *parse, const char *value); /* or, if NULL: */
	size_t flag;               /* the place in struct options of a bool */
	bool set;                  /* to this */
	bool optional;             /* the argument; `value` is NULL if not given */
	bool capturing;            /* says how to capture: not for a recording */
	enum complete complete;
	const char *words;         /* the values that the argument can have; NULL: any */
};

extern const struct option option_table[]; /* ended by a NULL help */

int take_help(struct parse *parse, const char *value);
int take_version(struct parse *parse, const char *value);
int take_completion(struct parse *parse, const char *value);
void add_synopsis(struct buf *text);

#endif
