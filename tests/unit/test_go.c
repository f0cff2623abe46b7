/* Go programs of every layout, whole and damaged: what is found in them is right, or
 * nothing is. */
#include "sym/go.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "failing.h"
#include "test.h"
#include "go_image.h"

static struct go_image made;
static struct failure failure;

struct opened {
	int fd;
	struct image *image;
	struct go *go;
};

static int open_bytes(struct opened *opened, const void *data, size_t size)
{
	int code;

	*opened = (struct opened){ .fd = memfd_create("go", 0) };
	if (opened->fd < 0 || write(opened->fd, data, size) != (ssize_t)size)
		return -EIO;
	code = image_open(&opened->image, opened->fd, &failure);
	return code < 0 ? code : go_open(&opened->go, opened->image, &failure);
}

static int open_made(struct opened *opened)
{
	return open_bytes(opened, made.data, made.size);
}

static void close_opened(struct opened *opened)
{
	go_free(opened->go);
	image_free(opened->image);
	close(opened->fd);
}

static const char *const wanted[] = {
	".(*Config).writeKeyLog", ".keysFromMasterSecret", ".(*halfConn).setTrafficSecret",
	".(*cipherSuiteTLS13).trafficKey", "main.main",
};

/* By the address. That its name is the wanted one is all that can be asked: a package
 * path may be damaged too. */
static int which_of(const struct go_function *function)
{
	size_t len = strlen(wanted[function->which]);

	for (int i = 0; i < F_COUNT; i++) {
		const char *name = go_image_names[i];

		if (function->start == made.start[i] && len <= strlen(name) &&
		    strcmp(name + strlen(name) - len, wanted[function->which]) == 0)
			return i;
	}
	return -1;
}

struct seen {
	struct go *go;
	unsigned count, proved, wrong;
	unsigned functions;        /* by bits of enum go_image_function */
	bool renamed;              /* a name is not what it was made */
	enum go_abi abi;
};

static int see(void *context, const struct go_function *function)
{
	struct seen *seen = context;
	int which = which_of(function);
	struct go_proof proof;
	int code = go_prove(seen->go, function, &proof, &failure);

	seen->count++;
	if (which >= 0)
		seen->functions |= 1u << which;
	seen->renamed |= which < 0 || strcmp(go_image_names[which], function->name) != 0;
	if (code == 0) {
		seen->proved++;
		seen->abi = proof.abi;
		if (which < 0 || function->end != made.start[which + 1] || proof.body != made.body[which] ||
		    proof.check >= proof.body || proof.check < function->start)
			seen->wrong++;
	}
	return 0;
}

static struct seen find_wanted(struct go *go)
{
	struct seen seen = { .go = go };

	if (go_find(go, wanted, 5, see, &seen, &failure) < 0)
		seen.count = 0;
	return seen;
}

#define WANTED_BITS (1u << F_KEYLOG | 1u << F_MASTER | 1u << F_TRAFFIC_SECRET | \
		     1u << F_TRAFFIC_KEY | 1u << F_FORK_KEYLOG | 1u << F_MAIN)

static void check_made(struct go_image_options options)
{
	char version[16], where[64];
	struct opened opened;
	struct seen seen;
	int code;

	snprintf(version, sizeof(version), "go1.%d.3", options.minor);
	snprintf(where, sizeof(where), "1.%d arm %d pie %d zeros %d sections %d info %d",
		 options.minor, options.arm, options.pie, options.zeros, options.sections,
		 !options.no_info);
	go_image_make(&made, options);
	code = open_made(&opened);
	if (code < 0) {
		test_fail(__FILE__, __LINE__, "%s: %s", where, failure.text);
		close_opened(&opened);
		return;
	}
	seen = find_wanted(opened.go);
	if (seen.count != 6 || seen.proved != 6 || seen.wrong || seen.renamed ||
	    seen.functions != WANTED_BITS)
		test_fail(__FILE__, __LINE__, "%s: %u found, %u proved, %u wrong: %s", where,
			  seen.count, seen.proved, seen.wrong, failure.text);
	CHECK_EQ(seen.abi, options.minor < (options.arm ? 18 : 17) ? GO_ABI_STACK : GO_ABI_REGISTERS);
	CHECK_STR(go_version(opened.go), version);
	CHECK_EQ(go_facts(opened.go)->functions, F_COUNT);
	CHECK_EQ(go_facts(opened.go)->text, made.start[0]);
	CHECK_EQ(go_facts(opened.go)->version_source,
		 options.no_info ? GO_VERSION_RUNTIME : GO_VERSION_BUILD_INFO);
	close_opened(&opened);
}

static const int minors[] = { 15, 16, 17, 18, 19, 20, 21, 24, 25, 26, 27 };

#define MINORS (sizeof(minors) / sizeof(*minors))

TEST(functions_of_every_layout_and_kind)
{
	for (size_t i = 0; i < MINORS; i++)
		for (int kind = 0; kind < 32; kind++)
			if (kind & 2 || !(kind & 4)) /* only a PIE has relocations */
				check_made((struct go_image_options){
					.minor = minors[i], .arm = kind & 1, .pie = kind & 2,
					.zeros = kind & 4, .sections = kind & 8, .no_info = kind & 16,
				});
}

TEST(build_settings)
{
	for (int minor = 17; minor <= 18; minor++) {
		struct opened opened;
		const struct go_facts *facts;

		go_image_make(&made, (struct go_image_options){ .minor = minor, .pie = minor == 17 });
		REQUIRE(open_made(&opened) == 0);
		facts = go_facts(opened.go);
		CHECK_STR(facts->package, "example.org/x/cmd");
		CHECK_STR(facts->module, "example.org/x");
		CHECK_STR(facts->module_version, "v1.2.3");
		CHECK_STR(facts->buildmode, "pie");
		CHECK_STR(facts->ldflags, "-s -w");
		CHECK_STR(facts->fips, "off");
		CHECK_EQ(facts->trimpath, 1);
		CHECK(!facts->experiment && !facts->tags);
		CHECK_EQ(facts->cgo, 0);
		CHECK_EQ(facts->external, 0);
		CHECK(facts->stripped && !facts->sections && !facts->boring);
		close_opened(&opened);
	}
}

TEST(range_where_no_version_is_known)
{
	static const struct {
		int minor;
		const char *range;
	} ranges[] = {
		{ 15, "Go 1.2 to 1.15" }, { 17, "Go 1.16 to 1.17" }, { 18, "Go 1.18 to 1.19" },
		{ 20, "Go 1.20 to 1.25" }, { 26, "Go 1.26 or newer" },
	};

	for (size_t i = 0; i < sizeof(ranges) / sizeof(*ranges); i++) {
		struct opened opened;

		go_image_make(&made, (struct go_image_options){
			.minor = ranges[i].minor, .no_info = true, .no_version = true });
		REQUIRE(open_made(&opened) == 0);
		CHECK_STR(go_version(opened.go), ranges[i].range);
		CHECK(!go_facts(opened.go)->version);
		CHECK_EQ(find_wanted(opened.go).proved, 6);
		close_opened(&opened);
	}
}

TEST(packages_with_tls)
{
	struct opened opened;

	go_image_make(&made, (struct go_image_options){ .minor = 26 });
	REQUIRE(open_made(&opened) == 0);
	CHECK_STR(go_tls_package(opened.go, 0), "crypto/tls");
	CHECK_STR(go_tls_package(opened.go, 1), "github.com/refraction-networking/utls");
	CHECK(!go_tls_package(opened.go, 2));
	close_opened(&opened);
}

static int keep_package(void *context, const struct go_function *function)
{
	char *kept = context;

	snprintf(kept, 64, "%zu %.*s", function->which, (int)function->package_len, function->name);
	return 7;
}

TEST(names_are_matched_whole_or_behind_a_package)
{
	static const char *const whole[] = { "writeKeyLog", "main.(*T).keysFromMasterSecret" };
	static const char *const method[] = { ".(*T).keysFromMasterSecret" };
	static const char *const none[] = { "tls.keysFromMasterSecret", ".main.main", "", "." };
	struct opened opened;
	char kept[64] = "";

	go_image_make(&made, (struct go_image_options){ .minor = 26 });
	REQUIRE(open_made(&opened) == 0);
	CHECK_EQ(go_find(opened.go, whole, 2, keep_package, kept, &failure), 7);
	CHECK_STR(kept, "1 main");
	CHECK_EQ(go_find(opened.go, method, 1, keep_package, kept, &failure), 7);
	CHECK_STR(kept, "0 main");
	CHECK_EQ(go_find(opened.go, none, 4, keep_package, kept, &failure), 0);
	close_opened(&opened);
}

/* Damage. */

static void check_refused(const char *reason)
{
	struct opened opened;
	int code = open_made(&opened);

	CHECK_EQ(code, -EBADMSG);
	if (code < 0 && !strstr(failure.text, reason))
		test_fail(__FILE__, __LINE__, "'%s' is not because of '%s'", failure.text, reason);
	close_opened(&opened);
}

static void remake(int minor)
{
	go_image_make(&made, (struct go_image_options){ .minor = minor, .sections = minor % 2 });
}

TEST(wrong_text_start_is_refused)
{
	for (size_t i = 0; i < MINORS; i++) {
		size_t bounds = made.module;

		remake(minors[i]);
		bounds = made.module + (minors[i] < 16 ? 80 : 160);
		put64(&made, bounds + 16, made.start[0] + 0x20);
		check_refused("functions are said to be at");
		put64(&made, bounds + 16, made.start[0] - 0x20);
		check_refused("where no code is");
		put64(&made, bounds + 16, made.start[0]);
		put64(&made, bounds, made.start[0] + 1);
		check_refused("the module data says");
		if (minors[i] < 18)
			continue;
		put64(&made, bounds, made.start[0] + 0x20); /* everything at once */
		put64(&made, bounds + 8, made.start[F_COUNT]);
		put64(&made, bounds + 16, made.start[0] + 0x20);
		if (minors[i] < 26)
			put64(&made, made.table + 24, made.start[0] + 0x20);
		check_refused("its functions are not in order");
		remake(minors[i]);
		put64(&made, made.table + 24, made.start[0] + 0x20);
		check_refused("its header says that the Go code starts at");
	}
}

/* The whole list later by a little, with all that goes with it. */
TEST(shifted_functions_are_refused)
{
	for (size_t i = 0; i < MINORS; i++) {
		size_t size = minors[i] < 18 ? 16 : 8, record = 48;

		remake(minors[i]);
		put32(&made, made.entries + 3 * size, 0x33);
		check_refused("is damaged");
		for (int shift = 1; shift <= 32; shift += 31) {
			remake(minors[i]);
			for (size_t f = 3; f < F_COUNT; f++) {
				uint32_t start = (uint32_t)(made.start[f] + (size_t)shift -
							    (minors[i] < 18 ? 0 : made.start[0]));

				put32(&made, made.entries + f * size, start);
				put32(&made, made.records + f * record, start);
			}
			check_refused("is not where the tables say");
		}
	}
}

TEST(names_of_other_functions_are_refused)
{
	struct opened opened;
	struct seen seen;

	for (size_t i = 0; i < MINORS; i++) {
		size_t at = minors[i] < 18 ? 8 : 4;
		uint8_t last[4];

		remake(minors[i]);
		memcpy(last, made.data + made.records + F_MAIN * 48 + at, 4);
		for (size_t f = F_MAIN; f > F_KEYLOG; f--)
			memcpy(made.data + made.records + f * 48 + at,
			       made.data + made.records + (f - 1) * 48 + at, 4);
		memcpy(made.data + made.records + F_KEYLOG * 48 + at, last, 4);
		REQUIRE(open_made(&opened) == 0);
		seen = find_wanted(opened.go);
		CHECK_EQ(seen.count, 6);
		CHECK_EQ(seen.proved, 1); /* main.main, of which nothing is known */
		CHECK(strstr(failure.text, "as its tables say"));
		close_opened(&opened);
	}
}

TEST(code_that_is_not_the_tables_is_refused)
{
	for (size_t i = 0; i < MINORS; i++) {
		for (size_t by = 1; by < 40; by += 13) {
			remake(minors[i]);
			memmove(made.data + TEXT_AT + by, made.data + TEXT_AT, 0x300);
			check_refused("is damaged");
		}
		remake(minors[i]);
		memset(made.data + TEXT_AT, 0xcc, 0x300);
		check_refused("is damaged");
	}
}

TEST(damaged_headers_and_module_data_are_refused)
{
	for (size_t i = 0; i < MINORS; i++) {
		remake(minors[i]);
		put64(&made, made.table + 8, F_COUNT + 1);
		check_refused("no module data agrees");
		put64(&made, made.table + 8, 1ull << 40);
		check_refused("functions");
		put64(&made, made.table + 8, 0x400);
		check_refused("is damaged");
		remake(minors[i]);
		put32(&made, made.table, 0xfffffff7);
		check_refused("no function table of a known layout");
		remake(minors[i]);
		put64(&made, made.module, made.base + made.table + 8);
		check_refused("no module data agrees");
		remake(minors[i]);
		memcpy(made.data + made.module + 0x200, made.data + made.module, 0x200);
		put64(&made, made.module + 0x200 + (minors[i] < 16 ? 96 : 176),
		      made.start[0] + 0x20);
		put64(&made, made.module + 0x200 + (minors[i] < 16 ? 80 : 160),
		      made.start[0] + 0x20);
		check_refused(minors[i] >= 18 && minors[i] < 26 ? "its header says" :
								  "there are two module data");
	}
}

TEST(version_and_layout_must_agree)
{
	remake(26);
	memcpy(made.data + made.info + 33, "go1.17.3", 8);
	check_refused("has the layout of Go 1.20");
}

TEST(a_program_start_within_a_function_is_refused)
{
	remake(26);
	put64(&made, offsetof(Elf64_Ehdr, e_entry), made.start[F_MAIN] + 4);
	check_refused("the program starts at");
}

TEST(other_programs_are_not_go)
{
	struct opened opened;

	remake(26);
	memset(made.data + made.table, 0, DATA_AT - made.table);
	memset(made.data + made.info, 0, 0x300);
	CHECK_EQ(open_made(&opened), -ENOENT);
	CHECK_STR(failure.text, "it is not a Go program");
	close_opened(&opened);
	CHECK_EQ(open_bytes(&opened, "#!/bin/sh\n", 10), -ENOEXEC);
	close_opened(&opened);
	CHECK_EQ(open_bytes(&opened, "", 0), -ENOEXEC);
	close_opened(&opened);
}

/* With whatever damage: a function that is proved is where it truly is, with the name
 * that is truly its own. */

static uint64_t check_damage(int *accepted)
{
	struct opened opened;
	struct seen seen = { .count = 0 };

	if (open_made(&opened) == 0) {
		seen = find_wanted(opened.go);
		(*accepted)++;
	}
	close_opened(&opened);
	return seen.wrong;
}

TEST(every_byte_changed)
{
	static const int some[] = { 15, 17, 19, 24, 26 };
	int accepted = 0, tried = 0;

	for (size_t i = 0; i < sizeof(some) / sizeof(*some); i++) {
		go_image_make(&made, (struct go_image_options){
			.minor = some[i], .pie = i % 2, .zeros = i == 3, .sections = i == 4 });
		for (size_t at = 0; at < made.size; at++) {
			uint8_t was = made.data[at];

			/* What is not used is not worth the time. */
			if (!was && at % 64)
				continue;
			made.data[at] ^= (uint8_t)(1u << (at % 8));
			if (check_damage(&accepted))
				test_fail(__FILE__, __LINE__, "1.%d: byte %#zx", some[i], at);
			made.data[at] = was;
			tried++;
		}
	}
	CHECK(accepted > 0 && accepted < tried);
}

TEST(every_cut)
{
	static const int some[] = { 15, 26 };
	int accepted = 0;

	for (size_t i = 0; i < 2; i++) {
		size_t whole;

		remake(some[i]);
		whole = made.size;
		for (made.size = 0; made.size < whole; made.size += made.size < 512 ? 1 : 61)
			CHECK_EQ(check_damage(&accepted), 0);
		made.size = whole;
	}
}

/* The file is cut while it is read: the answers are errors, no signal. */
TEST(cut_while_it_is_open)
{
	struct opened opened;
	struct seen seen = { .count = 0 };

	remake(26);
	REQUIRE(open_made(&opened) == 0);
	REQUIRE(ftruncate(opened.fd, TEXT_AT + 0x40) == 0);
	seen.go = opened.go;
	CHECK_EQ(go_find(opened.go, wanted, 5, see, &seen, &failure), -EBADMSG);
	CHECK_EQ(seen.count, 0);
	close_opened(&opened);
}

TEST(every_allocation_fails_once)
{
	size_t before;

	go_image_make(&made, (struct go_image_options){ .minor = 24, .pie = true, .sections = true });
	before = failing_used();
	for (size_t n = 0;; n++) {
		struct opened opened;
		int code;

		failing_count = 0;
		failing_after = n;
		code = open_made(&opened);
		failing_after = SIZE_MAX;
		close_opened(&opened);
		CHECK_EQ(failing_used(), before);
		if (!failing_count) {
			CHECK_EQ(code, 0);
			break;
		}
		REQUIRE(n < 100);
	}
}

TEST_MAIN()
