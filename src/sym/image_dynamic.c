/* What the dynamic linker would do with an image: the libraries it needs, and the
 * relocations that put its own addresses into its data.
 *
 * In a PIE the file may hold zeros where a pointer belongs, and the pointer as
 * the addend of a relocation (linkers differ). Relocations are usually sorted,
 * but not by every linker: so one pass notes for each block of them from where
 * to where they go, and later only the blocks that can matter are read again.
 * The compact kind, RELR, needs nothing: there the file holds the pointer. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sym/image_state.h"

#define BLOCK_ENTRIES 512
#define STRINGS_ROOM (64u << 20) /* the largest known are 20 MB, of C++ libraries */

struct dynamic {
	Elf64_Dyn *entries;
	size_t count;
};

static uint64_t dynamic_value(const struct dynamic *dynamic, int64_t tag)
{
	for (size_t i = 0; i < dynamic->count; i++)
		if (dynamic->entries[i].d_tag == tag)
			return dynamic->entries[i].d_un.d_val;
	return 0;
}

/* 1: read, 0: there is nothing that can be read. */
static int read_entries(struct image *image, struct dynamic *dynamic)
{
	size_t count = image->dynamic.size / sizeof(Elf64_Dyn);

	if (count > MAX_DYNAMIC)
		count = MAX_DYNAMIC;
	dynamic->entries = calloc(count ? count : 1, sizeof(Elf64_Dyn));
	if (!dynamic->entries)
		return -ENOMEM;
	if (image_read(image, image->dynamic.vaddr, dynamic->entries,
		       count * sizeof(Elf64_Dyn)) < 0)
		return 0;
	while (dynamic->count < count && dynamic->entries[dynamic->count].d_tag != DT_NULL)
		dynamic->count++;
	return 1;
}

static int read_strings(struct image *image, const struct dynamic *dynamic)
{
	uint64_t size = dynamic_value(dynamic, DT_STRSZ), offset;

	if (!size || size > STRINGS_ROOM ||
	    image_offset(image, dynamic_value(dynamic, DT_STRTAB), size, &offset) < 0)
		return 0;
	image->strings = malloc(size + 1);
	if (!image->strings)
		return -ENOMEM;
	image->strings[size] = '\0';
	if (image_read_at(image, offset, image->strings, size) == 0)
		image->strings_size = size;
	return 0;
}

static const char *string_at(const struct image *image, uint64_t offset)
{
	return offset < image->strings_size ? image->strings + offset : NULL;
}

static int list_needed(struct image *image, const struct dynamic *dynamic)
{
	size_t count = 0;

	image->needed = calloc(MAX_NEEDED + 1, sizeof(*image->needed));
	if (!image->needed)
		return -ENOMEM;
	for (size_t i = 0; i < dynamic->count && count < MAX_NEEDED; i++) {
		const Elf64_Dyn *entry = &dynamic->entries[i];

		if (entry->d_tag == DT_NEEDED && string_at(image, entry->d_un.d_val))
			image->needed[count++] = string_at(image, entry->d_un.d_val);
	}
	return 0;
}

static void note_relocations(struct image *image, const struct dynamic *dynamic)
{
	uint64_t size = dynamic_value(dynamic, DT_RELASZ), vaddr = dynamic_value(dynamic, DT_RELA);
	uint64_t offset;

	if (dynamic_value(dynamic, DT_RELAENT) == sizeof(Elf64_Rela) && size <= MAX_RELOCATIONS &&
	    image_offset(image, vaddr, size, &offset) == 0)
		image->relocations = (struct span){ vaddr, size };
}

int image_dynamic(struct image *image, uint64_t *flags)
{
	struct dynamic dynamic = { .count = 0 };
	int code = read_entries(image, &dynamic);

	if (code == 1) {
		code = read_strings(image, &dynamic);
		if (code == 0)
			code = list_needed(image, &dynamic);
		note_relocations(image, &dynamic);
		image->symbols = dynamic_value(&dynamic, DT_SYMTAB);
		image->hash = dynamic_value(&dynamic, DT_HASH);
		image->gnu_hash = dynamic_value(&dynamic, DT_GNU_HASH);
		*flags = dynamic_value(&dynamic, DT_FLAGS_1);
		if (dynamic_value(&dynamic, DT_SONAME))
			image->facts.soname = string_at(image, dynamic_value(&dynamic, DT_SONAME));
	}
	free(dynamic.entries);
	return code;
}

/* Relocations. */

static bool is_relative(const struct image *image, const Elf64_Rela *entry)
{
	uint32_t type = ELF64_R_TYPE(entry->r_info);

	return type == (image->facts.machine == MACHINE_X86_64 ? R_X86_64_RELATIVE :
								 R_AARCH64_RELATIVE);
}

/* The entries of a block into `entries`, which has room for all of one. Their
 * number, or a negative errno. */
static int read_block(struct image *image, size_t block, Elf64_Rela *entries)
{
	uint64_t at = block * BLOCK_ENTRIES * sizeof(*entries);
	uint64_t count = (image->relocations.size - at) / sizeof(*entries);
	int code;

	if (count > BLOCK_ENTRIES)
		count = BLOCK_ENTRIES;
	code = image_read(image, image->relocations.vaddr + at, entries, count * sizeof(*entries));
	return code < 0 ? code : (int)count;
}

static int learn_blocks(struct image *image)
{
	uint64_t entries = image->relocations.size / sizeof(Elf64_Rela);
	size_t blocks = (entries + BLOCK_ENTRIES - 1) / BLOCK_ENTRIES;
	Elf64_Rela room[BLOCK_ENTRIES];

	if (image->blocks_known)
		return 0;
	image->blocks = calloc(blocks ? blocks : 1, sizeof(*image->blocks));
	if (!image->blocks)
		return -ENOMEM;
	for (size_t block = 0; block < blocks; block++) {
		struct relocation_block *to = &image->blocks[block];
		int count = read_block(image, block, room);

		if (count < 0) {
			free(image->blocks);
			image->blocks = NULL;
			return count;
		}
		*to = (struct relocation_block){ .first = UINT64_MAX, .last = 0 };
		for (int i = 0; i < count; i++) {
			if (!is_relative(image, &room[i]))
				continue;
			if (room[i].r_offset < to->first)
				to->first = room[i].r_offset;
			if (room[i].r_offset > to->last)
				to->last = room[i].r_offset;
		}
	}
	image->block_count = blocks;
	image->blocks_known = true;
	return 0;
}

static int relocate(struct image *image, size_t block, uint64_t vaddr, uint64_t *to, size_t count)
{
	Elf64_Rela entries[BLOCK_ENTRIES];
	int found = read_block(image, block, entries);

	for (int i = 0; i < found; i++) {
		uint64_t into = entries[i].r_offset - vaddr;

		if (is_relative(image, &entries[i]) && entries[i].r_offset >= vaddr &&
		    into % sizeof(*to) == 0 && into / sizeof(*to) < count)
			to[into / sizeof(*to)] = (uint64_t)entries[i].r_addend;
	}
	return found < 0 ? found : 0;
}

int image_pointers(struct image *image, uint64_t vaddr, uint64_t *to, size_t count)
{
	uint64_t last = vaddr + count * sizeof(*to) - 1;
	int code;

	if (!count)
		return 0;
	if (count > SIZE_MAX / 2 / sizeof(*to))
		return -EFAULT;
	code = image_read(image, vaddr, to, count * sizeof(*to));
	if (code < 0 || image->facts.kind == IMAGE_FIXED)
		return code;
	code = learn_blocks(image);
	for (size_t i = 0; i < image->block_count && code == 0; i++)
		if (image->blocks[i].first <= last && image->blocks[i].last >= vaddr)
			code = relocate(image, i, vaddr, to, count);
	return code;
}

int image_relocations(struct image *image, uint64_t target,
		      int (*found)(void *context, uint64_t vaddr), void *context)
{
	Elf64_Rela entries[BLOCK_ENTRIES];
	int code = image->facts.kind == IMAGE_FIXED ? 0 : learn_blocks(image);

	for (size_t block = 0; block < image->block_count && code == 0; block++) {
		int count = image->blocks[block].first <= image->blocks[block].last ?
			read_block(image, block, entries) : 0;

		code = count < 0 ? count : 0;
		for (int i = 0; i < count && code == 0; i++)
			if (is_relative(image, &entries[i]) && (uint64_t)entries[i].r_addend == target)
				code = found(context, entries[i].r_offset);
	}
	return code;
}
