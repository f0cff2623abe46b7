/* The length of one machine instruction, and where it may go: enough to prove
 * where instructions begin. Bytes in, no more than `room` of them are read. */
#ifndef GLASSTAP_INSN_H
#define GLASSTAP_INSN_H

#include <stddef.h>
#include <stdint.h>

#include "sym/machine.h"

/* 1 to 15. 0: not a valid instruction in 64-bit code, or cut by `room`. */
int insn_length(enum machine machine, const uint8_t *code, size_t room);

#endif
