/* Go's stack check on x86-64, what an instruction leaves alone, and on which ones
 * uprobes stand: by src/cmd/internal/obj/x86 of Go 1.15 to 1.27, and by what
 * arch/x86/kernel/uprobes.c of Linux 4.20 to 6.18 does. */
#include "sym/insn_x86.h"
#include "sym/place_parts.h"

#define STEPS 32               /* instructions that the walk passes: a prologue and its spills */
#define SPILLS 64              /* ... around the call of morestack: 9 + 15 registers, twice */
#define STACKGUARD 0x10        /* its offset in runtime.g */

struct reader {
	const struct place_code *code;
	size_t at;
};

static bool is_nop(const struct x86_insn *insn)
{
	return (insn->map == MAP_ONE && insn->opcode == 0x90 && !(insn->rex & REX_B)) ||
	       (insn->map == MAP_0F && insn->opcode == 0x1f);
}

/* The next instruction that is not a nop: some compilers align jumps by them. */
static bool take(struct reader *reader, struct x86_insn *insn)
{
	do {
		size_t room = reader->code->len - reader->at;

		if (!x86_decode(reader->code->bytes + reader->at, room, insn))
			return false;
		reader->at += insn->length;
	} while (is_nop(insn));
	return true;
}

/* An instruction on 64-bit operands, without prefixes. */
static bool is_plain(const struct x86_insn *insn, uint8_t opcode)
{
	return insn->map == MAP_ONE && insn->opcode == opcode && !insn->prefixes &&
	       insn->rex & REX_W;
}

/* The operand in memory is at a register and a distance. */
static bool is_at(const struct x86_insn *insn, unsigned base)
{
	if (x86_mod(insn) == 3 || x86_rip_relative(insn) || x86_rm(insn) != base)
		return false;
	return insn->has_sib ? insn->sib == 0x24 && !(insn->rex & REX_X) : base != RSP;
}

static bool is_jump(const struct x86_insn *insn, uint8_t condition)
{
	if (insn->prefixes || insn->rex)
		return false;
	return insn->map == MAP_ONE ? insn->opcode == (0x70 | condition) :
	       insn->map == MAP_0F && insn->opcode == (0x80 | condition);
}

#define BELOW 2
#define EQUAL 4
#define NOT_ABOVE 6

/* Loads g, the goroutine, from thread-local storage: where it is not at hand in R14.
 * `insn` is the first instruction, then the first one behind. */
static bool read_goroutine(struct reader *reader, struct x86_insn *insn, unsigned *g)
{
	bool offset_first = is_plain(insn, 0xc7) ? x86_mod(insn) == 3 :
			    is_plain(insn, 0x8b) && x86_rip_relative(insn);

	*g = R14;
	if (offset_first) {            /* mov $OFFSET,%rcx or mov OFFSET(%rip),%rcx */
		*g = is_plain(insn, 0xc7) ? x86_rm(insn) : x86_reg(insn);
		if (!take(reader, insn))
			return false;
	}
	if (insn->map != MAP_ONE || insn->opcode != 0x8b || insn->prefixes != PREFIX_FS)
		return !offset_first;
	if (offset_first) {            /* mov %fs:(%rcx),%rcx */
		if (!is_at(insn, *g) || insn->disp || x86_reg(insn) != *g)
			return false;
	} else {                       /* mov %fs:OFFSET,%rcx */
		if (insn->modrm >> 6 || !insn->has_sib || insn->sib != 0x25)
			return false;
		*g = x86_reg(insn);
	}
	return insn->rex & REX_W && take(reader, insn);
}

/* cmp STACKGUARD(g),%reg */
static bool is_compare(const struct x86_insn *insn, unsigned g, unsigned reg)
{
	return is_plain(insn, 0x3b) && x86_reg(insn) == reg && is_at(insn, g) &&
	       insn->disp == STACKGUARD;
}

/* OP $CONSTANT,%reg: with the number of OP. */
static bool is_constant(const struct x86_insn *insn, unsigned operation, unsigned reg)
{
	return (is_plain(insn, 0x81) || is_plain(insn, 0x83)) && x86_mod(insn) == 3 &&
	       (insn->modrm >> 3 & 7) == operation && x86_rm(insn) == reg;
}

#define SUB 5
#define CMP 7

static int64_t target_of(const struct reader *reader, const struct x86_insn *insn)
{
	return (int64_t)reader->at + insn->imm;
}

/* A frame so large that the difference may wrap, since Go 1.17; behind
 * mov %rsp,%r12 there is
 *	sub $FRAME,%r12; jb MORE; cmp STACKGUARD(g),%r12 */
static bool read_huge(struct reader *reader, unsigned g, unsigned reg, int64_t *more)
{
	struct x86_insn insn;

	if (!take(reader, &insn) || !is_constant(&insn, SUB, reg) || !take(reader, &insn) ||
	    !is_jump(&insn, BELOW))
		return false;
	*more = target_of(reader, &insn);
	return take(reader, &insn) && is_compare(&insn, g, reg);
}

/* The same before Go 1.17; behind mov STACKGUARD(g),%rsi there is
 *	cmp $STACKPREEMPT,%rsi; je MORE; lea GUARD(%rsp),%rax; sub %rsi,%rax;
 *	cmp $FRAME,%rax */
static bool read_old_huge(struct reader *reader, unsigned reg, int64_t *more)
{
	struct x86_insn insn;
	unsigned room;

	if (!take(reader, &insn) || !is_constant(&insn, CMP, reg) || !take(reader, &insn) ||
	    !is_jump(&insn, EQUAL))
		return false;
	*more = target_of(reader, &insn);
	if (!take(reader, &insn) || !is_plain(&insn, 0x8d) || !is_at(&insn, RSP))
		return false;
	room = x86_reg(&insn);
	if (!take(reader, &insn) || !(is_plain(&insn, 0x29) || is_plain(&insn, 0x2b)) ||
	    x86_mod(&insn) != 3)
		return false;
	if ((insn.opcode == 0x29 ? x86_rm(&insn) : x86_reg(&insn)) != room ||
	    (insn.opcode == 0x29 ? x86_reg(&insn) : x86_rm(&insn)) != reg)
		return false;
	if (!take(reader, &insn))
		return false;
	if (insn.map == MAP_ONE && insn.opcode == 0x3d)         /* cmp's form for rax */
		return !insn.prefixes && insn.rex == (0x40 | REX_W) && room == RAX;
	return is_constant(&insn, CMP, room);
}

/* A register that a check may use: none that carries arguments. */
static bool is_scratch(unsigned reg, bool registers)
{
	return registers ? reg == R12 || reg == R13 : reg != RSP;
}

/* `insn` is the first one behind the load of g. `more` is set where there is another
 * branch to it before the last one. */
static bool read_compare(struct reader *reader, struct x86_insn *insn, unsigned g,
			 bool registers, int64_t *more)
{
	unsigned reg = x86_reg(insn);

	if (is_compare(insn, g, RSP))                            /* a small frame */
		return true;
	if (is_plain(insn, 0x8d) && is_at(insn, RSP))            /* lea -FRAME(%rsp),%r12 */
		return is_scratch(reg, registers) && reg != g && insn->disp < 0 &&
		       take(reader, insn) && is_compare(insn, g, reg);
	if (is_plain(insn, 0x89) && x86_mod(insn) == 3 && reg == RSP)
		return is_scratch(x86_rm(insn), registers) &&
		       read_huge(reader, g, x86_rm(insn), more);
	if (is_plain(insn, 0x8b) && x86_mod(insn) == 3 && x86_rm(insn) == RSP)
		return is_scratch(reg, registers) && read_huge(reader, g, reg, more);
	if (is_plain(insn, 0x8b) && is_at(insn, g) && insn->disp == STACKGUARD)
		return !registers && read_old_huge(reader, reg, more);
	return false;
}

bool place_x86_check(const struct place_code *code, struct place_check *check)
{
	struct reader reader = { code, 0 };
	struct x86_insn insn;
	int64_t more = -1;
	size_t first;
	unsigned g;

	if (!take(&reader, &insn))
		return false;
	first = reader.at;
	if (!read_goroutine(&reader, &insn, &g))
		return false;
	check->registers = reader.at == first;
	if (!read_compare(&reader, &insn, g, check->registers, &more))
		return false;
	if (!take(&reader, &insn) || !is_jump(&insn, NOT_ABOVE) || target_of(&reader, &insn) < 0)
		return false;
	check->end = reader.at;
	check->more = (size_t)target_of(&reader, &insn);
	return more < 0 || more == (int64_t)check->more;
}

/* Between memory at the stack pointer and a register, general or vector. */
static bool is_spill(const struct x86_insn *insn, bool back)
{
	if (!insn->has_modrm || !is_at(insn, RSP) || insn->prefixes & (PREFIX_FS | PREFIX_GS))
		return false;
	if (insn->map == MAP_ONE)
		return back ? insn->opcode == 0x8a || insn->opcode == 0x8b :
			      insn->opcode == 0x88 || insn->opcode == 0x89;
	if (insn->map != MAP_0F)
		return false;
	if (back && (insn->opcode == 0xb6 || insn->opcode == 0xb7))   /* movzx */
		return true;
	return insn->opcode == (back ? 0x10 : 0x11);
}

/* Only spills are passed. */
static bool pass_spills(struct reader *reader, struct x86_insn *insn, bool back, int32_t *lowest)
{
	for (unsigned i = 0; i < SPILLS; i++) {
		if (!take(reader, insn))
			return false;
		if (!is_spill(insn, back))
			return true;
		if (lowest && insn->disp < *lowest)
			*lowest = insn->disp;
	}
	return false;
}

bool place_x86_more(const struct place_code *code, struct place_check *check)
{
	struct reader reader = { code, check->more };
	int32_t lowest = INT32_MAX;
	struct x86_insn insn;
	int64_t target;

	if (!pass_spills(&reader, &insn, false, &lowest))
		return false;
	target = target_of(&reader, &insn);
	if (insn.map != MAP_ONE || insn.prefixes)
		return false;
	if (insn.opcode == 0xe8) {
		if (target >= 0 && target < (int64_t)(code->size ? code->size : code->len))
			return false;
	} else if (insn.opcode != 0xff || insn.modrm != 0x15) {  /* call *GOT(%rip) */
		return false;
	}
	if (!pass_spills(&reader, &insn, true, NULL))
		return false;
	check->spill = lowest;
	check->tail = reader.at;
	return insn.map == MAP_ONE && (insn.opcode == 0xe9 || insn.opcode == 0xeb) &&
	       target_of(&reader, &insn) == 0;
}

/* What the walk knows at one point. */
struct walk {
	uint32_t kept;         /* registers, a bit each, that may not be written */
	bool vectors_kept;     /* all but the last, which is Go's zero */
	int32_t spill;
	int32_t stack;         /* as in struct place */
};

/* Registers of one byte: 4 to 7 are the second bytes of 0 to 3, without a REX. */
static bool writes(const struct walk *walk, const struct x86_insn *insn, unsigned reg, bool byte)
{
	if (byte && !insn->rex && reg >= 4)
		reg -= 4;
	return !(walk->kept >> reg & 1);
}

/* Memory below the stack pointer of the entry is the function's own, as are the slots
 * for the registers that carry arguments. */
static bool stores(const struct walk *walk, const struct x86_insn *insn)
{
	int64_t offset = (int64_t)insn->disp - walk->stack;

	return is_at(insn, RSP) && !(insn->prefixes & (PREFIX_FS | PREFIX_GS)) &&
	       (offset + 16 <= 0 || (offset <= -8 && insn->map == MAP_ONE) ||
		offset >= walk->spill);
}

static bool changes(const struct walk *walk, const struct x86_insn *insn, bool byte)
{
	return x86_mod(insn) == 3 ? writes(walk, insn, x86_rm(insn), byte) : stores(walk, insn);
}

/* OP $CONSTANT: 80, 81, 83. The stack pointer may be moved. */
static bool pass_constant(struct walk *walk, const struct x86_insn *insn)
{
	unsigned operation = insn->modrm >> 3 & 7;
	int64_t stack;

	if (operation == CMP)
		return true;
	if (x86_mod(insn) != 3 || x86_rm(insn) != RSP)
		return changes(walk, insn, insn->opcode == 0x80);
	if (!(insn->rex & REX_W) || (operation != SUB && operation != 0))
		return false;
	stack = walk->stack + (operation == SUB ? insn->imm : -insn->imm);
	if (stack < 0 || stack > INT32_MAX)
		return false;
	walk->stack = (int32_t)stack;
	return true;
}

/* The eight operations of 00 to 3D. */
static bool pass_arithmetic(const struct walk *walk, const struct x86_insn *insn)
{
	bool byte = !(insn->opcode & 1);

	if (insn->opcode >> 3 == CMP)
		return true;
	switch (insn->opcode & 7) {
	case 0:
	case 1: return changes(walk, insn, byte);
	case 2:
	case 3: return writes(walk, insn, x86_reg(insn), byte);
	default: return writes(walk, insn, RAX, false);
	}
}

static bool pass_one(struct walk *walk, const struct x86_insn *insn)
{
	uint8_t opcode = insn->opcode;

	if (opcode < 0x40)
		return pass_arithmetic(walk, insn);
	if (opcode >= 0x50 && opcode <= 0x57) {
		walk->stack += 8;
		return !insn->prefixes && walk->stack < INT32_MAX / 2;
	}
	if (opcode >= 0xb0 && opcode <= 0xbf)
		return writes(walk, insn, (opcode & 7) | (insn->rex & REX_B ? 8u : 0),
			      opcode < 0xb8);
	switch (opcode) {
	case 0x63:
	case 0x8a:
	case 0x8b:
	case 0x8d: return writes(walk, insn, x86_reg(insn), opcode == 0x8a);
	case 0x80:
	case 0x81:
	case 0x83: return pass_constant(walk, insn);
	case 0x84:
	case 0x85:
	case 0xa8:
	case 0xa9: return true;                                        /* test */
	case 0xf6:
	case 0xf7: return (insn->modrm >> 3 & 7) <= 1;                 /* test */
	case 0xc6:
	case 0xc7: return !insn->relative && insn->modrm != 0xf8 && changes(walk, insn,
									    opcode == 0xc6);
	case 0x88:
	case 0x89: return changes(walk, insn, opcode == 0x88);
	default: return is_nop(insn);
	}
}

static bool pass_two(const struct walk *walk, const struct x86_insn *insn)
{
	switch (insn->opcode) {
	case 0x1e: return insn->prefixes == PREFIX_F3 && insn->modrm == 0xfa;   /* endbr64 */
	case 0xb6:
	case 0xb7:
	case 0xbe:
	case 0xbf: return writes(walk, insn, x86_reg(insn), false);    /* movzx, movsx */
	case 0x11:
	case 0x29:
	case 0x7f: return x86_mod(insn) != 3 && stores(walk, insn);    /* of vectors */
	case 0x57:
	case 0xef: return !walk->vectors_kept || x86_reg(insn) == 15;  /* xorps, pxor */
	default: return is_nop(insn);
	}
}

/* Known to leave alone what carries arguments; the walk is then behind it. */
static bool pass(struct walk *walk, const struct x86_insn *insn)
{
	if (insn->prefixes & (PREFIX_LOCK | PREFIX_67 | PREFIX_SEGMENT))
		return false;
	return insn->map == MAP_ONE ? pass_one(walk, insn) :
	       insn->map == MAP_0F && pass_two(walk, insn);
}

/* By every kernel since 4.20: nop, push, relative jumps and calls. Kernels that turn
 * a probe on a long nop into a call take a jump over the rest of one (eb 03, eb 08)
 * for what is left of it, and write over the bytes that it skips. */
static bool is_emulated(const struct x86_insn *insn)
{
	uint8_t opcode = insn->opcode;

	if (insn->prefixes)
		return false;
	if (insn->map == MAP_ONE && opcode >= 0x50 && opcode <= 0x57)
		return insn->rex == 0 ? opcode != 0x54 : insn->rex == (0x40 | REX_B);
	if (insn->rex)
		return false;
	if (insn->map == MAP_0F)
		return (opcode & 0xf0) == 0x80;
	if (insn->map != MAP_ONE)
		return false;
	if (opcode == 0xeb)
		return insn->imm != 3 && insn->imm != 8;
	return opcode == 0x90 || opcode == 0xe8 || opcode == 0xe9 || (opcode & 0xf0) == 0x70;
}

/* On what uprobes can single-step. They refuse more than they must here and there;
 * this refuses a little more than they do: vectors of the new encodings, strings (each
 * round is a step), far jumps, what writes segment registers or flags as a whole, and
 * xchg %r8,%rax (41 90), which they take for a nop. */
static bool is_steppable(const struct x86_insn *insn)
{
	uint8_t opcode = insn->opcode;

	if (insn->prefixes & (PREFIX_LOCK | PREFIX_SEGMENT | PREFIX_67) || insn->relative)
		return false;
	if (insn->map == MAP_38 || insn->map == MAP_3A)
		return true;
	if (insn->map == MAP_0F)
		return (opcode >= 0x10 && opcode <= 0x1f) || (opcode >= 0x28 && opcode <= 0x2f) ||
		       (opcode >= 0x40 && opcode <= 0x77) ||
		       (opcode >= 0x7c && opcode <= 0x7f) ||
		       (opcode >= 0x90 && opcode <= 0x9f) ||
		       (opcode >= 0xa3 && opcode <= 0xa5) || opcode == 0xab ||
		       (opcode >= 0xac && opcode <= 0xad) ||
		       (opcode >= 0xaf && opcode <= 0xb1) || opcode == 0xb3 ||
		       (opcode >= 0xb6 && opcode <= 0xfe && opcode != 0xb9);
	if (insn->map != MAP_ONE)
		return false;
	if (opcode == 0x90)
		return !(insn->rex & REX_B);
	return opcode <= 0x5f || opcode == 0x63 || (opcode >= 0x68 && opcode <= 0x6b) ||
	       (opcode >= 0x80 && opcode <= 0x8d) || (opcode >= 0x91 && opcode <= 0x99) ||
	       (opcode >= 0xa0 && opcode <= 0xa3) || (opcode >= 0xa8 && opcode <= 0xa9) ||
	       (opcode >= 0xb0 && opcode <= 0xc1) || opcode == 0xc3 ||
	       (opcode >= 0xc6 && opcode <= 0xc7 && insn->modrm != 0xf8) || opcode == 0xc9 ||
	       (opcode >= 0xd0 && opcode <= 0xd3) || (opcode >= 0xd8 && opcode <= 0xdf) ||
	       opcode == 0xf6 || opcode == 0xf7 || opcode == 0xfe ||
	       (opcode == 0xff && (insn->modrm & 0x38) != 0x18 && (insn->modrm & 0x38) != 0x28);
}

#define BIT(reg) ((uint32_t)1 << (reg))

/* The registers that carry arguments, and g in R14. */
static struct walk begin(enum place_kind kind, const struct place_check *check)
{
	struct walk walk = { .kept = BIT(RSP), .spill = check->spill };

	if (kind == PLACE_C)
		walk.kept |= BIT(RDI) | BIT(RSI) | BIT(RDX) | BIT(RCX) | BIT(R8) | BIT(R9);
	else if (check->registers)
		walk.kept |= BIT(RAX) | BIT(RBX) | BIT(RCX) | BIT(RDI) | BIT(RSI) | BIT(R8) |
			     BIT(R9) | BIT(R10) | BIT(R11) | BIT(R14);
	walk.vectors_kept = kind == PLACE_C || check->registers;
	return walk;
}

static bool is_endbr(const struct x86_insn *insn)
{
	return insn->map == MAP_0F && insn->opcode == 0x1e && insn->modrm == 0xfa &&
	       insn->prefixes == PREFIX_F3;
}

bool place_x86_walk(enum place_kind kind, const struct place_code *code,
		    const struct place_check *check, size_t limit, struct place *place)
{
	struct walk walk = begin(kind, check);
	struct x86_insn insn;
	size_t at = check->end;
	bool found = false;

	for (int i = 0; i < STEPS && at < limit && at < code->len; i++) {
		if (!x86_decode(code->bytes + at, code->len - at, &insn))
			break;
		if (is_emulated(&insn) || (i == 0 && is_steppable(&insn))) {
			found = true;
			place->offset = (uint32_t)at;
			place->stack = walk.stack;
			place->emulated = is_emulated(&insn);
		}
		if ((found && place->emulated) || !pass(&walk, &insn))
			break;
		at += insn.length;
		if (limit == 1 && i == 0 && is_endbr(&insn))
			limit = at + 1;        /* nothing can be wrong behind it */
	}
	return found;
}
