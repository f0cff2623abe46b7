#include "sym/insn.h"

#include "sym/insn_arm64.h"
#include "sym/insn_x86.h"

/* FF: call and jmp with an operand, near and far. */
static enum insn_flow flow_of_ff(const struct x86_insn *x)
{
	switch (x->modrm >> 3 & 7) {
	case 2:
	case 3: return INSN_CALL;
	case 4:
	case 5: return INSN_JUMP;
	default: return INSN_NEXT;
	}
}

static enum insn_flow x86_flow(const struct x86_insn *x)
{
	if (x->map == MAP_0F && x->opcode == 0x0b)           /* ud2 */
		return INSN_END;
	if (x->map != MAP_ONE)
		return x->relative ? INSN_BRANCH : INSN_NEXT;
	switch (x->opcode) {
	case 0xc2:
	case 0xc3:
	case 0xca:
	case 0xcb:
	case 0xcf:
	case 0xcc:
	case 0xf4: return INSN_END;                          /* returns, int3, hlt */
	case 0xe8: return INSN_CALL;
	case 0xe9:
	case 0xeb: return INSN_JUMP;
	case 0xff: return flow_of_ff(x);
	default: return x->relative ? INSN_BRANCH : INSN_NEXT;
	}
}

static int x86_read(const uint8_t *code, size_t room, struct insn *insn)
{
	struct x86_insn x;

	if (!x86_decode(code, room, &x))
		return 0;
	insn->length = x.length;
	insn->flow = x86_flow(&x);
	insn->relative = x.relative;
	insn->distance = x.relative ? x.length + x.imm : 0;
	return x.length;
}

static int arm64_read(const uint8_t *code, size_t room, struct insn *insn)
{
	uint32_t word;

	if (!arm64_word(code, room, &word))
		return 0;
	insn->length = 4;
	insn->flow = arm64_flow(word);
	insn->relative = arm64_distance(word, &insn->distance);
	return 4;
}

int insn_read(enum machine machine, const uint8_t *code, size_t room, struct insn *insn)
{
	*insn = (struct insn){ 0 };
	switch (machine) {
	case MACHINE_X86_64: return x86_read(code, room, insn);
	case MACHINE_ARM64: return arm64_read(code, room, insn);
	default: return 0;
	}
}

int insn_length(enum machine machine, const uint8_t *code, size_t room)
{
	struct insn insn;

	return insn_read(machine, code, room, &insn);
}
