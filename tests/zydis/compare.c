/* compare FILE...        every instruction of the executable sections of an ELF file
 * compare --random N     N random strings of bytes
 *
 * Lengths by glasstap's decoder beside those by Zydis. Wherever both know an
 * instruction the lengths must be the same, and what Zydis takes the decoder may
 * not refuse, but for the classes of is_doubtful. What the decoder alone takes is
 * counted: newer instructions, and combinations of vector length and operands that
 * it does not look at. Sections are read from end to end, data in them too. -v
 * shows each difference. */
#include <Zydis/Zydis.h>
#include <elf.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sym/insn.h"

struct count {
	uint64_t instructions;         /* known to both */
	uint64_t longer;               /* ... but not of the same length */
	uint64_t refused, doubtful;    /* known to Zydis alone */
	uint64_t extra;                /* known to us alone */
	uint64_t neither;
};

static ZydisDecoder decoder;
static bool verbose;

static int zydis_length(const uint8_t *code, size_t room, ZydisDecodedInstruction *insn)
{
	return ZYAN_SUCCESS(ZydisDecoderDecodeInstruction(&decoder, NULL, code, room, insn)) ?
	       insn->length : 0;
}

static void show(const char *what, const uint8_t *code, size_t room, int ours, int theirs)
{
	printf("# %s: ours %d, zydis %d:", what, ours, theirs);
	for (size_t i = 0; i < room && i < 15; i++)
		printf(" %02x", code[i]);
	putchar('\n');
}

/* What Zydis takes and the decoder refuses on purpose (see insn_x86.c): the answer
 * of a processor depends on its maker, or the instruction is Xeon Phi's own. */
static bool is_doubtful(const ZydisDecodedInstruction *insn)
{
	if (insn->mnemonic == ZYDIS_MNEMONIC_UD0 || insn->encoding == ZYDIS_INSTRUCTION_ENCODING_MVEX)
		return true;
	if (strstr(ZydisISASetGetString(insn->meta.isa_set), "KNC"))
		return true;
	return insn->attributes & ZYDIS_ATTRIB_HAS_OPERANDSIZE && insn->attributes &
	       ZYDIS_ATTRIB_IS_RELATIVE;
}

/* Both lengths of what is at `code`; the step to the next instruction. */
static size_t compare(struct count *count, const uint8_t *code, size_t room)
{
	ZydisDecodedInstruction insn;
	int theirs = zydis_length(code, room, &insn);
	int ours = insn_length(MACHINE_X86_64, code, room);

	if (ours && theirs) {
		count->instructions++;
		count->longer += ours != theirs;
		if (ours != theirs && (verbose || count->longer <= 10))
			show("differs", code, room, ours, theirs);
	} else if (theirs && is_doubtful(&insn)) {
		count->doubtful++;
	} else if (theirs) {
		count->refused++;
		if (verbose)
			show(ZydisMnemonicGetString(insn.mnemonic), code, room, ours, theirs);
	} else if (ours) {
		count->extra++;
		if (verbose)
			show("extra", code, room, ours, theirs);
	} else {
		count->neither++;
	}
	return theirs ? (size_t)theirs : ours ? (size_t)ours : 1;
}

static void compare_bytes(struct count *count, const uint8_t *code, size_t size)
{
	for (size_t at = 0; at < size;)
		at += compare(count, code + at, size - at);
}

static bool section_fits(const Elf64_Shdr *section, size_t size)
{
	return section->sh_type == SHT_PROGBITS && section->sh_flags & SHF_EXECINSTR &&
	       section->sh_offset <= size && section->sh_size <= size - section->sh_offset;
}

static bool compare_sections(struct count *count, const uint8_t *data, size_t size)
{
	const Elf64_Ehdr *head = (const Elf64_Ehdr *)data;
	const Elf64_Shdr *sections;

	if (size < sizeof(*head) || memcmp(head->e_ident, ELFMAG, SELFMAG) != 0 ||
	    head->e_ident[EI_CLASS] != ELFCLASS64 || head->e_machine != EM_X86_64 ||
	    head->e_shoff > size || size - head->e_shoff < head->e_shnum * sizeof(*sections))
		return false;
	sections = (const Elf64_Shdr *)(data + head->e_shoff);
	for (unsigned i = 0; i < head->e_shnum; i++)
		if (section_fits(&sections[i], size))
			compare_bytes(count, data + sections[i].sh_offset, sections[i].sh_size);
	return true;
}

static bool compare_file(struct count *count, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat stat;
	void *data;
	bool done;

	if (fd < 0 || fstat(fd, &stat) != 0)
		return false;
	data = mmap(NULL, (size_t)stat.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	if (data == MAP_FAILED)
		return false;
	done = compare_sections(count, data, (size_t)stat.st_size);
	munmap(data, (size_t)stat.st_size);
	return done;
}

static uint64_t next_random(uint64_t *state)
{
	uint64_t z = (*state += 0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return z ^ (z >> 31);
}

/* Most random strings begin with a common opcode; a third of these with a prefix
 * or an escape. */
static void compare_random(struct count *count, uint64_t strings)
{
	static const uint8_t starts[] = {
		0x66, 0xf2, 0xf3, 0x48, 0x41, 0x0f, 0x0f, 0x62, 0xc4, 0xc5, 0x8f, 0xf0,
	};
	uint64_t state = 1;

	for (uint64_t i = 0; i < strings; i++) {
		uint64_t words[2] = { next_random(&state), next_random(&state) };
		uint64_t choice = next_random(&state);
		uint8_t code[16];

		memcpy(code, words, sizeof(code));
		if (choice % 3 == 0)
			code[0] = starts[(choice >> 8) % sizeof(starts)];
		if (choice % 9 == 0)
			code[1] = starts[(choice >> 16) % sizeof(starts)];
		compare(count, code, sizeof(code));
	}
}

static bool print(const char *name, const struct count *count)
{
	bool good = count->instructions && !count->longer && !count->refused;

	printf("%sok lengths of %s: %llu instructions, %llu of another length, %llu refused, "
	       "%llu doubtful, %llu only known here, %llu bytes of none\n", good ? "" : "not ",
	       name, (unsigned long long)count->instructions, (unsigned long long)count->longer,
	       (unsigned long long)count->refused, (unsigned long long)count->doubtful,
	       (unsigned long long)count->extra, (unsigned long long)count->neither);
	return good;
}

int main(int argc, char **argv)
{
	bool good = true;
	int i = 1;

	ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
	if (i < argc && strcmp(argv[i], "-v") == 0) {
		verbose = true;
		i++;
	}
	for (; i < argc; i++) {
		struct count count = { 0 };

		if (strcmp(argv[i], "--random") == 0 && i + 1 < argc) {
			compare_random(&count, strtoull(argv[++i], NULL, 10));
			good &= print("random bytes", &count);
		} else if (!compare_file(&count, argv[i])) {
			printf("skip lengths of %s: not a program for x86-64\n", argv[i]);
		} else {
			good &= print(argv[i], &count);
		}
		fflush(stdout);
	}
	return !good;
}
