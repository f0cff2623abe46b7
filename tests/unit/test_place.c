#include "sym/place.h"

#include <errno.h>

#include "limits.h"

#include "test.h"

#include "code_bytes.h"

struct function {
	const char *name;
	enum machine machine;
	struct place place;
	const char *hex;
};

/* Whole functions as compilers wrote them, each with a byte of padding. */
static const struct function go_functions[] = {
	{ "Go 1.15: runtime._System",
	  MACHINE_X86_64, { 32, 8, true, false },
	  "64488b0c25f8ffffff483b6110761f4883ec0848892c24488d2c240f1f440000e8dbffffff"
	  "488b2c244883c408c3e8ad6b0200ebcbcc" },
	{ "Go 1.15: crypto/tls.(*cthWrapper).Reset",
	  MACHINE_X86_64, { 15, 0, false, false },
	  "64488b0c25f8ffffff483b611076314883ec1048896c2408488d6c2408488b442418488b08"
	  "488b4008488b492848890424ffd1488b6c24084883c410c30f1f00e8bb42ecffebb9cc" },
	{ "Go 1.15, PIE: runtime._System",
	  MACHINE_X86_64, { 32, 8, true, false },
	  "48c7c1f8ffffff64488b09483b6110761d4883ec0848892c24488d2c240f1f00e8dbffffff"
	  "488b2c244883c408c3e82d6f0200ebcbcc" },
	{ "Go 1.15, static PIE: crypto/tls.(*cthWrapper).Reset",
	  MACHINE_X86_64, { 17, 0, false, false },
	  "48c7c1a8ffffff64488b09483b6110762f4883ec1048896c2408488d6c2408488b44241848"
	  "8b08488b4008488b492848890424ffd1488b6c24084883c410c390e87b33ecffebb9cc" },
	{ "Go 1.19: runtime.startTheWorld.func1",
	  MACHINE_X86_64, { 6, 0, false, true },
	  "493b6610761f4883ec1048896c2408488d6c240831c0e845040000488b6c24084883c410c3"
	  "e816830200ebd4cc" },
	{ "Go 1.19, no arguments: runtime.gcStart.func1",
	  MACHINE_X86_64, { 18, 8, true, true },
	  "493b6610761b4883ec0848892c24488d2c24e869ad0000488b2c244883c40890c3e85a8b04"
	  "00ebd8cc" },
	{ "Go 1.19, a large frame, arguments spilled around the call: runtime.vdsoauxv",
	  MACHINE_X86_64, { 42, 136, true, true },
	  "4c8d6424f84d3b66100f868d0000004881ec880000004889ac2480000000488dac24800000"
	  "004883f82175604885db744b488d7c2410488d7ff0660f1f44000048896c24f0488d6c24f0"
	  "e8b7660000488b6d00488d442410e883f4ffff488d442410488d1da77b4700e8f2f8ffff89"
	  "c3488d442410e806faffffeb10488bac24800000004881c488000000c3488bac2480000000"
	  "4881c488000000c3488944240848895c2410e8353f0000488b442408488b5c2410e946ffff"
	  "ffcc" },
	{ "Go 1.19, a wrapper: crypto/x509/pkix.(*Name).String",
	  MACHINE_X86_64, { 48, 504, true, true },
	  "4c8da42488feffff4d3b66100f86a90000004881ecf80100004889ac24f0010000488dac24"
	  "f00100004d8b66204d85e40f85990000004885c0747a488b0848898c24f8000000488d7008"
	  "488dbc2400010000660f1f8400000000000f1f44000048896c24f0488d6c24f0e89f3af1ff"
	  "488b6d00488b8424f800000048890424488d7c2408488db4240001000048896c24f0488d6c"
	  "24f0e8733af1ff488b6d0090e87bf8ffff488bac24f00100004881c4f8010000c3e88684eb"
	  "ff904889442408e83b10f1ff488b442408e931ffffff4c8dac2400020000660f1f84000000"
	  "00004d392c240f854cffffff49892424e943ffffffcc" },
	{ "Go 1.19, a huge frame: runtime.getproccount",
	  MACHINE_X86_64, { 26, 0, false, true },
	  "4989e44981eca81f00000f82dd0000004d3b66100f86d30000004881ec282000004889ac24"
	  "20200000488dac2420200000488d7c2420b90004000031c0f348ab48c704240000000048c7"
	  "44240800200000488d54242048895424100f1f440000e8db490300450f57ff644c8b3425f8"
	  "ffffff8b54241885d27c154863ca0f1f004881f900200000775931c031d2eb18b801000000"
	  "488bac24202000004881c428200000c348ffc04839c87d070fb65c0420eb2885d2b9010000"
	  "000f44d189d0488bac24202000004881c428200000c389de83e30101da40d0ee89f384db75"
	  "f090ebc2ba00200000e8342e030090e88e090300e909ffffffcc" },
	{ "Go 1.19, arguments on the stack: debugCall128",
	  MACHINE_X86_64, { 50, 136, true, false },
	  "644c8b3425f8ffffff4c8d6424f84d3b661076404881ec880000004889ac2480000000488d"
	  "ac24800000004d8b66204d85e4752749c7c400000000cc49c7c401000000cc488bac248000"
	  "00004881c488000000c3e867080000eba54c8dac24900000004d392c2475cb49892424ebc5"
	  "cc" },
	{ "Go 1.19, the same, PIE: debugCall128",
	  MACHINE_X86_64, { 52, 136, true, false },
	  "49c7c6f8ffffff644d8b364c8d6424f84d3b661076404881ec880000004889ac2480000000"
	  "488dac24800000004d8b66204d85e4752749c7c400000000cc49c7c401000000cc488bac24"
	  "800000004881c488000000c3e845080000eba34c8dac24900000004d392c2475cb49892424"
	  "ebc5cc" },
	{ "Go 1.21: runtime._System",
	  MACHINE_X86_64, { 6, 0, true, true },
	  "493b6610760b554889e5e8f1ffffff5dc3e8aa370200ebe8cc" },
	{ "Go 1.21, a huge frame: runtime.getproccount",
	  MACHINE_X86_64, { 26, 0, true, true },
	  "4989e44981eca81f00000f82b70000004d3b66100f86ad000000554889e54881ec20200000"
	  "488d7c2420b90004000031c0f348ab48c704240000000048c744240800200000488d542420"
	  "4889542410e8ac690300450f57ff644c8b3425f8ffffff8b54241885d27c124863ca4881f9"
	  "00200000774731c031d2eb11b8010000004881c4202000005dc348ffc04839c87d070fb65c"
	  "0420eb1e85d2b9010000000f44d189d04881c4202000005dc389de83e60101f2d0eb84db75"
	  "f3ebcdba00200000e81a4e030090e8d42c0300e92fffffffcc" },
	{ "Go 1.27, a large frame: syscall.Getsockname",
	  MACHINE_X86_64, { 11, 0, true, true },
	  "4c8d6424e84d3b66107676554889e54881ec90000000488d5c241c440f113b440f117b1044"
	  "0f117b20440f117b30440f117b40440f117b50440f117b60c784248c00000070000000488d"
	  "8c248c000000e80b1f00004885c074134889c14889df31c031db4881c4900000005dc3488d"
	  "44241ce8c9fbffff4881c4900000005d90c34889442408e815d1fdff488b442408e96bffff"
	  "ffcc" },
	{ "Go 1.27, arguments on the stack: debugCall128",
	  MACHINE_X86_64, { 20, 0, true, false },
	  "644c8b3425f8ffffff4c8d6424f84d3b6610761c554889e54883c48041bc00000000cc41bc"
	  "01000000cc4883ec805dc3e8eb060000ebc9cc" },
	{ "Go 1.15: runtime._System",
	  MACHINE_ARM64, { 16, 0, false, false },
	  "810b40f9e20300915f0001eb09010054fe0f1ff8fd831ff8fd2300d1f9ffff97fd835ff8fe"
	  "0741f8c0035fd6e3031eaaf08b0094f3ffff1700000000" },
	{ "Go 1.19: runtime._System",
	  MACHINE_ARM64, { 12, 0, false, true },
	  "900b40f9ff6330eb09010054fe0f1ff8fd831ff8fd2300d1faffff97fdfb7fa9ff430091c0"
	  "035fd6e3031eaac5810094f4ffff1700000000" },
	{ "Go 1.27: runtime._System",
	  MACHINE_ARM64, { 12, 0, false, true },
	  "900b40f9ff6330eb09010054fe0f1ff8fd831ff8fd2300d1faffff97fd835ff8fe0741f8c0"
	  "035fd6e3031eaa19bc0094f4ffff1700000000" },
};

#define GO_FUNCTIONS (sizeof(go_functions) / sizeof(go_functions[0]))

static int find(enum place_kind kind, enum machine machine, struct code_bytes code, size_t size,
		struct place *place, struct failure *failure)
{
	struct place_code whole = { machine, code.bytes, code.len, size };

	failure->text[0] = '\0';
	return place_find(kind, &whole, place, failure);
}

static void check_place(const char *name, enum place_kind kind, enum machine machine,
			const char *hex, struct place wanted)
{
	struct code_bytes code = code_bytes(hex);
	struct failure failure;
	struct place place;

	if (find(kind, machine, code, code.len, &place, &failure))
		test_fail(__FILE__, __LINE__, "%s: %s", name, failure.text);
	else if (place.offset != wanted.offset || place.stack != wanted.stack ||
		 place.emulated != wanted.emulated || place.registers != wanted.registers)
		test_fail(__FILE__, __LINE__, "%s: byte %u, stack %d%s%s", name, place.offset,
			  place.stack, place.emulated ? ", emulated" : "",
			  place.registers ? ", registers" : "");
	free(code.bytes);
}

static void check_refused(enum place_kind kind, enum machine machine, const char *hex,
			  const char *why)
{
	struct code_bytes code = code_bytes(hex);
	struct failure failure;
	struct place place;

	CHECK_EQ(find(kind, machine, code, code.len, &place, &failure), -ENOEXEC);
	CHECK_STR(failure.text, why);
	free(code.bytes);
}

TEST(functions_of_go)
{
	for (size_t i = 0; i < GO_FUNCTIONS; i++)
		check_place(go_functions[i].name, PLACE_GO, go_functions[i].machine,
			    go_functions[i].hex, go_functions[i].place);
}

/* Checks of real functions before a short body. */

TEST(arguments_on_the_stack_stay)
{
	check_place("writeKeyLog of Go 1.15", PLACE_GO, MACHINE_X86_64,
		    "64488b0c25f8ffffff 488d4424e8 483b4110 0f8629000000 4881ec98000000"
		    "4889ac2490000000 488dac2490000000 488b8424a0000000 4883b82801000000"
		    "90 c3 e800100000 e9b5ffffff cc", (struct place){ 63, 0x98, true, false });
	check_place("a result is cleared", PLACE_GO, MACHINE_X86_64,
		    "64488b0c25f8ffffff 488d4424e8 483b4110 0f8629000000 4881ec98000000"
		    "4889ac2490000000 488dac2490000000 488b8424a0000000 0f11842400010000"
		    "90 c3 e800100000 e9b5ffffff cc", (struct place){ 24, 0, false, false });
	check_place("an argument is written", PLACE_GO, MACHINE_X86_64,
		    "64488b0c25f8ffffff 488d4424e8 483b4110 0f8629000000 4881ec98000000"
		    "4889ac2490000000 488dac2490000000 488b8424a0000000 48898424a0000000"
		    "90 c3 e800100000 e9b5ffffff cc", (struct place){ 24, 0, false, false });
}

TEST(registers_go_to_their_slots)
{
	check_place("writeKeyLog of Go 1.19", PLACE_GO, MACHINE_X86_64,
		    "4c8d6424f8 4d3b6610 0f862b000000 4881ec88000000 4889ac2480000000"
		    "488dac2480000000 48899c2498000000 4883b82801000000 7401 90 c3"
		    "48895c2410 e800100000 488b5c2410 e9b2ffffff cc",
		    (struct place){ 54, 0x88, true, true });
	check_place("not to one of its slots", PLACE_GO, MACHINE_X86_64,
		    "4c8d6424f8 4d3b6610 0f862b000000 4881ec88000000 4889ac2480000000"
		    "488dac2480000000 48899c2490000000 4883b82801000000 7401 90 c3"
		    "48895c2410 e800100000 488b5c2410 e9b2ffffff cc",
		    (struct place){ 15, 0, false, true });
	check_place("a register of an argument is written", PLACE_GO, MACHINE_X86_64,
		    "493b6610 760d 4883ec08 4889d8 90 4883c408 c3 e800100000 ebe6 cc",
		    (struct place){ 6, 0, false, true });
	check_place("another register is written", PLACE_GO, MACHINE_X86_64,
		    "493b6610 760d 4883ec08 4989c4 90 4883c408 c3 e800100000 ebe6 cc",
		    (struct place){ 13, 8, true, true });
}

TEST(huge_frames)
{
	check_place("Go 1.15", PLACE_GO, MACHINE_X86_64,
		    "64488b0c25f8ffffff 488b7110 4881fedefaffff 0f841f000000 488d8424a0030000"
		    "4829f0 483dc0130000 0f8608000000 4881eca0100000 c3 e800100000 ebc0 cc",
		    (struct place){ 49, 0, false, false });
	check_place("arm64, Go 1.15", PLACE_GO, MACHINE_ARM64,
		    "810b40f9 3ba48092 3f001beb 20010054 e2830e91 420001cb 037a82d2 5f0003eb"
		    "89000054 fe0f1ff8 c0035fd6 1f2003d5 e3031eaa a1bc0094 f2ffff17",
		    (struct place){ 36, 0, false, false });
	check_place("arm64, Go 1.27", PLACE_GO, MACHINE_ARM64,
		    "900b40f9 1b1e82d2 f1633beb c3000054 3f0210eb 89000054 1b2e82d2 f4633bcb"
		    "c0035fd6 fb231091 600700a9 e3031eaa a1bc0094 fb231091 600740a9 f1ffff17",
		    (struct place){ 24, 0, false, true });
}

TEST(shifted_functions_of_go)
{
	for (size_t i = 0; i < GO_FUNCTIONS; i++) {
		struct code_bytes code = code_bytes(go_functions[i].hex);

		for (size_t shift = 1; shift < code.len; shift++) {
			struct code_bytes part = code_part(code, shift, code.len - shift);
			struct failure failure;
			struct place place;

			if (find(PLACE_GO, go_functions[i].machine, part, part.len, &place,
				 &failure) != -ENOEXEC || !failure.text[0])
				test_fail(__FILE__, __LINE__, "%s: found from byte %zu on",
					  go_functions[i].name, shift);
			free(part.bytes);
		}
		free(code.bytes);
	}
}

/* The start is somewhere in the function before, or its padding. */
TEST(functions_of_go_from_before)
{
	for (size_t i = 0; i < GO_FUNCTIONS; i++) {
		struct code_bytes before = code_bytes(go_functions[(i + 3) % GO_FUNCTIONS].hex);
		struct code_bytes code = code_bytes(go_functions[i].hex);

		for (size_t shift = 1; shift < before.len; shift++) {
			struct code_bytes both = { malloc(shift + code.len), shift + code.len };
			struct failure failure;
			struct place place;

			memcpy(both.bytes, before.bytes + before.len - shift, shift);
			memcpy(both.bytes + shift, code.bytes, code.len);
			if (find(PLACE_GO, go_functions[i].machine, both, both.len, &place,
				 &failure) != -ENOEXEC)
				test_fail(__FILE__, __LINE__, "%s: found %zu bytes before",
					  go_functions[i].name, shift);
			free(both.bytes);
		}
		free(before.bytes);
		free(code.bytes);
	}
}

/* Two functions taken for one. */
TEST(functions_of_go_with_the_next)
{
	for (size_t i = 0; i < GO_FUNCTIONS; i++) {
		struct code_bytes code = code_bytes(go_functions[i].hex);
		struct code_bytes both = { malloc(2 * code.len), 2 * code.len };
		struct failure failure;
		struct place place;

		memcpy(both.bytes, code.bytes, code.len);
		memcpy(both.bytes + code.len, code.bytes, code.len);
		if (go_functions[i].machine == MACHINE_X86_64)
			CHECK_EQ(find(PLACE_GO, MACHINE_X86_64, both, both.len, &place, &failure),
				 -ENOEXEC);
		free(both.bytes);
		free(code.bytes);
	}
}

/* Cut in the file, or with the size of another: never a place, but with the last
 * byte, which is padding. */
TEST(cut_functions_of_go)
{
	for (size_t i = 0; i < GO_FUNCTIONS; i++) {
		struct code_bytes code = code_bytes(go_functions[i].hex);
		size_t padding = go_functions[i].machine == MACHINE_X86_64 ? 1 : 4;

		for (size_t len = 0; len + padding < code.len; len++) {
			struct code_bytes part = code_part(code, 0, len);
			struct failure failure;
			struct place place;

			if (len && find(PLACE_GO, go_functions[i].machine, part, len, &place,
					&failure) != -ENOEXEC)
				test_fail(__FILE__, __LINE__, "%s: found in %zu bytes",
					  go_functions[i].name, len);
			free(part.bytes);
		}
		free(code.bytes);
	}
}

/* Only the first bytes at hand: the place is directly behind the check. */
TEST(first_bytes_of_go)
{
	const struct function *function = &go_functions[6];
	struct code_bytes code = code_bytes(function->hex);

	CHECK_EQ(function->place.offset, 42);
	for (size_t len = 0; len < code.len; len++) {
		struct code_bytes part = code_part(code, 0, len);
		struct failure failure;
		struct place place;
		int found = find(PLACE_GO, MACHINE_X86_64, part, code.len, &place, &failure);

		if (len < 22) {                /* the check, and sub $0x88,%rsp */
			CHECK_EQ(found, -ENOEXEC);
		} else {
			CHECK_EQ(found, 0);
			CHECK_EQ(place.offset, 15);
			CHECK_EQ(place.stack, 0);
			CHECK(place.registers && !place.emulated);
		}
		CHECK_EQ(find(PLACE_GO, MACHINE_X86_64, part, 0, &place, &failure), found);
		free(part.bytes);
	}
	free(code.bytes);
}

TEST(damaged_functions_of_go)
{
	/* As it is: cmp, jbe, push, mov, call, pop, ret; call, jmp. */
	check_place("whole", PLACE_GO, MACHINE_X86_64,
		    "493b6610 760b 55 4889e5 e8f1100000 5d c3 e8aa370200 ebe8 cc",
		    (struct place){ 6, 0, true, true });
	check_refused(PLACE_GO, MACHINE_X86_64,
		      "493b6618 760b 55 4889e5 e8f1100000 5d c3 e8aa370200 ebe8 cc",
		      "its first instructions are not Go's stack check");
	check_refused(PLACE_GO, MACHINE_X86_64,
		      "493b6610 770b 55 4889e5 e8f1100000 5d c3 e8aa370200 ebe8 cc",
		      "its first instructions are not Go's stack check");
	check_refused(PLACE_GO, MACHINE_X86_64,
		      "493b6610 762b 55 4889e5 e8f1100000 5d c3 e8aa370200 ebe8 cc",
		      "the branch of its stack check leaves it");
	check_refused(PLACE_GO, MACHINE_X86_64,
		      "493b6610 76fa 55 4889e5 e8f1100000 5d c3 e8aa370200 ebe8 cc",
		      "the branch of its stack check leaves it");
	check_refused(PLACE_GO, MACHINE_X86_64,
		      "493b6610 760a 55 4889e5 e8f1100000 5d c3 e8aa370200 ebe8 cc",
		      "the branch of its stack check leads to byte 16, which does not call "
		      "runtime.morestack");
	check_refused(PLACE_GO, MACHINE_X86_64,
		      "493b6610 760b 55 4889e5 e8f1100000 5d c3 e8aa370200 ebe7 cc",
		      "the branch of its stack check leads to byte 17, which does not call "
		      "runtime.morestack");
	check_refused(PLACE_GO, MACHINE_X86_64,
		      "493b6610 760b 55 4889e5 e8f1100000 5d c3 e8faffffff ebe8 cc",
		      "the branch of its stack check leads to byte 17, which does not call "
		      "runtime.morestack");
	check_refused(PLACE_GO, MACHINE_X86_64,
		      "493b6610 760b 55 4889e5 0604040000 5d c3 e8aa370200 ebe8 cc",
		      "byte 10 of its 25 is not the start of an instruction");
	check_refused(PLACE_GO, MACHINE_X86_64,
		      "493b6610 760b 55 4889e5 7406 909090 5d c3 e8aa370200 ebe8 cc",
		      "the jump at byte 10 leads to byte 18, which is not the start of an "
		      "instruction");
	check_refused(PLACE_GO, MACHINE_X86_64,
		      "493b6610 760b 55 4889e5 e8f1100000 5d c3 e8aa370200 ebe8 55 c3",
		      "it goes on at byte 24, behind the call of runtime.morestack");
	check_refused(PLACE_GO, MACHINE_X86_64,
		      "493b6610 760b 55 4889e5 74f8 909090 5d c3 e8aa370200 ebe8 cc",
		      "a jump in it leads to byte 4: a probe behind that would be hit more than "
		      "once in a call");
	check_refused(PLACE_GO, MACHINE_X86_64,
		      "493b6610 760b 55 4889e5 74fa 909090 5d c3 e8aa370200 ebe8 cc",
		      "a jump in it leads to byte 6: a probe behind that would be hit more than "
		      "once in a call");
	check_refused(PLACE_GO, MACHINE_X86_64,
		      "493b6610 760b f0480111 e8f1100000 5d c3 e8aa370200 ebe8 cc",
		      "a probe cannot stand on the instruction at byte 6");
	check_refused(PLACE_GO, MACHINE_ARM64,
		      "900b40f9ff6330eb09010054fe0f1ff8fd831ff8fd2300d1faffff97fd835ff8fe0741f8"
		      "c0035fd6e3031eaa19bc0094f5ffff17",
		      "the branch of its stack check leads to byte 40, which does not call "
		      "runtime.morestack");
	check_refused(PLACE_GO, (enum machine)7, "90", "it is for another kind of processor");
}

/* No check, as in functions that need next to no stack, or in C. */
TEST(functions_without_a_check)
{
	check_refused(PLACE_GO, MACHINE_X86_64, "488b4008 c3",
		      "its first instructions are not Go's stack check");
	check_refused(PLACE_GO, MACHINE_X86_64, "f30f1efa 55 4889e5 5d c3",
		      "its first instructions are not Go's stack check");
	check_refused(PLACE_GO, MACHINE_ARM64, "000840f9 c0035fd6",
		      "its first instructions are not Go's stack check");
}

TEST(functions_of_c)
{
	static const struct function functions[] = {
		{ "EVP_KDF_derive of OpenSSL 3.0", MACHINE_X86_64, { 3, 0, true, false },
		  "4885ff 7413 488b07 4c8b4708 488b4050 4c89c7 ffe0 0f1f00"
		  "31c0 31d2 31c9 31f6 31ff 4531c0 c3" },
		{ "endbr64", MACHINE_X86_64, { 4, 0, true, false }, "f30f1efa 4157 415f c3" },
		{ "push at the entry", MACHINE_X86_64, { 0, 0, true, false }, "55 4889e5 5d c3" },
		{ "sub, then a call", MACHINE_X86_64, { 4, 8, true, false },
		  "4883ec08 e800100000 4883c408 c3" },
		{ "saved, then a push", MACHINE_X86_64, { 8, 0, true, false },
		  "48895c24f0 4889c3 55 5d c3" },
		{ "an argument moves first", MACHINE_X86_64, { 0, 0, false, false },
		  "4889f7 55 5d c3" },
		{ "the second byte of rcx", MACHINE_X86_64, { 0, 0, false, false },
		  "b501 55 5d c3" },
		{ "the low byte of rbp", MACHINE_X86_64, { 3, 0, true, false },
		  "40b501 55 5d c3" },
		{ "memory of the caller is written", MACHINE_X86_64, { 0, 0, false, false },
		  "4889442408 55 5d c3" },
		{ "an argument's memory is written", MACHINE_X86_64, { 0, 0, false, false },
		  "c60700 55 5d c3" },
		{ "a loop to the branch", MACHINE_X86_64, { 0, 0, false, false },
		  "4885ff 7406 4883ef01 ebf8 c3" },
		{ "a loop to the entry", MACHINE_X86_64, { 3, 0, true, false },
		  "4885ff 7406 4883ef01 ebf5 c3" },
		{ "a jump over a lock prefix", MACHINE_X86_64, { 7, 0, true, false },
		  "833d0000000000 7401 f0480fb117 c3" },
		{ "jumps that some kernels write over", MACHINE_X86_64, { 0, 0, false, false },
		  "4885ff eb03 909090 c3" },
		{ "arm64", MACHINE_ARM64, { 0, 0, false, false }, "fd7bbfa9 fd7bc1a8 c0035fd6" },
		{ "arm64: bti", MACHINE_ARM64, { 0, 0, false, false }, "5f2403d5 c0035fd6" },
		{ "arm64: cbz", MACHINE_ARM64, { 0, 0, true, false }, "400000b4 1f2003d5 c0035fd6" },
	};

	for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++)
		check_place(functions[i].name, PLACE_C, functions[i].machine, functions[i].hex,
			    functions[i].place);
}

/* Nothing is known of jumps: the entry, or behind endbr64. */
TEST(first_bytes_of_c)
{
	static const struct {
		const char *hex;
		uint32_t offset;
		bool emulated;
	} functions[] = {
		{ "4885ff 7413 488b07", 0, false },
		{ "f30f1efa 4157 415f", 4, true },
		{ "f30f1efa 4885ff 7413", 0, false },
		{ "55 4889e5 5d", 0, true },
	};

	for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
		struct code_bytes code = code_bytes(functions[i].hex);
		struct failure failure;
		struct place place;

		CHECK_EQ(find(PLACE_C, MACHINE_X86_64, code, 0, &place, &failure), 0);
		CHECK_EQ(place.offset, functions[i].offset);
		CHECK_EQ(place.emulated, functions[i].emulated);
		CHECK_EQ(place.stack, 0);
		free(code.bytes);
	}
}

TEST(where_no_probe_can_stand)
{
	static const char *const hex[] = {
		"f04883470801 c3",                    /* lock add */
		"cc c3", "0f05 c3", "0f34 c3", "f4 c3", "0faef0 c3", "0f0b", "cd80 c3", "0f01d0 c3",
		"c5f877 c3", "62f17c4828c1 c3",
		"2e4889c0 c3", "6789c0 c3", "e300 c3", "e2fe c3", "4190 c3", "f348a5 c3",
		"8ed8 c3", "9d c3", "cb", "cf", "eb03 909090 c3", "9b c3", "fa c3", "6c c3",
	};

	for (size_t i = 0; i < sizeof(hex) / sizeof(hex[0]); i++)
		check_refused(PLACE_C, MACHINE_X86_64, hex[i],
			      "a probe cannot stand on the instruction at byte 0");
	check_refused(PLACE_C, MACHINE_ARM64, "010000d4 c0035fd6",                 /* svc */
		      "a probe cannot stand on the instruction at byte 0");
	check_refused(PLACE_C, MACHINE_ARM64, "007c5f88 c0035fd6",                 /* ldxr */
		      "a probe cannot stand on the instruction at byte 0");
	check_refused(PLACE_C, MACHINE_ARM64, "40000058 c0035fd6",                 /* ldr =... */
		      "a probe cannot stand on the instruction at byte 0");
}

TEST(padding_of_zeros)
{
	check_place("an odd number", PLACE_C, MACHINE_X86_64, "55 5d c3 000000",
		    (struct place){ 0, 0, true, false });
	check_refused(PLACE_C, MACHINE_X86_64, "55 5d c3 06 0000",
		      "byte 3 of its 6 is not the start of an instruction");
}

TEST(too_long_to_be_looked_at)
{
	struct code_bytes code = { calloc(1, MAX_PLACE_FUNCTION + 1), MAX_PLACE_FUNCTION + 1 };
	struct failure failure;
	struct place place;

	memset(code.bytes, 0x90, code.len);
	CHECK_EQ(find(PLACE_C, MACHINE_X86_64, code, code.len, &place, &failure), -ENOEXEC);
	CHECK_STR(failure.text, "its 1048577 bytes are more than the 1048576 that are looked at");
	code.len--;
	CHECK_EQ(find(PLACE_C, MACHINE_X86_64, code, code.len, &place, &failure), 0);
	free(code.bytes);
}

TEST_MAIN()
