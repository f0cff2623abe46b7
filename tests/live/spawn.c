/* spawn COUNT LENGTH [ARGUMENTS]: COUNT times posix_spawn of a program that does
 * nothing, each with ARGUMENTS (1) unique arguments of LENGTH bytes. Says
 * "spawned PID N" for each. Program N exits with N % 100, or, where N % 50 is
 * 49, dies of SIGTERM. Argument A of program N is "arg-N-A-" and then the letter
 * 'a' + (N + A) % 26. */
#include "workload.h"

#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <time.h>

extern char **environ;

static int noop(int number)
{
	if (number % 50 == 49)
		raise(SIGTERM);
	return number % 100;
}

int main(int argc, char **argv)
{
	struct timespec before, after;
	char number[16], self[512] = "";

	if (argc > 2 && !strcmp(argv[1], "noop"))
		return noop(atoi(argv[2]));
	if (argc < 3) {
		fprintf(stderr, "usage: spawn COUNT LENGTH [ARGUMENTS]\n");
		return 2;
	}
	int count = atoi(argv[1]), length = atoi(argv[2]), each = argc > 3 ? atoi(argv[3]) : 1;
	char **args = calloc(each + 4, sizeof(*args));
	char *none[] = {NULL};

	if (length < 32 || each < 0 || readlink("/proc/self/exe", self, sizeof(self) - 1) < 0)
		return 2;
	args[0] = self;
	args[1] = "noop";
	args[2] = number;
	for (int a = 0; a < each; a++)
		args[3 + a] = malloc(length + 1);
	clock_gettime(CLOCK_MONOTONIC, &before);
	for (int i = 0; i < count; i++) {
		int status, error;
		pid_t child;

		snprintf(number, sizeof(number), "%d", i);
		for (int a = 0; a < each; a++) {
			memset(args[3 + a], 'a' + (i + a) % 26, length);
			args[3 + a][length] = 0;
			int n = snprintf(args[3 + a], length, "arg-%d-%d-", i, a);

			args[3 + a][n] = 'a' + (i + a) % 26;
		}
		error = posix_spawn(&child, self, NULL, NULL, args, none);
		if (error) {
			errno = error;
			die("posix_spawn");
		}
		if (waitpid(child, &status, 0) != child)
			die("waitpid");
		if (i % 50 == 49 ? !WIFSIGNALED(status) : WEXITSTATUS(status) != i % 100)
			die("program %d ended with %d", i, status);
		printf("spawned %d %d\n", child, i);
	}
	clock_gettime(CLOCK_MONOTONIC, &after);
	printf("seconds %.6f\n", after.tv_sec - before.tv_sec + (after.tv_nsec - before.tv_nsec) / 1e9);
	return 0;
}
