/* Symbols of an image, by name. The dynamic ones through their hash tables, as
 * the dynamic linker looks them up, so that no section header is needed; those of
 * .symtab by going through it once for each question. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sym/image_state.h"

#define MAX_STEPS 65536 /* along one chain of a hash table; usual are under 10 */
#define MAX_PLACES 64   /* of a name in the strings: itself, and the ends of longer ones */
#define STRINGS_ROOM (256u << 20)
#define SYMBOLS_AT_ONCE 1024

static bool is_of_use(const struct image *image, const Elf64_Sym *symbol)
{
	unsigned type = ELF64_ST_TYPE(symbol->st_info);

	if (symbol->st_shndx == SHN_UNDEF || symbol->st_shndx == SHN_ABS)
		return false;
	if (type != STT_FUNC && type != STT_OBJECT && type != STT_NOTYPE)
		return false;
	for (size_t i = 0; i < image->segment_count; i++)
		if (symbol->st_value >= image->segments[i].vaddr &&
		    symbol->st_value - image->segments[i].vaddr < image->segments[i].memory_size)
			return true;
	return false;
}

static int dynamic_symbol(struct image *image, uint32_t index, const char *name,
			  Elf64_Sym *symbol)
{
	uint64_t vaddr = image->symbols + (uint64_t)index * sizeof(*symbol);

	if (image_read(image, vaddr, symbol, sizeof(*symbol)) < 0)
		return -EFAULT;
	return symbol->st_name < image->strings_size &&
	       strcmp(image->strings + symbol->st_name, name) == 0 &&
	       is_of_use(image, symbol) ? 0 : -ENOENT;
}

/* The table: a word of counts, a filter, buckets, and chains in the order of the
 * symbols, whose last has its lowest bit set. */
static int by_gnu_hash(struct image *image, const char *name, Elf64_Sym *symbol)
{
	uint32_t head[4], hash = 5381, index, word;
	uint64_t chains;

	for (const char *c = name; *c; c++)
		hash = hash * 33 + (unsigned char)*c;
	if (image_read(image, image->gnu_hash, head, sizeof(head)) < 0 || !head[0])
		return -ENOENT;
	chains = image->gnu_hash + sizeof(head) + (uint64_t)head[2] * 8;
	if (image_read(image, chains + hash % head[0] * 4ull, &index, sizeof(index)) < 0 ||
	    index < head[1])
		return -ENOENT;
	chains += head[0] * 4ull;
	for (int steps = 0; steps < MAX_STEPS; steps++, index++) {
		if (image_read(image, chains + (index - head[1]) * 4ull, &word, sizeof(word)) < 0)
			return -ENOENT;
		if ((word | 1) == (hash | 1) && dynamic_symbol(image, index, name, symbol) == 0)
			return 0;
		if (word & 1)
			break;
	}
	return -ENOENT;
}

static int by_hash(struct image *image, const char *name, Elf64_Sym *symbol)
{
	uint32_t head[2], hash = 0, index;
	uint64_t at = image->hash + sizeof(head);

	for (const char *c = name; *c; c++) {
		hash = (hash << 4) + (unsigned char)*c;
		hash = (hash ^ (hash >> 24 & 0xf0)) & 0x0fffffff;
	}
	if (image_read(image, image->hash, head, sizeof(head)) < 0 || !head[0])
		return -ENOENT;
	at += hash % head[0] * 4ull;
	for (int steps = 0; steps < MAX_STEPS; steps++) {
		if (image_read(image, at, &index, sizeof(index)) < 0 || !index ||
		    index >= head[1])
			break;
		if (dynamic_symbol(image, index, name, symbol) == 0)
			return 0;
		at = image->hash + sizeof(head) + (head[0] + (uint64_t)index) * 4;
	}
	return -ENOENT;
}

/* Where `name` is in the strings, as a whole or as the end of a longer one. */
static size_t find_places(const char *strings, size_t size, const char *name, uint32_t *places)
{
	size_t count = 0, len = strlen(name) + 1;
	const char *at = strings;

	while (count < MAX_PLACES) {
		at = memmem(at, size - (size_t)(at - strings), name, len);
		if (!at)
			break;
		places[count++] = (uint32_t)(at++ - strings);
	}
	return count;
}

static bool is_among(const uint32_t *places, size_t count, uint32_t place)
{
	for (size_t i = 0; i < count; i++)
		if (places[i] == place)
			return true;
	return false;
}

static int scan_symbols(struct image *image, const Elf64_Shdr *section, const uint32_t *places,
			size_t count, Elf64_Sym *symbol)
{
	uint64_t left = section->sh_size / sizeof(*symbol), at = section->sh_offset;
	Elf64_Sym room[SYMBOLS_AT_ONCE];

	while (left) {
		size_t some = left < SYMBOLS_AT_ONCE ? left : SYMBOLS_AT_ONCE;

		if (image_read_at(image, at, room, some * sizeof(*room)) < 0)
			return -ENOENT;
		for (size_t i = 0; i < some; i++) {
			if (is_among(places, count, room[i].st_name) && is_of_use(image, &room[i])) {
				*symbol = room[i];
				return 0;
			}
		}
		at += some * sizeof(*room);
		left -= some;
	}
	return -ENOENT;
}

static int by_section(struct image *image, const Elf64_Shdr *section, const char *name,
		      Elf64_Sym *symbol)
{
	const Elf64_Shdr *strings = section->sh_link < image->section_count ?
		&image->sections[section->sh_link] : NULL;
	uint32_t places[MAX_PLACES];
	size_t count = 0;
	char *text;

	if (!strings || strings->sh_type != SHT_STRTAB || strings->sh_size > STRINGS_ROOM ||
	    strings->sh_size > image->facts.size || section->sh_entsize != sizeof(*symbol))
		return -ENOENT;
	text = malloc(strings->sh_size ? strings->sh_size : 1);
	if (!text)
		return -ENOMEM;
	if (image_read_at(image, strings->sh_offset, text, strings->sh_size) == 0)
		count = find_places(text, strings->sh_size, name, places);
	free(text);
	return count ? scan_symbols(image, section, places, count, symbol) : -ENOENT;
}

static int by_sections(struct image *image, const char *name, Elf64_Sym *symbol)
{
	int code = -ENOENT;

	for (size_t i = 1; i < image->section_count && code == -ENOENT; i++)
		if (image->sections[i].sh_type == SHT_SYMTAB)
			code = by_section(image, &image->sections[i], name, symbol);
	return code;
}

int image_symbol(struct image *image, const char *name, uint64_t *vaddr, uint64_t *size)
{
	Elf64_Sym symbol;
	int code = -ENOENT;

	if (image->gnu_hash && image->symbols)
		code = by_gnu_hash(image, name, &symbol);
	if (code == -ENOENT && image->hash && image->symbols)
		code = by_hash(image, name, &symbol);
	if (code == -ENOENT)
		code = by_sections(image, name, &symbol);
	if (code < 0)
		return code;
	*vaddr = symbol.st_value;
	*size = symbol.st_size;
	return 0;
}
