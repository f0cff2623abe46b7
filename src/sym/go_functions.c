/* The functions of a Go program, in order of their addresses.
 *
 * An entry of the list gives an address and the place of a record, which gives the
 * address again, the place of the name, and more. The tables are read through
 * windows: what they hold comes in nearly the same order as the list, so that a
 * pass reads each of them about once, and a table in a disorder that no linker
 * makes is bounded by MAX_IMAGE_READ. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "sym/go_state.h"

#define STACKS_ROOM 512 /* few of these are longer, and they are asked for in no order */

void window_set(struct window *window, uint64_t first, uint64_t end, bool pointers)
{
	window->first = first;
	window->end = end;
	window->len = 0;
	window->pointers = pointers;
}

static bool window_fill(struct window *window, uint64_t vaddr)
{
	uint64_t left, room = window->at_once ? window->at_once : WINDOW_ROOM;

	if (window->pointers)
		vaddr = window->first + ((vaddr - window->first) & ~7ull);
	left = window->end - vaddr;
	window->vaddr = vaddr;
	window->len = 0;
	if (left > room)
		left = room;
	if (window->pointers) {
		left &= ~7ull;
		if (image_pointers(window->image, vaddr, (uint64_t *)(void *)window->data,
				   left / 8) < 0)
			return false;
	} else if (image_read(window->image, vaddr, window->data, left) < 0) {
		return false;
	}
	window->len = left;
	return true;
}

const uint8_t *window_at(struct window *window, uint64_t vaddr, size_t len)
{
	uint64_t into = vaddr - window->vaddr;

	if (vaddr >= window->vaddr && into <= window->len && len <= window->len - into)
		return window->data + into;
	if (vaddr < window->first || vaddr > window->end || len > window->end - vaddr)
		return NULL;
	if (!window_fill(window, vaddr))
		return NULL;
	into = vaddr - window->vaddr;
	return into <= window->len && len <= window->len - into ? window->data + into : NULL;
}

void go_windows(struct go *go)
{
	const struct table *table = &go->table;
	uint64_t room = (table->count + 1) * (go->layout->relative ? 8 : 16);
	bool pointers = !go->layout->relative && image_facts(go->image)->kind != IMAGE_FIXED;

	window_set(&go->entries, table->entries, table->entries + room, pointers);
	window_set(&go->records, table->records, table->records_end, pointers);
	window_set(&go->names, table->names, table->names_end, false);
	window_set(&go->stacks, table->stacks, table->stacks_end, false);
	go->stacks.at_once = STACKS_ROOM;
}

/* The `index`-th address of the list, which has one more than functions, and the
 * place of its record. */
static bool read_address(struct go *go, uint64_t index, uint64_t *address, uint64_t *record)
{
	size_t size = go->layout->relative ? 4 : 8;
	bool last = index == go->table.count;
	const uint8_t *data = window_at(&go->entries, go->table.entries + index * 2 * size,
					last ? size : 2 * size);

	if (!data)
		return false;
	*address = size == 4 ? go->facts.text + get32(data) : get64(data);
	if (!last)
		*record = size == 4 ? get32(data + 4) : get64(data + 8);
	return true;
}

/* Where names have a table of their own, each begins behind the end of another. */
static int read_name(struct go *go, uint64_t offset, struct go_entry *entry,
		     struct failure *failure)
{
	uint64_t left = go->table.names_end - go->table.names;
	uint64_t before = offset && !go->layout->single;
	const char *name = NULL;

	if (offset < left) {
		left -= offset;
		if (left > MAX_GO_NAME)
			left = MAX_GO_NAME;
		name = (const char *)window_at(&go->names, go->table.names + offset - before,
					       left + before);
	}
	if (!name || (before && *name++))
		return DAMAGED(failure, "the name of the function at %#" PRIx64 " is not in it",
			       entry->start);
	entry->name = name;
	entry->name_len = strnlen(name, left);
	if (entry->name_len == left && left < MAX_GO_NAME)
		return DAMAGED(failure, "the name of the function at %#" PRIx64 " has no end",
			       entry->start);
	return 0;
}

static int read_record(struct go *go, uint64_t offset, struct go_entry *entry,
		       struct failure *failure)
{
	const struct layout *layout = go->layout;
	uint64_t room = go->table.records_end - go->table.records, start;
	const uint8_t *record = offset < room ?
		window_at(&go->records, go->table.records + offset, layout->record) : NULL;
	uint32_t pcsp;

	if (!record)
		return DAMAGED(failure, "the record of the function at %#" PRIx64 " is not in it",
			       entry->start);
	start = layout->relative ? go->facts.text + get32(record) : get64(record);
	if (start != entry->start)
		return DAMAGED(failure, "a function starts at %#" PRIx64 " by its list, and at %#"
			       PRIx64 " by its own record", entry->start, start);
	pcsp = get32(record + layout->pcsp);
	entry->pcsp = pcsp ? go->table.stacks + pcsp : 0;
	if (entry->pcsp >= go->table.stacks_end)
		return DAMAGED(failure, "the stack sizes of the function at %#" PRIx64
			       " are not in it", entry->start);
	return read_name(go, get32(record + (layout->relative ? 4 : 8)), entry, failure);
}

/* What follows the index-th address in the list: an equal one is a function
 * without a length. */
static int read_end(struct go *go, uint64_t index, struct go_entry *entry, struct failure *failure)
{
	uint64_t record;

	if (!read_address(go, index + 1, &entry->end, &record))
		return DAMAGED(failure, "it is cut in its list of functions");
	if (entry->end < entry->start || entry->end > go->facts.text_end)
		return DAMAGED(failure, "its functions are not in order: %#" PRIx64 " after %#" PRIx64,
			       entry->end, entry->start);
	return 0;
}

int go_entry(struct go *go, uint64_t index, struct go_entry *entry, struct failure *failure)
{
	uint64_t record;
	int code;

	if (!read_address(go, index, &entry->start, &record))
		return DAMAGED(failure, "it is cut in its list of functions");
	if (entry->start < go->facts.text)
		return DAMAGED(failure, "a function is said to start at %#" PRIx64 ", before the Go "
			       "code at %#" PRIx64, entry->start, go->facts.text);
	code = read_end(go, index, entry, failure);
	return code < 0 ? code : read_record(go, record, entry, failure);
}

int go_each(struct go *go, int (*each)(void *context, const struct go_entry *entry),
	    void *context, struct failure *failure)
{
	struct go_entry entry = { .start = 0 };

	go_windows(go);
	for (uint64_t i = 0; i < go->table.count; i++) {
		int code = go_entry(go, i, &entry, failure);

		if (code == 0 && i == 0 && entry.start != go->minpc)
			return DAMAGED(failure, "the first function is at %#" PRIx64 ", the module data "
				       "says %#" PRIx64, entry.start, go->minpc);
		if (code == 0)
			code = each(context, &entry);
		if (code)
			return code;
	}
	if (entry.end != go->maxpc)
		return DAMAGED(failure, "the last function ends at %#" PRIx64 ", the module data says %#"
			       PRIx64, entry.end, go->maxpc);
	return 0;
}

/* Names. */

/* The path of a package, as it is in the name of a function: dots behind the last
 * slash are written as %2e, so one there is of a type or a function. */
static bool is_package(const char *path, size_t len)
{
	for (size_t i = len; i-- > 0 && path[i] != '/'; )
		if (path[i] == '.')
			return false;
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)path[i] <= ' ' || strchr("()[]{}*\"", path[i]))
			return false;
	return len > 0;
}

/* Up to the first dot behind the last slash. */
static size_t package_of(const char *name, size_t len)
{
	size_t at = 0;

	for (size_t i = 0; i < len; i++)
		if (name[i] == '/')
			at = i;
	while (at < len && name[at] != '.')
		at++;
	return at;
}

int go_match(const struct go_entry *entry, const char *const *wanted, size_t count,
	     size_t *package_len)
{
	const char *end = entry->name + entry->name_len;

	if (entry->name_len == MAX_GO_NAME) /* it is longer than that */
		return -1;
	for (size_t i = 0; i < count; i++) {
		size_t len = strlen(wanted[i]);

		if (!len || len > entry->name_len || end[-1] != wanted[i][len - 1] ||
		    memcmp(end - len, wanted[i], len) != 0)
			continue;
		if (wanted[i][0] == '.' ? is_package(entry->name, entry->name_len - len) :
					  len == entry->name_len) {
			*package_len = wanted[i][0] == '.' ? entry->name_len - len :
							     package_of(entry->name, len);
			return (int)i;
		}
	}
	return -1;
}

struct find {
	const char *const *wanted;
	size_t count, matches;
	int (*found)(void *context, const struct go_function *function);
	void *context;
	struct failure *failure;
};

static int find_each(void *context, const struct go_entry *entry)
{
	struct find *find = context;
	struct go_function function = { .start = entry->start, .end = entry->end };
	char name[MAX_GO_NAME + 1];
	int which = go_match(entry, find->wanted, find->count, &function.package_len);

	if (which < 0)
		return 0;
	if (find->matches++ == MAX_GO_MATCHES)
		return failure_set(find->failure, -EBADMSG, "it has more than %d functions like %s",
				   MAX_GO_MATCHES, find->wanted[which]);
	memcpy(name, entry->name, entry->name_len);
	name[entry->name_len] = '\0';
	function.which = (size_t)which;
	function.name = name;
	return find->found(find->context, &function);
}

int go_find(struct go *go, const char *const *wanted, size_t count,
	    int (*found)(void *context, const struct go_function *function), void *context,
	    struct failure *failure)
{
	struct find find = {
		.wanted = wanted, .count = count, .found = found, .context = context,
		.failure = failure,
	};

	return go_each(go, find_each, &find, failure);
}
