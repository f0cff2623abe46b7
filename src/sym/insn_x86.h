/* The parts of one x86-64 instruction. */
#ifndef GLASSTAP_INSN_X86_H
#define GLASSTAP_INSN_X86_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum x86_map {
	MAP_ONE,               /* opcodes of one byte */
	MAP_0F, MAP_38, MAP_3A,                       /* behind 0F, 0F 38, 0F 3A */
	MAP_VEX_0F, MAP_VEX_38, MAP_VEX_3A,           /* behind C4 and C5 */
	MAP_EVEX_0F, MAP_EVEX_38, MAP_EVEX_3A, MAP_EVEX_5, MAP_EVEX_6,  /* behind 62 */
	MAP_XOP_8, MAP_XOP_9, MAP_XOP_A,              /* behind 8F */
	MAPS,
};

enum x86_prefix {
	PREFIX_66 = 1,         /* operand size */
	PREFIX_67 = 2,         /* address size */
	PREFIX_LOCK = 4,
	PREFIX_F3 = 8,         /* of these two, the last one given */
	PREFIX_F2 = 16,
	PREFIX_FS = 32,
	PREFIX_GS = 64,
	PREFIX_SEGMENT = 128,  /* one of the four without a meaning in 64-bit code */
};

enum x86_rex { REX_B = 1, REX_X = 2, REX_R = 4, REX_W = 8 };

enum x86_register { RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8, R9, R10, R11, R12, R13, R14, R15 };

struct x86_insn {
	uint8_t length;
	uint8_t map;           /* enum x86_map */
	uint8_t opcode;
	uint8_t prefixes;      /* enum x86_prefix */
	uint8_t rex;           /* the byte that took effect, or 0 */
	bool has_modrm;
	bool has_sib;
	bool relative;         /* the immediate is a distance from the end */
	uint8_t modrm, sib;
	int32_t disp;
	int64_t imm;           /* of several the last; sign-extended */
};

/* Its length, or 0. */
int x86_decode(const uint8_t *code, size_t room, struct x86_insn *insn);

/* Fields of the ModRM byte, with the bits of the REX prefix. */
static inline unsigned x86_mod(const struct x86_insn *insn)
{
	return insn->modrm >> 6;
}

static inline unsigned x86_reg(const struct x86_insn *insn)
{
	return (insn->modrm >> 3 & 7u) | (insn->rex & REX_R ? 8u : 0);
}

static inline unsigned x86_rm(const struct x86_insn *insn)
{
	return (insn->modrm & 7u) | (insn->rex & REX_B ? 8u : 0);
}

/* An operand in memory at a distance from the instruction's end. */
static inline bool x86_rip_relative(const struct x86_insn *insn)
{
	return insn->has_modrm && (insn->modrm & 0xc7) == 0x05;
}

#endif
