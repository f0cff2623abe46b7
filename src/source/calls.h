/* The programs that hang on the root cgroup (bpf/call.bpf.h). They are an extra:
 * without them a few facts are missing, and the trace goes on. */
#ifndef GLASSTAP_CALLS_H
#define GLASSTAP_CALLS_H

#include <bpf/btf.h>

struct glasstap_bpf;
struct calls;

/* Before the load: which of them can this kernel run? */
void calls_choose(struct glasstap_bpf *bpf, const struct btf *kernel, bool wanted);

/* After it. `missing` says what will not be seen, NULL: nothing. */
struct calls *calls_attach(struct glasstap_bpf *bpf, const char **missing);
void calls_free(struct calls *calls);

#endif
