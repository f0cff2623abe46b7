/* Small programs such as Go's linker makes: an ELF file with a few functions, the
 * function table of the wanted version, module data and build info. For unit tests
 * and as seeds of the fuzz target. */
#ifndef GLASSTAP_GO_IMAGE_H
#define GLASSTAP_GO_IMAGE_H

#include <elf.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define GO_IMAGE_ROOM 32768
#define GO_IMAGE_BASE 0x400000 /* of a program at fixed addresses; a PIE's is 0x1000000 */
#define TEXT_AT 0x1000
#define RODATA_AT 0x2000
#define DATA_AT 0x5000
#define RELOCATIONS_AT 0x6000
#define SECTIONS_AT 0x7800

enum go_image_function {
	F_RT0, F_MORESTACK, F_SCHEDINIT, F_KEYLOG, F_MASTER, F_TRAFFIC_SECRET, F_TRAFFIC_KEY,
	F_FORK_KEYLOG, F_WRITE_RECORD, F_METHOD, F_MAIN, F_COUNT
};

static const char *const go_image_names[F_COUNT] = {
	[F_RT0] = "_rt0_amd64_linux",
	[F_MORESTACK] = "runtime.morestack_noctxt",
	[F_SCHEDINIT] = "runtime.schedinit",
	[F_KEYLOG] = "crypto/tls.(*Config).writeKeyLog",
	[F_MASTER] = "crypto/tls.keysFromMasterSecret",
	[F_TRAFFIC_SECRET] = "crypto/tls.(*halfConn).setTrafficSecret",
	[F_TRAFFIC_KEY] = "crypto/tls.(*cipherSuiteTLS13).trafficKey",
	[F_FORK_KEYLOG] = "github.com/refraction-networking/utls.(*Config).writeKeyLog",
	[F_WRITE_RECORD] = "crypto/tls.(*Conn).writeRecordLocked",
	[F_METHOD] = "main.(*T).keysFromMasterSecret",
	[F_MAIN] = "main.main",
};

struct go_image_options {
	int minor;                 /* of Go 1.x, 15 to 27 */
	bool arm;
	bool pie;
	bool zeros;                /* pointers are in the relocations alone */
	bool sections;
	bool no_info;              /* no build info */
	bool no_version;           /* nor a runtime.schedinit that tells the version */
};

struct go_image {
	struct go_image_options options;
	_Alignas(16) uint8_t data[GO_IMAGE_ROOM];
	size_t size;
	uint64_t base;
	uint64_t start[F_COUNT + 1]; /* addresses; the last one ends the text */
	uint64_t body[F_COUNT];    /* behind the stack check; 0: there is none */
	size_t table, names, entries, records, stacks, module, info, version; /* places */
	size_t name_at[F_COUNT];   /* in the names */
	size_t relocations;        /* how many */
	size_t text[4];            /* the texts that code refers to */
};

static inline void put16(struct go_image *image, size_t at, uint16_t value)
{
	memcpy(image->data + at, &value, sizeof(value));
}

static inline void put32(struct go_image *image, size_t at, uint32_t value)
{
	memcpy(image->data + at, &value, sizeof(value));
}

static inline void put64(struct go_image *image, size_t at, uint64_t value)
{
	memcpy(image->data + at, &value, sizeof(value));
}

static inline size_t put_bytes(struct go_image *image, size_t at, const void *bytes, size_t len)
{
	memcpy(image->data + at, bytes, len);
	return at + len;
}

/* A pointer to `place`, with a relocation where there must be one. */
static inline void put_pointer(struct go_image *image, size_t at, uint64_t vaddr)
{
	size_t entry = RELOCATIONS_AT + 0x100 + image->relocations * sizeof(Elf64_Rela);

	put64(image, at, image->options.zeros ? 0 : vaddr);
	if (!image->options.pie)
		return;
	put64(image, entry, image->base + at);
	put64(image, entry + 8, image->options.arm ? R_AARCH64_RELATIVE : R_X86_64_RELATIVE);
	put64(image, entry + 16, vaddr);
	image->relocations++;
}

/* Code. */

static inline size_t put_head_x86(struct go_image *image, size_t at)
{
	static const uint8_t load[] = { 0x64, 0x48, 0x8b, 0x0c, 0x25, 0xf8, 0xff, 0xff, 0xff };
	static const uint8_t old[] = { 0x48, 0x3b, 0x61, 0x10 }, new[] = { 0x49, 0x3b, 0x66, 0x10 };

	if (image->options.minor < 17)
		at = put_bytes(image, at, load, sizeof(load));
	return put_bytes(image, at, image->options.minor < 17 ? old : new, 4);
}

/* What makes the function the one of its name; to the place behind it. */
static inline size_t put_trait(struct go_image *image, size_t at, int function, size_t target,
			       bool variable)
{
	bool call = function == F_TRAFFIC_SECRET;

	if (image->options.arm && call) {
		put32(image, at, 0x94000000 | (((target - at) / 4) & 0x3ffffff));
		return at + 4;
	}
	if (image->options.arm) {      /* adrp x0; add or ldr x1, [x0] */
		uint64_t pages = (target >> 12) - (at >> 12);

		put32(image, at, 0x90000000 | (uint32_t)(pages & 3) << 29 | (uint32_t)(pages >> 2) << 5);
		put32(image, at + 4, variable ? 0xf9400001 | (uint32_t)((target & 0xfff) / 8) << 10 :
						0x91000001 | (uint32_t)(target & 0xfff) << 10);
		return at + 8;
	}
	if (function == F_SCHEDINIT) {
		put_bytes(image, at, "\x48\x83\x3d", 3);
		put32(image, at + 3, (uint32_t)(target - at - 8));
		image->data[at + 7] = 0;
		return at + 8;
	}
	at = put_bytes(image, at, call ? "\xe8" : variable ? "\x48\x8b\x05" : "\x48\x8d\x05",
		       call ? 1 : 3);
	put32(image, at, (uint32_t)(target - at - 4));
	return at + 4;
}

static inline size_t target_of(const struct go_image *image, int function)
{
	switch (function) {
	case F_SCHEDINIT: return image->options.no_version ? 0 : image->version + 8;
	case F_KEYLOG: case F_FORK_KEYLOG: return image->text[0];
	case F_MASTER: return image->options.minor < 24 ? image->version + 16 : image->text[1];
	case F_TRAFFIC_SECRET: return image->start[F_TRAFFIC_KEY] - image->base;
	case F_TRAFFIC_KEY: return image->text[2];
	}
	return 0;
}

static inline size_t put_function(struct go_image *image, size_t at, int function)
{
	bool check = function > F_MORESTACK, arm = image->options.arm;
	size_t start = at, branch = 0, target = target_of(image, function);
	size_t morestack = image->start[F_MORESTACK] - image->base;

	if (check && arm) {
		put32(image, at, image->options.minor < 18 ? 0xf9400b81 : 0xf9400b90);
		put32(image, at + 4, 0xeb3063ff);
		branch = at + 8;
		at += 12;
	} else if (check) {
		branch = put_head_x86(image, at);
		at = branch + 2;
	}
	image->body[function] = check ? image->base + at : 0;
	if (target)
		at = put_trait(image, at, function, target, function == F_SCHEDINIT ||
			       (function == F_MASTER && image->options.minor < 24));
	if (arm) {
		put32(image, at, 0xd65f03c0);
		at += 4;
	} else {
		image->data[at++] = 0xc3;
	}
	if (check && arm) {
		put32(image, branch, 0x54000009 | (uint32_t)((at - branch) / 4) << 5);
		put32(image, at, 0x94000000 | (((morestack - at) / 4) & 0x3ffffff));
		put32(image, at + 4, 0x14000000 | (((start - at - 4) / 4) & 0x3ffffff));
		at += 8;
	} else if (check) {
		image->data[branch] = 0x76;
		image->data[branch + 1] = (uint8_t)(at - branch - 2);
		image->data[at] = 0xe8;
		put32(image, at + 1, (uint32_t)(morestack - at - 5));
		image->data[at + 5] = 0xeb;
		image->data[at + 6] = (uint8_t)(start - at - 7);
		at += 7;
	}
	return at;
}

/* Where each function's code ends goes into `ends`. Twice: calls go forward too. */
static inline void put_code(struct go_image *image, size_t *ends)
{
	for (int round = 0; round < 2; round++) {
		size_t at = TEXT_AT;

		for (int i = 0; i < F_COUNT; i++) {
			image->start[i] = image->base + at;
			ends[i] = put_function(image, at, i);
			for (at = ends[i]; at % 32; at++)
				image->data[at] = image->options.arm ? 0 : 0xcc;
		}
		image->start[F_COUNT] = image->base + at;
	}
}

/* The function table. */

static inline size_t put_names(struct go_image *image, size_t at)
{
	image->data[at++] = '\0';
	for (int i = 0; i < F_COUNT; i++) {
		image->name_at[i] = at;
		at = put_bytes(image, at, go_image_names[i], strlen(go_image_names[i]) + 1);
	}
	return at;
}

/* Stack sizes: none up to behind the check, 8 from there. */
static inline size_t put_stacks(struct go_image *image, size_t at, const size_t *ends, size_t *places)
{
	size_t unit = image->options.arm ? 4 : 1;

	image->data[at++] = 0;
	for (int i = 0; i < F_COUNT; i++) {
		size_t start = image->start[i] - image->base, whole = ends[i] - start;
		size_t first = image->body[i] ? image->body[i] - image->start[i] : whole;

		places[i] = at;
		image->data[at++] = 2;
		image->data[at++] = (uint8_t)(first / unit);
		if (first < whole) {
			image->data[at++] = 16;
			image->data[at++] = (uint8_t)((whole - first) / unit);
		}
		image->data[at++] = 0;
	}
	return at;
}

static inline void put_record(struct go_image *image, size_t at, int i, size_t pcsp, size_t names)
{
	if (image->options.minor >= 18) {
		put32(image, at, (uint32_t)(image->start[i] - image->start[0]));
		put32(image, at + 4, (uint32_t)(image->name_at[i] - names));
		put32(image, at + 16, (uint32_t)pcsp);
	} else {
		put_pointer(image, at, image->start[i]);
		put32(image, at + 8, (uint32_t)(image->name_at[i] - names));
		put32(image, at + 20, (uint32_t)pcsp);
	}
}

/* The list at `entries`, of records that are counted from `from`; to their end. */
static inline size_t put_functions(struct go_image *image, size_t from, size_t names, size_t stacks,
				   const size_t *pcsp)
{
	bool relative = image->options.minor >= 18;
	size_t size = relative ? 8 : 16;
	size_t at = (image->entries + F_COUNT * size + size / 2 + 7) & ~(size_t)7;

	image->records = at;
	for (int i = 0; i <= F_COUNT; i++) {
		size_t entry = image->entries + (size_t)i * size;

		if (relative)
			put32(image, entry, (uint32_t)(image->start[i] - image->start[0]));
		else
			put_pointer(image, entry, image->start[i]);
		if (i == F_COUNT)
			break;
		if (relative)
			put32(image, entry + 4, (uint32_t)(at - from));
		else
			put64(image, entry + 8, at - from);
		put_record(image, at, i, pcsp[i] - stacks, names);
		at += 48;
	}
	return at;
}

static inline void put_slice(struct go_image *image, size_t at, size_t place, uint64_t len)
{
	put_pointer(image, at, image->base + place);
	put64(image, at + 8, len);
	put64(image, at + 16, len);
}

static inline void put_bounds(struct go_image *image, size_t at)
{
	put_pointer(image, at, image->start[0]);
	put_pointer(image, at + 8, image->start[F_COUNT]);
	put_pointer(image, at + 16, image->start[0]);
	put_pointer(image, at + 24, image->start[F_COUNT]);
}

static inline void put_table_single(struct go_image *image, const size_t *ends)
{
	size_t pcsp[F_COUNT], end;

	image->entries = image->table + 16;
	image->names = image->table + 0x600;
	image->stacks = put_names(image, image->names);
	end = put_stacks(image, image->stacks, ends, pcsp);
	put64(image, image->table + 8, F_COUNT);
	put_functions(image, image->table, image->table, image->table, pcsp);
	put_slice(image, image->module, image->table, end - image->table);
	put_slice(image, image->module + 24, image->entries, F_COUNT + 1);
	put_bounds(image, image->module + 80);
}

static inline void put_table(struct go_image *image, const size_t *ends)
{
	bool start = image->options.minor >= 18;
	size_t header = start ? 72 : 64, pcsp[F_COUNT], at, end, units;

	image->names = image->table + header;
	units = put_names(image, image->names);
	image->stacks = units + 16;
	image->entries = (put_stacks(image, image->stacks, ends, pcsp) + 15) & ~(size_t)15;
	end = put_functions(image, image->entries, image->names, image->stacks, pcsp);
	put64(image, image->table + 8, F_COUNT);
	put64(image, image->table + 16, 1);
	if (start && image->options.minor < 26)
		put_pointer(image, image->table + 24, image->start[0]);
	at = image->table + (start ? 32 : 24);
	put64(image, at, image->names - image->table);
	put64(image, at + 8, units - image->table);
	put64(image, at + 16, units + 8 - image->table);
	put64(image, at + 24, image->stacks - image->table);
	put64(image, at + 32, image->entries - image->table);
	at = image->module;
	put_pointer(image, at, image->base + image->table);
	put_slice(image, at + 8, image->names, units - image->names);
	put_slice(image, at + 32, units, 1);
	put_slice(image, at + 56, units + 8, 1);
	put_slice(image, at + 80, image->stacks, image->entries - image->stacks);
	put_slice(image, at + 104, image->entries, end - image->entries);
	put_slice(image, at + 128, image->entries, F_COUNT + 1);
	put_bounds(image, at + 160);
}

/* Build info and the runtime's version. */

static inline size_t put_inline(struct go_image *image, size_t at, const char *text, size_t len)
{
	size_t left = len;

	for (; left >= 0x80; left >>= 7)
		image->data[at++] = (uint8_t)(left | 0x80);
	image->data[at++] = (uint8_t)left;
	return put_bytes(image, at, text, len);
}

static inline void put_info(struct go_image *image, const char *version)
{
	static const char lines[] = "0w\xaf\x0c\x92t\x08\x02""A\xe1\xc1\x07\xe6\xd6\x18\xe6"
		"path\texample.org/x/cmd\nmod\texample.org/x\tv1.2.3\th1:abc=\n"
		"dep\tgolang.org/x/net\tv0.1.0\th1:def=\n"
		"build\t-buildmode=pie\nbuild\t-ldflags=\"-s -w\"\nbuild\t-trimpath=true\n"
		"build\tGOFIPS140=off\n"
		"\xf9""2C1\x86\x18 r\0\x82""B\x10""A\x16\xd8\xf2";
	size_t at = image->info, text = image->text[3];
	uint8_t *head = image->data + at;

	memcpy(head, "\xff Go buildinf:", 14);
	head[14] = 8;
	if (image->options.minor >= 18) {
		head[15] = 2;
		at = put_inline(image, at + 32, version, strlen(version));
		put_inline(image, at, lines, sizeof(lines) - 1);
		return;
	}
	/* To the variable, and to a string of lines behind it. */
	put_pointer(image, at + 16, image->base + image->version);
	put_pointer(image, at + 24, image->base + at + 32);
	put_pointer(image, at + 32, image->base + text);
	put64(image, at + 40, sizeof(lines) - 1);
	put_bytes(image, text, lines, sizeof(lines) - 1);
}

static inline void put_rodata(struct go_image *image, const char *version)
{
	static const char *const texts[] = { "%s %x %x\n", "key expansion", "key" };
	size_t at = RODATA_AT;

	for (size_t i = 0; i < 3; i++) {
		image->text[i] = at;
		at = put_bytes(image, at, texts[i], strlen(texts[i]));
	}
	put_pointer(image, image->version, image->base + at);
	put64(image, image->version + 8, strlen(version));
	put_pointer(image, image->version + 16, image->base + image->text[1]);
	put64(image, image->version + 24, 13);
	image->text[3] = put_bytes(image, at, version, strlen(version));
	image->table = RODATA_AT + 0x400;
}

/* ELF. */

static inline void put_program(struct go_image *image, int index, uint32_t type, uint32_t flags,
			       size_t at, size_t end)
{
	Elf64_Phdr program = {
		.p_type = type, .p_flags = flags, .p_offset = at, .p_vaddr = image->base + at,
		.p_filesz = end - at, .p_memsz = end - at, .p_align = 0x1000,
	};

	put_bytes(image, 64 + (size_t)index * sizeof(program), &program, sizeof(program));
}

static inline void put_section(struct go_image *image, int index, uint32_t type, size_t name,
			       size_t at, size_t end, bool loaded)
{
	Elf64_Shdr section = {
		.sh_name = (uint32_t)name, .sh_type = type, .sh_flags = loaded ? SHF_ALLOC : 0,
		.sh_addr = loaded ? image->base + at : 0, .sh_offset = at, .sh_size = end - at,
	};

	put_bytes(image, SECTIONS_AT + (size_t)index * sizeof(section), &section, sizeof(section));
}

static inline void put_sections(struct go_image *image, Elf64_Ehdr *header)
{
	static const char names[] = "\0.gopclntab\0.go.buildinfo\0.shstrtab";
	size_t at = SECTIONS_AT + 4 * sizeof(Elf64_Shdr);

	put_bytes(image, at, names, sizeof(names));
	put_section(image, 1, SHT_PROGBITS, 1, image->table, DATA_AT, true);
	put_section(image, 2, SHT_PROGBITS, 12, image->info, image->info + 0x300, true);
	put_section(image, 3, SHT_STRTAB, 26, at, at + sizeof(names), false);
	header->e_shoff = SECTIONS_AT;
	header->e_shentsize = sizeof(Elf64_Shdr);
	header->e_shnum = 4;
	header->e_shstrndx = 3;
}

static inline void put_elf(struct go_image *image)
{
	bool pie = image->options.pie;
	Elf64_Ehdr header = {
		.e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
		.e_type = pie ? ET_DYN : ET_EXEC,
		.e_machine = image->options.arm ? EM_AARCH64 : EM_X86_64, .e_version = EV_CURRENT,
		.e_entry = image->start[F_RT0], .e_phoff = 64, .e_ehsize = 64,
		.e_phentsize = sizeof(Elf64_Phdr), .e_phnum = pie ? 5 : 3,
	};
	const Elf64_Dyn dynamic[] = {
		{ DT_RELA, { image->base + RELOCATIONS_AT + 0x100 } },
		{ DT_RELASZ, { image->relocations * sizeof(Elf64_Rela) } },
		{ DT_RELAENT, { sizeof(Elf64_Rela) } },
		{ DT_FLAGS_1, { DF_1_PIE } },
		{ DT_NULL, { 0 } },
	};

	put_program(image, 0, PT_LOAD, PF_R | PF_X, TEXT_AT, image->start[F_COUNT] - image->base);
	put_program(image, 1, PT_LOAD, PF_R, RODATA_AT, DATA_AT);
	put_program(image, 2, PT_LOAD, PF_R | PF_W, DATA_AT, SECTIONS_AT);
	put_program(image, 3, PT_DYNAMIC, PF_R, RELOCATIONS_AT, RELOCATIONS_AT + sizeof(dynamic));
	put_program(image, 4, PT_INTERP, PF_R, RELOCATIONS_AT + 0x80, RELOCATIONS_AT + 0x90);
	put_bytes(image, RELOCATIONS_AT, dynamic, sizeof(dynamic));
	put_bytes(image, RELOCATIONS_AT + 0x80, "/lib/ld-linux.so", 16);
	if (image->options.sections)
		put_sections(image, &header);
	put_bytes(image, 0, &header, sizeof(header));
}

static inline void go_image_make(struct go_image *image, struct go_image_options options)
{
	char version[] = "go1.00.3";
	uint32_t magic = options.minor < 16 ? 0xfffffffb : options.minor < 18 ? 0xfffffffa :
		options.minor < 20 ? 0xfffffff0 : 0xfffffff1;
	size_t ends[F_COUNT];

	memset(image, 0, sizeof(*image));
	image->options = options;
	image->size = options.sections ? GO_IMAGE_ROOM : SECTIONS_AT;
	image->base = options.pie ? 0x1000000 : GO_IMAGE_BASE;
	version[4] = (char)('0' + options.minor / 10);
	version[5] = (char)('0' + options.minor % 10);
	image->version = DATA_AT + 0x40;
	image->info = DATA_AT + 0x100;
	image->module = DATA_AT + 0x800;
	put_rodata(image, version);
	put_code(image, ends);
	put32(image, image->table, magic);
	image->data[image->table + 6] = options.arm ? 4 : 1;
	image->data[image->table + 7] = 8;
	if (options.minor < 16)
		put_table_single(image, ends);
	else
		put_table(image, ends);
	if (!options.no_info)
		put_info(image, version);
	put_elf(image);
}

#endif
