/* Where in a function a uprobe may stand. Bytes in, an offset out: or a refusal,
 * in words. Nothing is taken on trust (see place.c). */
#ifndef GLASSTAP_PLACE_H
#define GLASSTAP_PLACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/failure.h"
#include "sym/machine.h"

enum place_kind {
	PLACE_GO,      /* behind the stack check of a Go function: once for each call */
	PLACE_C,       /* at, or close behind, the entry of a function in C */
};

struct place_code {
	enum machine machine;
	const uint8_t *bytes;  /* from the function's first one */
	size_t len;            /* how many of them are at hand */
	size_t size;           /* the function's, with padding or without; 0: not known.
				* The whole is proved where len >= size > 0 */
};

struct place {
	uint32_t offset;       /* of the probed instruction in the function */
	int32_t stack;         /* bytes that the stack pointer is then below its value at
				* the first instruction */
	bool emulated;         /* by the kernel: a tenth of the cost of a single step */
	bool registers;        /* PLACE_GO: the check is that of functions that take their
				* arguments in registers; else they are on the stack */
};

/* 0, or -ENOEXEC (-ENOMEM) with `failure` set to why there is no such place. There
 * all that carries arguments, registers and stack, holds what it did at the entry. */
int place_find(enum place_kind kind, const struct place_code *code, struct place *place,
	       struct failure *failure);

#endif
