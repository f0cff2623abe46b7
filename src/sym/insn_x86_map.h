/* The opcodes of 64-bit code: what follows each, and with which prefix it exists.
 * From the opcode maps of Intel's manual (volume 2, appendix A) and AMD's (volume
 * 3, appendix A). Only insn_x86.c includes this. */
#ifndef GLASSTAP_INSN_X86_MAP_H
#define GLASSTAP_INSN_X86_MAP_H

#include <stdint.h>

#include "sym/insn_x86.h"

/* What follows an opcode, a letter for each of a row's 16:
 *	. nothing: there is no such instruction   n nothing
 *	b 1 byte   w 2   e 3 (enter)   z 2 or 4, by operand size   v 2, 4 or 8
 *	o an address of 8, or 4   j a distance of 1   J a distance of 4
 *	m a ModRM byte   M and 1 byte   Z and z   R a ModRM byte that names a register
 * Prefixes and escapes are not looked up. */
static const char *const forms_one[16] = {
	[0x0] = "mmmmbz..mmmmbz..",
	[0x1] = "mmmmbz..mmmmbz..",
	[0x2] = "mmmmbz..mmmmbz..",
	[0x3] = "mmmmbz..mmmmbz..",
	[0x5] = "nnnnnnnnnnnnnnnn",
	[0x6] = "...m....zZbMnnnn",
	[0x7] = "jjjjjjjjjjjjjjjj",
	[0x8] = "MZ.Mmmmmmmmmmmmm",
	[0x9] = "nnnnnnnnnn.nnnnn",
	[0xa] = "oooonnnnbznnnnnn",
	[0xb] = "bbbbbbbbvvvvvvvv",
	[0xc] = "MMwn..MZenwnnb.n",
	[0xd] = "mmmm...nmmmmmmmm",
	[0xe] = "jjjjbbbbJJ.jnnnn",
	[0xf] = ".n..nnmmnnnnnnmm",
};

static const char *const forms_0f[16] = {
	[0x0] = "mmmm.nnnnn.n.mnM",
	[0x1] = "mmmmmmmmmmmmmmmm",
	[0x2] = "RRRR....mmmmmmmm",
	[0x3] = "nnnnnn.n........",
	[0x4] = "mmmmmmmmmmmmmmmm",
	[0x5] = "mmmmmmmmmmmmmmmm",
	[0x6] = "mmmmmmmmmmmmmmmm",
	[0x7] = "MMMMmmmnmmmmmmmm",
	[0x8] = "JJJJJJJJJJJJJJJJ",
	[0x9] = "mmmmmmmmmmmmmmmm",
	[0xa] = "nnnmMmmmnnnmMmmm",
	[0xb] = "mmmmmmmmmmMmmmmm",
	[0xc] = "mmMmMMMmnnnnnnnn",
	[0xd] = "mmmmmmmmmmmmmmmm",
	[0xe] = "mmmmmmmmmmmmmmmm",
	[0xf] = "mmmmmmmmmmmmmmm.",      /* ud0: processors differ on its length */
};

/* With which mandatory prefix an opcode exists, a digit for each: the sum of 1
 * (none), 2 (66), 4 (F3) and 8 (F2). */
struct opcode_map {
	const char *const *forms;      /* or the same letter for all */
	char form;
	const char *prefixes[16];      /* none at all: any */
};

static const struct opcode_map opcode_maps[MAPS] = {
	[MAP_ONE] = { .forms = forms_one },
	[MAP_0F] = { .forms = forms_0f, .prefixes = {
		[0x0] = "ffff0fffff0f0fff",
		[0x1] = "fff33373ffffffff",
		[0x2] = "ffff000033ffff33",
		[0x3] = "ffffff0100000000",
		[0x4] = "ffffffffffffffff",
		[0x5] = "3f553333fff7ffff",
		[0x6] = "3333333333332237",
		[0x7] = "f3333331bb00aa77",
		[0x8] = "ffffffffffffffff",
		[0x9] = "ffffffffffffffff",
		[0xa] = "ffffff47ffffffff",
		[0xb] = "ffffffff4fffffff",
		[0xc] = "fff1333fffffffff",
		[0xd] = "a33333e333333333",
		[0xe] = "333333e333333333",
		[0xf] = "8333333333333330",
	} },
	[MAP_38] = { .form = 'm', .prefixes = {
		[0x0] = "3333333333330000",
		[0x1] = "2000220200003330",
		[0x2] = "2222220022220000",
		[0x3] = "2222220222222222",
		[0x4] = "2200000000000000",
		[0x8] = "2220000000000000",
		[0xc] = "0000000011111102",
		[0xd] = "0000000040026666",
		[0xf] = "bb000270e1440000",
	} },
	[MAP_3A] = { .form = 'M', .prefixes = {
		[0x0] = "0000000022222223",
		[0x1] = "0000222200000000",
		[0x2] = "2220000000000000",
		[0x4] = "2220200000000000",
		[0x6] = "2222000000000000",
		[0xc] = "0000000000001022",
		[0xd] = "0000000000000002",
		[0xf] = "4000000000000000",
	} },
	[MAP_VEX_0F] = { .forms = forms_0f, .prefixes = {
		[0x1] = "fff3337300000000",
		[0x2] = "0000000033c3cc33",
		[0x4] = "0330333300330000",
		[0x5] = "3f553333fff7ffff",
		[0x6] = "2222222222222226",
		[0x7] = "e22222210000aa66",
		[0x9] = "33bb000033000000",
		[0xa] = "0000000000000010",
		[0xc] = "00f0223000000000",
		[0xd] = "a222222222222222",
		[0xe] = "222222e222222222",
		[0xf] = "8222222222222220",
	} },
	[MAP_VEX_38] = { .form = 'm', .prefixes = {
		[0x0] = "2222222222222222",
		[0x1] = "0002002222202220",
		[0x2] = "2222220022222222",
		[0x3] = "2222222222222222",
		[0x4] = "220002220b0e0000",
		[0x5] = "ff2200002220c0f0",
		[0x6] = "0000000000003000",
		[0x7] = "0040000022000000",
		[0x8] = "0000000000002020",
		[0x9] = "2222002222222222",
		[0xa] = "0000002222222222",
		[0xb] = "f600222222222222",
		[0xc] = "0000000000088802",
		[0xd] = "0077000000f22222",
		[0xe] = "2222222222222222",
		[0xf] = "00110d8f00000000",
	} },
	[MAP_VEX_3A] = { .form = 'M', .prefixes = {
		[0x0] = "2220222022222222",
		[0x1] = "0000222222000200",
		[0x2] = "2220000000000000",
		[0x3] = "2222000022000000",
		[0x4] = "2220202022222000",
		[0x5] = "0000000000002222",
		[0x6] = "2222000022222222",
		[0x7] = "0000000022222222",
		[0xc] = "0000000000000022",
		[0xd] = "0000000000000022",
		[0xf] = "8000000000000000",
	} },
	[MAP_EVEX_0F] = { .forms = forms_0f, .prefixes = {
		[0x1] = "fff3337300000000",
		[0x2] = "0000000033c3cc33",
		[0x5] = "0f003333fff7ffff",
		[0x6] = "222222222222222e",
		[0x7] = "e2222220ffee006e",
		[0xc] = "00f0223000000000",
		[0xd] = "0222222022222222",
		[0xe] = "222222e222222222",
		[0xf] = "0222222022222220",
	} },
	[MAP_EVEX_38] = { .form = 'm', .prefixes = {
		[0x0] = "2000200000022200",
		[0x1] = "6666662022222222",
		[0x2] = "6666666666622200",
		[0x3] = "6666662266622222",
		[0x4] = "2022222200002222",
		[0x5] = "22ea220022220000",
		[0x6] = "0022222080000000",
		[0x7] = "22e2022222222222",
		[0x8] = "0002000022220202",
		[0x9] = "2222002222aa2222",
		[0xa] = "2222002222aa2222",
		[0xb] = "0000222222222222",
		[0xc] = "0000202220222202",
		[0xd] = "0000000000002222",
	} },
	[MAP_EVEX_3A] = { .form = 'M', .prefixes = {
		[0x0] = "2202220032320002",
		[0x1] = "0000222222220222",
		[0x2] = "2222023300000000",
		[0x3] = "0000000022220022",
		[0x4] = "0022200000000000",
		[0x5] = "2200223300000000",
		[0x6] = "0000003300000000",
		[0x7] = "2222000000000000",
		[0xc] = "0050000000000022",
	} },
	[MAP_EVEX_5] = { .form = 'm', .prefixes = {
		[0x1] = "4400000000000300",
		[0x2] = "0000000000404411",
		[0x5] = "0500000055f75555",
		[0x6] = "0000000000000020",
		[0x7] = "0000000077a63f20",
	} },
	[MAP_EVEX_6] = { .form = 'm', .prefixes = {
		[0x1] = "0003000000000000",
		[0x2] = "0000000000002200",
		[0x4] = "0022000000002222",
		[0x5] = "000000cc00000000",
		[0x9] = "0000002222222222",
		[0xa] = "0000002222222222",
		[0xb] = "0000002222222222",
		[0xd] = "000000cc00000000",
	} },
	[MAP_XOP_8] = { .form = 'M', .prefixes = {
		[0x8] = "0000011100000011",
		[0x9] = "0000011100000011",
		[0xa] = "0011001000000000",
		[0xb] = "0000001000000000",
		[0xc] = "1111000000001111",
		[0xe] = "0000000000001111",
	} },
	[MAP_XOP_9] = { .form = 'm', .prefixes = {
		[0x0] = "0110000000000000",
		[0x1] = "0010000000000000",
		[0x8] = "1111000000000000",
		[0x9] = "1111111111110000",
		[0xc] = "0111001100010000",
		[0xd] = "0111001100010000",
		[0xe] = "0111000000000000",
	} },
	[MAP_XOP_A] = { .form = 'Z', .prefixes = {
		[0x1] = "1010000000000000",
	} },
};

/* What an opcode allows in its ModRM byte: the reg fields with an operand in
 * memory, and all 64 low parts with one in a register. The first row that fits
 * says it; without a row all are allowed. */
struct modrm_rule {
	uint8_t map, first, last;      /* enum x86_map, opcodes */
	uint8_t prefixes;              /* as above */
	uint8_t memory;
	bool sib;                      /* memory only with a SIB byte */
	uint64_t registers;
};

#define BYTE_IF(mask, bit) ((mask) >> (bit) & 1 ? (uint64_t)0xff << 8 * (bit) : 0)
#define REGISTERS(mask)                                                                 \
	(BYTE_IF(mask, 0) | BYTE_IF(mask, 1) | BYTE_IF(mask, 2) | BYTE_IF(mask, 3) |    \
	 BYTE_IF(mask, 4) | BYTE_IF(mask, 5) | BYTE_IF(mask, 6) | BYTE_IF(mask, 7))

#define ANY 0xf
#define RULE(map, op, prefixes, memory, registers)                                      \
	{ MAP_##map, op, op, prefixes, memory, false, registers }
#define GROUP(map, op, prefixes, mask) RULE(map, op, prefixes, mask, REGISTERS(mask))
#define MEMORY(map, first, last, prefixes)                                              \
	{ MAP_##map, first, last, prefixes, 0xff, false, 0 }
#define REGISTER(map, first, last, prefixes)                                            \
	{ MAP_##map, first, last, prefixes, 0, false, REGISTERS(0xff) }
#define SIB(map, first, last, memory)                                                   \
	{ MAP_##map, first, last, ANY, memory, true, 0 }

static const struct modrm_rule modrm_rules[] = {
	GROUP(ONE, 0x8c, ANY, 0x3f),
	MEMORY(ONE, 0x8d, 0x8d, ANY),
	GROUP(ONE, 0x8e, ANY, 0x3d),
	GROUP(ONE, 0x8f, ANY, 0x01),
	RULE(ONE, 0xc6, ANY, 0x01, 0x01000000000000ff),
	RULE(ONE, 0xc7, ANY, 0x01, 0x01000000000000ff),
	RULE(ONE, 0xd9, ANY, 0xfd, 0xffff7f33ff01ffff),
	RULE(ONE, 0xda, ANY, 0xff, 0x00000200ffffffff),
	RULE(ONE, 0xdb, ANY, 0xaf, 0x00ffff1fffffffff),
	RULE(ONE, 0xdd, ANY, 0xdf, REGISTERS(0x3f)),
	RULE(ONE, 0xde, ANY, 0xff, 0xffffffff02ffffff),
	RULE(ONE, 0xdf, ANY, 0xff, 0x00ffff01ffffffff),
	GROUP(ONE, 0xfe, ANY, 0x03),
	RULE(ONE, 0xff, ANY, 0x7f, REGISTERS(0x57)),
	GROUP(0F, 0x00, ANY, 0x3f),
	RULE(0F, 0x01, 1, 0xdf, 0xffffc1fffff38f3f),
	RULE(0F, 0x01, 2, 0xdf, 0x33ff00ffff00f000),
	RULE(0F, 0x01, 4, 0xff, 0xf7fff5ffff000000),
	RULE(0F, 0x01, 8, 0xdf, 0xf3ff03ffff000000),
	MEMORY(0F, 0x12, 0x12, 2),
	MEMORY(0F, 0x13, 0x13, ANY),
	MEMORY(0F, 0x16, 0x16, 2),
	MEMORY(0F, 0x17, 0x17, ANY),
	GROUP(0F, 0x20, ANY, 0x1d),
	GROUP(0F, 0x22, ANY, 0x1d),
	MEMORY(0F, 0x2b, 0x2b, ANY),
	REGISTER(0F, 0x50, 0x50, ANY),
	RULE(0F, 0x71, ANY, 0, REGISTERS(0x54)),
	RULE(0F, 0x72, ANY, 0, REGISTERS(0x54)),
	RULE(0F, 0x73, 1, 0, REGISTERS(0x44)),
	RULE(0F, 0x73, 2, 0, REGISTERS(0xcc)),
	RULE(0F, 0x78, 2, 0, REGISTERS(0x01)),
	REGISTER(0F, 0x78, 0x79, 2 | 8),
	RULE(0F, 0xa6, 4, 0, 0x010101),
	RULE(0F, 0xa7, 4, 0, 0x010101010101),
	RULE(0F, 0xa7, ANY, 0, 0x01),
	RULE(0F, 0xae, 1, 0xff, REGISTERS(0xe0)),
	RULE(0F, 0xae, 2, 0xc0, REGISTERS(0x40)),
	RULE(0F, 0xae, 4, 0x50, REGISTERS(0x7f)),
	RULE(0F, 0xae, 8, 0, REGISTERS(0x40)),
	MEMORY(0F, 0xb2, 0xb2, ANY),
	MEMORY(0F, 0xb4, 0xb5, ANY),
	GROUP(0F, 0xba, ANY, 0xf0),
	MEMORY(0F, 0xc3, 0xc3, ANY),
	REGISTER(0F, 0xc5, 0xc5, ANY),
	RULE(0F, 0xc7, 1, 0xfa, REGISTERS(0xc0)),
	RULE(0F, 0xc7, 2 | 4, 0x42, REGISTERS(0xc0)),
	RULE(0F, 0xc7, 8, 0x02, 0),
	REGISTER(0F, 0xd6, 0xd6, 4 | 8),
	REGISTER(0F, 0xd7, 0xd7, ANY),
	MEMORY(0F, 0xe7, 0xe7, ANY),
	MEMORY(0F, 0xf0, 0xf0, ANY),
	REGISTER(0F, 0xf7, 0xf7, ANY),
	MEMORY(38, 0x2a, 0x2a, ANY),
	MEMORY(38, 0x80, 0x82, ANY),
	RULE(38, 0xd8, ANY, 0x0f, 0),
	MEMORY(38, 0xdd, 0xdf, 4),
	MEMORY(38, 0xf0, 0xf1, 1 | 2),
	MEMORY(38, 0xf5, 0xf5, ANY),
	MEMORY(38, 0xf6, 0xf6, 1),
	MEMORY(38, 0xf8, 0xf9, ANY),
	REGISTER(38, 0xfa, 0xfb, ANY),
	RULE(3A, 0xf0, ANY, 0, 0x01),
	MEMORY(VEX_0F, 0x12, 0x12, 2),
	MEMORY(VEX_0F, 0x13, 0x13, ANY),
	MEMORY(VEX_0F, 0x16, 0x16, 2),
	MEMORY(VEX_0F, 0x17, 0x17, ANY),
	MEMORY(VEX_0F, 0x2b, 0x2b, ANY),
	REGISTER(VEX_0F, 0x41, 0x50, ANY),
	RULE(VEX_0F, 0x71, ANY, 0, REGISTERS(0x54)),
	RULE(VEX_0F, 0x72, ANY, 0, REGISTERS(0x54)),
	RULE(VEX_0F, 0x73, ANY, 0, REGISTERS(0xcc)),
	MEMORY(VEX_0F, 0x91, 0x91, ANY),
	REGISTER(VEX_0F, 0x92, 0x93, ANY),
	REGISTER(VEX_0F, 0x98, 0x99, ANY),
	RULE(VEX_0F, 0xae, ANY, 0x0c, 0),
	REGISTER(VEX_0F, 0xc5, 0xc5, ANY),
	REGISTER(VEX_0F, 0xd7, 0xd7, ANY),
	MEMORY(VEX_0F, 0xe7, 0xe7, ANY),
	MEMORY(VEX_0F, 0xf0, 0xf0, ANY),
	REGISTER(VEX_0F, 0xf7, 0xf7, ANY),
	MEMORY(VEX_38, 0x1a, 0x1a, ANY),
	MEMORY(VEX_38, 0x2a, 0x2a, ANY),
	MEMORY(VEX_38, 0x2c, 0x2f, ANY),
	RULE(VEX_38, 0x49, 1, 0x01, 0x01),
	RULE(VEX_38, 0x49, 2, 0x01, 0),
	RULE(VEX_38, 0x49, 8, 0, 0x0101010101010101),
	SIB(VEX_38, 0x4b, 0x4b, 0xff),
	MEMORY(VEX_38, 0x5a, 0x5a, ANY),
	REGISTER(VEX_38, 0x5c, 0x6c, ANY),
	MEMORY(VEX_38, 0x8c, 0x8e, ANY),
	SIB(VEX_38, 0x90, 0x93, 0xff),
	MEMORY(VEX_38, 0xb0, 0xb1, ANY),
	REGISTER(VEX_38, 0xcb, 0xcd, ANY),
	MEMORY(VEX_38, 0xe0, 0xef, ANY),
	GROUP(VEX_38, 0xf3, ANY, 0x0e),
	REGISTER(VEX_3A, 0x30, 0x33, ANY),
	MEMORY(EVEX_0F, 0x12, 0x12, 2),
	MEMORY(EVEX_0F, 0x13, 0x13, ANY),
	MEMORY(EVEX_0F, 0x16, 0x16, 2),
	MEMORY(EVEX_0F, 0x17, 0x17, ANY),
	MEMORY(EVEX_0F, 0x2b, 0x2b, ANY),
	GROUP(EVEX_0F, 0x71, ANY, 0x54),
	GROUP(EVEX_0F, 0x72, ANY, 0x57),
	GROUP(EVEX_0F, 0x73, ANY, 0xcc),
	REGISTER(EVEX_0F, 0xc5, 0xc5, ANY),
	MEMORY(EVEX_0F, 0xe7, 0xe7, ANY),
	MEMORY(EVEX_38, 0x1a, 0x1b, 2),
	MEMORY(EVEX_38, 0x2a, 0x2a, 2),
	REGISTER(EVEX_38, 0x28, 0x2a, 4),
	REGISTER(EVEX_38, 0x38, 0x3a, 4),
	MEMORY(EVEX_38, 0x52, 0x53, 8),
	MEMORY(EVEX_38, 0x5a, 0x5b, ANY),
	REGISTER(EVEX_38, 0x7a, 0x7c, ANY),
	SIB(EVEX_38, 0x90, 0x93, 0xff),
	MEMORY(EVEX_38, 0x9a, 0x9b, 8),
	SIB(EVEX_38, 0xa0, 0xa3, 0xff),
	MEMORY(EVEX_38, 0xaa, 0xab, 8),
	SIB(EVEX_38, 0xc6, 0xc7, 0x66),
	GROUP(XOP_9, 0x01, ANY, 0xfe),
	GROUP(XOP_9, 0x02, ANY, 0x42),
	RULE(XOP_9, 0x12, ANY, 0, REGISTERS(0x03)),
	GROUP(XOP_A, 0x12, ANY, 0x03),
};

/* Where LOCK is allowed: a destination in memory that is read and written. */
static const struct {
	uint8_t map, first, last, memory;
} locked[] = {
	{ MAP_ONE, 0x00, 0x01, 0xff }, { MAP_ONE, 0x08, 0x09, 0xff },
	{ MAP_ONE, 0x10, 0x11, 0xff }, { MAP_ONE, 0x18, 0x19, 0xff },
	{ MAP_ONE, 0x20, 0x21, 0xff }, { MAP_ONE, 0x28, 0x29, 0xff },
	{ MAP_ONE, 0x30, 0x31, 0xff }, { MAP_ONE, 0x80, 0x83, 0x7f },
	{ MAP_ONE, 0x86, 0x87, 0xff }, { MAP_ONE, 0xf6, 0xf7, 0x0c },
	{ MAP_ONE, 0xfe, 0xff, 0x03 }, { MAP_0F, 0xab, 0xab, 0xff },
	{ MAP_0F, 0xb0, 0xb1, 0xff }, { MAP_0F, 0xb3, 0xb3, 0xff },
	{ MAP_0F, 0xba, 0xba, 0xe0 }, { MAP_0F, 0xbb, 0xbb, 0xff },
	{ MAP_0F, 0xc0, 0xc1, 0xff }, { MAP_0F, 0xc7, 0xc7, 0x02 },
};

/* The last byte of a 3DNow! instruction (0F 0F) is its opcode. */
static const uint8_t opcodes_3dnow[] = {
	0x0c, 0x0d, 0x1c, 0x1d, 0x86, 0x87, 0x8a, 0x8e, 0x90, 0x94, 0x96, 0x97, 0x9a,
	0x9e, 0xa0, 0xa4, 0xa6, 0xa7, 0xaa, 0xae, 0xb0, 0xb4, 0xb6, 0xb7, 0xbb, 0xbf,
};

#endif
