#include "source/needed.h"

#include <glob.h>
#include <linux/limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "limits.h"
#include "source/lookup.h"
#include "sym/image.h"

#if defined(__x86_64__)
#define MULTIARCH "x86_64-linux-gnu"
#else
#define MULTIARCH "aarch64-linux-gnu"
#endif

static const char *const usual[] = {
	"/lib/" MULTIARCH, "/usr/lib/" MULTIARCH, "/lib64", "/usr/lib64", "/lib", "/usr/lib",
};

struct walk {
	char *directories[MAX_LIBRARY_DIRECTORIES];
	size_t directory_count;
	char *paths[MAX_LIBRARIES];
	size_t count;
};

static void add_directory(struct walk *walk, const char *from, size_t len)
{
	if (len && walk->directory_count < MAX_LIBRARY_DIRECTORIES)
		walk->directories[walk->directory_count++] = strndup(from, len);
}

/* What ldconfig(8) reads: a directory in a line. */
static void read_config(struct walk *walk, const char *path)
{
	FILE *file = fopen(path, "re");
	char line[PATH_MAX];

	if (!file)
		return;
	while (fgets(line, sizeof(line), file))
		if (line[0] == '/')
			add_directory(walk, line, strcspn(line, " \t\r\n#"));
	fclose(file);
}

static void find_directories(struct walk *walk)
{
	const char *at = getenv("LD_LIBRARY_PATH");
	glob_t configs = {};

	while (at && *at) {
		size_t len = strcspn(at, ":;");

		add_directory(walk, at, len);
		at += len + (at[len] != 0);
	}
	read_config(walk, "/etc/ld.so.conf");
	if (!glob("/etc/ld.so.conf.d/*.conf", 0, NULL, &configs))
		for (size_t i = 0; i < configs.gl_pathc; i++)
			read_config(walk, configs.gl_pathv[i]);
	globfree(&configs);
	for (size_t i = 0; i < sizeof(usual) / sizeof(*usual); i++)
		add_directory(walk, usual[i], strlen(usual[i]));
}

static const char *last_part(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* The loader maps one library of a name. */
static void add_path(struct walk *walk, const char *path)
{
	for (size_t i = 0; i < walk->count; i++)
		if (walk->paths[i] && !strcmp(last_part(walk->paths[i]), last_part(path)))
			return;
	if (walk->count < MAX_LIBRARIES)
		walk->paths[walk->count++] = strdup(path);
}

static void find(struct walk *walk, const char *name)
{
	char path[PATH_MAX];

	if (strchr(name, '/')) {
		add_path(walk, name);
		return;
	}
	for (size_t i = 0; i < walk->directory_count; i++) {
		const char *directory = walk->directories[i];

		if (directory &&
		    snprintf(path, sizeof(path), "%s/%s", directory, name) < (int)sizeof(path) &&
		    !access(path, R_OK)) {
			add_path(walk, path);
			return;
		}
	}
}

static void read_image(struct walk *walk, const char *path)
{
	int fd = lookup_open(path);
	struct failure failure;
	struct image *image;
	const char *name;

	if (fd < 0)
		return;
	if (!image_open(&image, fd, &failure)) {
		if (image_facts(image)->interpreter_path)
			add_path(walk, image_facts(image)->interpreter_path);
		for (size_t i = 0; (name = image_needed(image, i)); i++)
			find(walk, name);
		image_free(image);
	}
	close(fd);
}

void needed_each(const char *program, void (*found)(void *context, const char *path),
		 void *context)
{
	struct walk *walk = calloc(1, sizeof(*walk));

	if (!walk)
		return;
	find_directories(walk);
	read_image(walk, program);
	for (size_t i = 0; i < walk->count; i++)
		if (walk->paths[i]) { /* else there was no memory */
			found(context, walk->paths[i]);
			read_image(walk, walk->paths[i]);
		}
	for (size_t i = 0; i < walk->count; i++)
		free(walk->paths[i]);
	for (size_t i = 0; i < walk->directory_count; i++)
		free(walk->directories[i]);
	free(walk);
}
