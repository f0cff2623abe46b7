/* A Go program: everything its tables say, found and proved in one go.
 *
 * In this order: build info, function table with module data, one pass over all
 * functions, the version, and the proof of some functions from all over the code.
 * That last step is what stands between a wrong table and a probe in the middle
 * of an instruction: see go_prove.c. */
#include "sym/go.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sym/go_state.h"

#define SAMPLES 64         /* functions that are proved, or as many as there are */

/* Of these, at least one in SAMPLES_PROVED must be proved: in real programs 63 to
 * 85 % are, the others are small leaves and assembly. None may contradict. */
#define SAMPLES_PROVED 4

enum known_name {
	KNOWN_MORESTACK, KNOWN_MORESTACK_NOCTXT, KNOWN_MORESTACK_C, KNOWN_MORESTACK_ABI,
	KNOWN_SCHEDINIT, KNOWN_CROSSCALL, KNOWN_TLS_KEYLOG, KNOWN_TLS_WRITE,
	KNOWN_TRAFFIC_KEY, KNOWN_COUNT
};

static const char *const known_names[] = {
	[KNOWN_MORESTACK] = "runtime.morestack",
	[KNOWN_MORESTACK_NOCTXT] = "runtime.morestack_noctxt",
	[KNOWN_MORESTACK_C] = "runtime.morestackc",
	[KNOWN_MORESTACK_ABI] = "runtime.morestack_noctxt.abi0",
	[KNOWN_SCHEDINIT] = "runtime.schedinit",
	[KNOWN_CROSSCALL] = "crosscall2",
	[KNOWN_TLS_KEYLOG] = ".(*Config).writeKeyLog",
	[KNOWN_TLS_WRITE] = ".(*Conn).writeRecordLocked",
	[KNOWN_TRAFFIC_KEY] = ".(*cipherSuiteTLS13).trafficKey",
};

/* How the names of functions begin that do crypto for crypto/tls. */
static const struct provider {
	const char *prefix;
	bool openssl;
} providers[] = {
	{ "crypto/internal/boring._Cfunc", false },
	{ "vendor/github.com/golang-fips/openssl", true },
	{ "vendor/github.com/microsoft/go-crypto-openssl", true },
	{ "crypto/internal/backend/openssl", true },
};

struct survey {
	struct go *go;
	bool entry_wrong;          /* the program starts within a function, not at its start */
	bool entry_found;
};

static int add_tls(struct go *go, const char *name, size_t len)
{
	for (size_t i = 0; i < go->tls_count; i++)
		if (strlen(go->tls[i]) == len && memcmp(go->tls[i], name, len) == 0)
			return 0;
	if (go->tls_count == MAX_GO_TLS)
		return 0;
	go->tls[go->tls_count] = strndup(name, len);
	return go->tls[go->tls_count++] ? 0 : -ENOMEM;
}

static void see_provider(struct go *go, const struct go_entry *entry)
{
	for (size_t i = 0; i < sizeof(providers) / sizeof(*providers); i++) {
		size_t len = strlen(providers[i].prefix);

		if (entry->name_len < len || memcmp(entry->name, providers[i].prefix, len) != 0)
			continue;
		if (providers[i].openssl)
			go->facts.openssl = true;
		else
			go->facts.boring = true;
	}
}

static int see_function(void *context, const struct go_entry *entry)
{
	struct survey *survey = context;
	struct go *go = survey->go;
	uint64_t start = image_facts(go->image)->entry;
	size_t package;
	int which = go_match(entry, known_names, KNOWN_COUNT, &package);

	if (start == entry->start)
		survey->entry_found = true;
	else if (start > entry->start && start < entry->end)
		survey->entry_wrong = true;
	if (entry->name_len && (entry->name[0] == 'c' || entry->name[0] == 'v'))
		see_provider(go, entry);
	if (which < 0)
		return 0;
	if (which <= KNOWN_MORESTACK_ABI)
		go->morestack[which] = entry->start;
	if (which == KNOWN_CROSSCALL)
		go->crosscall = true;
	if (which == KNOWN_TRAFFIC_KEY && go->traffic_key_count < MAX_GO_TLS)
		go->traffic_keys[go->traffic_key_count++] = entry->start;
	if (which == KNOWN_TLS_KEYLOG || which == KNOWN_TLS_WRITE)
		return add_tls(go, entry->name, package);
	/* There may be a second of that name, which only passes calls on. */
	if (which == KNOWN_SCHEDINIT &&
	    entry->end - entry->start > go->schedinit_end - go->schedinit) {
		go->schedinit = entry->start;
		go->schedinit_end = entry->end;
	}
	return 0;
}

static int survey(struct go *go, struct failure *failure)
{
	struct survey survey = { .go = go };
	int code = go_each(go, see_function, &survey, failure);

	if (code == -ENOMEM)
		return failure_set(failure, code, "not enough memory");
	if (code < 0)
		return code;
	if (survey.entry_wrong && !survey.entry_found)
		return DAMAGED(failure, "the program starts at %#" PRIx64 ", and no function does",
			       image_facts(go->image)->entry);
	go->facts.functions = go->table.count;
	go->facts.cgo = go->crosscall;
	go->facts.external = !survey.entry_found;
	return 0;
}

static int prove_some(struct go *go, struct failure *failure)
{
	uint64_t count = go->table.count < SAMPLES ? go->table.count : SAMPLES, tried = 0, proved = 0;

	go_windows(go);
	for (uint64_t i = 0; i < count; i++) {
		struct failure reason;
		struct go_entry entry;
		struct go_proof proof;
		int code = go_entry(go, go->table.count * i / count, &entry, failure);

		if (code < 0)
			return code;
		if (!entry.pcsp) /* C, linked in by Go's linker */
			continue;
		code = go_prove_entry(go, &entry, &proof, &reason);
		tried++;
		proved += code == 0;
		if (code == -EBADMSG)
			return DAMAGED(failure, "%s", reason.text);
	}
	if (proved * SAMPLES_PROVED < tried || !proved)
		return DAMAGED(failure, "of %" PRIu64 " functions that were looked at, only %" PRIu64
			       " begin as Go functions do", tried, proved);
	return 0;
}

/* What is known where the version is not. */
static void set_range(struct go *go)
{
	struct go_facts *facts = &go->facts;

	facts->minor_first = go->layout->minor_first;
	facts->minor_last = go->layout->minor_last;
	if (go->layout->text_start && !go->layout->minor_last) {
		if (go->table.text_start)
			facts->minor_last = 25;
		else
			facts->minor_first = 26;
	}
	if (facts->minor_last)
		snprintf(go->version_room, sizeof(go->version_room), "Go 1.%d to 1.%d",
			 facts->minor_first, facts->minor_last);
	else
		snprintf(go->version_room, sizeof(go->version_room), "Go 1.%d or newer",
			 facts->minor_first);
}

/* A version between two releases may have the table of either. */
static int check_version(struct go *go, struct failure *failure)
{
	const struct layout *layout = go->layout;
	int minor = go->facts.minor_first;

	if (minor + 1 < layout->minor_first ||
	    (layout->minor_last && minor > layout->minor_last + 1))
		return DAMAGED(failure, "it has the layout of Go 1.%d, the program says that it is %s",
			       layout->minor_first, go->version);
	return 0;
}

/* Of every Go program with section headers, at least one of these. */
static bool has_sections(const struct go *go)
{
	static const char *const names[] = {
		".gopclntab", ".data.rel.ro.gopclntab", ".go.buildinfo", ".note.go.buildid",
		".noptrdata", ".typelink",
	};
	struct image_section section;

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (image_section(go->image, names[i], &section) == 0)
			return true;
	return false;
}

static int read_go(struct go *go, struct failure *failure)
{
	bool sections = has_sections(go);
	int code;

	/* So that the search of a large program of another kind is spared. */
	if (go->facts.sections && !sections)
		return failure_set(failure, -ENOENT, "it is not a Go program");
	if (go_build(go) == -ENOMEM)
		return failure_set(failure, -ENOMEM, "not enough memory");
	code = go_table(go, failure);
	if (code == -ENOENT)
		return sections || go->version ?
			failure_set(failure, -EBADMSG, "it is a Go program, but no function table of a "
				    "known layout is in it") :
			failure_set(failure, -ENOENT, "it is not a Go program");
	if (code == 0)
		code = survey(go, failure);
	if (code < 0)
		return code;
	if (!go->version)
		go_version_of_runtime(go);
	if (go->version)
		code = check_version(go, failure);
	else
		set_range(go);
	return code < 0 ? code : prove_some(go, failure);
}

static int make_rooms(struct go *go)
{
	struct window *windows[WINDOWS] = { &go->entries, &go->records, &go->names, &go->stacks };

	go->rooms = aligned_alloc(16, WINDOWS * WINDOW_ROOM);
	if (!go->rooms)
		return -ENOMEM;
	for (size_t i = 0; i < WINDOWS; i++) {
		windows[i]->image = go->image;
		windows[i]->data = go->rooms + i * WINDOW_ROOM;
	}
	return 0;
}

int go_open(struct go **out, struct image *image, struct failure *failure)
{
	struct go *go = calloc(1, sizeof(*go));
	int code;

	*out = NULL;
	if (!go)
		return failure_set(failure, -ENOMEM, "not enough memory");
	go->image = image;
	go->facts.kind = image_facts(image)->kind;
	go->facts.stripped = !image_facts(image)->symbols;
	go->facts.sections = image_facts(image)->sections;
	go->facts.trimpath = -1;
	code = make_rooms(go) < 0 ? failure_set(failure, -ENOMEM, "not enough memory") :
				    read_go(go, failure);
	if (code < 0) {
		go_free(go);
		return code;
	}
	*out = go;
	return 0;
}

void go_free(struct go *go)
{
	if (!go)
		return;
	for (size_t i = 0; i < go->tls_count; i++)
		free(go->tls[i]);
	free(go->rooms);
	free(go->build);
	free(go->version);
	free(go);
}

const struct go_facts *go_facts(const struct go *go)
{
	return &go->facts;
}

const char *go_version(const struct go *go)
{
	return go->version ? go->version : go->version_room;
}

const char *go_tls_package(const struct go *go, size_t index)
{
	return index < go->tls_count ? go->tls[index] : NULL;
}
