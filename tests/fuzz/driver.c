/* Runs a fuzz target without libFuzzer: every seed as it is, cut at every length,
 * then changed at random, always in the same way. So `make check` runs the same
 * inputs everywhere, and any compiler will do.
 *
 *	fuzz_x [SEED or directory of SEEDS...]
 *
 * FUZZ_RUNS and FUZZ_SECONDS end it, whichever comes first. An input that kills
 * it is left in the file fuzz_x.crash beside the program. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define MAX_SEEDS 1024
#define OWN_SEEDS 64 /* of a target that makes some */
#define INPUT_ROOM (256u << 10)
#define RUNS_DEFAULT 200000
#define SECONDS_DEFAULT 5

#include "fuzz.h"

__attribute__((weak)) int LLVMFuzzerInitialize(int *argc, char ***argv);
__attribute__((weak)) void __sanitizer_set_death_callback(void (*callback)(void));

struct input {
	uint8_t *data;
	size_t len;
};

/* What a dying run leaves behind: a signal handler must reach it. */
static struct input running;
static char crash_path[PATH_MAX];

static void keep_input(void)
{
	int fd = open(crash_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	ssize_t wrote = fd < 0 ? -1 : write(fd, running.data, running.len);

	(void)wrote;
}

static void on_signal(int number)
{
	keep_input();
	signal(number, SIG_DFL);
	raise(number);
}

static uint64_t state = 1;

static uint64_t random_below(uint64_t limit)
{
	uint64_t z = (state += 0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	z ^= z >> 31;
	return limit ? z % limit : z;
}

/* In memory of exactly its size, so that a sanitizer sees a read behind it. */
static void run(const uint8_t *data, size_t len)
{
	running.data = malloc(len ? len : 1);
	if (!running.data)
		abort();
	running.len = len;
	if (len)
		memcpy(running.data, data, len);
	LLVMFuzzerTestOneInput(running.data, len);
	free(running.data);
}

static size_t insert(uint8_t *data, size_t len, size_t at, const uint8_t *from, size_t count)
{
	if (count > INPUT_ROOM - len)
		count = INPUT_ROOM - len;
	memmove(data + at + count, data + at, len - at);
	if (count)
		memmove(data + at, from, count);
	return len + count;
}

static void set_number(uint8_t *data, size_t len, size_t at)
{
	static const uint64_t edges[] = {
		0, 1, 2, 7, 8, 15, 16, 31, 32, 39, 40, 41, 64, 127, 128, 255, 256, 4095, 4096, 32767,
		32768, 65535, 65536, 65537, INT32_MAX, 1u << 31, UINT32_MAX, INT64_MAX, 1ull << 63,
		UINT64_MAX, UINT64_MAX - 7,
	};
	uint64_t number = edges[random_below(sizeof(edges) / sizeof(*edges))];
	size_t size = (size_t)1 << random_below(4);

	if (random_below(4) == 0)
		number = len;
	if (random_below(4) == 0)
		at -= at % size;
	if (size > len - at)
		size = len - at;
	memcpy(data + at, &number, size);
}

/* One change of `data`, which has room for INPUT_ROOM. The new length. */
static size_t change(uint8_t *data, size_t len, const struct input *other)
{
	uint8_t some[64];
	size_t at = random_below(len + 1), count = random_below(len - at + 1), from;

	if (count > 16 && random_below(2))
		count = random_below(16);
	switch (random_below(8)) {
	case 0:
		if (at < len)
			data[at] ^= (uint8_t)(1 << random_below(8));
		return len;
	case 1:
		if (at < len)
			data[at] = (uint8_t)random_below(0);
		return len;
	case 2:
		set_number(data, len, at);
		return len;
	case 3:
		memmove(data + at, data + at + count, len - at - count);
		return len - count;
	case 4:
		for (size_t i = 0; i < sizeof(some); i++)
			some[i] = (uint8_t)random_below(0);
		return insert(data, len, at, some, random_below(sizeof(some)));
	case 5: /* again */
		return count > 4096 ? len : insert(data, len, at, data + at, count);
	case 6:
		return random_below(4) ? len : at;
	default: /* a part of another seed */
		from = random_below(other->len + 1);
		count = random_below(other->len - from + 1);
		return insert(data, len, at, other->data + from, count);
	}
}

static struct input seeds[MAX_SEEDS];
static size_t seed_count;

static int add_file(const char *path)
{
	FILE *file = fopen(path, "r");
	struct input *seed = &seeds[seed_count];

	if (!file)
		return -errno;
	seed->data = malloc(INPUT_ROOM);
	if (!seed->data)
		abort();
	seed->len = fread(seed->data, 1, INPUT_ROOM, file);
	fclose(file);
	seed_count++;
	return 0;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name); /* not the locale's order */
}

static int add_seeds(const char *path)
{
	struct dirent **names;
	struct stat status;
	int count, code = 0;

	if (stat(path, &status) < 0)
		return -errno;
	if (!S_ISDIR(status.st_mode))
		return seed_count < MAX_SEEDS ? add_file(path) : 0;
	count = scandir(path, &names, NULL, by_name);
	for (int i = 0; i < count; i++) {
		char full[PATH_MAX];

		snprintf(full, sizeof(full), "%s/%s", path, names[i]->d_name);
		if (names[i]->d_name[0] != '.' && seed_count < MAX_SEEDS && !code)
			code = add_file(full);
		free(names[i]);
	}
	if (count >= 0)
		free(names);
	return count < 0 ? -errno : code;
}

static void add_own_seeds(void)
{
	for (uint64_t i = 0; fuzz_seed && i < OWN_SEEDS && seed_count < MAX_SEEDS; i++) {
		struct input *seed = &seeds[seed_count++];

		seed->data = malloc(INPUT_ROOM);
		if (!seed->data)
			abort();
		seed->len = fuzz_seed(i, seed->data, INPUT_ROOM);
	}
}

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static double setting(const char *name, double otherwise)
{
	const char *value = getenv(name);

	return value ? strtod(value, NULL) : otherwise;
}

static size_t run_random(double runs, double end)
{
	uint8_t *data = malloc(INPUT_ROOM);
	size_t done;

	if (!data)
		abort();
	for (done = 0; (double)done < runs && (done % 64 || seconds() < end); done++) {
		const struct input *seed = &seeds[random_below(seed_count)];
		size_t len = seed->len;

		memcpy(data, seed->data, len);
		for (size_t changes = 1 + random_below(8); changes; changes--)
			len = change(data, len, &seeds[random_below(seed_count)]);
		run(data, len);
	}
	free(data);
	return done;
}

int main(int argc, char **argv)
{
	double end = seconds() + setting("FUZZ_SECONDS", SECONDS_DEFAULT);
	double runs = setting("FUZZ_RUNS", getenv("FUZZ_SECONDS") ? 1e18 : RUNS_DEFAULT);
	const char *name = strrchr(argv[0], '/');
	size_t done, given;

	name = name ? name + 1 : argv[0];
	snprintf(crash_path, sizeof(crash_path), "%s.crash", argv[0]);
	if (__sanitizer_set_death_callback) {
		__sanitizer_set_death_callback(keep_input);
	} else {
		signal(SIGSEGV, on_signal);
		signal(SIGBUS, on_signal);
		signal(SIGFPE, on_signal);
	}
	signal(SIGABRT, on_signal);
	if (LLVMFuzzerInitialize)
		LLVMFuzzerInitialize(&argc, &argv);
	for (int i = 1; i < argc; i++) {
		int code = add_seeds(argv[i]);

		if (code < 0) {
			printf("not ok %s: seeds in %s: %s\n", name, argv[i], strerror(-code));
			return 1;
		}
	}
	given = seed_count;
	add_own_seeds();
	if (!seed_count)
		seeds[seed_count++] = (struct input){ calloc(1, 64), 64 };
	for (size_t i = 0; i < seed_count; i++) {
		run(seeds[i].data, seeds[i].len);
		for (size_t len = 0; i < given && len < seeds[i].len && len < 4096 && seconds() < end; len++)
			run(seeds[i].data, len);
	}
	done = run_random(runs, end);
	printf("ok %s\n", name);
	fprintf(stderr, "%s: %zu seeds, %zu runs\n", name, seed_count, done);
	return 0;
}
