/* Probes on one file, in every process that maps it. */
#ifndef GLASSTAP_UPROBE_H
#define GLASSTAP_UPROBE_H

#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/failure.h"
#include "limits.h"

/* To be called before the program is loaded: makes it one for the way of
 * attaching that this kernel has. */
void uprobe_prepare(struct bpf_program *program, const struct btf *kernel);

struct uprobe {
	uint64_t offset;           /* of an instruction in the file */
	uint64_t cookie;
	int error;                 /* set: 0, or why the kernel refused this one */
};

struct uprobes;

/* Probes at all of these places that the kernel takes. They end with
 * uprobes_free, or with this process. NULL: none could be placed, and failure
 * says why. `file` may be closed afterwards. */
struct uprobes *uprobes_attach(const struct bpf_program *program, int file, struct uprobe *probes,
			       size_t count, struct failure *failure);
void uprobes_free(struct uprobes *uprobes);

/* The same of many, in the time that one takes: the kernel waits at each until
 * nobody can be inside its program any more. */
void uprobes_free_all(struct uprobes **all, size_t count);

/* The first probe after a while waits for a grace period of RCU, 5 to 30 ms; those
 * that follow at once do not. So while a large file is being read, one is placed
 * somewhere else: in memory of our own, where nobody can meet it. */
struct uprobe_warmer;

struct uprobe_warmer *uprobe_warmer_new(const struct bpf_program *program); /* or NULL */
void uprobe_warm(struct uprobe_warmer *warmer); /* returns at once; NULL: does nothing */
void uprobe_warmer_free(struct uprobe_warmer *warmer);

#endif
