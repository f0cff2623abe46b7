/* What the table of options says to people and to shells. */
#include <errno.h>
#include <string.h>

#include "opts.h"
#include "opts_table.h"
#include "out/out.h"

#ifndef GLASSTAP_VERSION
#define GLASSTAP_VERSION "unversioned"
#endif

#define HELP_COLUMN 26

static const char synopsis[] =
	"usage: glasstap [VIEW] [OPTIONS] -- COMMAND [ARG...]\n"
	"       glasstap [VIEW] [OPTIONS] -p PID[,PID...]\n"
	"       glasstap [VIEW] [OPTIONS] -n NAME[,NAME...]\n"
	"       glasstap [VIEW] [OPTIONS] -a\n"
	"       glasstap [VIEW] [OPTIONS] -r FILE.gtap\n";

static void add(struct buf *text, const char *string)
{
	buf_text(text, text_of(string));
}

static void add_column(struct buf *text, size_t line, const char *help)
{
	do
		buf_char(text, ' ');
	while (text->len - line < HELP_COLUMN && !text->failed);
	add(text, help);
	buf_char(text, '\n');
}

void add_synopsis(struct buf *text)
{
	add(text, synopsis);
	add(text, "See 'glasstap --help'.\n");
}

int take_help(struct parse *parse, const char *value)
{
	struct buf *text = parse->text;
	size_t line;

	(void)value;
	add(text, synopsis);
	add(text, "\nViews:\n");
	for (const struct view *view = views; view->name; view++) {
		line = text->len;
		buf_printf(text, "  %s", view->name);
		add_column(text, line, view->help);
	}
	add(text, "\nOptions:\n");
	for (const struct option *option = option_table; option->help; option++) {
		line = text->len;
		add(text, "  ");
		if (option->letter)
			buf_printf(text, "-%c", option->letter);
		if (option->name)
			buf_printf(text, "%s--%s", option->letter ? ", " : "", option->name);
		if (option->argument && option->name)
			buf_printf(text, option->optional ? "[=%s]" : "=%s", option->argument);
		else if (option->argument)
			buf_printf(text, " %s", option->argument);
		add_column(text, line, option->help);
	}
	parse->done = true;
	return 0;
}

int take_version(struct parse *parse, const char *value)
{
	(void)value;
	add(parse->text, "glasstap " GLASSTAP_VERSION "\n");
	parse->done = true;
	return 0;
}

static const char completion_head[] =
	"# bash completion of glasstap; made by glasstap --completion=bash\n"
	"_glasstap()\n"
	"{\n"
	"\tlocal word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} words='' i\n"
	"\n"
	"\tCOMPREPLY=()\n"
	"\tfor ((i = 1; i < COMP_CWORD; i++)); do\n"
	"\t\t[[ ${COMP_WORDS[i]} == -- ]] || continue\n"
	"\t\tif declare -F _command_offset >/dev/null; then\n"
	"\t\t\t_command_offset $((i + 1))\n"
	"\t\telse\n"
	"\t\t\tmapfile -t COMPREPLY < <(compgen -c -f -- \"$word\")\n"
	"\t\tfi\n"
	"\t\treturn 0\n"
	"\tdone\n"
	"\tif [[ $word == = ]]; then\n"
	"\t\tword=\n"
	"\telif [[ $before == = ]]; then\n"
	"\t\tbefore=${COMP_WORDS[COMP_CWORD-2]}\n"
	"\tfi\n"
	"\tcase $before in\n";

static const char completion_tail[] =
	"\tesac\n"
	"\tmapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$word\")\n"
	"}\n"
	"complete -F _glasstap glasstap\n";

/* bash expands the words of compgen -W, substitution of commands included: what
 * is not ours, such as the names of processes, must not be among them. */
static const char *const completion_of[] = {
	[COMPLETE_FILE] = "compopt -o filenames 2>/dev/null || :\n"
		"\t\tmapfile -t COMPREPLY < <(compgen -f -- \"$word\")\n"
		"\t\treturn 0",
	[COMPLETE_PID] = "words=$(cd /proc && echo [0-9]*)",
	[COMPLETE_NAME] = "for i in /proc/[0-9]*/comm; do\n"
		"\t\t\t{ read -r i <\"$i\"; } 2>/dev/null || continue\n"
		"\t\t\t[[ $i == \"$word\"* && $i != *[![:alnum:]._+-]* ]] && COMPREPLY+=(\"$i\")\n"
		"\t\tdone\n"
		"\t\treturn 0",
};

/* The part of the script for what follows an option. */
static void complete_argument(struct buf *text, const struct option *option)
{
	if (option->letter)
		buf_printf(text, "\t-%c) ", option->letter);
	else
		buf_printf(text, "\t--%s) ", option->name);
	if (option->complete == COMPLETE_FORMAT) {
		add(text, "words='" RECORDING);
		for (const struct out_format *format = out_formats; format->name; format++)
			buf_printf(text, " %s", format->name);
		add(text, "'");
	} else if (option->words) {
		buf_printf(text, "words='%s'", option->words);
	} else if (completion_of[option->complete]) {
		add(text, completion_of[option->complete]);
	} else {
		add(text, "return 0");
	}
	add(text, " ;;\n");
}

int take_completion(struct parse *parse, const char *value)
{
	struct buf *text = parse->text;

	if (strcmp(value, "bash") != 0)
		return usage(parse->failure, "there is a completion for bash, not for " VALUE, value);
	add(text, completion_head);
	for (const struct option *option = option_table; option->help; option++)
		if (option->argument && !option->optional)
			complete_argument(text, option);
	for (const struct option *option = option_table; option->help; option++)
		if (option->optional)
			buf_printf(text, "\t--%s) [[ ${COMP_WORDS[COMP_CWORD-1]} == = || "
				   "${COMP_WORDS[COMP_CWORD]} == = ]] && words='%s' ;;\n",
				   option->name, option->words);
	add(text, "\tesac\n\t[[ $words ]] || case $word in\n\t-*) words='--");
	for (const struct option *option = option_table; option->help; option++) {
		if (option->letter)
			buf_printf(text, " -%c", option->letter);
		if (option->name)
			buf_printf(text, " --%s", option->name);
	}
	add(text, "' ;;\n\t*) words='--");
	for (const struct view *view = views; view->name; view++)
		buf_printf(text, " %s", view->name);
	add(text, "' ;;\n");
	add(text, completion_tail);
	parse->done = true;
	return 0;
}
