/* An instruction of 64-bit code is: prefixes, an escape and an opcode, a ModRM byte
 * that may ask for a SIB byte and a displacement, an immediate. Tables say what an
 * opcode brings along; what they allow is what the processor runs, as far as that
 * can be told without the operand sizes of vectors. Where the processors of two
 * makers differ in the length (66 before a near jump; ud0), or where no oracle could
 * be asked (APX: REX2, the EVEX map 4), the answer is no: a place of doubt is no
 * place for a probe. */
#include "sym/insn_x86.h"

#include "sym/insn_x86_map.h"

#define LONGEST 15             /* the processor's own limit */

struct reader {
	const uint8_t *code;
	size_t room, at;
	bool cut;
};

static uint8_t peek(const struct reader *reader)
{
	return reader->at < reader->room ? reader->code[reader->at] : 0;
}

static uint8_t next(struct reader *reader)
{
	uint8_t byte = peek(reader);

	reader->cut |= reader->at >= reader->room;
	reader->at++;
	return byte;
}

/* A little-endian number of up to 8 bytes, sign-extended. */
static int64_t number(struct reader *reader, unsigned bytes)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < bytes; i++)
		value |= (uint64_t)next(reader) << 8 * i;
	if (bytes && bytes < 8 && value >> (8 * bytes - 1))
		value |= ~(uint64_t)0 << 8 * bytes;
	return (int64_t)value;
}

static uint8_t prefix_of(uint8_t byte)
{
	switch (byte) {
	case 0x26:
	case 0x2e:
	case 0x36:
	case 0x3e: return PREFIX_SEGMENT;
	case 0x64: return PREFIX_FS;
	case 0x65: return PREFIX_GS;
	case 0x66: return PREFIX_66;
	case 0x67: return PREFIX_67;
	case 0xf0: return PREFIX_LOCK;
	case 0xf2: return PREFIX_F2;
	case 0xf3: return PREFIX_F3;
	default: return 0;
	}
}

/* A REX byte counts only directly before the opcode. */
static void read_prefixes(struct reader *reader, struct x86_insn *insn)
{
	for (;;) {
		uint8_t byte = peek(reader), prefix = prefix_of(byte);

		if (!prefix && (byte & 0xf0) != 0x40)
			return;
		insn->rex = prefix ? 0 : byte;
		if (prefix == PREFIX_F2 || prefix == PREFIX_F3)
			insn->prefixes &= (uint8_t)~(PREFIX_F2 | PREFIX_F3);
		insn->prefixes |= prefix;
		next(reader);
		if (reader->cut)
			return;
	}
}

static unsigned sum_of_prefix(const struct x86_insn *insn)
{
	return insn->prefixes & PREFIX_F2 ? 8 : insn->prefixes & PREFIX_F3 ? 4 :
	       insn->prefixes & PREFIX_66 ? 2 : 1;
}

/* The vector encodings carry the map and the mandatory prefix themselves, and allow
 * none before. The REX bits stay unknown: nobody asks for them. `prefix` is set to
 * the sum of sum_of_prefix. */
static bool read_vector_escape(struct reader *reader, struct x86_insn *insn, unsigned *prefix)
{
	uint8_t escape = next(reader), first = next(reader), last = first;
	static const uint8_t sums[] = { 1, 2, 4, 8 };
	unsigned map = first & 0x1f;

	if (insn->rex || insn->prefixes & (PREFIX_66 | PREFIX_F2 | PREFIX_F3 | PREFIX_LOCK))
		return false;
	if (escape == 0xc5)
		map = 1;
	else
		last = next(reader);
	*prefix = sums[last & 3];
	if (escape == 0x8f) {
		insn->map = (uint8_t)(MAP_XOP_8 + map - 8);
		return map <= 10;
	}
	if (escape != 0x62) {
		insn->map = (uint8_t)(MAP_VEX_0F + map - 1);
		return map >= 1 && map <= 3;
	}
	map = first & 0xf;             /* bit 3 is 0, bit 4 belongs to a register */
	insn->map = (uint8_t)(map <= 3 ? MAP_EVEX_0F + map - 1 : MAP_EVEX_5 + map - 5);
	return (map - 1 <= 2 || map - 5 <= 1) && last & 4;
}

/* EVEX has a third byte: a vector length of 3 is none, but stands for rounding
 * where the operands are registers. */
static bool evex_fits(uint8_t third, uint8_t modrm)
{
	return (third & 0x60) != 0x60 || (third & 0x10 && modrm >= 0xc0);
}

static void read_plain_escape(struct reader *reader, struct x86_insn *insn)
{
	if (peek(reader) != 0x0f)
		return;
	next(reader);
	insn->map = MAP_0F;
	if (peek(reader) != 0x38 && peek(reader) != 0x3a)
		return;
	insn->map = next(reader) == 0x38 ? MAP_38 : MAP_3A;
}

static bool is_vector_escape(const struct reader *reader)
{
	uint8_t second = reader->at + 1 < reader->room ? reader->code[reader->at + 1] : 0;

	switch (peek(reader)) {
	case 0x62:
	case 0xc4:
	case 0xc5: return true;
	case 0x8f: return (second & 0x1f) >= 8;      /* else it is pop */
	default: return false;
	}
}

/* The letter of the opcode's form; '.' if it does not exist with this prefix. */
static char form_of(const struct x86_insn *insn, unsigned prefix)
{
	const struct opcode_map *map = &opcode_maps[insn->map];
	unsigned row = insn->opcode >> 4, column = insn->opcode & 0xf;
	bool prefixed = insn->map != MAP_ONE;
	char digit = prefixed && map->prefixes[row] ? map->prefixes[row][column] : '0';
	unsigned allowed = (unsigned)(digit <= '9' ? digit - '0' : digit - 'a' + 10);

	if (prefixed && !(allowed & prefix))
		return '.';
	if (!map->forms)
		return map->form;
	return map->forms[row] ? map->forms[row][column] : '.';
}

static void read_modrm(struct reader *reader, struct x86_insn *insn, char form)
{
	unsigned mod, base;

	insn->has_modrm = true;
	insn->modrm = next(reader);
	if (form == 'R')
		insn->modrm |= 0xc0;
	mod = insn->modrm >> 6;
	base = insn->modrm & 7;
	if (mod == 3)
		return;
	if (base == RSP) {
		insn->has_sib = true;
		insn->sib = next(reader);
		base = insn->sib & 7;
	}
	if (mod == 1)
		insn->disp = (int32_t)number(reader, 1);
	else if (mod == 2 || base == RBP)
		insn->disp = (int32_t)number(reader, 4);
}

static bool modrm_allowed(const struct x86_insn *insn, unsigned prefix)
{
	for (size_t i = 0; i < sizeof(modrm_rules) / sizeof(modrm_rules[0]); i++) {
		const struct modrm_rule *rule = &modrm_rules[i];

		if (rule->map != insn->map || insn->opcode < rule->first ||
		    insn->opcode > rule->last || !(rule->prefixes & prefix))
			continue;
		if (insn->modrm >= 0xc0)
			return rule->registers >> (insn->modrm & 0x3f) & 1;
		return rule->memory >> (insn->modrm >> 3 & 7) & 1 && (!rule->sib || insn->has_sib);
	}
	return true;
}

static bool lock_allowed(const struct x86_insn *insn)
{
	if (!insn->has_modrm || insn->modrm >= 0xc0)
		return false;
	for (size_t i = 0; i < sizeof(locked) / sizeof(locked[0]); i++)
		if (insn->map == locked[i].map && insn->opcode >= locked[i].first &&
		    insn->opcode <= locked[i].last)
			return locked[i].memory >> (insn->modrm >> 3 & 7) & 1;
	return false;
}

static bool is_3dnow(uint8_t opcode)
{
	for (size_t i = 0; i < sizeof(opcodes_3dnow); i++)
		if (opcodes_3dnow[i] == opcode)
			return true;
	return false;
}

/* Bytes of the immediate. */
static unsigned immediate_size(const struct x86_insn *insn, char form)
{
	bool wide = insn->rex & REX_W, narrow = insn->prefixes & PREFIX_66 && !wide;
	unsigned reg = insn->modrm >> 3 & 7;

	switch (form) {
	case 'b':
	case 'j':
	case 'M': return 1;
	case 'w': return 2;
	case 'e': return 3;
	case 'J': return 4;
	case 'z':
	case 'Z': return insn->map == MAP_ONE && narrow ? 2 : 4;
	case 'v': return wide ? 8 : narrow ? 2 : 4;
	case 'o': return insn->prefixes & PREFIX_67 ? 4 : 8;
	default: break;
	}
	if (insn->map == MAP_ONE && (insn->opcode & 0xfe) == 0xf6 && reg <= 1)  /* test */
		return insn->opcode == 0xf6 ? 1 : narrow ? 2 : 4;
	if (insn->map == MAP_0F && insn->opcode == 0x78 &&               /* extrq, insertq */
	    insn->prefixes & (PREFIX_66 | PREFIX_F2))
		return 2;
	return 0;
}

static bool immediate_allowed(const struct x86_insn *insn)
{
	if (insn->map == MAP_0F && insn->opcode == 0x0f)
		return is_3dnow((uint8_t)insn->imm);
	/* Intel's processors ignore 66 here, AMD's make it a jump within 64 KiB. */
	return !insn->relative || !(insn->prefixes & PREFIX_66) || insn->rex & REX_W;
}

int x86_decode(const uint8_t *code, size_t room, struct x86_insn *insn)
{
	struct reader reader = { code, room < LONGEST ? room : LONGEST, 0, false };
	unsigned prefix;
	uint8_t third = 0;
	char form;

	*insn = (struct x86_insn){ .map = MAP_ONE };
	read_prefixes(&reader, insn);
	if (is_vector_escape(&reader)) {
		if (!read_vector_escape(&reader, insn, &prefix))
			return 0;
		if (insn->map >= MAP_EVEX_0F && insn->map <= MAP_EVEX_6)
			third = next(&reader);
	} else {
		read_plain_escape(&reader, insn);
		prefix = sum_of_prefix(insn);
	}
	insn->opcode = next(&reader);
	form = form_of(insn, prefix);
	if (form == '.' || reader.cut)
		return 0;
	if (form == 'm' || form == 'M' || form == 'Z' || form == 'R') {
		read_modrm(&reader, insn, form);
		if (!modrm_allowed(insn, prefix) || !evex_fits(third, insn->modrm))
			return 0;
	}
	if (insn->prefixes & PREFIX_LOCK && !lock_allowed(insn))
		return 0;
	insn->relative = form == 'j' || form == 'J' ||
			 (insn->map == MAP_ONE && insn->opcode == 0xc7 && insn->modrm == 0xf8);
	insn->imm = number(&reader, immediate_size(insn, form));
	if (reader.cut || !immediate_allowed(insn))
		return 0;
	insn->length = (uint8_t)reader.at;
	return insn->length;
}
