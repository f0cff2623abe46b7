#include "source/lookup.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SCRIPT_DEPTH 5         /* interpreters that are scripts: the kernel follows as many */
#define HEAD 256               /* of a script, as much as the kernel looks at */

int lookup_open(const char *path)
{
	struct stat before, after;
	int fd;

	if (stat(path, &before) || !S_ISREG(before.st_mode))
		return -1;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd >= 0 && (fstat(fd, &after) || !S_ISREG(after.st_mode))) {
		close(fd);
		fd = -1;
	}
	return fd;
}

static int check(const char *path)
{
	struct stat status;

	if (stat(path, &status))
		return -errno;
	return S_ISREG(status.st_mode) && !access(path, X_OK) ? 0 : -EACCES;
}

/* As execvp(3): a name without a slash is looked for in PATH. */
static int find(const char *name, char *path, size_t room)
{
	const char *at = getenv("PATH");
	int error = -ENOENT;

	if (strchr(name, '/')) {
		if (snprintf(path, room, "%s", name) >= (int)room)
			return -ENAMETOOLONG;
		return check(path);
	}
	if (!at)
		at = "/bin:/usr/bin"; /* confstr(_CS_PATH) */
	for (;;) {
		size_t len = strcspn(at, ":");
		int written = snprintf(path, room, "%.*s%s%s", (int)len, at, len ? "/" : "", name);

		if (*name && written < (int)room) {
			int here = check(path);

			if (!here)
				return 0;
			if (here == -EACCES)
				error = here;
		}
		if (!at[len])
			return error;
		at += len + 1;
	}
}

/* The words behind "#!": an interpreter and, in one piece, its argument. */
static bool read_head(const char *path, char head[HEAD], char **interpreter, char **argument)
{
	int fd = lookup_open(path);
	ssize_t len = fd < 0 ? -1 : read(fd, head, HEAD - 1);
	char *at;

	if (fd >= 0)
		close(fd);
	if (len < 3 || head[0] != '#' || head[1] != '!')
		return false;
	head[len] = 0;
	head[strcspn(head, "\n")] = 0;
	at = head + 2 + strspn(head + 2, " \t");
	*interpreter = at;
	at += strcspn(at, " \t");
	if (*at)
		*at++ = 0;
	*argument = at + strspn(at, " \t");
	return **interpreter != 0;
}

/* The program among env's arguments: not an option, not NAME=VALUE. It stands in
 * one piece behind "#!", or in several in argv. */
static const char *program_of_env(char *word)
{
	char *rest;

	for (word = strtok_r(word, " \t", &rest); word; word = strtok_r(NULL, " \t", &rest))
		if (*word != '-' && !strchr(word, '='))
			return word;
	return NULL;
}

static bool is_env(const char *path)
{
	const char *slash = strrchr(path, '/');

	return !strcmp(slash ? slash + 1 : path, "env");
}

int lookup_command(char **argv, void (*found)(void *context, const char *path), void *context,
		   struct failure *failure)
{
	char path[PATH_MAX], head[HEAD], *interpreter, *argument;
	const char *next;
	int error = find(argv[0], path, sizeof(path));

	if (error)
		return failure_set(failure, error, "cannot run '%.160s': %s", argv[0],
				   strerror(-error));
	found(context, path);
	for (char **at = argv + 1; is_env(path) && *at; at++)
		if (**at != '-' && !strchr(*at, '=')) {
			if (find(*at, path, sizeof(path)))
				return 0;
			found(context, path);
		}
	for (int i = 0; i < SCRIPT_DEPTH; i++) {
		if (!read_head(path, head, &interpreter, &argument))
			break;
		next = interpreter;
		found(context, interpreter);
		if (is_env(interpreter)) {
			next = program_of_env(argument);
			if (!next || find(next, path, sizeof(path)))
				break;
			found(context, path);
		} else {
			snprintf(path, sizeof(path), "%s", next);
		}
	}
	return 0;
}
