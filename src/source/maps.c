#include "source/maps.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "limits.h"

/* Files seen so far in one reading: a mapping is often followed by others of the
 * same file, and seldom by such of one that came long before. */
#define RECENT 8

struct reading {
	struct mapping recent[RECENT];
	size_t count;
};

static bool is_repeated(struct reading *reading, const struct mapping *mapping)
{
	for (size_t i = 0; i < RECENT && i < reading->count; i++) {
		const struct mapping *other = &reading->recent[i];

		if (other->inode == mapping->inode && other->major == mapping->major &&
		    other->minor == mapping->minor)
			return true;
	}
	reading->recent[reading->count++ % RECENT] = *mapping;
	return false;
}

/* "start-end rwxp offset major:minor inode    path" */
static bool parse(char *line, struct mapping *mapping)
{
	unsigned long start, end, offset, inode;
	char rights[5];
	int at = 0;

	if (sscanf(line, "%lx-%lx %4s %lx %x:%x %lu %n", &start, &end, rights, &offset,
		   &mapping->major, &mapping->minor, &inode, &at) < 7 ||
	    rights[2] != 'x' || !inode || line[at] != '/')
		return false;
	line[strcspn(line, "\n")] = 0;
	mapping->start = start;
	mapping->end = end;
	mapping->inode = inode;
	mapping->path = line + at;
	return true;
}

int maps_each(uint32_t pid, int (*found)(void *context, const struct mapping *mapping),
	      void *context)
{
	struct reading reading = { .count = 0 };
	struct mapping mapping = { .pid = pid };
	char path[32], *line = NULL;
	size_t room = 0, lines = 0;
	int result = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%u/maps", pid);
	file = fopen(path, "re");
	if (!file)
		return -errno;
	while (!result && lines++ < MAX_MAPPINGS && getline(&line, &room, file) > 0)
		if (parse(line, &mapping) && !is_repeated(&reading, &mapping))
			result = found(context, &mapping);
	free(line);
	fclose(file);
	return result;
}

bool mapping_name(const struct mapping *mapping, char *name, size_t room)
{
	int len = snprintf(name, room, "/proc/%u/map_files/%lx-%lx", mapping->pid,
			   (unsigned long)mapping->start, (unsigned long)mapping->end);

	return len > 0 && (size_t)len < room;
}

/* The three names of what is mapped, the best one first. The kernel keeps the
 * first to those with CAP_CHECKPOINT_RESTORE or CAP_SYS_ADMIN; the others may
 * lead to another file. */
static bool name_of(const struct mapping *mapping, int which, char *name, size_t room)
{
	int len = 0;

	if (which == 0)
		return mapping_name(mapping, name, room);
	if (which == 1)
		len = snprintf(name, room, "/proc/%u/exe", mapping->pid);
	else if (mapping->path)
		len = snprintf(name, room, "/proc/%u/root%s", mapping->pid, mapping->path);
	return len > 0 && (size_t)len < room;
}

static bool is_same(const struct mapping *mapping, int which, const struct stat *status)
{
	return which == 0 || (status->st_ino == mapping->inode &&
			      major(status->st_dev) == mapping->major &&
			      minor(status->st_dev) == mapping->minor);
}

static int find(const struct mapping *mapping, struct stat *status, char *name, size_t room)
{
	for (int which = 0; which < 3; which++)
		if (name_of(mapping, which, name, room) && !stat(name, status) &&
		    is_same(mapping, which, status))
			return 0;
	return -ENOENT;
}

int mapping_stat(const struct mapping *mapping, struct stat *status)
{
	char name[PATH_MAX];

	return find(mapping, status, name, sizeof(name));
}

int mapping_open(const struct mapping *mapping)
{
	struct stat status, opened;
	char name[PATH_MAX];
	int fd, error = find(mapping, &status, name, sizeof(name));

	if (error)
		return error;
	if (!S_ISREG(status.st_mode))
		return -ENOEXEC;
	fd = open(name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &opened) || opened.st_ino != status.st_ino || opened.st_dev != status.st_dev) {
		close(fd);
		return -ENOENT;
	}
	return fd;
}
