/* What a program or library has to do with TLS: which implementation it holds,
 * and where probes see the keys that it makes. One file, no process: reads it and
 * touches nothing. */
#ifndef GLASSTAP_DISCOVER_H
#define GLASSTAP_DISCOVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/shared.h"
#include "limits.h"

/* A function that has, or should have, a probe. */
struct site {
	enum probed probed;
	const char *library;       /* a name of the table of TLS libraries */
	const char *gives;         /* what is seen there, in words; NULL: no keys */
	char function[MAX_SITE_NAME]; /* cut if longer */
	uint64_t address;          /* of the function, as the file has it */
	uint64_t offset;           /* of the probed instruction, in the file */
	uint32_t into;             /* and in the function */
	uint32_t depth;            /* of the stack there */
	bool on_stack;             /* Go: the arguments */
	bool emulated;             /* the instruction: cheap */
	char why[MAX_SITE_WHY];    /* not empty: no probe, because... */
};

struct discovery {
	bool elf;                  /* a 64-bit program or library for this machine */
	bool go;
	char about[256];           /* "Go program, go1.26.1, PIE, stripped"; empty: nothing to say */
	char version[64];          /* of Go; empty: unknown */
	const char *library;       /* of TLS, that it holds; NULL: none that is known */
	char unseen[512];          /* what of that library's TLS cannot be seen, and why */
	struct site sites[MAX_PROBES_PER_FILE];
	size_t count;
};

/* Never fails: what cannot be read is said in it. */
void discover(struct discovery *discovery, int fd);

/* How many of its sites can be probed. */
size_t discovery_probes(const struct discovery *discovery);

#endif
