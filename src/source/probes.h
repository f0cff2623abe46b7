/* Places probes where the traced processes make their keys of TLS: what they run
 * already, what they begin, and what they load later. In a thread of its own, so
 * that it is quick whatever the reader of the events is busy with. */
#ifndef GLASSTAP_PROBES_H
#define GLASSTAP_PROBES_H

#include <bpf/btf.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/failure.h"

struct glasstap_bpf;
struct probes;

/* Before the kernel programs are loaded: which of them are needed. */
void probes_choose(struct glasstap_bpf *bpf, const struct btf *kernel, bool wanted);

/* Once they are attached. When it returns, what the traced processes have mapped
 * was looked at. `say`, or NULL: see live_options. */
struct probes *probes_open(struct glasstap_bpf *bpf, void (*say)(void *context, const char *line),
			   void *context, struct failure *failure);
void probes_close(struct probes *probes);

/* Before a command is started: its program, and what interprets it. */
void probes_command(struct probes *probes, char **argv);

#endif
