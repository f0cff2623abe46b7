/* What the files image*.c share. */
#ifndef GLASSTAP_SYM_IMAGE_STATE_H
#define GLASSTAP_SYM_IMAGE_STATE_H

#include <elf.h>

#include "limits.h"
#include "sym/image.h"

struct span {
	uint64_t vaddr, size;      /* size 0: there is none */
};

/* Where the relocations of a block are made: from the first to the last. */
struct relocation_block {
	uint64_t first, last;
};

struct image {
	int fd;
	struct image_facts facts;
	uint64_t left;             /* bytes that may still be read */
	Elf64_Ehdr header;
	struct image_segment segments[MAX_SEGMENTS];
	size_t segment_count;
	Elf64_Shdr *sections;
	size_t section_count;
	char *section_names;       /* ends in NUL */
	size_t section_names_size;
	uint8_t *notes;            /* holds the build id */
	char *strings;             /* of the dynamic linker, ends in NUL */
	size_t strings_size;
	const char **needed;       /* NULL behind the last one; into strings */
	char *interpreter;
	struct span dynamic, relocations;
	uint64_t symbols, hash, gnu_hash; /* addresses; 0: none */
	struct relocation_block *blocks;
	size_t block_count;
	bool blocks_known;
};

int image_read_at(struct image *image, uint64_t offset, void *to, size_t len);

/* The dynamic section; what it says goes into the image. -ENOMEM, or 0: what is
 * damaged in it counts as missing. */
int image_dynamic(struct image *image, uint64_t *flags);

#endif
