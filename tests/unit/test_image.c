/* ELF files, made here and found on this machine. */
#include "sym/image.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "test.h"
#include "go_image.h"

static struct go_image made;
static struct failure failure;

static struct image *open_made(int *code)
{
	int fd = memfd_create("image", 0);
	struct image *image = NULL;

	*code = -EIO;
	if (fd >= 0 && write(fd, made.data, made.size) == (ssize_t)made.size)
		*code = image_open(&image, fd, &failure);
	close(fd); /* the image has its own */
	return image;
}

static struct image *make_and_open(bool pie, bool zeros, bool sections)
{
	int code;

	go_image_make(&made, (struct go_image_options){
		.minor = 26, .pie = pie, .zeros = zeros, .sections = sections });
	return open_made(&code);
}

TEST(addresses_and_places)
{
	struct image *image = make_and_open(false, false, true);
	uint64_t offset;
	char read[4];

	REQUIRE(image);
	CHECK_EQ(image_facts(image)->machine, MACHINE_X86_64);
	CHECK_EQ(image_facts(image)->kind, IMAGE_FIXED);
	CHECK(!image_facts(image)->dynamic && !image_facts(image)->interpreter);
	CHECK(image_facts(image)->sections && !image_facts(image)->symbols);
	CHECK_EQ(image_offset(image, GO_IMAGE_BASE + DATA_AT, 8, &offset), 0);
	CHECK_EQ(offset, DATA_AT);
	CHECK_EQ(image_code_offset(image, GO_IMAGE_BASE + DATA_AT, 8, &offset), -EFAULT);
	CHECK_EQ(image_code_offset(image, GO_IMAGE_BASE + TEXT_AT + 1, 1, &offset), 0);
	CHECK_EQ(offset, TEXT_AT + 1);
	CHECK(image_executable(image, made.start[0], made.start[F_COUNT] - made.start[0]));
	CHECK(!image_executable(image, made.start[0], made.start[F_COUNT] - made.start[0] + 1));
	CHECK(!image_executable(image, made.start[0] - 1, 2));
	CHECK(!image_executable(image, UINT64_MAX, 8));
	CHECK_EQ(image_offset(image, GO_IMAGE_BASE, 1, &offset), -EFAULT);
	CHECK_EQ(image_offset(image, GO_IMAGE_BASE + DATA_AT, UINT64_MAX, &offset), -EFAULT);
	CHECK_EQ(image_read(image, GO_IMAGE_BASE + made.text[2], read, 3), 0);
	CHECK_BYTES(read, 3, "key", 3);
	CHECK_EQ(image_read(image, GO_IMAGE_BASE + DATA_AT - 2, read, 4), -EFAULT);
	image_free(image);
}

/* As far as the file goes, not as far as the memory does. */
TEST(what_only_memory_has_is_not_read)
{
	struct image *image;
	Elf64_Phdr *data;
	char byte;
	int code;

	go_image_make(&made, (struct go_image_options){ .minor = 26 });
	data = (Elf64_Phdr *)(void *)(made.data + 64) + 2;
	data->p_memsz += 0x1000;
	image = open_made(&code);
	REQUIRE(image);
	CHECK_EQ(image_read(image, data->p_vaddr + data->p_filesz - 1, &byte, 1), 0);
	CHECK_EQ(image_read(image, data->p_vaddr + data->p_filesz, &byte, 1), -EFAULT);
	CHECK_EQ(image_segment(image, 2)->memory_size, data->p_memsz);
	CHECK(!image_segment(image, 3));
	image_free(image);
}

static int count_place(void *context, uint64_t vaddr)
{
	uint64_t *last = context;

	*last = vaddr;
	return 0;
}

TEST(pointers_come_from_relocations)
{
	struct image *image = make_and_open(true, true, false);
	uint64_t words[2] = { 1, 1 }, last = 0;

	REQUIRE(image);
	CHECK_EQ(image_facts(image)->kind, IMAGE_PIE);
	CHECK_STR(image_facts(image)->interpreter_path, "/lib/ld-linux.so");
	CHECK_EQ(image_read(image, made.base + made.version, words, 16), 0);
	CHECK_EQ(words[0], 0);
	CHECK_EQ(image_pointers(image, made.base + made.version, words, 2), 0);
	CHECK_EQ(words[0], made.base + made.text[2] + 3);
	CHECK_EQ(words[1], 8);
	CHECK_EQ(image_relocations(image, made.base + made.table, count_place, &last), 0);
	CHECK_EQ(last, made.base + made.module);
	CHECK_EQ(image_pointers(image, made.base + made.version, words, SIZE_MAX / 8), -EFAULT);
	image_free(image);
}

TEST(sections_by_name)
{
	struct image *image = make_and_open(false, false, true);
	struct image_section section;

	REQUIRE(image);
	CHECK_EQ(image_section(image, ".gopclntab", &section), 0);
	CHECK_EQ(section.vaddr, made.base + made.table);
	CHECK_EQ(section.offset, made.table);
	CHECK_EQ(image_section(image, ".gopclnta", &section), -ENOENT);
	CHECK_EQ(image_section(image, "", &section), -ENOENT);
	image_free(image);
}

static void check_refused(int wanted, const char *reason)
{
	int code;

	CHECK(!open_made(&code));
	CHECK_EQ(code, wanted);
	if (!strstr(failure.text, reason))
		test_fail(__FILE__, __LINE__, "'%s' is not because of '%s'", failure.text, reason);
}

TEST(others_are_refused_with_a_reason)
{
	static const struct {
		size_t at;
		uint8_t byte;
		int code;
		const char *reason;
	} changes[] = {
		{ 0, 'E', -ENOEXEC, "not an ELF file" },
		{ EI_CLASS, ELFCLASS32, -ENOTSUP, "32-bit" },
		{ EI_DATA, ELFDATA2MSB, -ENOTSUP, "big-endian" },
		{ offsetof(Elf64_Ehdr, e_type), ET_REL, -ENOTSUP, "neither a program nor a library" },
		{ offsetof(Elf64_Ehdr, e_machine), EM_386, -ENOTSUP, "another machine" },
		{ offsetof(Elf64_Ehdr, e_phnum), 0, -EBADMSG, "no program headers" },
		{ offsetof(Elf64_Ehdr, e_phoff) + 5, 1, -EBADMSG, "cut in its program headers" },
		{ 64 + offsetof(Elf64_Phdr, p_offset) + 6, 1, -EBADMSG, "cut in the segment" },
		{ 64 + offsetof(Elf64_Phdr, p_memsz), 0, -EBADMSG, "the sizes of the segment" },
		{ 64 + offsetof(Elf64_Phdr, p_vaddr) + 2, 0x50, -EBADMSG, "lies over" },
	};

	for (size_t i = 0; i < sizeof(changes) / sizeof(*changes); i++) {
		go_image_make(&made, (struct go_image_options){ .minor = 26 });
		made.data[changes[i].at] = changes[i].byte;
		check_refused(changes[i].code, changes[i].reason);
	}
	go_image_make(&made, (struct go_image_options){ .minor = 26 });
	made.size = DATA_AT + 10;
	check_refused(-EBADMSG, "cut in the segment");
	made.size = 20;
	check_refused(-ENOEXEC, "not an ELF file");
}

TEST(no_file_is_refused)
{
	struct image *image;
	int fd = open("/", O_RDONLY), ends[2];

	CHECK_EQ(image_open(&image, fd, &failure), -ENOEXEC);
	close(fd);
	REQUIRE(pipe(ends) == 0);
	CHECK_EQ(image_open(&image, ends[0], &failure), -ENOEXEC);
	close(ends[0]);
	close(ends[1]);
	CHECK_EQ(image_open(&image, -1, &failure), -EBADF);
}

/* Symbols. */

static struct {
	Elf64_Ehdr header;
	Elf64_Phdr programs[2];
	Elf64_Dyn dynamic[8];
	Elf64_Sym symbols[5];
	uint32_t gnu_hash[4 + 2 + 1 + 4];
	uint32_t hash[2 + 1 + 5];
	char strings[64];
	Elf64_Shdr sections[3];
} library;

static uint32_t gnu_hash_of(const char *name)
{
	uint32_t hash = 5381;

	for (; *name; name++)
		hash = hash * 33 + (unsigned char)*name;
	return hash;
}

enum { BY_GNU_HASH = 1, BY_HASH, BY_SECTIONS };

#define AT(member) (offsetof(typeof(library), member))

/* Symbols: none, one undefined, two defined, one that another library defines. */
static void make_library(int by)
{
	static const char strings[] = "\0EVP_KDF_derive\0KDF_fetch\0puts\0libc.so.6\0libkdf.so.3";
	static const uint32_t names[] = { 0, 26, 1, 16, 5 };
	Elf64_Dyn *entry = library.dynamic;

	memset(&library, 0, sizeof(library));
	library.header = (Elf64_Ehdr){
		.e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
		.e_type = ET_DYN, .e_machine = EM_X86_64, .e_phoff = AT(programs),
		.e_phentsize = sizeof(Elf64_Phdr), .e_phnum = 2,
	};
	library.programs[0] = (Elf64_Phdr){
		.p_type = PT_LOAD, .p_flags = PF_R | PF_X,
		.p_filesz = sizeof(library), .p_memsz = sizeof(library),
	};
	library.programs[1] = (Elf64_Phdr){
		.p_type = PT_DYNAMIC, .p_vaddr = AT(dynamic), .p_offset = AT(dynamic),
		.p_filesz = sizeof(library.dynamic), .p_memsz = sizeof(library.dynamic),
	};
	memcpy(library.strings, strings, sizeof(strings));
	for (size_t i = 1; i < 5; i++)
		library.symbols[i] = (Elf64_Sym){
			.st_name = names[i], .st_info = STT_FUNC | STB_GLOBAL << 4,
			.st_shndx = i == 1 || i == 4 ? SHN_UNDEF : 1,
			.st_value = i == 1 || i == 4 ? 0 : 0x40 + i, .st_size = 7 * i,
		};
	*entry++ = (Elf64_Dyn){ DT_NEEDED, { 31 } };
	*entry++ = (Elf64_Dyn){ DT_SONAME, { 41 } };
	*entry++ = (Elf64_Dyn){ DT_STRTAB, { AT(strings) } };
	*entry++ = (Elf64_Dyn){ DT_STRSZ, { sizeof(library.strings) } };
	*entry++ = (Elf64_Dyn){ DT_SYMTAB, { AT(symbols) } };
	if (by == BY_GNU_HASH) {
		/* one bucket, symbols from the 2nd on, a filter of one word */
		uint32_t table[] = { 1, 2, 1, 0, ~0u, ~0u, 2, gnu_hash_of("EVP_KDF_derive") & ~1u,
				     gnu_hash_of("KDF_fetch") | 1 };

		memcpy(library.gnu_hash, table, sizeof(table));
		*entry = (Elf64_Dyn){ DT_GNU_HASH, { AT(gnu_hash) } };
	} else if (by == BY_HASH) {
		/* one bucket, whose chain is 1, 3, 2 */
		uint32_t table[] = { 1, 5, 1, 0, 3, 0, 2, 0 };

		memcpy(library.hash, table, sizeof(table));
		*entry = (Elf64_Dyn){ DT_HASH, { AT(hash) } };
	} else {
		library.sections[1] = (Elf64_Shdr){
			.sh_type = SHT_SYMTAB, .sh_offset = AT(symbols), .sh_link = 2,
			.sh_size = sizeof(library.symbols), .sh_entsize = sizeof(Elf64_Sym),
		};
		library.sections[2] = (Elf64_Shdr){
			.sh_type = SHT_STRTAB, .sh_offset = AT(strings),
			.sh_size = sizeof(library.strings),
		};
		library.header.e_shoff = AT(sections);
		library.header.e_shentsize = sizeof(Elf64_Shdr);
		library.header.e_shnum = 3;
		library.header.e_shstrndx = 2;
	}
}

static struct image *open_library(void)
{
	int fd = memfd_create("library", 0);
	struct image *image = NULL;

	if (write(fd, &library, sizeof(library)) == sizeof(library))
		image_open(&image, fd, &failure);
	close(fd);
	return image;
}

TEST(symbols_by_every_road)
{
	for (int by = BY_GNU_HASH; by <= BY_SECTIONS; by++) {
		uint64_t vaddr = 0, size = 0;
		struct image *image;

		make_library(by);
		image = open_library();
		REQUIRE(image);
		CHECK_EQ(image_facts(image)->kind, IMAGE_LIBRARY);
		CHECK_STR(image_facts(image)->soname, "libkdf.so.3");
		CHECK_STR(image_needed(image, 0), "libc.so.6");
		CHECK(!image_needed(image, 1));
		CHECK_EQ(image_symbol(image, "EVP_KDF_derive", &vaddr, &size), 0);
		CHECK_EQ(vaddr, 0x42);
		CHECK_EQ(size, 14);
		CHECK_EQ(image_symbol(image, "KDF_fetch", &vaddr, &size), 0);
		CHECK_EQ(vaddr, 0x43);
		CHECK_EQ(image_symbol(image, "puts", &vaddr, &size), -ENOENT);
		CHECK_EQ(image_symbol(image, "KDF_derive", &vaddr, &size), -ENOENT);
		CHECK_EQ(image_symbol(image, "KDF_fetc", &vaddr, &size), -ENOENT);
		CHECK_EQ(image_symbol(image, "", &vaddr, &size), -ENOENT);
		image_free(image);
	}
}

TEST(symbols_that_are_no_place_are_none)
{
	uint64_t vaddr, size;
	struct image *image;

	make_library(BY_GNU_HASH);
	library.symbols[2].st_info = STT_GNU_IFUNC | STB_GLOBAL << 4;
	library.symbols[3].st_value = sizeof(library);
	image = open_library();
	REQUIRE(image);
	CHECK_EQ(image_symbol(image, "EVP_KDF_derive", &vaddr, &size), -ENOENT);
	CHECK_EQ(image_symbol(image, "KDF_fetch", &vaddr, &size), -ENOENT);
	image_free(image);
}

/* Chains without an end, tables beyond the file. */
TEST(hostile_hash_tables_end)
{
	for (int by = BY_GNU_HASH; by <= BY_SECTIONS; by++) {
		for (size_t at = AT(dynamic); at < sizeof(library); at++) {
			uint64_t vaddr, size;
			struct image *image;

			make_library(by);
			((uint8_t *)&library)[at] ^= 0xff;
			image = open_library();
			if (image && image_symbol(image, "EVP_KDF_derive", &vaddr, &size) == 0)
				CHECK(vaddr < sizeof(library));
			image_free(image);
		}
	}
	make_library(BY_HASH);
	library.hash[3 + 1] = 1; /* a circle */
	for (int i = 0; i < 2; i++) {
		uint64_t vaddr, size;
		struct image *image = open_library();

		REQUIRE(image);
		CHECK_EQ(image_symbol(image, "KDF_fetch", &vaddr, &size), i ? 0 : -ENOENT);
		image_free(image);
		library.hash[3 + 1] = 3;
	}
}

TEST(a_library_of_this_machine)
{
	static const char *const paths[] = {
		"/lib/x86_64-linux-gnu/libcrypto.so.3", "/usr/lib/x86_64-linux-gnu/libcrypto.so.3",
		"/lib/aarch64-linux-gnu/libcrypto.so.3", "/usr/lib64/libcrypto.so.3",
	};
	uint64_t vaddr = 0, size = 0, offset;
	struct image *image = NULL;

	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths) && !image; i++) {
		int fd = open(paths[i], O_RDONLY | O_CLOEXEC);

		if (fd >= 0)
			image_open(&image, fd, &failure);
		close(fd);
	}
	if (!image)
		SKIP("no libcrypto.so.3 is here");
	CHECK_EQ(image_facts(image)->kind, IMAGE_LIBRARY);
	CHECK_STR(image_facts(image)->soname, "libcrypto.so.3");
	CHECK_EQ(image_symbol(image, "EVP_KDF_derive", &vaddr, &size), 0);
	CHECK_EQ(image_code_offset(image, vaddr, size ? size : 1, &offset), 0);
	CHECK_EQ(image_symbol(image, "EVP_KDF_derive_", &vaddr, &size), -ENOENT);
	image_free(image);
}

TEST_MAIN()
