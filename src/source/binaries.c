#include "source/binaries.h"

#include <bpf/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/list.h"
#include "base/map.h"
#include "limits.h"
#include "source/discover.h"
#include "source/uprobe.h"

#define LARGE (2 << 20)        /* it takes as long to read as it takes to get ready for probes */

/* What tells a file from another one, and from what it was before a change. */
struct identity {
	uint64_t dev, inode, size;
	struct timespec written, changed;
};

struct binary {
	struct list used;          /* in order of use, the latest first */
	uint64_t key;
	struct identity identity;
	struct uprobes *uprobes;   /* NULL: it needs none */
	struct file_id id;         /* the kernel's name for it, if it has one */
	bool has_id;
};

struct binaries {
	const struct bpf_program *program;
	struct uprobe_warmer *warmer;
	int known;
	void (*say)(void *context, const char *line);
	void *context;
	struct map by_key;
	struct list used;
	size_t probed;
};

struct binaries *binaries_new(const struct bpf_program *program, int known,
			      void (*say)(void *context, const char *line), void *context)
{
	struct binaries *binaries = calloc(1, sizeof(*binaries));

	if (!binaries)
		return NULL;
	binaries->program = program;
	binaries->warmer = uprobe_warmer_new(program);
	binaries->known = known;
	binaries->say = say;
	binaries->context = context;
	map_init(&binaries->by_key, MAX_BINARIES);
	list_init(&binaries->used);
	return binaries;
}

/* Its next launch is news again. */
static void forget(struct binaries *binaries, struct binary *binary)
{
	map_remove(&binaries->by_key, binary->key);
	list_remove(&binary->used);
	if (binary->uprobes && binary->has_id)
		bpf_map_delete_elem(binaries->known, &binary->id);
	binaries->probed -= binary->uprobes != NULL;
	uprobes_free(binary->uprobes);
	free(binary);
}

void binaries_free(struct binaries *binaries)
{
	struct uprobes *probed[MAX_PROBED_FILES];
	size_t count = 0;

	if (!binaries)
		return;
	while (!list_empty(&binaries->used)) {
		struct binary *binary = LIST_ITEM(binaries->used.next, struct binary, used);

		if (binary->uprobes && count < MAX_PROBED_FILES) {
			probed[count++] = binary->uprobes;
			binary->uprobes = NULL;
			binaries->probed--;
		}
		forget(binaries, binary);
	}
	uprobe_warmer_free(binaries->warmer);
	uprobes_free_all(probed, count);
	map_free(&binaries->by_key);
	free(binaries);
}

static struct identity identity_of(const struct stat *status)
{
	return (struct identity){
		.dev = status->st_dev,
		.inode = status->st_ino,
		.size = status->st_size,
		.written = status->st_mtim,
		.changed = status->st_ctim,
	};
}

/* Link counts and owners may change and touch st_ctim; then it is looked at
 * again, which does no harm. */
static uint64_t key_of(const struct identity *identity)
{
	return (identity->dev << 40 ^ identity->inode) * 0x9e3779b97f4a7c15ull ^
	       (uint64_t)identity->changed.tv_nsec << 32 ^ (uint64_t)identity->changed.tv_sec;
}

static bool is_same(const struct identity *a, const struct identity *b)
{
	return a->dev == b->dev && a->inode == b->inode && a->size == b->size &&
	       a->written.tv_sec == b->written.tv_sec && a->written.tv_nsec == b->written.tv_nsec &&
	       a->changed.tv_sec == b->changed.tv_sec && a->changed.tv_nsec == b->changed.tv_nsec;
}

static struct binary *find(struct binaries *binaries, const struct stat *status)
{
	struct identity identity = identity_of(status);
	struct binary *binary = map_get(&binaries->by_key, key_of(&identity));

	return binary && is_same(&binary->identity, &identity) ? binary : NULL;
}

bool binaries_has(struct binaries *binaries, const struct stat *status)
{
	struct binary *binary = find(binaries, status);

	if (!binary)
		return false;
	list_remove(&binary->used);
	list_add_front(&binaries->used, &binary->used);
	return true;
}

/* Room for one more: what was not used for longest goes. */
static void make_room(struct binaries *binaries)
{
	struct list *at = binaries->used.prev;

	if (binaries->by_key.count >= MAX_BINARIES)
		forget(binaries, LIST_ITEM(at, struct binary, used));
	at = binaries->used.prev;
	while (binaries->probed >= MAX_PROBED_FILES && at != &binaries->used) {
		struct binary *binary = LIST_ITEM(at, struct binary, used);

		at = at->prev;
		if (binary->uprobes)
			forget(binaries, binary);
	}
}

static void say(struct binaries *binaries, const char *name, const struct discovery *discovery,
		const char *failed)
{
	char line[1600];
	int len;

	if (!binaries->say || (!discovery->library && !discovery->unseen[0]))
		return;
	len = snprintf(line, sizeof(line), "%s: ", name);
	if (discovery->about[0])
		len += snprintf(line + len, sizeof(line) - len, "%s: ", discovery->about);
	if (len >= (int)sizeof(line))
		return;
	if (failed)
		snprintf(line + len, sizeof(line) - len, "TLS is not seen: %s", failed);
	else if (!discovery_probes(discovery))
		snprintf(line + len, sizeof(line) - len, "TLS is not seen: %s", discovery->unseen);
	else
		snprintf(line + len, sizeof(line) - len, "%s is seen%s%s", discovery->library,
			 discovery->unseen[0] ? ", but not all: " : "", discovery->unseen);
	binaries->say(binaries->context, line);
}

static struct uprobes *attach(struct binaries *binaries, int fd, const char *name,
			      struct discovery *discovery)
{
	struct uprobe probes[MAX_PROBES_PER_FILE];
	struct site *sites[MAX_PROBES_PER_FILE];
	struct failure failure = {};
	struct uprobes *uprobes;
	size_t count = 0;

	for (size_t i = 0; i < discovery->count; i++) {
		struct site *site = &discovery->sites[i];

		if (site->why[0])
			continue;
		sites[count] = site;
		probes[count++] = (struct uprobe){
			.offset = site->offset,
			.cookie = COOKIE(site->probed, site->on_stack, site->depth),
		};
	}
	if (!count) {
		say(binaries, name, discovery, NULL);
		return NULL;
	}
	make_room(binaries);
	uprobes = uprobes_attach(binaries->program, fd, probes, count, &failure);
	for (size_t i = 0; i < count && uprobes; i++)
		if (probes[i].error) {
			snprintf(sites[i]->why, sizeof(sites[i]->why), "the kernel refused it: %s",
				 strerror(-probes[i].error));
			snprintf(discovery->unseen, sizeof(discovery->unseen),
				 "no probe on %.190s: %.250s", sites[i]->function, sites[i]->why);
		}
	say(binaries, name, discovery, uprobes ? NULL : failure.text);
	return uprobes;
}

void binaries_add(struct binaries *binaries, const struct stat *status, int fd, const char *name)
{
	struct discovery *discovery = malloc(sizeof(*discovery));
	struct binary *binary = calloc(1, sizeof(*binary)), *old;

	if (!discovery || !binary) {
		free(discovery);
		free(binary);
		return;
	}
	if (status->st_size >= LARGE)
		uprobe_warm(binaries->warmer);
	discover(discovery, fd);
	make_room(binaries);
	binary->identity = identity_of(status);
	binary->key = key_of(&binary->identity);
	old = map_get(&binaries->by_key, binary->key);
	if (old)
		forget(binaries, old);
	list_add_front(&binaries->used, &binary->used);
	if (map_put(&binaries->by_key, binary->key, binary)) {
		list_remove(&binary->used);
		free(binary);
	} else {
		binary->uprobes = attach(binaries, fd, name, discovery);
		binaries->probed += binary->uprobes != NULL;
	}
	free(discovery);
}

void binaries_known(struct binaries *binaries, const struct stat *status, const struct file_id *id)
{
	struct binary *binary = find(binaries, status);
	uint32_t one = 1;

	if (!binary || bpf_map_update_elem(binaries->known, id, &one, BPF_ANY))
		return;
	binary->id = *id;
	binary->has_id = true;
}
