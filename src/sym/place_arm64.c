/* Go's stack check on arm64, by src/cmd/internal/obj/arm64 of Go 1.15 to 1.27, and the
 * instructions on which uprobes stand, by arch/arm64/kernel/probes of Linux. */
#include "sym/insn_arm64.h"
#include "sym/place_parts.h"

#define CHECK_WORDS 12
#define SPILLS 64
#define STACKGUARD_LOAD 0xf9400b80u    /* ldr xN,[x28,#16]: x28 is g */
#define SAVE_LINK 0xaa1e03e3u          /* mov x3,x30 */

static bool read_word(const struct place_code *code, size_t at, uint32_t *word)
{
	return at < code->len && arm64_word(code->bytes + at, code->len - at, word);
}

/* Data processing with constants or registers. */
static bool is_arithmetic(uint32_t word)
{
	return (word & 0x1c000000) == 0x10000000 || (word & 0x0e000000) == 0x0a000000;
}

/* Subtraction that sets the flags, of constants, or of shifted or extended registers. */
static bool is_compare(uint32_t word)
{
	return ((word & 0xff800000) == 0xf1000000 || (word & 0xff000000) == 0xeb000000) &&
	       (word & 0x1f) == 31;
}

/* A branch by a condition: its number, or -1. */
static int condition_of(uint32_t word)
{
	return (word & 0xff000010) == 0x54000000 ? (int)(word & 0xf) : -1;
}

#define EQUAL 0
#define LOWER 3
#define LOWER_OR_SAME 9

/* Registers that the check may write: x16, x17 and x27; before Go 1.18, with the
 * arguments on the stack, x1 to x3 and x27. */
static bool is_scratch(uint32_t reg, bool registers)
{
	return reg == 27 || (registers ? reg == 16 || reg == 17 : reg >= 1 && reg <= 3);
}

/* ldr; any arithmetic on these registers; a comparison; b.ls. Frames that may wrap
 * have a b.lo, before Go 1.18 a b.eq, to the same place before. */
bool place_arm64_check(const struct place_code *code, struct place_check *check)
{
	int64_t distance, more = -1;
	bool compared = false;
	uint32_t word;

	if (!read_word(code, 0, &word) || (word & ~(uint32_t)0x1f) != STACKGUARD_LOAD)
		return false;
	check->registers = (word & 0x1f) == 16;
	if (!is_scratch(word & 0x1f, check->registers))
		return false;
	for (size_t at = 4; at < 4 * CHECK_WORDS; at += 4) {
		if (!read_word(code, at, &word))
			return false;
		if (condition_of(word) >= 0) {
			if (!arm64_distance(word, &distance) || (int64_t)at + distance < 0)
				return false;
			if (more >= 0 && more != (int64_t)at + distance)
				return false;
			more = (int64_t)at + distance;
			check->more = (size_t)more;
			check->end = at + 4;
			if (condition_of(word) == LOWER_OR_SAME)
				return compared;
			if (condition_of(word) != (check->registers ? LOWER : EQUAL))
				return false;
			continue;
		}
		compared = is_compare(word);
		if (!compared && (!is_arithmetic(word) || !is_scratch(word & 0x1f, check->registers)))
			return false;
	}
	return false;
}

/* Loads and stores, by one register or two, with the stack pointer as the base; or
 * x27, which is set to a place far above it before. */
static bool is_spill(uint32_t word)
{
	uint32_t base = word >> 5 & 0x1f;

	return ((word & 0x0a000000) == 0x08000000 && (base == 31 || base == 27)) ||
	       (word & 0xff8003ff) == 0x910003fb;            /* add x27,sp,#OFFSET */
}

static bool pass_spills(const struct place_code *code, size_t *at, uint32_t *word)
{
	for (int i = 0; i < SPILLS; i++, *at += 4) {
		if (!read_word(code, *at, word))
			return false;
		if (!is_spill(*word) && *word != SAVE_LINK)
			return true;
	}
	return false;
}

bool place_arm64_more(const struct place_code *code, struct place_check *check)
{
	size_t at = check->more;
	int64_t distance;
	uint32_t word;

	if (!pass_spills(code, &at, &word) || arm64_flow(word) != INSN_CALL)
		return false;
	at += 4;
	if (!pass_spills(code, &at, &word) || arm64_flow(word) != INSN_JUMP)
		return false;
	check->tail = at + 4;
	return arm64_distance(word, &distance) && (int64_t)at + distance == 0;
}

/* Branches, adr and adrp. */
static bool is_emulated(uint32_t word)
{
	int64_t distance;

	return arm64_distance(word, &distance) || (word & 0x1f000000) == 0x10000000;
}

/* Not: system instructions but those hints that do nothing to others, literals, and
 * what must be whole with its neighbours (exclusive loads and stores). */
static bool is_steppable(uint32_t word)
{
	if ((word & 0x1c000000) == 0x14000000)
		return word == 0xd503201f || (word & 0xffffff3f) == 0xd503241f ||  /* nop, bti */
		       word == 0xd503233f || word == 0xd503237f;           /* paciasp, pacibsp */
	return (word & 0x3b000000) != 0x18000000 && (word & 0x3f000000) != 0x08000000;
}

/* No walk here: nothing was ever measured. The first one it is. */
bool place_arm64_walk(enum place_kind kind, const struct place_code *code,
		      const struct place_check *check, size_t limit, struct place *place)
{
	uint32_t word;

	(void)kind;
	if (check->end >= limit || !read_word(code, check->end, &word))
		return false;
	place->offset = (uint32_t)check->end;
	place->emulated = is_emulated(word);
	return place->emulated || is_steppable(word);
}
