/* What the files go*.c share. */
#ifndef GLASSTAP_SYM_GO_STATE_H
#define GLASSTAP_SYM_GO_STATE_H

#include "limits.h"
#include "sym/go.h"

#define WINDOW_ROOM (64u << 10)
#define WINDOWS 4

/* A part of a table, in memory for as long as what is asked for lies in it. */
struct window {
	struct image *image;
	uint8_t *data;             /* WINDOW_ROOM, aligned */
	uint64_t at_once;          /* how much of that is filled; 0: all */
	uint64_t vaddr, len;       /* of what is in memory */
	uint64_t first, end;       /* of what there is */
	bool pointers;             /* the table holds pointers, which may need a relocation */
};

void window_set(struct window *window, uint64_t first, uint64_t end, bool pointers);

/* [vaddr, vaddr + len), or NULL: not within the bounds, or not to be read. Valid until
 * the next call. `len` is at most at_once - 8. */
const uint8_t *window_at(struct window *window, uint64_t vaddr, size_t len);

/* The function table's kinds. Of Go 1.x. */
struct layout {
	uint32_t magic;
	int minor_first, minor_last; /* minor_last 0: no end */
	bool relative;             /* addresses are 32 bits from the start of the text */
	bool single;               /* names and all else are in one table */
	bool text_start;           /* the header has the start of the text, or 0 */
	uint8_t pcsp;              /* in a function's record: where its table of stack sizes is */
	uint8_t record;            /* bytes that are read of such a record */
};

struct table {
	uint64_t vaddr, end;       /* the header; where its segment ends */
	uint64_t count;            /* functions */
	uint64_t text_start;       /* what the header says; 0: nothing */
	uint64_t names, names_end;
	uint64_t stacks, stacks_end; /* pctab: tables of values by address */
	uint64_t entries;          /* ftab */
	uint64_t records, records_end; /* what the offsets of ftab count from */
};

struct go {
	struct image *image;
	const struct layout *layout;
	struct table table;
	struct go_facts facts;
	uint64_t minpc, maxpc;     /* as the module data has them */
	uint64_t morestack[4];     /* where the ways to runtime.morestack start; 0: none */
	uint64_t schedinit, schedinit_end;
	bool crosscall;
	uint64_t traffic_keys[MAX_GO_TLS]; /* starts of functions of that name */
	size_t traffic_key_count;
	char *tls[MAX_GO_TLS];
	size_t tls_count;
	char *build;               /* the text that facts point to, cut to strings */
	char *version;             /* go_version() */
	char version_room[64];
	struct window entries, records, names, stacks;
	uint8_t *rooms;            /* of the windows; between uses of them, for other reading */
};

/* go_table.c: finds the table and the module data that belongs to it. */
int go_table(struct go *go, struct failure *failure);

/* go_functions.c: one function, of `count` in order of addresses. */
struct go_entry {
	uint64_t start, end;
	uint64_t pcsp;             /* address of its table of stack sizes; 0: none */
	const char *name;
	size_t name_len;
};

int go_entry(struct go *go, uint64_t index, struct go_entry *entry, struct failure *failure);

/* Sets the windows to the tables, after their memory was used for something else. */
void go_windows(struct go *go);

/* Goes through all of them, with all checks of the tables. */
int go_each(struct go *go, int (*each)(void *context, const struct go_entry *entry),
	    void *context, struct failure *failure);

/* Which of the wanted names that is: its index, or -1. */
int go_match(const struct go_entry *entry, const char *const *wanted, size_t count,
	     size_t *package_len);

/* go_build.c: 0, -ENOENT: there is no build info, -ENOMEM. */
int go_build(struct go *go);
void go_version_of_runtime(struct go *go);

/* go_prove.c */
int go_prove_entry(struct go *go, const struct go_entry *entry, struct go_proof *proof,
		   struct failure *failure);

/* go_evidence.c: 0: its code is that of a function of this name, as far as the name is
 * one with a known trait. */
int go_evidence(struct go *go, const struct go_entry *entry, struct failure *failure);

/* Calls `each` with piece after piece of a segment; a piece starts `overlap` bytes
 * before the last one's end, and at a multiple of 16. */
int go_scan(struct go *go, const struct image_segment *segment, size_t overlap,
	    int (*each)(void *context, uint64_t vaddr, const uint8_t *data, size_t len),
	    void *context);

#define DAMAGED(failure, ...)                                                  \
	failure_set(failure, -EBADMSG, "its function table is damaged: " __VA_ARGS__)

static inline uint32_t get32(const uint8_t *data)
{
	return data[0] | (uint32_t)data[1] << 8 | (uint32_t)data[2] << 16 | (uint32_t)data[3] << 24;
}

static inline uint64_t get64(const uint8_t *data)
{
	return get32(data) | (uint64_t)get32(data + 4) << 32;
}

/* The page that an adrp at `vaddr` gives. */
static inline uint64_t go_adrp(uint32_t word, uint64_t vaddr)
{
	uint64_t pages = (word >> 29 & 3) | (word >> 5 & 0x7ffff) << 2;

	return (vaddr & ~0xfffull) + ((pages & 0x100000 ? pages | ~0x1fffffull : pages) << 12);
}

#endif
