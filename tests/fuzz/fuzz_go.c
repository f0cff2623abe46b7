/* Any file as a program: what its headers, symbols and Go tables say is bounded by
 * it. The file is in memory, and every run has it anew. An input that is no ELF file
 * at all is a choice of a good program and changes of it, of four bytes each: so the
 * fuzzer need not find out by itself what a program is. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "limits.h"
#include "sym/go.h"
#include "fuzz.h"
#include "../unit/go_image.h"

static struct failure failure;

struct found {
	struct image *image;
	struct go *go;
	uint64_t last;
};

static int on_function(void *context, const struct go_function *function)
{
	struct found *found = context;
	const struct go_facts *facts = go_facts(found->go);
	struct go_proof proof;
	uint64_t offset;
	int code;

	FUZZ_ASSERT(function->start >= found->last && function->end >= function->start);
	FUZZ_ASSERT(function->start >= facts->text && function->end <= facts->text_end);
	FUZZ_ASSERT(strlen(function->name) <= MAX_GO_NAME);
	FUZZ_ASSERT(function->package_len <= strlen(function->name));
	found->last = function->start;
	failure.text[0] = '\0';
	code = go_prove(found->go, function, &proof, &failure);
	if (code < 0) {
		FUZZ_ASSERT(failure.text[0]);
		return 0;
	}
	FUZZ_ASSERT(proof.check > function->start && proof.body > proof.check);
	FUZZ_ASSERT(proof.body < function->end);
	FUZZ_ASSERT(image_code_offset(found->image, proof.body, 1, &offset) == 0);
	FUZZ_ASSERT(offset < image_facts(found->image)->size);
	return 0;
}

static void look_at_go(struct image *image)
{
	static const char *const wanted[] = {
		".(*Config).writeKeyLog", ".keysFromMasterSecret", ".(*halfConn).setTrafficSecret",
		".(*cipherSuiteTLS13).trafficKey", "main.main",
	};
	struct found found = { .image = image };
	int code;

	failure.text[0] = '\0';
	code = go_open(&found.go, image, &failure);
	FUZZ_ASSERT(code <= 0 && (code < 0) == (failure.text[0] != '\0'));
	FUZZ_ASSERT((code == 0) == (found.go != NULL));
	if (code < 0)
		return;
	FUZZ_ASSERT(go_version(found.go)[0]);
	for (size_t i = 0; go_tls_package(found.go, i); i++)
		FUZZ_ASSERT(i < MAX_GO_TLS);
	go_find(found.go, wanted, 5, on_function, &found, &failure);
	go_free(found.go);
}

static void look_at_image(struct image *image)
{
	const struct image_facts *facts = image_facts(image);
	struct image_section section;
	const struct image_segment *segment;
	uint64_t vaddr, size, offset;

	for (size_t i = 0; (segment = image_segment(image, i)); i++) {
		FUZZ_ASSERT(segment->size <= facts->size);
		FUZZ_ASSERT(segment->offset <= facts->size - segment->size);
	}
	for (size_t i = 0; image_needed(image, i); i++)
		FUZZ_ASSERT(strlen(image_needed(image, i)) < facts->size);
	if (image_section(image, ".gopclntab", &section) == 0 && section.in_file)
		FUZZ_ASSERT(section.offset + section.size <= facts->size);
	if (image_symbol(image, "EVP_KDF_derive", &vaddr, &size) == 0 &&
	    image_code_offset(image, vaddr, 1, &offset) == 0)
		FUZZ_ASSERT(offset < facts->size && image_executable(image, vaddr, 1));
}

static void run(const uint8_t *data, size_t size)
{
	static int file = -1;
	struct image *image;

	if (file < 0)
		file = memfd_create("program", 0);
	if (file < 0 || ftruncate(file, 0) < 0 || pwrite(file, data, size, 0) != (ssize_t)size)
		abort();
	failure.text[0] = '\0';
	if (image_open(&image, file, &failure) < 0) {
		FUZZ_ASSERT(!image && failure.text[0]);
		return;
	}
	look_at_image(image);
	look_at_go(image);
	image_free(image);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t changed[GO_IMAGE_ROOM];
	size_t len;

	if (size > 4 && memcmp(data, ELFMAG, SELFMAG) == 0) {
		run(data, size);
		return 0;
	}
	len = fuzz_seed(size ? data[0] : 0, changed, sizeof(changed));
	for (size_t at = 1; size >= 4 && at <= size - 4; at += 4) {
		size_t place = data[at] | (size_t)data[at + 1] << 8;

		if (data[at + 2] & 1)
			changed[place % len] ^= data[at + 3];
		else
			changed[place % len] = (uint8_t)(changed[place % len] + data[at + 3]);
	}
	run(changed, len);
	return 0;
}

size_t fuzz_seed(uint64_t number, uint8_t *data, size_t room)
{
	static const int minors[] = { 15, 16, 18, 20, 24, 26, 27 };
	static struct go_image made;

	go_image_make(&made, (struct go_image_options){
		.minor = minors[number % 7], .arm = number & 1, .pie = number & 2,
		.zeros = (number & 6) == 6, .sections = number & 8, .no_info = number & 16,
		.no_version = (number & 48) == 48,
	});
	if (made.size > room)
		abort();
	memcpy(data, made.data, made.size);
	return made.size;
}
