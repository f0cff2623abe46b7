/* Where a Go program's function table is, and the module data that belongs to it.
 *
 * The table ("pclntab") is found by its section, and where that is missing, by its
 * magic. That proves nothing: the bytes may be part of another program that this
 * one carries as data. What does is the module data: a struct of the runtime that
 * points to the table's header and to each part of it. It is found by searching
 * for the address of the header, and must agree with the header in every part.
 * From it comes the start of the text, on which all addresses depend.
 *
 * The table:   header | names | compile units | files | values by address | functions
 * Up to 1.15:  header | functions, and all else in no order
 *
 * src/runtime/symtab.go of each version has both structs. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "sym/go_state.h"

#define MAX_TABLES 16    /* places that look like a header; each is checked */
#define MAX_MODULES 64   /* places that hold the address of a header */
#define MODULE_WORDS 24

static const struct layout layouts[] = {
	{ 0xfffffff1, 20, 0, .relative = true, .text_start = true, .pcsp = 16, .record = 20 },
	{ 0xfffffff0, 18, 19, .relative = true, .text_start = true, .pcsp = 16, .record = 20 },
	{ 0xfffffffa, 16, 17, .pcsp = 20, .record = 24 },
	{ 0xfffffffb, 2, 15, .single = true, .pcsp = 20, .record = 24 },
};

/* What follows the magic in a header: two zeros, the size of the smallest
 * instruction, that of a pointer. */
#define AFTER_MAGIC_X86_64 0x08010000
#define AFTER_MAGIC_ARM64 0x08040000

struct places {
	uint64_t vaddr[MAX_MODULES];
	size_t count, max;
	uint64_t wanted;           /* the word that is searched for */
};

static uint32_t after_magic(const struct go *go)
{
	return image_facts(go->image)->machine == MACHINE_ARM64 ? AFTER_MAGIC_ARM64 :
								  AFTER_MAGIC_X86_64;
}

static const struct layout *layout_of(uint32_t magic)
{
	for (size_t i = 0; i < sizeof(layouts) / sizeof(*layouts); i++)
		if (layouts[i].magic == magic)
			return &layouts[i];
	return NULL;
}

static int add_place(void *context, uint64_t vaddr)
{
	struct places *places = context;

	for (size_t i = 0; i < places->count; i++)
		if (places->vaddr[i] == vaddr)
			return 0;
	if (places->count < places->max)
		places->vaddr[places->count++] = vaddr;
	return 0;
}

static const struct image_segment *segment_at(const struct go *go, uint64_t vaddr)
{
	const struct image_segment *segment;

	for (size_t i = 0; (segment = image_segment(go->image, i)); i++)
		if (vaddr >= segment->vaddr && vaddr - segment->vaddr < segment->size)
			return segment;
	return NULL;
}

int go_scan(struct go *go, const struct image_segment *segment, size_t overlap,
	    int (*each)(void *context, uint64_t vaddr, const uint8_t *data, size_t len),
	    void *context)
{
	uint64_t at = (segment->vaddr + 15) & ~15ull, end = segment->vaddr + segment->size;
	uint8_t *room = go->rooms;
	int code = 0;

	while (at < end && code == 0) {
		size_t len = end - at < WINDOWS * WINDOW_ROOM ? end - at : WINDOWS * WINDOW_ROOM;

		code = image_read(go->image, at, room, len);
		if (code < 0)
			return code;
		code = each(context, at, room, len);
		if (len == end - at)
			break;
		at += len - overlap;
	}
	return code;
}

/* The parts of all layouts but the first: each begins where the one before ends. */
static int read_parts(struct go *go, const uint64_t *words, struct failure *failure)
{
	struct table *table = &go->table;
	const uint64_t *offset = words + (go->layout->text_start ? 3 : 2);
	uint64_t last = go->layout->text_start ? 72 : 64, entry = go->layout->relative ? 8 : 16;

	for (int i = 0; i < 5; i++) {
		if (offset[i] < last || offset[i] > table->end - table->vaddr)
			return DAMAGED(failure, "part %d of 5 is said to be %#" PRIx64 " behind its "
				       "start", i + 1, offset[i]);
		last = offset[i];
	}
	if (table->count >= (table->end - table->vaddr - last) / entry)
		return DAMAGED(failure, "%" PRIu64 " functions have no room in it", table->count);
	table->text_start = go->layout->text_start ? words[2] : 0;
	table->names = table->vaddr + offset[0];
	table->names_end = table->vaddr + offset[1];
	table->stacks = table->vaddr + offset[3];
	table->stacks_end = table->records = table->entries = table->vaddr + offset[4];
	table->records_end = table->end;
	return 0;
}

static int read_single(struct go *go, struct failure *failure)
{
	struct table *table = &go->table;

	if (table->count >= (table->end - table->vaddr - 16) / 16)
		return DAMAGED(failure, "%" PRIu64 " functions have no room in it", table->count);
	table->entries = table->vaddr + 16;
	table->names = table->stacks = table->records = table->vaddr;
	table->names_end = table->stacks_end = table->records_end = table->end;
	return 0;
}

/* -ENOENT: that is no header. */
static int read_header(struct go *go, uint64_t vaddr, struct failure *failure)
{
	const struct image_segment *segment = segment_at(go, vaddr);
	uint64_t words[8] = { 0 };
	uint8_t head[8];

	if (!segment || image_read(go->image, vaddr, head, sizeof(head)) < 0)
		return -ENOENT;
	go->layout = layout_of(get32(head));
	if (!go->layout || get32(head + 4) != after_magic(go))
		return -ENOENT;
	go->table = (struct table){
		.vaddr = vaddr, .end = segment->vaddr + segment->size,
	};
	if (image_pointers(go->image, vaddr + 8, words, go->layout->single ? 1 : 8) < 0)
		return DAMAGED(failure, "it is cut in its header");
	go->table.count = words[0];
	if (!words[0] || words[0] > MAX_GO_FUNCTIONS)
		return DAMAGED(failure, "it says that there are %" PRIu64 " functions", words[0]);
	return go->layout->single ? read_single(go, failure) : read_parts(go, words, failure);
}

/* The module data. */

static int find_words(void *context, uint64_t vaddr, const uint8_t *data, size_t len)
{
	struct places *places = context;

	for (size_t at = 0; len - at >= 8; at += 8)
		if (get64(data + at) == places->wanted)
			add_place(places, vaddr + at);
	return 0;
}

static bool is_slice(const uint64_t *words, uint64_t start, uint64_t end)
{
	return words[0] == start && words[1] == words[2] && words[1] <= end - start;
}

/* The four words minpc, maxpc, text, etext of a module that agrees with the
 * header, or NULL. The slices are: names, compile units, files, values, all of
 * the functions, the list of functions. */
static const uint64_t *check_module(struct go *go, const uint64_t *words)
{
	struct table *table = &go->table;

	if (go->layout->single) {
		if (!is_slice(words, table->vaddr, table->end) || words[3] != table->entries ||
		    words[4] != table->count + 1 || words[5] != words[4])
			return NULL;
		table->names_end = table->stacks_end = table->records_end = words[0] + words[1];
		return words + 10;
	}
	if (words[0] != table->vaddr || !is_slice(words + 1, table->names, table->names_end) ||
	    words[4] < table->names_end || words[7] < words[4] ||
	    !is_slice(words + 10, table->stacks, table->stacks_end) ||
	    !is_slice(words + 13, table->records, table->end) ||
	    words[16] != table->entries || words[17] != table->count + 1 || words[18] != words[17])
		return NULL;
	table->names_end = words[1] + words[2];
	table->stacks_end = words[10] + words[11];
	table->records_end = words[13] + words[14];
	return words + 20;
}

static int use_module(struct go *go, const uint64_t *words, struct failure *failure)
{
	uint64_t minpc = words[0], maxpc = words[1], text = words[2], end = words[3];

	if (text >= end || !image_executable(go->image, text, end - text))
		return DAMAGED(failure, "the Go code is said to be at %#" PRIx64 " to %#" PRIx64
			       ", where no code is", text, end);
	if (minpc < text || minpc >= maxpc || maxpc > end)
		return DAMAGED(failure, "functions are said to be at %#" PRIx64 " to %#" PRIx64
			       ", and the Go code at %#" PRIx64 " to %#" PRIx64, minpc, maxpc, text,
			       end);
	if (go->table.text_start && go->table.text_start != text)
		return DAMAGED(failure, "its header says that the Go code starts at %#" PRIx64
			       ", the module data says %#" PRIx64, go->table.text_start, text);
	go->minpc = minpc;
	go->maxpc = maxpc;
	go->facts.text = text;
	go->facts.text_end = end;
	return 0;
}

/* The places where the header's address is: in segments that can be written
 * first, since only a linker's rare choice puts the module data elsewhere. */
static int find_modules(struct go *go, struct places *places, bool writable)
{
	const struct image_segment *segment;
	int code = 0;

	for (size_t i = 0; code == 0 && (segment = image_segment(go->image, i)); i++)
		if (segment->writable == writable && !segment->executable)
			code = go_scan(go, segment, 0, find_words, places);
	return code;
}

static int try_modules(struct go *go, const struct places *places, struct failure *failure)
{
	const struct table table = go->table;
	uint64_t text = 0;
	int found = 0;

	for (size_t i = 0; i < places->count; i++) {
		uint64_t words[MODULE_WORDS];
		const uint64_t *bounds;
		int code;

		if (image_pointers(go->image, places->vaddr[i], words, MODULE_WORDS) < 0)
			continue;
		go->table = table;
		bounds = check_module(go, words);
		if (!bounds)
			continue;
		code = use_module(go, bounds, failure);
		if (code < 0)
			return code;
		if (found && text != go->facts.text)
			return DAMAGED(failure, "there are two module data, with the Go code at "
				       "%#" PRIx64 " and at %#" PRIx64, text, go->facts.text);
		text = go->facts.text;
		found = 1;
	}
	return found;
}

static int find_module(struct go *go, struct failure *failure)
{
	struct places places = { .max = MAX_MODULES, .wanted = go->table.vaddr };
	struct image_section section;
	int found;

	/* A section of its own since Go 1.26. */
	if (image_section(go->image, ".go.module", &section) == 0 && section.vaddr)
		add_place(&places, section.vaddr);
	found = image_relocations(go->image, go->table.vaddr, add_place, &places);
	if (found == 0)
		found = try_modules(go, &places, failure);
	for (int writable = 1; writable >= 0 && found == 0; writable--) {
		found = find_modules(go, &places, writable);
		if (found == 0)
			found = try_modules(go, &places, failure);
	}
	if (found < 0)
		return found == -EBADMSG ? found :
			failure_set(failure, found, "cannot read its module data: %s",
				    strerror(-found));
	if (!found)
		return DAMAGED(failure, "no module data agrees with its header at %#" PRIx64
			       " (%zu that name it do not)", go->table.vaddr, places.count);
	return 0;
}

/* The table. */

/* Headers are at multiples of 8. */
static int find_headers(void *context, uint64_t vaddr, const uint8_t *data, size_t len)
{
	struct places *places = context;

	for (size_t at = 0; len - at >= 8; at += 8)
		if (get32(data + at + 4) == places->wanted && layout_of(get32(data + at)))
			add_place(places, vaddr + at);
	return 0;
}

static void find_sections(struct go *go, struct places *places)
{
	static const char *const names[] = { ".gopclntab", ".data.rel.ro.gopclntab" };
	struct image_section section;

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (image_section(go->image, names[i], &section) == 0 && section.vaddr)
			add_place(places, section.vaddr);
}

static int search(struct go *go, struct places *places, bool executable)
{
	const struct image_segment *segment;
	int code = 0;

	for (size_t i = 0; code == 0 && (segment = image_segment(go->image, i)); i++)
		if (segment->executable == executable)
			code = go_scan(go, segment, 16, find_headers, places);
	return code;
}

/* 0: one of the places, from the `from`-th on, is it. -ENOENT: none was a header.
 * -EBADMSG: one was, but not of a sound table; the first one's reason stays. */
static int try_tables(struct go *go, const struct places *places, size_t from,
		      struct failure *failure)
{
	int worst = -ENOENT;

	for (size_t i = from; i < places->count; i++) {
		struct failure ignored, *reason = worst == -ENOENT ? failure : &ignored;
		int code = read_header(go, places->vaddr[i], reason);

		if (code == 0)
			code = find_module(go, reason);
		if (code == 0)
			return 0;
		if (code != -ENOENT)
			worst = code;
		if (code != -ENOENT && code != -EBADMSG)
			break;
	}
	return worst;
}

int go_table(struct go *go, struct failure *failure)
{
	struct places places = { .max = MAX_TABLES, .wanted = after_magic(go) };
	int code, worst = -ENOENT;

	find_sections(go, &places);
	for (int step = 0; step < 3; step++) {
		struct failure ignored, *reason = worst == -ENOENT ? failure : &ignored;
		size_t before = step ? places.count : 0;

		code = step ? search(go, &places, step == 2) : 0;
		if (code < 0)
			return failure_set(failure, code, "cannot search it for a function table: "
					   "%s", strerror(-code));
		code = try_tables(go, &places, before, reason);
		if (code == 0)
			return 0;
		if (worst == -ENOENT)
			worst = code;
	}
	return worst;
}
