/* Which files a command would run. */
#ifndef GLASSTAP_LOOKUP_H
#define GLASSTAP_LOOKUP_H

#include "base/failure.h"

/* Calls `found` with the path of the program that execvp(3) would run, and, if it
 * is a script, of its interpreter, and what that is told to run by env(1). -ENOENT
 * or -EACCES with a failure: there is none. */
int lookup_command(char **argv, void (*found)(void *context, const char *path), void *context,
		   struct failure *failure);

/* Opens a regular file for reading: a name out of a file may be a device's. -1: it
 * is none, or cannot be opened. */
int lookup_open(const char *path);

#endif
