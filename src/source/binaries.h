/* The programs and libraries that were looked at: each once, whoever uses it and
 * under whatever name. Those that make keys of TLS have their probes from then on. */
#ifndef GLASSTAP_BINARIES_H
#define GLASSTAP_BINARIES_H

#include <bpf/libbpf.h>
#include <sys/stat.h>

#include "bpf/shared.h"

struct binaries;

/* `known`: the kernel's own list of programs that need no second look. `say`, or
 * NULL, gets a line for each file that has something to do with TLS. */
struct binaries *binaries_new(const struct bpf_program *program, int known,
			      void (*say)(void *context, const char *line), void *context);
void binaries_free(struct binaries *binaries);

/* Was this file looked at? Says also that it is in use. */
bool binaries_has(struct binaries *binaries, const struct stat *status);

/* Looks at it, and places its probes. */
void binaries_add(struct binaries *binaries, const struct stat *status, int fd, const char *name);

/* The kernel's own name for a file that was looked at: its next launch needs no
 * notice. */
void binaries_known(struct binaries *binaries, const struct stat *status,
		    const struct file_id *id);

#endif
