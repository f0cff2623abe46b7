/* Running an iterator program to its end. */
#ifndef GLASSTAP_ITERATE_H
#define GLASSTAP_ITERATE_H

#include <bpf/libbpf.h>
#include <stddef.h>

/* What it writes comes in rows of `size` bytes, MAX_ROW at most; `rows` gets some
 * at a time. `map` is what it walks, or NULL; `rows` NULL: it writes nothing. */
#define MAX_ROW 256

int iterate(struct bpf_program *program, struct bpf_map *map, size_t size,
	    void (*rows)(void *context, const void *rows, size_t count), void *context);

#endif
