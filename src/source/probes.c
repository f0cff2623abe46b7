/* What a process has mapped is looked at when it is found, when it begins a
 * program (the kernel says so, and may hold it until that is done), and when its
 * dynamic loader says that something was loaded (a probe on the loader itself).
 * What is loaded by any other means is found a little later: now and then a few
 * processes are looked at again.
 *
 * A probe stands in a file, not in a process: the kernel programs pass over those
 * who are not traced. */
#include "source/probes.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <linux/limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include "bpf/shared.h"
#include "glasstap.skel.h"
#include "limits.h"
#include "source/binaries.h"
#include "source/iterate.h"
#include "source/lookup.h"
#include "source/maps.h"
#include "source/needed.h"
#include "source/uprobe.h"

#define LOOK_AGAIN_MS 1000
#define HURRY (-15)            /* its nice value: a few milliseconds of work at a time */
#define LOOK_AGAIN_PROCESSES 8 /* at a time */

struct pids {
	uint32_t *pids;
	size_t count, room;
};

struct probes {
	struct glasstap_bpf *bpf;
	void (*say)(void *context, const char *line);
	void *context;
	struct binaries *binaries;
	struct ring_buffer *notices;
	int epoll, stop;
	pthread_t thread;
	bool running;
	uint64_t lost;             /* notices, so far */
	uint32_t last;             /* process that was looked at again */
	pthread_mutex_t lock;
};

static bool has_function(const struct btf *kernel, const char *name)
{
	return btf__find_by_name_kind(kernel, name, BTF_KIND_FUNC) > 0;
}

void probes_choose(struct glasstap_bpf *bpf, const struct btf *kernel, bool wanted)
{
	bpf->rodata->births = wanted;
	bpf->rodata->may_hold = has_function(kernel, "bpf_task_work_schedule_resume_impl");
	bpf->rodata->may_list = has_function(kernel, "bpf_iter_task_vma_new");
	bpf_program__set_autoload(bpf->progs.on_probe, wanted);
	bpf_program__set_autoload(bpf->progs.scan_traced, wanted);
	if (!wanted)
		bpf_map__set_max_entries(bpf->maps.notices, sysconf(_SC_PAGESIZE));
	uprobe_prepare(bpf->progs.on_probe, kernel);
}

/* ---- looking --------------------------------------------------------------------- */

static void look_at_file(struct probes *probes, int fd, const char *name)
{
	struct stat status;

	if (!fstat(fd, &status) && S_ISREG(status.st_mode) &&
	    !binaries_has(probes->binaries, &status))
		binaries_add(probes->binaries, &status, fd, name);
}

static int look_at(void *context, const struct mapping *mapping)
{
	struct probes *probes = context;
	struct stat status;
	int fd;

	if (mapping_stat(mapping, &status) || binaries_has(probes->binaries, &status))
		return 0;
	fd = mapping_open(mapping);
	if (fd < 0)
		return 0;
	look_at_file(probes, fd, mapping->path);
	close(fd);
	return 0;
}

static void look_at_process(struct probes *probes, uint32_t pid)
{
	if (pid)
		maps_each(pid, look_at, probes);
}

static void look_at_path(void *context, const char *path)
{
	int fd = lookup_open(path);

	if (fd < 0)
		return;
	look_at_file(context, fd, path);
	close(fd);
}

static void look_at_program(void *context, const char *path)
{
	look_at_path(context, path);
	needed_each(path, look_at_path, context);
}

/* ---- who is traced ------------------------------------------------------------------ */

static void on_pids(void *context, const void *rows, size_t count)
{
	struct pids *pids = context;
	const uint32_t *from = rows;

	for (size_t i = 0; i < count && pids->count < MAX_PROCESSES; i++) {
		if (pids->count == pids->room) {
			size_t room = pids->room ? 2 * pids->room : 256;
			uint32_t *more = realloc(pids->pids, room * sizeof(*more));

			if (!more)
				return;
			pids->pids = more;
			pids->room = room;
		}
		pids->pids[pids->count++] = from[i];
	}
}

static void look_at_all(struct probes *probes)
{
	struct pids pids = { .count = 0 };

	iterate(probes->bpf->progs.scan_traced, NULL, sizeof(uint32_t), on_pids, &pids);
	for (size_t i = 0; i < pids.count; i++)
		look_at_process(probes, pids.pids[i]);
	free(pids.pids);
}

static int by_number(const void *a, const void *b)
{
	uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;

	return left < right ? -1 : left > right;
}

/* The next few in the order of their numbers. */
static void look_again(struct probes *probes)
{
	struct pids pids = { .count = 0 };
	size_t at = 0;

	iterate(probes->bpf->progs.scan_traced, NULL, sizeof(uint32_t), on_pids, &pids);
	if (pids.count)
		qsort(pids.pids, pids.count, sizeof(*pids.pids), by_number);
	while (at < pids.count && pids.pids[at] <= probes->last)
		at++;
	for (size_t i = 0; i < LOOK_AGAIN_PROCESSES && i < pids.count; i++, at++) {
		probes->last = pids.pids[at % pids.count];
		look_at_process(probes, probes->last);
	}
	free(pids.pids);
}

/* ---- notices ------------------------------------------------------------------------- */

/* One file that the kernel did not know. -ENOENT: it is not there any more, or may
 * not be opened by its place in memory. */
static int look_at_noticed(struct probes *probes, uint32_t pid, const struct noticed *noticed)
{
	struct mapping mapping = { .pid = pid, .start = noticed->start, .end = noticed->end };
	char name[PATH_MAX], path[PATH_MAX];
	struct stat status;
	ssize_t len;
	int fd;

	if (!mapping_name(&mapping, name, sizeof(name)) || stat(name, &status))
		return -ENOENT;
	/* The process may have mapped something else there meanwhile. */
	if ((uint64_t)status.st_size != noticed->id.size ||
	    (uint64_t)status.st_mtim.tv_sec * 1000000000 + status.st_mtim.tv_nsec !=
		    noticed->id.changed)
		return -ENOENT;
	if (!binaries_has(probes->binaries, &status)) {
		fd = mapping_open(&mapping);
		if (fd < 0)
			return -ENOENT;
		len = readlink(name, path, sizeof(path) - 1);
		path[len > 0 ? len : 0] = 0;
		look_at_file(probes, fd, path);
		close(fd);
	}
	binaries_known(probes->binaries, &status, &noticed->id);
	return 0;
}

static int on_notice(void *context, void *data, size_t size)
{
	const struct notice *notice = data;
	struct probes *probes = context;
	bool all = !notice->count;

	if (size < sizeof(*notice))
		return 0;
	for (uint32_t i = 0; i < notice->count && i < NOTICE_FILES && notice->pid; i++)
		if (look_at_noticed(probes, notice->pid, &notice->files[i]))
			all = true;
	if (all || notice->count == NOTICE_FILES)
		look_at_process(probes, notice->pid);
	__atomic_store_n(&probes->bpf->bss->notices_done[notice->number % NOTICE_SLOTS],
			 notice->number, __ATOMIC_RELEASE);
	__atomic_fetch_add(&probes->bpf->bss->notices_answered, 1, __ATOMIC_RELEASE);
	return 0;
}

static void *run(void *context)
{
	struct probes *probes = context;
	struct epoll_event event;
	int ready;

	/* Others may be waiting for what is done here, and need a processor to wait. */
	setpriority(PRIO_PROCESS, gettid(), HURRY);
	for (;;) {
		ready = epoll_wait(probes->epoll, &event, 1, LOOK_AGAIN_MS);
		if (ready > 0 && event.data.fd == probes->stop)
			return NULL;
		pthread_mutex_lock(&probes->lock);
		ring_buffer__consume(probes->notices);
		if (probes->lost != probes->bpf->bss->notices_lost) {
			probes->lost = probes->bpf->bss->notices_lost;
			look_at_all(probes);
		} else if (!ready) {
			look_again(probes);
		}
		pthread_mutex_unlock(&probes->lock);
	}
}

/* ---- beginning and end ----------------------------------------------------------------- */

static int begin(struct probes *probes)
{
	struct epoll_event notice = { .events = EPOLLIN }, stop = { .events = EPOLLIN };
	int fd = bpf_map__fd(probes->bpf->maps.notices), error;
	sigset_t all, before;

	probes->epoll = epoll_create1(EPOLL_CLOEXEC);
	probes->stop = eventfd(0, EFD_CLOEXEC);
	notice.data.fd = fd;
	stop.data.fd = probes->stop;
	probes->notices = ring_buffer__new(fd, on_notice, probes, NULL);
	if (!probes->notices || probes->epoll < 0 || probes->stop < 0 ||
	    epoll_ctl(probes->epoll, EPOLL_CTL_ADD, fd, &notice) ||
	    epoll_ctl(probes->epoll, EPOLL_CTL_ADD, probes->stop, &stop))
		return -errno;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	error = -pthread_create(&probes->thread, NULL, run, probes);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	probes->running = !error;
	return error;
}

struct probes *probes_open(struct glasstap_bpf *bpf, void (*say)(void *context, const char *line),
			   void *context, struct failure *failure)
{
	struct probes *probes = calloc(1, sizeof(*probes));

	if (probes) {
		probes->bpf = bpf;
		probes->say = say;
		probes->context = context;
		probes->epoll = probes->stop = -1;
		pthread_mutex_init(&probes->lock, NULL);
		probes->binaries = binaries_new(bpf->progs.on_probe, bpf_map__fd(bpf->maps.known),
						say, context);
	}
	if (!probes || !probes->binaries || begin(probes)) {
		probes_close(probes);
		failure_set(failure, -ENOMEM, "no memory, or no thread, for placing probes");
		return NULL;
	}
	pthread_mutex_lock(&probes->lock);
	/* What glasstap itself has mapped is the system's: the dynamic loader and
	 * libcrypto. Whoever begins later will mostly use the same. */
	look_at_process(probes, getpid());
	look_at_all(probes);
	pthread_mutex_unlock(&probes->lock);
	return probes;
}

static void say_holds(const struct probes *probes)
{
	uint64_t holds = probes->bpf->bss->holds;
	char line[160];

	if (!holds || !probes->say)
		return;
	snprintf(line, sizeof(line),
		 "code waited for its probes %lu times, %.1f ms on average; %lu times in vain",
		 (unsigned long)holds, (double)probes->bpf->bss->held_ns / (double)holds / 1e6,
		 (unsigned long)probes->bpf->bss->holds_expired);
	probes->say(probes->context, line);
}

void probes_close(struct probes *probes)
{
	uint64_t one = 1;

	if (!probes)
		return;
	if (probes->running && write(probes->stop, &one, sizeof(one)) == sizeof(one)) {
		pthread_join(probes->thread, NULL);
		say_holds(probes);
	}
	binaries_free(probes->binaries);
	ring_buffer__free(probes->notices);
	if (probes->epoll >= 0)
		close(probes->epoll);
	if (probes->stop >= 0)
		close(probes->stop);
	pthread_mutex_destroy(&probes->lock);
	free(probes);
}

void probes_command(struct probes *probes, char **argv)
{
	struct failure failure;

	/* What cannot be found is said by execvp(3). */
	pthread_mutex_lock(&probes->lock);
	lookup_command(argv, look_at_program, probes, &failure);
	pthread_mutex_unlock(&probes->lock);
}
