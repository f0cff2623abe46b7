/* The table of TLS libraries, and what is looked for in each.
 *
 * A function is found by its name. Then its code must prove that a probe may
 * stand there: in an executable segment, at the start of an instruction, before
 * anything has touched the arguments; for Go also that the function begins as the
 * tables of that version say. Where one of it fails there is no probe. */
#include "source/discover.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sym/go.h"
#include "sym/image.h"
#include "sym/place.h"

#if defined(__x86_64__)
#define NATIVE MACHINE_X86_64
#elif defined(__aarch64__)
#define NATIVE MACHINE_ARM64
#endif

struct function {
	const char *name;          /* Go: begins with '.', in any package */
	enum probed probed;
	const char *gives;         /* NULL: no keys */
};

#define MAX_FUNCTIONS 2

struct library {
	const char *name;          /* NULL: none of TLS */
	bool go;
	struct function functions[MAX_FUNCTIONS];
	const char *soname;        /* known by the beginning of its name alone: its keys are not
	                            * taken so far */
};

static const struct library libraries[] = {
	{ .name = "Go crypto/tls", .go = true, .functions = {
		{ ".(*Config).writeKeyLog", PROBED_GO_LOG, "TLS 1.3, and full handshakes of TLS 1.2" },
		{ ".keysFromMasterSecret", PROBED_GO_MASTER, "TLS 1.2, resumed too" } } },
	{ .name = "OpenSSL 3", .functions = {
		{ "EVP_KDF_derive", PROBED_KDF, "TLS 1.3 and 1.2" } } },
	{ .functions = { { "_dl_debug_state", PROBED_LOADER, NULL } } },
	{ .name = "OpenSSL 1.1", .soname = "libssl.so.1.1" },
	{ .name = "GnuTLS", .soname = "libgnutls.so." },
	{ .name = "NSS", .soname = "libssl3.so" },
	{ .name = "mbed TLS", .soname = "libmbedtls.so" },
	{ .name = "wolfSSL", .soname = "libwolfssl.so" },
	{ .name = "s2n", .soname = "libs2n.so" },
};
#define LIBRARIES (sizeof(libraries) / sizeof(*libraries))

struct search {
	struct discovery *discovery;
	struct image *image;
	struct go *go;
	const struct library *library;
	bool full;                 /* more functions than MAX_PROBES_PER_FILE */
};

/* As much of it as there is room for. */
static void put(char *to, size_t room, const char *from)
{
	size_t len = strnlen(from, room - 1);

	memcpy(to, from, len);
	to[len] = 0;
}

static struct site *site_add(struct search *search, const struct function *function,
			     const char *name, uint64_t address)
{
	struct discovery *discovery = search->discovery;
	struct site *site;

	if (discovery->count == MAX_PROBES_PER_FILE) {
		search->full = true;
		return NULL;
	}
	site = &discovery->sites[discovery->count++];
	*site = (struct site){
		.probed = function->probed,
		.library = search->library->name,
		.gives = function->gives,
		.address = address,
	};
	put(site->function, sizeof(site->function), name);
	return site;
}

static void refuse(struct site *site, const char *why)
{
	put(site->why, sizeof(site->why), why);
}

/* Finds the place in a function and its offset in the file. */
static int place(struct search *search, struct site *site, enum place_kind kind, uint64_t size,
		 struct place *place)
{
	struct place_code code = { .machine = image_facts(search->image)->machine, .size = size };
	struct failure failure = {};
	uint8_t *bytes;
	int error;

	code.len = size ? size : MAX_UNSIZED_CODE;
	if (code.len > MAX_FUNCTION_CODE)
		code.len = MAX_FUNCTION_CODE;
	bytes = malloc(code.len);
	if (!bytes) {
		refuse(site, "no memory");
		return -ENOMEM;
	}
	code.bytes = bytes;
	error = -ENOEXEC;
	if (!image_executable(search->image, site->address, code.len))
		refuse(site, "it is not in an executable part of the file");
	else if (image_read(search->image, site->address, bytes, code.len))
		refuse(site, "its code cannot be read");
	else if (place_find(kind, &code, place, &failure))
		refuse(site, failure.text);
	else if (place->stack < 0)
		refuse(site, "its stack pointer is above where it began");
	else if (image_code_offset(search->image, site->address + place->offset, 1, &site->offset))
		refuse(site, "its code is not in the file");
	else
		error = 0;
	free(bytes);
	if (error)
		return error;
	site->into = place->offset;
	site->depth = place->stack;
	site->emulated = place->emulated;
	return 0;
}

/* ---- Go ------------------------------------------------------------------------- */

static int on_go_function(void *context, const struct go_function *found)
{
	struct search *search = context;
	struct site *site = site_add(search, &search->library->functions[found->which], found->name,
				     found->start);
	struct failure failure = {};
	struct go_proof proof;
	struct place where;

	if (!site)
		return 0;
	if (go_prove(search->go, found, &proof, &failure)) {
		refuse(site, failure.text);
		return 0;
	}
	if (place(search, site, PLACE_GO, found->end - found->start, &where))
		return 0;
	site->on_stack = proof.abi == GO_ABI_STACK;
	if (found->start + where.offset < proof.body || where.registers == site->on_stack)
		refuse(site, "two readings of its first instructions disagree");
	return 0;
}

static void join(char *line, size_t room, const char *word)
{
	size_t len = strlen(line);

	if (word && *word && len + 2 < room)
		snprintf(line + len, room - len, "%s%s", len ? ", " : "", word);
}

static void describe_go(struct discovery *discovery, const struct go *go)
{
	const struct go_facts *facts = go_facts(go);
	char module[192];

	discovery->go = true;
	put(discovery->version, sizeof(discovery->version), go_version(go));
	join(discovery->about, sizeof(discovery->about),
	     facts->kind == IMAGE_LIBRARY ? "Go library" : "Go program");
	join(discovery->about, sizeof(discovery->about), go_version(go));
	if (facts->kind == IMAGE_PIE || facts->kind == IMAGE_STATIC_PIE)
		join(discovery->about, sizeof(discovery->about),
		     facts->kind == IMAGE_PIE ? "PIE" : "static PIE");
	join(discovery->about, sizeof(discovery->about), facts->cgo == 1 ? "cgo" : NULL);
	join(discovery->about, sizeof(discovery->about),
	     facts->external == 1 ? "linked externally" : NULL);
	join(discovery->about, sizeof(discovery->about), facts->stripped ? "stripped" : NULL);
	join(discovery->about, sizeof(discovery->about), facts->trimpath == 1 ? "-trimpath" : NULL);
	join(discovery->about, sizeof(discovery->about), facts->boring ? "BoringCrypto" : NULL);
	join(discovery->about, sizeof(discovery->about),
	     facts->sections ? NULL : "no section headers");
	if (facts->module) {
		snprintf(module, sizeof(module), "module %s %s", facts->module,
			 facts->module_version ? facts->module_version : "");
		join(discovery->about, sizeof(discovery->about), module);
	}
}

static void search_go(struct search *search)
{
	struct discovery *discovery = search->discovery;
	const struct library *library = search->library;
	const char *names[MAX_FUNCTIONS];
	struct failure failure = {};
	size_t count = 0;

	while (count < MAX_FUNCTIONS && library->functions[count].name) {
		names[count] = library->functions[count].name;
		count++;
	}
	if (go_find(search->go, names, count, on_go_function, search, &failure))
		put(discovery->unseen, sizeof(discovery->unseen), failure.text);
	/* To ask which packages there are takes as long again. */
	if (discovery->count || go_tls_package(search->go, 0))
		discovery->library = library->name;
}

/* ---- by symbol ------------------------------------------------------------------- */

static void search_symbols(struct search *search)
{
	const struct function *function = search->library->functions;
	struct place where;
	uint64_t address, size;

	for (int i = 0; i < MAX_FUNCTIONS && function->name; i++, function++) {
		struct site *site;

		if (image_symbol(search->image, function->name, &address, &size))
			continue;
		site = site_add(search, function, function->name, address);
		if (!site)
			return;
		if (search->library->name)
			search->discovery->library = search->library->name;
		place(search, site, PLACE_C, size, &where);
	}
}

static void search_name(struct search *search)
{
	const char *soname = image_facts(search->image)->soname;
	const struct library *library = search->library;
	struct discovery *discovery = search->discovery;

	if (!soname || strncmp(soname, library->soname, strlen(library->soname)) != 0)
		return;
	discovery->library = library->name;
	snprintf(discovery->unseen, sizeof(discovery->unseen),
		 "%s: where it makes its keys is not known yet", library->name);
}

/* ---- all of it --------------------------------------------------------------------- */

/* The reasons of those functions that have no probe, in one line. */
static void sum_up(struct search *search)
{
	struct discovery *discovery = search->discovery;
	char line[sizeof(discovery->unseen)] = "";
	bool seen[PROBED_LOADER + 1] = {};

	for (size_t i = 0; i < discovery->count; i++) {
		const struct site *site = &discovery->sites[i];
		char reason[MAX_SITE_NAME + MAX_SITE_WHY + 16];

		seen[site->probed] = true;
		if (!site->why[0] || !site->gives)
			continue;
		snprintf(reason, sizeof(reason), "no probe on %s: %s", site->function, site->why);
		join(line, sizeof(line), reason);
	}
	for (size_t i = 0; discovery->library && i < LIBRARIES; i++)
		for (int j = 0; j < MAX_FUNCTIONS && libraries[i].functions[j].name; j++)
			if (libraries[i].name == discovery->library &&
			    !seen[libraries[i].functions[j].probed]) {
				char reason[128];

				snprintf(reason, sizeof(reason), "no function %s in it",
					 libraries[i].functions[j].name);
				join(line, sizeof(line), reason);
			}
	if (search->full)
		join(line, sizeof(line), "more copies of the library than are probed");
	if (!discovery->unseen[0])
		put(discovery->unseen, sizeof(discovery->unseen), line);
}

void discover(struct discovery *discovery, int fd)
{
	struct search search = { .discovery = discovery };
	struct failure failure = {};
	int error;

	*discovery = (struct discovery){ .count = 0 };
	error = image_open(&search.image, fd, &failure);
	if (error == -ENOEXEC)
		put(discovery->about, sizeof(discovery->about), failure.text);
	else if (error)
		put(discovery->unseen, sizeof(discovery->unseen), failure.text);
	if (error)
		return;
	if (image_facts(search.image)->machine != NATIVE) {
		put(discovery->unseen, sizeof(discovery->unseen), "it is for another processor");
		image_free(search.image);
		return;
	}
	discovery->elf = true;
	error = go_open(&search.go, search.image, &failure);
	if (!error)
		describe_go(discovery, search.go);
	else if (error != -ENOENT) {
		discovery->go = true;
		snprintf(discovery->about, sizeof(discovery->about), "Go program");
		put(discovery->unseen, sizeof(discovery->unseen), failure.text);
	}
	for (size_t i = 0; i < LIBRARIES; i++) {
		search.library = &libraries[i];
		if (search.library->soname)
			search_name(&search);
		else if (!search.library->go)
			search_symbols(&search);
		else if (search.go)
			search_go(&search);
	}
	sum_up(&search);
	go_free(search.go);
	image_free(search.image);
}

size_t discovery_probes(const struct discovery *discovery)
{
	size_t count = 0;

	for (size_t i = 0; i < discovery->count; i++)
		count += !discovery->sites[i].why[0];
	return count;
}
