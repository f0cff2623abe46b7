/* An ELF file, as far as it is needed to place a probe: segments, sections,
 * symbols, what it links to. 64-bit little-endian, x86-64 and arm64.
 *
 * Everything is read with pread and checked against the bounds of the file and
 * of its segments: the file may be hostile, and may shrink while it is read.
 * Addresses are those of the file: what a load address must be added to for a
 * PIE or a library. An image is for one thread at a time. */
#ifndef GLASSTAP_SYM_IMAGE_H
#define GLASSTAP_SYM_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/failure.h"
#include "sym/machine.h"

struct image;

enum image_kind {
	IMAGE_FIXED = 1,           /* a program at fixed addresses */
	IMAGE_PIE,                 /* a program that may be loaded anywhere */
	IMAGE_STATIC_PIE,          /* ... without a dynamic linker */
	IMAGE_LIBRARY
};

struct image_facts {
	enum machine machine;
	enum image_kind kind;
	bool interpreter;          /* it has a dynamic linker load it */
	bool dynamic;              /* it has a dynamic section */
	bool sections;             /* it has section headers that can be used */
	bool symbols;              /* .symtab: it is not stripped */
	uint64_t entry;            /* where it starts */
	uint64_t size;             /* of the file, when it was opened */
	const uint8_t *build_id;   /* GNU's; NULL: none */
	size_t build_id_len;
	const char *interpreter_path; /* NULL: none */
	const char *soname;        /* NULL: none */
};

/* A loadable segment, in order of addresses. */
struct image_segment {
	uint64_t vaddr, offset;
	uint64_t size;             /* what the file holds of it */
	uint64_t memory_size;      /* at least as much */
	bool readable, writable, executable;
};

struct image_section {
	uint64_t vaddr;            /* 0: not loaded */
	uint64_t offset, size;
	uint32_t type;             /* SHT_... */
	bool in_file;              /* not .bss and its like */
};

/* Duplicates `fd`, which stays the caller's. -ENOEXEC: it is no ELF file;
 * -ENOTSUP: not of the kind above; -EBADMSG: a damaged one. */
int image_open(struct image **image, int fd, struct failure *failure);
void image_free(struct image *image);

const struct image_facts *image_facts(const struct image *image);

/* Reads what the file holds for [vaddr, vaddr + len), all of it in one segment.
 * -EFAULT: that is not in the file, or it has been cut since; -EIO and the like.
 * -E2BIG: see MAX_IMAGE_READ. */
int image_read(struct image *image, uint64_t vaddr, void *to, size_t len);

/* As image_read, of 8-byte words, after the relocations that do no more than add
 * the load address: pointers within the image, as for a load address of 0. */
int image_pointers(struct image *image, uint64_t vaddr, uint64_t *to, size_t count);

/* Where each relocation of that kind to `target` is made; ends early where `found`
 * returns other than 0, and returns that. */
int image_relocations(struct image *image, uint64_t target,
		      int (*found)(void *context, uint64_t vaddr), void *context);

/* The place in the file of [vaddr, vaddr + len). -EFAULT: it has none.
 * image_code_offset: only of a segment that is executable. */
int image_offset(const struct image *image, uint64_t vaddr, uint64_t len, uint64_t *offset);
int image_code_offset(const struct image *image, uint64_t vaddr, uint64_t len, uint64_t *offset);

/* All of [vaddr, vaddr + len) is in one executable segment, and in the file. */
bool image_executable(const struct image *image, uint64_t vaddr, uint64_t len);

/* The index-th, NULL behind the last one. */
const struct image_segment *image_segment(const struct image *image, size_t index);
const char *image_needed(const struct image *image, size_t index); /* "libssl.so.3" */

/* 0, or -ENOENT. */
int image_section(const struct image *image, const char *name, struct image_section *section);

/* A defined symbol, of .symtab or of the dynamic ones (found through their hash
 * table where there are no section headers). `size` may be 0: unknown. -ENOENT:
 * there is none, it is an indirect function, or its value is outside of all
 * segments. */
int image_symbol(struct image *image, const char *name, uint64_t *vaddr, uint64_t *size);

#endif
