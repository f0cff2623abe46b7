/* Any bytes, first as a row of instructions, then as a function in which a probe
 * looks for a place. The first byte says which machine, whose function, and whether
 * all of it is at hand. */
#include <stdbool.h>
#include <string.h>

#include "fuzz.h"
#include "sym/insn.h"
#include "sym/place.h"

#define MOST 65536

/* In memory of their own, so that the sanitizer sees a read beyond. */
static uint8_t *copy_of(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size ? size : 1);

	FUZZ_ASSERT(copy);
	memcpy(copy, data, size);
	return copy;
}

static void check_end(enum machine machine, const uint8_t *code, size_t size)
{
	for (size_t len = 0; len <= size && len <= 16; len++) {
		uint8_t *last = copy_of(code + size - len, len);
		int length = insn_length(machine, last, len);

		FUZZ_ASSERT(length >= 0 && (size_t)length <= len && length <= 15);
		free(last);
	}
}

static void check_each(enum machine machine, const uint8_t *code, size_t size)
{
	for (size_t at = 0; at < size; at++) {
		struct insn insn;
		int length = insn_read(machine, code + at, size - at, &insn);

		FUZZ_ASSERT(length >= 0 && (size_t)length <= size - at && length <= 15);
		FUZZ_ASSERT(length == insn.length && insn.flow <= INSN_END);
		FUZZ_ASSERT(!insn.relative || (insn.flow != INSN_NEXT && insn.flow != INSN_END));
		if (length)
			FUZZ_ASSERT(insn_length(machine, code + at, (size_t)length) == length &&
				    insn_length(machine, code + at, (size_t)length - 1) == 0);
	}
}

/* The place starts an instruction, counted from the first byte. */
static void check_boundary(const struct place_code *code, const struct place *place)
{
	size_t at = 0;

	while (at < place->offset) {
		int length = insn_length(code->machine, code->bytes + at, code->len - at);

		FUZZ_ASSERT(length > 0);
		at += (size_t)length;
	}
	FUZZ_ASSERT(at == place->offset);
	FUZZ_ASSERT(insn_length(code->machine, code->bytes + at, code->len - at) > 0);
}

/* Where all is at hand, no jump leads between the entry and behind the place. */
static void check_jumps(const struct place_code *code, const struct place *place)
{
	struct insn insn;

	for (size_t at = 0; at < code->len; at += (size_t)insn.length) {
		int64_t target;

		if (!insn_read(code->machine, code->bytes + at, code->len - at, &insn))
			insn.length = 4;               /* padding, or a constant (arm64) */
		target = (int64_t)at + insn.distance;
		if (insn.relative && target > 0)
			FUZZ_ASSERT(target > (int64_t)place->offset);
	}
}

static void check_place(enum place_kind kind, const struct place_code *code)
{
	struct failure failure = { "" };
	struct place place;
	int error = place_find(kind, code, &place, &failure);

	FUZZ_ASSERT(error <= 0 && (error != 0) == (failure.text[0] != '\0'));
	if (error)
		return;
	FUZZ_ASSERT(place.offset < code->len && place.stack >= 0);
	FUZZ_ASSERT(kind == PLACE_C ? !place.registers : place.offset > 0);
	check_boundary(code, &place);
	if (code->size && code->size == code->len)
		check_jumps(code, &place);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum machine machine;
	enum place_kind kind;
	struct place_code code;
	uint8_t *copy;

	if (size < 1 || size > MOST)
		return 0;
	machine = data[0] & 1 ? MACHINE_ARM64 : MACHINE_X86_64;
	kind = data[0] & 2 ? PLACE_C : PLACE_GO;
	copy = copy_of(data + 1, size - 1);
	code = (struct place_code){ machine, copy, size - 1, size - 1 };
	if (data[0] & 4)
		code.size = data[0] & 8 ? 0 : size + data[0];
	check_end(machine, copy, code.len);
	check_each(machine, copy, code.len);
	check_place(kind, &code);
	free(copy);
	return 0;
}

static void put(uint8_t *data, size_t *at, const void *bytes, size_t len)
{
	memcpy(data + *at, bytes, len);
	*at += len;
}

static void put_distance(uint8_t *data, size_t at, int64_t distance)
{
	for (int i = 0; i < 4; i++)
		data[at + (size_t)i] = (uint8_t)(distance >> 8 * i);
}

/* Instructions of any kind that go on to the next, or back to a random one. */
static void put_body(uint8_t *data, size_t *at, uint64_t *random)
{
	for (uint64_t count = fuzz_random(random) % 12; count;) {
		uint64_t words[2] = { fuzz_random(random), fuzz_random(random) };
		struct insn insn;

		if (count % 3 == 0)
			words[0] = (words[0] & ~(uint64_t)0xffff) | 0x8948;   /* mov %r64,... */
		if (insn_read(MACHINE_X86_64, (const uint8_t *)words, sizeof(words), &insn) &&
		    insn.flow == INSN_NEXT && !insn.relative) {
			put(data, at, words, (size_t)insn.length);
			count--;
		}
	}
}

/* A function of Go, now and then with a byte that is not as it should be. */
size_t fuzz_seed(uint64_t number, uint8_t *data, size_t room)
{
	static const char *const checks[] = {
		"\x49\x3b\x66\x10", "\x4c\x8d\x64\x24\xd0\x4d\x3b\x66\x10",
		"\x48\xc7\xc1\xf8\xff\xff\xff\x64\x48\x8b\x09\x48\x3b\x61\x10",
	};
	static const char *const begins[] = { "\x55\x48\x89\xe5", "\x48\x83\xec\x18", "\x90" };
	uint64_t random = number;
	const char *check = checks[fuzz_random(&random) % 3];
	const char *begin = begins[fuzz_random(&random) % 3];
	size_t at = 1, branch;

	if (room < 512)
		return 0;
	data[0] = (uint8_t)(fuzz_random(&random) % 8 ? 0 : fuzz_random(&random));
	put(data, &at, check, strlen(check));
	put(data, &at, "\x0f\x86", 2);
	branch = at;
	at += 4;
	put(data, &at, begin, strlen(begin));
	put_body(data, &at, &random);
	put(data, &at, "\xc3", 1);
	put_distance(data, branch, (int64_t)(at - branch) - 4);
	put(data, &at, "\x48\x89\x44\x24\x08\xe8\x10\x20\x30\x00\x48\x8b\x44\x24\x08\xe9", 16);
	put_distance(data, at, 1 - (int64_t)at - 4);
	at += 4;
	put(data, &at, "\xcc\xcc\xcc", fuzz_random(&random) % 4);
	if (fuzz_random(&random) % 4 == 0)
		data[1 + fuzz_random(&random) % (at - 1)] ^= (uint8_t)fuzz_random(&random);
	return at;
}
