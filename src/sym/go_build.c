/* How a Go program was built: the build info that its linker leaves in it, and
 * the version that its runtime has in a variable.
 *
 * The build info begins with a magic, at a multiple of 16. Up to Go 1.17 pointers
 * to two strings follow, later the strings themselves: the version, and lines such
 * as "path\tgithub.com/x/y" and "build\t-buildmode=pie" (settings since 1.18).
 * src/debug/buildinfo has the format. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sym/go_state.h"

#define MAGIC "\xff Go buildinf:"
#define MAGIC_LEN 14
#define HEAD_LEN 32
#define SENTINEL_LEN 16    /* of bytes before and behind the lines, to be found by */
#define VERSION_ROOM 128   /* "go1.25-20250209-RC00 cl/724970549 +ff27d270c9 X:..." */

struct infos {
	uint64_t vaddr[8];
	size_t count;
};

static int find_infos(void *context, uint64_t vaddr, const uint8_t *data, size_t len)
{
	struct infos *infos = context;

	for (size_t at = 0; len - at >= 16; at += 16)
		if (memcmp(data + at, MAGIC, MAGIC_LEN) == 0 &&
		    infos->count < sizeof(infos->vaddr) / sizeof(*infos->vaddr))
			infos->vaddr[infos->count++] = vaddr + at;
	return 0;
}

/* A string of Go: -ENOENT where it cannot be read, is too long, or too short to say
 * anything. NUL stands in it only where a sentinel does. */
static int read_text(struct go *go, uint64_t vaddr, uint64_t len, size_t room, char **text)
{
	const size_t skip = room == MAX_GO_BUILD ? SENTINEL_LEN : 0;
	uint64_t offset;

	if (len <= 2 * skip || len > room || image_offset(go->image, vaddr, len, &offset) < 0)
		return -ENOENT;
	*text = malloc(len + 1);
	if (!*text)
		return -ENOMEM;
	(*text)[len] = '\0';
	if (image_read(go->image, vaddr, *text, len) == 0) {
		(*text)[len - skip] = '\0';
		memmove(*text, *text + skip, len - skip + 1);
		if (strlen(*text) == len - 2 * skip)
			return 0;
	}
	free(*text);
	*text = NULL;
	return -ENOENT;
}

/* A length of 7 bits a byte, and that many bytes. */
static int read_inline(struct go *go, uint64_t *vaddr, size_t room, char **text)
{
	uint64_t len = 0, start;
	uint8_t byte = 0x80;

	for (int shift = 0; byte & 0x80; shift += 7) {
		if (shift > 28 || image_read(go->image, (*vaddr)++, &byte, 1) < 0)
			return -ENOENT;
		len |= (uint64_t)(byte & 0x7f) << shift;
	}
	start = *vaddr;
	*vaddr += len;
	return read_text(go, start, len, room, text);
}

static int read_pointed(struct go *go, uint64_t vaddr, size_t room, char **text)
{
	uint64_t string, words[2];

	if (image_pointers(go->image, vaddr, &string, 1) < 0 || !string ||
	    image_pointers(go->image, string, words, 2) < 0)
		return -ENOENT;
	return read_text(go, words[0], words[1], room, text);
}

/* "go1.26.1", "go1.25-20250209-RC00 ...", "devel go1.27-0123abcd ...": 26, 25, 27.
 * 0: it is none of these. */
static int minor_of(const char *version)
{
	int minor = 0, digits = 0;

	if (strncmp(version, "devel ", 6) == 0)
		version += 6;
	if (strncmp(version, "go1.", 4) != 0)
		return 0;
	for (version += 4; *version >= '0' && *version <= '9' && digits < 3; digits++)
		minor = minor * 10 + (*version++ - '0');
	if (*version && !strchr(".-+ br", *version))
		return 0;
	return minor;
}

static bool set_version(struct go *go, const char *version, enum go_source source)
{
	int minor = minor_of(version);

	for (const char *c = version; *c; c++)
		if ((unsigned char)*c < ' ' || (unsigned char)*c > '~')
			return false;
	if (!minor)
		return false;
	free(go->version);
	go->version = strdup(version);
	if (!go->version)
		return false;
	go->facts.version = go->version;
	go->facts.version_source = source;
	go->facts.minor_first = go->facts.minor_last = minor;
	return true;
}

/* Settings. */

static int yes_or_no(const char *value)
{
	return strcmp(value, "true") == 0 || strcmp(value, "1") == 0;
}

static void set_setting(struct go *go, const char *key, char *value)
{
	const struct {
		const char *key;
		const char **to;
	} texts[] = {
		{ "-buildmode", &go->facts.buildmode },
		{ "-ldflags", &go->facts.ldflags },
		{ "-tags", &go->facts.tags },
		{ "GOEXPERIMENT", &go->facts.experiment },
		{ "GOFIPS140", &go->facts.fips },
	};
	size_t len = strlen(value);

	if (len >= 2 && value[0] == '"' && value[len - 1] == '"') {
		value[len - 1] = '\0';
		value++;
	}
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		if (strcmp(key, texts[i].key) == 0)
			*texts[i].to = value;
	if (strcmp(key, "-trimpath") == 0)
		go->facts.trimpath = yes_or_no(value);
}

/* "path\tX", "mod\tX\tVERSION\tSUM", "build\tKEY=VALUE"; "dep" is not asked for. */
static void set_line(struct go *go, char *line)
{
	char *word = line, *value = strchr(line, '\t'), *next;

	if (!value)
		return;
	*value++ = '\0';
	if (strcmp(word, "path") == 0) {
		go->facts.package = value;
	} else if (strcmp(word, "mod") == 0) {
		go->facts.module = value;
		next = strchr(value, '\t');
		if (!next)
			return;
		*next++ = '\0';
		go->facts.module_version = next;
		next[strcspn(next, "\t")] = '\0';
	} else if (strcmp(word, "build") == 0) {
		next = strchr(value, '=');
		if (!next)
			return;
		*next++ = '\0';
		set_setting(go, value, next);
	}
}

static void set_lines(struct go *go)
{
	char *end;

	for (char *at = go->build; at; at = end) {
		end = strchr(at, '\n');
		if (end)
			*end++ = '\0';
		set_line(go, at);
	}
	/* Only a build with settings says, by silence, that this one is not set. */
	if (go->facts.trimpath < 0 && go->facts.buildmode)
		go->facts.trimpath = 0;
}

static int read_info(struct go *go, uint64_t vaddr)
{
	uint8_t head[HEAD_LEN];
	char *version = NULL;
	bool known;
	int code;

	if (image_read(go->image, vaddr, head, sizeof(head)) < 0 ||
	    memcmp(head, MAGIC, MAGIC_LEN) != 0)
		return -ENOENT;
	if (head[15] & 2) {
		vaddr += HEAD_LEN;
		code = read_inline(go, &vaddr, VERSION_ROOM, &version);
	} else {
		if (head[14] != 8 || head[15])
			return -ENOENT;
		vaddr += 16;
		code = read_pointed(go, vaddr, VERSION_ROOM, &version);
		vaddr += 8;
	}
	if (code < 0)
		return code;
	known = set_version(go, version, GO_VERSION_BUILD_INFO);
	free(version);
	if (!known)
		return -ENOENT;
	code = head[15] & 2 ? read_inline(go, &vaddr, MAX_GO_BUILD, &go->build) :
			      read_pointed(go, vaddr, MAX_GO_BUILD, &go->build);
	if (code == 0)
		set_lines(go);
	return code == -ENOENT ? 0 : code;
}

static int try_infos(struct go *go, const struct infos *infos)
{
	int code = -ENOENT;

	for (size_t i = 0; i < infos->count && code == -ENOENT; i++)
		code = read_info(go, infos->vaddr[i]);
	return code;
}

int go_build(struct go *go)
{
	const struct image_segment *segment;
	struct image_section section;
	struct infos infos = { .count = 0 };
	int code = -ENOENT;

	if (image_section(go->image, ".go.buildinfo", &section) == 0 && section.vaddr) {
		infos.vaddr[infos.count++] = section.vaddr;
		code = try_infos(go, &infos);
	}
	for (size_t i = 0; code == -ENOENT && (segment = image_segment(go->image, i)); i++) {
		infos.count = 0;
		if (segment->writable && go_scan(go, segment, 16, find_infos, &infos) == 0)
			code = try_infos(go, &infos);
	}
	return code;
}

/* The version by the runtime: runtime.schedinit asks whether runtime.buildVersion is
 * empty, so that the linker keeps it. */

static bool try_variable(struct go *go, uint64_t vaddr)
{
	uint64_t words[2];
	char *text = NULL;
	bool done;

	if (image_pointers(go->image, vaddr, words, 2) < 0 ||
	    read_text(go, words[0], words[1], VERSION_ROOM, &text) < 0)
		return false;
	done = set_version(go, text, GO_VERSION_RUNTIME);
	free(text);
	return done;
}

/* cmpq $0,x(%rip), of the length; the pointer is 8 bytes before. */
static bool search_x86(struct go *go, const uint8_t *code, size_t len)
{
	for (size_t i = 0; i + 8 <= len; i++) {
		uint64_t next = go->schedinit + i + 8;

		if (code[i] == 0x48 && code[i + 1] == 0x83 && code[i + 2] == 0x3d && !code[i + 7] &&
		    try_variable(go, next + (uint64_t)(int64_t)(int32_t)get32(code + i + 3) - 8))
			return true;
	}
	return false;
}

/* adrp x, page; ldr y, [x, #offset]; older ones have an add x, x, #offset between. */
static bool search_arm(struct go *go, const uint8_t *code, size_t len)
{
	for (size_t i = 0; i + 8 <= len; i += 4) {
		uint32_t page = get32(code + i), next = get32(code + i + 4);
		uint64_t at = go_adrp(page, go->schedinit + i), offset;

		if ((page & 0x9f000000) != 0x90000000 || (page & 31) != (next >> 5 & 31))
			continue;
		if ((next & 0xffc00000) == 0xf9400000)
			offset = (next >> 10 & 0xfff) * 8;
		else if ((next & 0xffc00000) == 0x91000000)
			offset = next >> 10 & 0xfff;
		else
			continue;
		if (try_variable(go, at + offset - 8))
			return true;
	}
	return false;
}

void go_version_of_runtime(struct go *go)
{
	uint64_t size = go->schedinit_end - go->schedinit;
	uint8_t *code = go->rooms;

	if (!go->schedinit || size > WINDOW_ROOM ||
	    image_read(go->image, go->schedinit, code, size) < 0)
		return;
	if (image_facts(go->image)->machine == MACHINE_ARM64)
		search_arm(go, code, size);
	else
		search_x86(go, code, size);
}
