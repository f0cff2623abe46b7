#include "sym/insn_arm64.h"

/* Each kind of branch that has its distance in the word. */
static const struct {
	uint32_t mask, value;
	uint8_t low, bits;             /* the field with the distance, in words */
	uint8_t flow;                  /* enum insn_flow */
} branches[] = {
	{ 0xfc000000, 0x14000000, 0, 26, INSN_JUMP },    /* b */
	{ 0xfc000000, 0x94000000, 0, 26, INSN_CALL },    /* bl */
	{ 0xff000000, 0x54000000, 5, 19, INSN_BRANCH },  /* b.cond, bc.cond */
	{ 0x7e000000, 0x34000000, 5, 19, INSN_BRANCH },  /* cbz, cbnz */
	{ 0x7e000000, 0x36000000, 5, 14, INSN_BRANCH },  /* tbz, tbnz */
};

bool arm64_word(const uint8_t *code, size_t room, uint32_t *word)
{
	unsigned group;

	if (room < 4)
		return false;
	*word = code[0] | (uint32_t)code[1] << 8 | (uint32_t)code[2] << 16 |
		(uint32_t)code[3] << 24;
	group = *word >> 25 & 0xf;
	return group == 0 ? *word >> 31 : group != 1 && group != 3;
}

bool arm64_distance(uint32_t word, int64_t *distance)
{
	for (size_t i = 0; i < sizeof(branches) / sizeof(branches[0]); i++) {
		unsigned bits = branches[i].bits;
		int64_t field;

		if ((word & branches[i].mask) != branches[i].value)
			continue;
		field = word >> branches[i].low & ((1u << bits) - 1);
		if (field >> (bits - 1))
			field -= (int64_t)1 << bits;
		*distance = 4 * field;
		return true;
	}
	return false;
}

enum insn_flow arm64_flow(uint32_t word)
{
	for (size_t i = 0; i < sizeof(branches) / sizeof(branches[0]); i++)
		if ((word & branches[i].mask) == branches[i].value)
			return (enum insn_flow)branches[i].flow;
	if ((word & 0xfe000000) == 0xd6000000)           /* br, blr, ret and their like */
		return (word >> 21 & 0xf) == 0 || (word >> 21 & 0xf) == 8 ? INSN_JUMP :
		       (word >> 21 & 0xf) == 1 || (word >> 21 & 0xf) == 9 ? INSN_CALL :
		       INSN_END;
	if ((word & 0xffe0001f) == 0xd4200000 || (word & 0xffe0001f) == 0xd4400000)
		return INSN_END;                         /* brk, hlt */
	return INSN_NEXT;
}
