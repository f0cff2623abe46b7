/* The files that a process executes code of, and how to get at them: also those
 * that have no name any more, or another one in its mount namespace. */
#ifndef GLASSTAP_MAPS_H
#define GLASSTAP_MAPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "base/failure.h"

struct mapping {
	uint32_t pid;
	uint64_t start, end;
	uint64_t inode;            /* 0: not known */
	unsigned major, minor;
	const char *path;          /* as the process knows it, " (deleted)" behind it perhaps;
	                            * NULL: not known */
};

/* Calls `found` for each executable mapping of a file, once for each file, while
 * it returns 0. Returns what it returned, or a negative errno: the process is
 * gone, or is not ours to look at. */
int maps_each(uint32_t pid, int (*found)(void *context, const struct mapping *mapping),
	      void *context);

/* What is mapped there now, without opening it: it may be a device. */
int mapping_stat(const struct mapping *mapping, struct stat *status);

/* Its name under /proc; false: there is no room. Only for the privileged. */
bool mapping_name(const struct mapping *mapping, char *name, size_t room);

/* A descriptor of it, or a negative errno. */
int mapping_open(const struct mapping *mapping);

#endif
