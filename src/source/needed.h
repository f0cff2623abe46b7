/* The libraries that the dynamic loader would map with a program: without running
 * it, as far as its search can be followed from outside (not: $ORIGIN and other
 * paths in the program itself). */
#ifndef GLASSTAP_NEEDED_H
#define GLASSTAP_NEEDED_H

/* Each once, by its name, its loader first. */
void needed_each(const char *program, void (*found)(void *context, const char *path),
		 void *context);

#endif
