/* One machine instruction: how long it is, and where it goes. Enough to prove
 * where instructions begin. Bytes in; no more than `room` of them are read. */
#ifndef GLASSTAP_INSN_H
#define GLASSTAP_INSN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sym/machine.h"

enum insn_flow {
	INSN_NEXT,             /* to the instruction behind it */
	INSN_CALL,             /* elsewhere, and back to the instruction behind it */
	INSN_BRANCH,           /* elsewhere, or to the instruction behind it */
	INSN_JUMP,             /* elsewhere */
	INSN_END,              /* a return or a trap */
};

struct insn {
	int length;
	enum insn_flow flow;
	bool relative;         /* elsewhere is ... */
	int64_t distance;      /* ... so far from the first byte of this instruction */
};

/* 1 to 15. 0: not a valid instruction in 64-bit code, or cut by `room`. */
int insn_length(enum machine machine, const uint8_t *code, size_t room);

/* The same, and the flow. */
int insn_read(enum machine machine, const uint8_t *code, size_t room, struct insn *insn);

#endif
