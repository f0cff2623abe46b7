/* What went wrong, in one line that quotes the offending value and says what to
 * do. Filled by library code, printed by main. */
#ifndef GLASSTAP_FAILURE_H
#define GLASSTAP_FAILURE_H

struct failure {
	char text[512];
};

/* Sets the text and returns `code`, a negative errno. Control characters in it
 * are replaced. */
int failure_set(struct failure *failure, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
