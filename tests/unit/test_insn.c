#include "sym/insn.h"
#include "sym/insn_x86.h"

#include "test.h"

#include "code_bytes.h"

struct vector {
	int length;
	const char *hex;       /* the instruction, and no more */
};

/* With its own length of room, with more, and with every lesser one. */
static void check_vector(enum machine machine, const struct vector *vector)
{
	struct code_bytes code = code_bytes(vector->hex);
	uint8_t padded[32];

	memset(padded, 0x90, sizeof(padded));
	memcpy(padded, code.bytes, code.len);
	CHECK_EQ(code.len, vector->length);
	if (insn_length(machine, code.bytes, code.len) != vector->length ||
	    insn_length(machine, padded, sizeof(padded)) != vector->length)
		test_fail(__FILE__, __LINE__, "%s: %d (%d with more behind it), not %d", vector->hex,
			  insn_length(machine, code.bytes, code.len),
			  insn_length(machine, padded, sizeof(padded)), vector->length);
	for (size_t room = 0; room < code.len; room++) {
		struct code_bytes cut = code_part(code, 0, room);

		if (insn_length(machine, cut.bytes, room))
			test_fail(__FILE__, __LINE__, "%s: %d with a room of %zu", vector->hex,
				  insn_length(machine, cut.bytes, room), room);
		free(cut.bytes);
	}
	free(code.bytes);
}

#define CHECK_VECTORS(machine, vectors)                                                  \
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++)                \
		check_vector(machine, &vectors[i])

/* These are no instructions, whatever follows. */
static void check_invalid(enum machine machine, const char *const *hex, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct code_bytes code = code_bytes(hex[i]);
		uint8_t padded[32] = { 0 };

		memcpy(padded, code.bytes, code.len);
		if (insn_length(machine, padded, sizeof(padded)))
			test_fail(__FILE__, __LINE__, "%s: %d, not 0", hex[i],
				  insn_length(machine, padded, sizeof(padded)));
		free(code.bytes);
	}
}

TEST(plain_opcodes)
{
	static const struct vector vectors[] = {
		{ 1, "90" }, { 1, "55" }, { 2, "4157" }, { 1, "c3" }, { 3, "c20800" }, { 1, "cc" },
		{ 1, "c9" }, { 4, "c8100001" }, { 1, "f4" }, { 1, "6c" }, { 2, "cd80" }, { 1, "cf" },
		{ 2, "31c0" }, { 3, "4889e5" }, { 2, "a8ff" }, { 3, "4863c1" }, { 2, "d9e8" },
		{ 2, "d8c1" }, { 2, "0fa2" },
	};

	CHECK_VECTORS(MACHINE_X86_64, vectors);
}

TEST(immediates_by_operand_size)
{
	static const struct vector vectors[] = {
		{ 2, "b001" }, { 5, "b801000000" }, { 4, "66b80100" },
		{ 10, "48b80102030405060708" }, { 10, "49bf0102030405060708" },
		{ 11, "6648b80102030405060708" },               /* REX.W wins */
		{ 5, "6801000000" }, { 4, "66680100" }, { 2, "6aff" },
		{ 6, "69c001000000" }, { 5, "6669c00100" }, { 3, "6bc001" },
		{ 5, "0501000000" }, { 4, "66050100" }, { 6, "480501000000" },
		{ 6, "81c001000000" }, { 5, "6681c00100" }, { 3, "83c001" }, { 3, "80c001" },
		{ 6, "c70001000000" }, { 5, "66c7000100" }, { 7, "48c7c0ffffffff" },
		{ 3, "c60001" }, { 3, "c0e001" }, { 2, "d1e0" },
		{ 5, "a901000000" }, { 4, "66a90100" }, { 2, "e410" },
	};

	CHECK_VECTORS(MACHINE_X86_64, vectors);
}

TEST(group_3_has_an_immediate_for_test_alone)
{
	static const struct vector vectors[] = {
		{ 3, "f6c001" }, { 3, "f6c801" }, { 2, "f6d0" }, { 2, "f6f9" },
		{ 6, "f7c001000000" }, { 5, "66f7c00100" }, { 7, "48f7c001000000" },
		{ 6, "f7c801000000" }, { 2, "f7d8" }, { 3, "48f7f9" }, { 8, "f604250000000001" },
		{ 7, "f6050100000001" }, { 10, "f7050100000002000000" },
	};

	CHECK_VECTORS(MACHINE_X86_64, vectors);
}

TEST(addresses_in_memory)
{
	static const struct vector vectors[] = {
		{ 2, "8b00" }, { 3, "8b4510" }, { 6, "8b8500010000" }, { 6, "8b0500010000" },
		{ 3, "8b0424" }, { 4, "8b442410" }, { 7, "8b842400010000" },
		{ 7, "8b042500010000" },                        /* no base */
		{ 7, "8b04c500010000" },                        /* an index alone */
		{ 8, "428b04e500010000" },                      /* r12 is one */
		{ 5, "438b4c6510" },                            /* r13 is a base with a distance */
		{ 4, "418b4500" }, { 7, "418b0500010000" },     /* by the instruction's end, still */
		{ 3, "678b00" }, { 7, "678b0500010000" },
		{ 9, "a10102030405060708" }, { 6, "67a101020304" },
		{ 10, "48a30102030405060708" }, { 10, "66a10102030405060708" },
		{ 9, "64488b0c25f8ffffff" }, { 4, "64488b09" }, { 9, "65488b042528000000" },
	};

	CHECK_VECTORS(MACHINE_X86_64, vectors);
}

TEST(prefixes)
{
	static const struct vector vectors[] = {
		{ 2, "f390" }, { 2, "f3c3" }, { 3, "f348a5" }, { 2, "6690" }, { 2, "2e90" },
		{ 9, "660f1f840000000000" }, { 10, "662e0f1f840000000000" },
		{ 15, "6666666666662e0f1f840000000000" },
		{ 4, "f0480119" }, { 5, "f0480fc119" }, { 4, "f00fb111" },
		{ 4, "484889d8" },                              /* the first REX is lost, */
		{ 5, "4866b80100" },                            /* ... and one before 66 */
	};

	CHECK_VECTORS(MACHINE_X86_64, vectors);
}

TEST(two_byte_opcodes)
{
	static const struct vector vectors[] = {
		{ 2, "0f05" }, { 2, "0f0b" }, { 3, "0f1f00" }, { 5, "0f1f440000" },
		{ 4, "f30f1efa" },                              /* endbr64 */
		{ 3, "0fb6c0" }, { 4, "480fafc1" }, { 2, "0fc8" }, { 3, "480fc8" },
		{ 6, "0f8400010000" }, { 3, "0f94c0" }, { 3, "0fa3c1" }, { 4, "0fa4c105" },
		{ 4, "0fbae001" }, { 4, "0fc5c801" }, { 3, "0f20c0" },
		{ 3, "0f2000" },                                /* control registers: no memory */
		{ 3, "0f2044" }, { 3, "0f01d0" }, { 3, "0faee8" }, { 4, "480fc70e" },
		{ 4, "f30fb8c1" }, { 4, "f20f10c1" }, { 5, "660f70c04e" }, { 4, "0f71d001" },
		{ 4, "0f0fc10d" }, { 6, "660f78c00102" }, { 6, "f20f78c10102" }, { 3, "0f78c1" },
	};

	CHECK_VECTORS(MACHINE_X86_64, vectors);
}

TEST(three_byte_opcodes)
{
	static const struct vector vectors[] = {
		{ 4, "0f3800c1" }, { 5, "660f3800c1" }, { 5, "660f3817c1" }, { 5, "f20f38f1c1" },
		{ 6, "66f20f38f1c1" }, { 6, "f2480f38f1c1" }, { 4, "0f38c8c1" }, { 5, "660f38f6c1" },
		{ 5, "0f3a0fc101" }, { 6, "660f3a0fc101" }, { 7, "660f3a0f410101" },
		{ 10, "660f3a0f050100000001" }, { 5, "0f3accc101" },
	};

	CHECK_VECTORS(MACHINE_X86_64, vectors);
}

TEST(vector_encodings)
{
	static const struct vector vectors[] = {
		{ 3, "c5f877" },                                /* vzeroupper: no ModRM */
		{ 4, "c5f828c1" }, { 6, "c5f970410404" }, { 5, "c4e17828c1" }, { 5, "c4e27918c1" },
		{ 6, "c4e3790fc101" }, { 8, "c5f8280501000000" },
		{ 6, "c4e3fd00c101" }, { 5, "c4e2f2f7c1" }, { 6, "c4e37bf0c101" },
		{ 6, "c4e279900408" },                          /* a gather has a SIB byte */
		{ 6, "62f17c4828c1" }, { 7, "62f17c48284101" }, { 10, "62f17c48280501000000" },
		{ 7, "62f17d4870c14e" }, { 7, "62f37d4803c101" }, { 6, "62f57c4858c1" },
		{ 6, "62f67d4898c1" }, { 7, "62f27d4990040a" },
		{ 5, "8fe97881c1" }, { 6, "8fe878c0c101" }, { 9, "8fea7810c101000000" },
		{ 2, "8fc0" }, { 2, "8f00" },                   /* pop, not XOP */
	};

	CHECK_VECTORS(MACHINE_X86_64, vectors);
}

TEST(no_instructions)
{
	static const char *const hex[] = {
		"06", "07", "0e", "16", "17", "1e", "1f", "27", "2f", "37", "3f", "60", "61", "82c0",
		"9a", "ce", "d4", "d5", "d6", "ea",             /* not in 64-bit code; REX2 */
		"0f04", "0f0a", "0f24c0", "0f36", "0f39", "0fa6c0", "0fff00", "0f0fc100",
		"8dc0", "8ec8",  "fed0", "fff8", "ffe8", "c6c8", "c7d0",
		"0fbac001", "0f71c001", "0fc7c8", "0fb8c1", "660f5200",
		"f00fafc1", "f001c0", "f03900", "f090", "f0b801000000",  /* LOCK */
		"66e800000000", "660f8400000000", "667400",     /* processors differ */
		"48c5f877", "66c5f877", "f3c4e17828c1", "c5f804c1", "c4e07828c1", "c4e47828c1",
		"c4e279900500000000",                           /* a gather without a SIB byte */
		"62f97c4828c1", "62f1784828c1", "62f47c4801c1", "62f17c682800",
	};

	check_invalid(MACHINE_X86_64, hex, sizeof(hex) / sizeof(hex[0]));
}

TEST(no_more_than_15_bytes)
{
	struct code_bytes code = code_bytes("666666666666662e0f1f840000000000");
	uint8_t prefixes[64];

	CHECK_EQ(code.len, 16);
	CHECK_EQ(insn_length(MACHINE_X86_64, code.bytes, code.len), 0);
	CHECK_EQ(insn_length(MACHINE_X86_64, code.bytes + 1, code.len - 1), 15);
	memset(prefixes, 0x66, sizeof(prefixes));
	CHECK_EQ(insn_length(MACHINE_X86_64, prefixes, sizeof(prefixes)), 0);
	free(code.bytes);
}

struct flow_vector {
	const char *hex;
	enum insn_flow flow;
	bool relative;
	int64_t distance;
};

static void check_flow(enum machine machine, const struct flow_vector *vector)
{
	struct code_bytes code = code_bytes(vector->hex);
	struct insn insn;

	if (insn_read(machine, code.bytes, code.len, &insn) != (int)code.len ||
	    insn.length != (int)code.len || insn.flow != vector->flow ||
	    insn.relative != vector->relative || insn.distance != vector->distance)
		test_fail(__FILE__, __LINE__, "%s: %d bytes, flow %d, relative %d, distance %lld",
			  vector->hex, insn.length, insn.flow, insn.relative,
			  (long long)insn.distance);
	free(code.bytes);
}

#define CHECK_FLOWS(machine, vectors)                                                    \
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++)                \
		check_flow(machine, &vectors[i])

TEST(where_instructions_go)
{
	static const struct flow_vector vectors[] = {
		{ "90", INSN_NEXT, false, 0 },
		{ "eb10", INSN_JUMP, true, 0x12 },
		{ "ebfe", INSN_JUMP, true, 0 },
		{ "e9fbffffff", INSN_JUMP, true, 0 },
		{ "7610", INSN_BRANCH, true, 0x12 },
		{ "0f86faffffff", INSN_BRANCH, true, 0 },
		{ "e2f0", INSN_BRANCH, true, -14 },
		{ "67e310", INSN_BRANCH, true, 0x13 },
		{ "e800000000", INSN_CALL, true, 5 },
		{ "e800000080", INSN_CALL, true, 5 - 0x80000000ll },
		{ "c7f810000000", INSN_BRANCH, true, 0x16 },         /* xbegin */
		{ "ffd0", INSN_CALL, false, 0 },
		{ "ff2500000000", INSN_JUMP, false, 0 },
		{ "ff30", INSN_NEXT, false, 0 },
		{ "c3", INSN_END, false, 0 },
		{ "0f0b", INSN_END, false, 0 },
		{ "cc", INSN_END, false, 0 },
	};

	CHECK_FLOWS(MACHINE_X86_64, vectors);
}

TEST(arm64)
{
	static const struct flow_vector vectors[] = {
		{ "1f2003d5", INSN_NEXT, false, 0 },                 /* nop */
		{ "900b40f9", INSN_NEXT, false, 0 },                 /* ldr x16,[x28,#16] */
		{ "09010054", INSN_BRANCH, true, 32 },               /* b.ls */
		{ "f4ffff17", INSN_JUMP, true, -48 },
		{ "a1bc0094", INSN_CALL, true, 4 * 0xbca1 },
		{ "090f00b4", INSN_BRANCH, true, 4 * 0x78 },         /* cbz */
		{ "e0ffff35", INSN_BRANCH, true, -4 },               /* cbnz */
		{ "00000436", INSN_BRANCH, true, -32768 },           /* tbz */
		{ "c0035fd6", INSN_END, false, 0 },
		{ "00001fd6", INSN_JUMP, false, 0 },
		{ "00003fd6", INSN_CALL, false, 0 },
		{ "000020d4", INSN_END, false, 0 },                  /* brk */
	};
	static const char *const invalid[] = { "00000000", "d0100000", "00000002", "00000006" };

	CHECK_FLOWS(MACHINE_ARM64, vectors);
	check_invalid(MACHINE_ARM64, invalid, sizeof(invalid) / sizeof(invalid[0]));
	for (size_t room = 0; room < 4; room++)
		CHECK_EQ(insn_length(MACHINE_ARM64, (const uint8_t *)"\x1f\x20\x03\xd5", room), 0);
}

/* Whatever the bytes: the length fits the room, and more room changes nothing. */
TEST(any_bytes)
{
	uint64_t state = 3;

	for (int i = 0; i < 200000; i++) {
		uint64_t words[2] = { test_random(&state), test_random(&state) };
		const uint8_t *code = (const uint8_t *)words;
		int length = insn_length(MACHINE_X86_64, code, 16);

		if (length < 0 || length > 15) {
			CHECK_EQ(length, 15);
			return;
		}
		for (int room = 0; room < 16; room++) {
			int cut = insn_length(MACHINE_X86_64, code, (size_t)room);

			if (cut != (room >= length ? length : 0)) {
				CHECK_EQ(cut, length);
				return;
			}
		}
	}
}

TEST(another_machine)
{
	CHECK_EQ(insn_length((enum machine)3, (const uint8_t *)"\x90\x90\x90\x90", 4), 0);
}

TEST_MAIN()
