/* Since Linux 6.6 one link holds many probes: a millisecond to attach instead of
 * one for each, and they go together. libbpf learned of it later than the library
 * that this is built with, so the call is made by hand. On older kernels each
 * probe is an event of perf.
 *
 * A link fails as a whole when the kernel refuses one of its places; then each
 * gets its own. */
#include "source/uprobe.h"

#include <errno.h>
#include <linux/bpf.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ATTACH_UPROBE_MULTI 48 /* enum bpf_attach_type: BPF_TRACE_UPROBE_MULTI */

/* What bpf(BPF_LINK_CREATE) takes for it: part of the kernel's interface. */
struct link_create_uprobes {
	uint32_t prog_fd, target_fd, attach_type, flags;
	uint64_t path, offsets, ref_ctr_offsets, cookies;
	uint32_t count, multi_flags, pid, pad;
};
_Static_assert(sizeof(struct link_create_uprobes) == 64, "layout");
_Static_assert(offsetof(struct link_create_uprobes, path) == 16, "layout");
_Static_assert(offsetof(struct link_create_uprobes, count) == 48, "layout");

struct uprobes {
	struct bpf_link *perf[MAX_PROBES_PER_FILE];
	int links[MAX_PROBES_PER_FILE];
	size_t perf_count, link_count;
};

static bool has_multi(const struct btf *kernel)
{
	int id = btf__find_by_name_kind(kernel, "bpf_attach_type", BTF_KIND_ENUM);
	const struct btf_type *type = id > 0 ? btf__type_by_id(kernel, id) : NULL;

	/* For the tests: as on a kernel before 6.6. */
	if (getenv("GLASSTAP_PERF_UPROBES"))
		return false;
	for (int i = 0; type && i < btf_vlen(type); i++)
		if (!strcmp(btf__name_by_offset(kernel, btf_enum(type)[i].name_off),
			    "BPF_TRACE_UPROBE_MULTI"))
			return btf_enum(type)[i].val == ATTACH_UPROBE_MULTI;
	return false;
}

void uprobe_prepare(struct bpf_program *program, const struct btf *kernel)
{
	if (has_multi(kernel))
		bpf_program__set_expected_attach_type(program, ATTACH_UPROBE_MULTI);
	bpf_program__set_autoattach(program, false);
}

static int attach_multi(const struct bpf_program *program, const char *path,
			const struct uprobe *probes, size_t count)
{
	uint64_t offsets[MAX_PROBES_PER_FILE], cookies[MAX_PROBES_PER_FILE];
	struct link_create_uprobes attr = {
		.prog_fd = bpf_program__fd(program),
		.attach_type = ATTACH_UPROBE_MULTI,
		.path = (uintptr_t)path,
		.offsets = (uintptr_t)offsets,
		.cookies = (uintptr_t)cookies,
		.count = count,
	};
	int fd;

	for (size_t i = 0; i < count; i++) {
		offsets[i] = probes[i].offset;
		cookies[i] = probes[i].cookie;
	}
	fd = syscall(SYS_bpf, BPF_LINK_CREATE, &attr, sizeof(attr));
	return fd < 0 ? -errno : fd;
}

static int attach_one(struct uprobes *uprobes, const struct bpf_program *program, const char *path,
		      const struct uprobe *probe)
{
	LIBBPF_OPTS(bpf_uprobe_opts, options, .bpf_cookie = probe->cookie);
	struct bpf_link *link;
	int fd;

	if (bpf_program__expected_attach_type(program) == ATTACH_UPROBE_MULTI) {
		fd = attach_multi(program, path, probe, 1);
		if (fd >= 0)
			uprobes->links[uprobes->link_count++] = fd;
		return fd < 0 ? fd : 0;
	}
	link = bpf_program__attach_uprobe_opts(program, -1, path, probe->offset, &options);
	if (!link)
		return -errno;
	uprobes->perf[uprobes->perf_count++] = link;
	return 0;
}

static void attach_each(struct uprobes *uprobes, const struct bpf_program *program,
			const char *path, struct uprobe *probes, size_t count)
{
	for (size_t i = 0; i < count; i++)
		probes[i].error = attach_one(uprobes, program, path, &probes[i]);
}

struct uprobes *uprobes_attach(const struct bpf_program *program, int file, struct uprobe *probes,
			       size_t count, struct failure *failure)
{
	struct uprobes *uprobes = calloc(1, sizeof(*uprobes));
	char path[32];
	int fd = -1;

	if (!uprobes || !count || count > MAX_PROBES_PER_FILE) {
		free(uprobes);
		failure_set(failure, -EINVAL, "no memory, or nothing to probe");
		return NULL;
	}
	for (size_t i = 0; i < count; i++)
		probes[i].error = 0;
	/* By its descriptor: the name may be another's by now, or in another mount
	 * namespace. */
	snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
	if (bpf_program__expected_attach_type(program) == ATTACH_UPROBE_MULTI)
		fd = attach_multi(program, path, probes, count);
	if (fd >= 0)
		uprobes->links[uprobes->link_count++] = fd;
	else
		attach_each(uprobes, program, path, probes, count);
	if (uprobes->link_count || uprobes->perf_count)
		return uprobes;
	failure_set(failure, probes[0].error, "the kernel refused the probe: %s",
		    strerror(-probes[0].error));
	uprobes_free(uprobes);
	return NULL;
}

void uprobes_free(struct uprobes *uprobes)
{
	if (!uprobes)
		return;
	for (size_t i = 0; i < uprobes->perf_count; i++)
		bpf_link__destroy(uprobes->perf[i]);
	for (size_t i = 0; i < uprobes->link_count; i++)
		close(uprobes->links[i]);
	free(uprobes);
}

#define FREEING_THREADS 16

struct freeing {
	struct uprobes **all;
	size_t count, first;
};

static void *free_some(void *context)
{
	const struct freeing *freeing = context;

	for (size_t i = freeing->first; i < freeing->count; i += FREEING_THREADS)
		uprobes_free(freeing->all[i]);
	return NULL;
}

void uprobes_free_all(struct uprobes **all, size_t count)
{
	struct freeing freeing[FREEING_THREADS];
	pthread_t threads[FREEING_THREADS];
	bool started[FREEING_THREADS] = {};

	for (size_t i = 0; i < FREEING_THREADS && i < count; i++) {
		freeing[i] = (struct freeing){ all, count, i };
		/* The last part is this thread's own work. */
		started[i] = i + 1 < count && i + 1 < FREEING_THREADS &&
			     !pthread_create(&threads[i], NULL, free_some, &freeing[i]);
		if (!started[i])
			free_some(&freeing[i]);
	}
	for (size_t i = 0; i < FREEING_THREADS && i < count; i++)
		if (started[i])
			pthread_join(threads[i], NULL);
}

struct uprobe_warmer {
	const struct bpf_program *program;
	int memory;                /* a file that nobody else can map */
	sem_t wanted;
	pthread_t thread;
	bool running, stop;
};

static void *warm(void *context)
{
	struct uprobe_warmer *warmer = context;
	struct uprobe probe = { .offset = 0 };
	char path[32];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", warmer->memory);
	for (;;) {
		int fd;

		while (sem_wait(&warmer->wanted))
			;
		while (!sem_trywait(&warmer->wanted))
			;
		if (__atomic_load_n(&warmer->stop, __ATOMIC_ACQUIRE))
			return NULL;
		fd = attach_multi(warmer->program, path, &probe, 1);
		if (fd >= 0)
			close(fd);
	}
}

struct uprobe_warmer *uprobe_warmer_new(const struct bpf_program *program)
{
	struct uprobe_warmer *warmer;

	if (bpf_program__expected_attach_type(program) != ATTACH_UPROBE_MULTI)
		return NULL;
	warmer = calloc(1, sizeof(*warmer));
	if (!warmer)
		return NULL;
	warmer->program = program;
	sem_init(&warmer->wanted, 0, 0);
	warmer->memory = memfd_create("nothing", MFD_CLOEXEC);
	warmer->running = warmer->memory >= 0 && !ftruncate(warmer->memory, 4096) &&
			  !pthread_create(&warmer->thread, NULL, warm, warmer);
	if (warmer->running)
		return warmer;
	uprobe_warmer_free(warmer);
	return NULL;
}

void uprobe_warm(struct uprobe_warmer *warmer)
{
	if (warmer)
		sem_post(&warmer->wanted);
}

void uprobe_warmer_free(struct uprobe_warmer *warmer)
{
	if (!warmer)
		return;
	__atomic_store_n(&warmer->stop, true, __ATOMIC_RELEASE);
	sem_post(&warmer->wanted);
	if (warmer->running)
		pthread_join(warmer->thread, NULL);
	if (warmer->memory >= 0)
		close(warmer->memory);
	sem_destroy(&warmer->wanted);
	free(warmer);
}
