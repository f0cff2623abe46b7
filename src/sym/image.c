/* An ELF file: headers, segments, sections, reading by address.
 *
 * The program headers are what the kernel loads by, so they must be right: a
 * segment outside of the file or over another one makes the whole file refused.
 * Section headers are only a help, and may be missing or wrong: what they say is
 * checked where it is used. */
#include "sym/image.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sym/image_state.h"

#define NAMES_ROOM (1u << 20) /* section names; usual are 500 bytes */
#define NOTES_ROOM 4096
#define INTERPRETER_ROOM 4096

int image_read_at(struct image *image, uint64_t offset, void *to, size_t len)
{
	char *at = to;

	if (len > image->left)
		return -E2BIG;
	if (offset > INT64_MAX - len)
		return -EFAULT;
	image->left -= len;
	while (len) {
		ssize_t got = pread(image->fd, at, len, (off_t)offset);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return got < 0 ? -errno : -EFAULT;
		at += got;
		offset += (uint64_t)got;
		len -= (size_t)got;
	}
	return 0;
}

static const struct image_segment *segment_of(const struct image *image, uint64_t vaddr,
					      uint64_t len)
{
	for (size_t i = 0; i < image->segment_count; i++) {
		const struct image_segment *segment = &image->segments[i];
		uint64_t into = vaddr - segment->vaddr;

		if (vaddr >= segment->vaddr && into < segment->size && len <= segment->size - into)
			return segment;
	}
	return NULL;
}

int image_read(struct image *image, uint64_t vaddr, void *to, size_t len)
{
	const struct image_segment *segment = segment_of(image, vaddr, len);

	if (!segment)
		return -EFAULT;
	return image_read_at(image, segment->offset + (vaddr - segment->vaddr), to, len);
}

int image_offset(const struct image *image, uint64_t vaddr, uint64_t len, uint64_t *offset)
{
	const struct image_segment *segment = segment_of(image, vaddr, len);

	if (!segment)
		return -EFAULT;
	*offset = segment->offset + (vaddr - segment->vaddr);
	return 0;
}

int image_code_offset(const struct image *image, uint64_t vaddr, uint64_t len, uint64_t *offset)
{
	return image_executable(image, vaddr, len) ? image_offset(image, vaddr, len, offset) :
						     -EFAULT;
}

bool image_executable(const struct image *image, uint64_t vaddr, uint64_t len)
{
	const struct image_segment *segment = segment_of(image, vaddr, len);

	return segment && segment->executable;
}

const struct image_segment *image_segment(const struct image *image, size_t index)
{
	return index < image->segment_count ? &image->segments[index] : NULL;
}

const char *image_needed(const struct image *image, size_t index)
{
	for (size_t i = 0; image->needed && image->needed[i]; i++)
		if (i == index)
			return image->needed[i];
	return NULL;
}

const struct image_facts *image_facts(const struct image *image)
{
	return &image->facts;
}

static int check_header(struct image *image, struct failure *failure)
{
	const Elf64_Ehdr *header = &image->header;

	if (image_read_at(image, 0, &image->header, sizeof(image->header)) < 0 ||
	    memcmp(header->e_ident, ELFMAG, SELFMAG) != 0)
		return failure_set(failure, -ENOEXEC, "it is not an ELF file");
	if (header->e_ident[EI_CLASS] != ELFCLASS64)
		return failure_set(failure, -ENOTSUP, "it is a 32-bit program; only 64-bit ones "
				   "can be looked into");
	if (header->e_ident[EI_DATA] != ELFDATA2LSB)
		return failure_set(failure, -ENOTSUP, "it is a big-endian program; only "
				   "little-endian ones can be looked into");
	if (header->e_type != ET_EXEC && header->e_type != ET_DYN)
		return failure_set(failure, -ENOTSUP, "it is neither a program nor a library "
				   "(ELF type %u)", header->e_type);
	if (header->e_machine != EM_X86_64 && header->e_machine != EM_AARCH64)
		return failure_set(failure, -ENOTSUP, "it is for another machine (ELF machine %u); "
				   "only x86-64 and arm64 are known", header->e_machine);
	if (header->e_phentsize != sizeof(Elf64_Phdr) || !header->e_phnum)
		return failure_set(failure, -EBADMSG, "it is damaged: no program headers");
	image->facts.machine = header->e_machine == EM_X86_64 ? MACHINE_X86_64 : MACHINE_ARM64;
	image->facts.entry = header->e_entry;
	return 0;
}

/* One that holds nothing loads nothing. */
static int add_segment(struct image *image, const Elf64_Phdr *program, struct failure *failure)
{
	const struct image_segment *last = image->segment_count ?
		&image->segments[image->segment_count - 1] : NULL;
	unsigned long long vaddr = program->p_vaddr;

	if (!program->p_memsz)
		return 0;
	if (program->p_filesz > program->p_memsz || program->p_memsz > UINT64_MAX - vaddr)
		return failure_set(failure, -EBADMSG, "it is damaged: the sizes of the segment at "
				   "%#llx are wrong", vaddr);
	if (program->p_filesz > image->facts.size ||
	    program->p_offset > image->facts.size - program->p_filesz)
		return failure_set(failure, -EBADMSG, "it is damaged: cut in the segment at %#llx",
				   vaddr);
	if (last && vaddr < last->vaddr + last->memory_size)
		return failure_set(failure, -EBADMSG, "it is damaged: the segment at %#llx lies "
				   "over the one at %#llx", vaddr, (unsigned long long)last->vaddr);
	if (image->segment_count == MAX_SEGMENTS)
		return failure_set(failure, -ENOTSUP, "it has more than %d segments", MAX_SEGMENTS);
	image->segments[image->segment_count++] = (struct image_segment){
		.vaddr = vaddr, .offset = program->p_offset,
		.size = program->p_filesz, .memory_size = program->p_memsz,
		.readable = program->p_flags & PF_R, .writable = program->p_flags & PF_W,
		.executable = program->p_flags & PF_X,
	};
	return 0;
}

/* GNU's, of the first notes that hold it. */
static void find_build_id(struct image *image, const uint8_t *notes, size_t size)
{
	while (size >= sizeof(Elf64_Nhdr)) {
		Elf64_Nhdr note;
		uint64_t name, whole;

		memcpy(&note, notes, sizeof(note));
		name = sizeof(note) + (((uint64_t)note.n_namesz + 3) & ~3ull);
		whole = name + (((uint64_t)note.n_descsz + 3) & ~3ull);
		if (whole > size)
			return;
		if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 && note.n_descsz &&
		    memcmp(notes + sizeof(note), "GNU", 4) == 0) {
			image->facts.build_id = notes + name;
			image->facts.build_id_len = note.n_descsz;
			return;
		}
		notes += whole;
		size -= whole;
	}
}

static int read_notes(struct image *image, const Elf64_Phdr *program)
{
	size_t size = program->p_filesz < NOTES_ROOM ? program->p_filesz : NOTES_ROOM;
	uint8_t *notes;

	if (image->facts.build_id || !size)
		return 0;
	notes = malloc(size);
	if (!notes)
		return -ENOMEM;
	free(image->notes);
	image->notes = notes;
	if (image_read_at(image, program->p_offset, notes, size) == 0)
		find_build_id(image, notes, size);
	return 0;
}

static int read_interpreter(struct image *image, const Elf64_Phdr *program)
{
	size_t size = program->p_filesz;

	if (image->interpreter || size >= INTERPRETER_ROOM)
		return 0;
	image->facts.interpreter = true;
	image->interpreter = calloc(1, size + 1);
	if (!image->interpreter)
		return -ENOMEM;
	if (image_read_at(image, program->p_offset, image->interpreter, size) == 0)
		image->facts.interpreter_path = image->interpreter;
	return 0;
}

static int read_program(struct image *image, const Elf64_Phdr *program, struct failure *failure)
{
	int code = 0;

	switch (program->p_type) {
	case PT_LOAD:
		return add_segment(image, program, failure);
	case PT_DYNAMIC:
		image->dynamic = (struct span){ program->p_vaddr, program->p_filesz };
		image->facts.dynamic = true;
		break;
	case PT_INTERP:
		code = read_interpreter(image, program);
		break;
	case PT_NOTE:
		code = read_notes(image, program);
		break;
	}
	return code < 0 ? failure_set(failure, code, "not enough memory") : 0;
}

static int read_programs(struct image *image, struct failure *failure)
{
	for (size_t i = 0; i < image->header.e_phnum; i++) {
		Elf64_Phdr program;
		uint64_t at = image->header.e_phoff + i * sizeof(program);
		int code;

		if (at < image->header.e_phoff ||
		    image_read_at(image, at, &program, sizeof(program)) < 0)
			return failure_set(failure, -EBADMSG, "it is damaged: cut in its program "
					   "headers");
		code = read_program(image, &program, failure);
		if (code < 0)
			return code;
	}
	if (!image->segment_count)
		return failure_set(failure, -EBADMSG, "it is damaged: nothing in it is loaded");
	return 0;
}

static void forget_sections(struct image *image)
{
	free(image->sections);
	free(image->section_names);
	image->sections = NULL;
	image->section_names = NULL;
	image->section_count = 0;
}

static bool read_section_names(struct image *image)
{
	const Elf64_Shdr *names = &image->sections[image->header.e_shstrndx];

	if (names->sh_type != SHT_STRTAB || names->sh_size > NAMES_ROOM)
		return false;
	image->section_names_size = names->sh_size;
	image->section_names = calloc(1, names->sh_size + 1);
	return image->section_names &&
	       image_read_at(image, names->sh_offset, image->section_names, names->sh_size) == 0;
}

/* Missing ones, and ones that make no sense, are no failure. */
static void read_sections(struct image *image)
{
	size_t count = image->header.e_shnum;

	if (!count || count > MAX_SECTIONS || image->header.e_shentsize != sizeof(Elf64_Shdr) ||
	    image->header.e_shstrndx >= count)
		return;
	image->sections = calloc(count, sizeof(*image->sections));
	image->section_count = count;
	if (!image->sections ||
	    image_read_at(image, image->header.e_shoff, image->sections,
			  count * sizeof(*image->sections)) < 0 ||
	    !read_section_names(image))
		forget_sections(image);
	image->facts.sections = image->section_count > 1;
}

int image_section(const struct image *image, const char *name, struct image_section *section)
{
	for (size_t i = 1; i < image->section_count; i++) {
		const Elf64_Shdr *header = &image->sections[i];

		if (header->sh_name >= image->section_names_size ||
		    strcmp(image->section_names + header->sh_name, name) != 0)
			continue;
		*section = (struct image_section){
			.vaddr = header->sh_flags & SHF_ALLOC ? header->sh_addr : 0,
			.offset = header->sh_offset, .size = header->sh_size,
			.type = header->sh_type, .in_file = header->sh_type != SHT_NOBITS,
		};
		if (section->in_file && (section->size > image->facts.size ||
					 section->offset > image->facts.size - section->size))
			return -ENOENT;
		return 0;
	}
	return -ENOENT;
}

static enum image_kind kind_of(const struct image *image, uint64_t flags)
{
	bool interpreter = image->facts.interpreter;

	if (image->header.e_type == ET_EXEC)
		return IMAGE_FIXED;
	if (flags & DF_1_PIE)
		return interpreter ? IMAGE_PIE : IMAGE_STATIC_PIE;
	/* Go's linker says DF_1_PIE since 1.18 or so; libc.so.6 can be run too. */
	return interpreter && !image->facts.soname ? IMAGE_PIE : IMAGE_LIBRARY;
}

static int read_image(struct image *image, struct failure *failure)
{
	struct image_section section;
	uint64_t flags = 0;
	int code;

	code = check_header(image, failure);
	if (code == 0)
		code = read_programs(image, failure);
	if (code < 0)
		return code;
	read_sections(image);
	if (image->facts.dynamic && image_dynamic(image, &flags) < 0)
		return failure_set(failure, -ENOMEM, "not enough memory");
	image->facts.symbols = image_section(image, ".symtab", &section) == 0 && section.size;
	image->facts.kind = kind_of(image, flags);
	return 0;
}

static uint64_t read_allowance(uint64_t size)
{
	return size < (MAX_IMAGE_READ - IMAGE_READ_BASE) / IMAGE_READ_TIMES ?
		IMAGE_READ_BASE + IMAGE_READ_TIMES * size : MAX_IMAGE_READ;
}

int image_open(struct image **out, int fd, struct failure *failure)
{
	struct image *image = calloc(1, sizeof(*image));
	struct stat status;
	int code;

	*out = NULL;
	if (!image)
		return failure_set(failure, -ENOMEM, "not enough memory");
	image->left = IMAGE_READ_BASE;
	image->fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	if (image->fd < 0 || fstat(image->fd, &status) < 0) {
		code = failure_set(failure, -errno, "cannot look at the file: %s", strerror(errno));
	} else if (!S_ISREG(status.st_mode)) {
		code = failure_set(failure, -ENOEXEC, "it is not a file");
	} else {
		image->facts.size = (uint64_t)status.st_size;
		image->left = read_allowance(image->facts.size);
		code = read_image(image, failure);
	}
	if (code < 0) {
		image_free(image);
		return code;
	}
	*out = image;
	return 0;
}

void image_free(struct image *image)
{
	if (!image)
		return;
	forget_sections(image);
	free(image->notes);
	free(image->strings);
	free(image->needed);
	free(image->interpreter);
	free(image->blocks);
	if (image->fd >= 0)
		close(image->fd);
	free(image);
}
