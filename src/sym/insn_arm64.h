/* The instructions of arm64: a word each. Branches by the encodings of the Arm
 * Architecture Reference Manual, C4.1 (branches, exception generating and system
 * instructions). */
#ifndef GLASSTAP_INSN_ARM64_H
#define GLASSTAP_INSN_ARM64_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sym/insn.h"

/* The word, or false: cut, or of a group that is reserved (zeros are) or without
 * any instruction. */
bool arm64_word(const uint8_t *code, size_t room, uint32_t *word);

enum insn_flow arm64_flow(uint32_t word);

/* Where a branch with a fixed distance goes; false: it is none. */
bool arm64_distance(uint32_t word, int64_t *distance);

#endif
