#include "source/verdict.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "limits.h"
#include "source/lookup.h"
#include "source/maps.h"
#include "source/needed.h"

#define SEARCH_PIECE (1u << 20)

/* In the key schedule of TLS 1.3, and so in each implementation of it. */
static const char label[] = "c hs traffic";

/* A library that is linked in and has no name any more. */
static bool has_label(int fd)
{
	char *piece = malloc(SEARCH_PIECE);
	bool found = false;
	off_t at = 0;
	ssize_t len;

	while (piece && !found) {
		len = pread(fd, piece, SEARCH_PIECE, at);
		if (len <= (ssize_t)sizeof(label))
			break;
		found = memmem(piece, len, label, sizeof(label) - 1) != NULL;
		at += len - sizeof(label); /* it may lie across two pieces */
	}
	free(piece);
	return found;
}

static void add(struct verdict *verdict, const char *path, int fd, bool program)
{
	struct verdict_file *file = &verdict->files[verdict->count];
	struct stat status;

	if (verdict->count == MAX_VERDICT_FILES || fstat(fd, &status) || !S_ISREG(status.st_mode))
		return;
	discover(&file->discovery, fd);
	if (!program && !file->discovery.library)
		return;
	file->program = program;
	file->path = strdup(path);
	if (!file->path)
		return;
	if (file->discovery.elf && !file->discovery.go && !file->discovery.library && has_label(fd))
		snprintf(file->discovery.unseen, sizeof(file->discovery.unseen),
			 "a TLS library that is not known is part of it (it holds the words '%s')",
			 label);
	verdict->count++;
}

static int begin(struct verdict *verdict)
{
	verdict->count = 0;
	verdict->files = calloc(MAX_VERDICT_FILES, sizeof(*verdict->files));
	return verdict->files ? 0 : -ENOMEM;
}

void verdict_free(struct verdict *verdict)
{
	for (size_t i = 0; verdict->files && i < verdict->count; i++)
		free(verdict->files[i].path);
	free(verdict->files);
	*verdict = (struct verdict){ .count = 0 };
}

/* ---- a process ------------------------------------------------------------------- */

static int on_mapping(void *context, const struct mapping *mapping)
{
	struct verdict *verdict = context;
	struct stat status, program;
	char path[32];
	int fd = mapping_open(mapping);

	if (fd < 0)
		return 0;
	snprintf(path, sizeof(path), "/proc/%u/exe", mapping->pid);
	add(verdict, mapping->path, fd,
	    !fstat(fd, &status) && !stat(path, &program) && status.st_ino == program.st_ino &&
		    status.st_dev == program.st_dev);
	close(fd);
	return 0;
}

int verdict_process(struct verdict *verdict, uint32_t pid, struct failure *failure)
{
	int error = begin(verdict);

	if (error)
		return failure_set(failure, error, "no memory");
	error = maps_each(pid, on_mapping, verdict);
	if (error == -ENOENT || error == -ESRCH)
		return failure_set(failure, error, "there is no process %u; 'ps -e' lists what runs",
				   pid);
	if (error)
		return failure_set(failure, error, "cannot look at process %u: %s; run it as root "
				   "(sudo glasstap ...)", pid, strerror(-error));
	if (!verdict->count)
		return failure_set(failure, -ENOENT, "process %u runs no program: it is a kernel "
				   "thread, or has ended", pid);
	return 0;
}

/* ---- a command -------------------------------------------------------------------- */

struct program {
	struct verdict *verdict;
	bool library;
};

static void on_path(void *context, const char *path)
{
	struct program *program = context;
	int fd = lookup_open(path);

	if (fd < 0)
		return;
	add(program->verdict, path, fd, !program->library);
	close(fd);
}

static void on_library(void *context, const char *path)
{
	struct program library = { context, true };

	on_path(&library, path);
}

static void on_program(void *context, const char *path)
{
	struct program program = { context, false };

	on_path(&program, path);
	needed_each(path, on_library, context);
}

int verdict_command(struct verdict *verdict, char **argv, struct failure *failure)
{
	int error = begin(verdict);

	if (error)
		return failure_set(failure, error, "no memory");
	return lookup_command(argv, on_program, verdict, failure);
}

/* ---- what it comes to -------------------------------------------------------------- */

bool verdict_knows_tls(const struct verdict *verdict)
{
	for (size_t i = 0; i < verdict->count; i++)
		if (verdict->files[i].discovery.library || verdict->files[i].discovery.unseen[0])
			return true;
	return false;
}

bool verdict_complete(const struct verdict *verdict)
{
	for (size_t i = 0; i < verdict->count; i++)
		if (verdict->files[i].discovery.unseen[0])
			return false;
	return true;
}

void verdict_why(uint32_t pid, const char *program, char *line, size_t room)
{
	char *argv[] = { (char *)program, NULL };
	const struct verdict_file *blind = NULL;
	struct failure failure;
	struct verdict verdict;
	bool seen = false;

	if (verdict_process(&verdict, pid, &failure)) {
		verdict_free(&verdict);
		if (!program || verdict_command(&verdict, argv, &failure)) {
			snprintf(line, room, "it has ended; 'glasstap doctor -- COMMAND' tells "
				 "what can be seen of a command");
			verdict_free(&verdict);
			return;
		}
	}
	for (size_t i = 0; i < verdict.count; i++) {
		const struct verdict_file *file = &verdict.files[i];

		if (file->discovery.unseen[0] && !blind)
			blind = file;
		seen = seen || (file->discovery.library && discovery_probes(&file->discovery));
	}
	if (blind)
		snprintf(line, room, "%s: %s%s", blind->path, blind->discovery.unseen,
			 seen ? "; or they were made before the trace began" : "");
	else if (seen)
		snprintf(line, room, "they were made before the trace began");
	else
		snprintf(line, room, "no TLS library that is known was found in it");
	verdict_free(&verdict);
}
