/* Loads and attaches the kernel programs, and drains their ring.
 *
 * The order of the start matters. First the programs are loaded and the targets
 * found; then the hooks are attached; then the targets are looked for again
 * (they may have forked meanwhile), and last the sockets that they hold are
 * announced. A socket that a hook sees first is announced there; each is
 * announced once.
 *
 * Waking the reader costs the traced program, so it is not done while there is
 * traffic: main looks every few milliseconds then, and goes to sleep for good
 * (live_idle) only when nothing has come for a while.
 *
 * Everything in the kernel hangs on descriptors of this process: when it ends,
 * in whatever way, all of it is gone. */
#include "source/live.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "bpf/shared.h"
#include "glasstap.skel.h"
#include "source/calls.h"
#include "source/iterate.h"
#include "source/probes.h"
#include "source/ring.h"
#include "source/watch.h"

#define DRAIN_EVENTS 8192      /* then main gets a look at its signals */
#define SWEEP_MS 250
#define CONTROL_ROOM 16        /* one part of so many of the ring is not for data */

struct live {
	struct glasstap_bpf *bpf;
	struct ring ring;
	struct watch *watch;
	struct calls *calls;
	struct probes *probes;     /* NULL: nobody wants keys of TLS */
	const char *missing;
	uint32_t found;
	uint64_t began, events;
	/* while draining */
	source_event_fn *on_event;
	void *context;
	int result;
	unsigned drained;
};

static uint64_t boottime(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return (uint64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static int silent(enum libbpf_print_level level, const char *format, va_list arguments)
{
	if (level != LIBBPF_WARN || !getenv("GLASSTAP_DEBUG"))
		return 0;
	return vfprintf(stderr, format, arguments);
}

static int load_failure(struct failure *failure, int error)
{
	struct utsname system;
	unsigned major = 0, minor = 0;

	uname(&system);
	sscanf(system.release, "%u.%u", &major, &minor);
	if (access("/sys/kernel/btf/vmlinux", R_OK))
		return failure_set(failure, error,
				   "this kernel (%s) has no type information in /sys/kernel/btf/vmlinux; "
				   "one that is built with CONFIG_DEBUG_INFO_BTF is needed",
				   system.release);
	if (error == -EPERM || error == -EACCES)
		return failure_set(failure, error,
				   "not permitted to trace: run it as root (sudo glasstap ...), or with "
				   "the capabilities CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN");
	if (error == -EOPNOTSUPP || major < 6 || (major == 6 && minor < 3))
		return failure_set(failure, error,
				   "this kernel is %s; 6.3 or newer is needed to see sockets (the "
				   "tracepoints sock_send_length and sock_recv_length)",
				   system.release);
	return failure_set(failure, error,
			   "the kernel (%s) refused the tracing programs: %s; GLASSTAP_DEBUG=1 shows "
			   "its reasons",
			   system.release, strerror(-error));
}

/* Does this kernel have the tracepoint that a program hangs on? */
static bool has_hook(const struct btf *kernel, const struct bpf_program *program)
{
	const char *hook = strchr(bpf_program__section_name(program), '/');
	char type[128];

	if (bpf_program__expected_attach_type(program) != BPF_TRACE_RAW_TP || !hook)
		return true;
	snprintf(type, sizeof(type), "btf_trace_%s", hook + 1);
	return btf__find_by_name_kind(kernel, type, BTF_KIND_TYPEDEF) > 0;
}

/* Which programs are needed, and do their hooks exist here? */
static int choose(struct glasstap_bpf *bpf, const struct live_options *options)
{
	/* These serve without sockets. */
	const struct bpf_program *processes[] = { bpf->progs.scan_self, bpf->progs.scan_tasks,
						  bpf->progs.on_exec, bpf->progs.on_fork,
						  bpf->progs.on_exit };
	struct btf *kernel = btf__load_vmlinux_btf();
	struct bpf_program *program;

	if (!kernel)
		return -errno;
	bpf_object__for_each_program(program, bpf->obj) {
		bool needed = options->sockets;

		for (size_t i = 0; i < sizeof(processes) / sizeof(*processes); i++)
			needed = needed || program == processes[i];
		if (program == bpf->progs.on_sys_exit)
			needed = options->all_fds;
		bpf_program__set_autoload(program, needed && has_hook(kernel, program));
		/* Iterators are read, not attached. */
		if (bpf_program__expected_attach_type(program) == BPF_TRACE_ITER)
			bpf_program__set_autoattach(program, false);
	}
	calls_choose(bpf, kernel, options->sockets);
	probes_choose(bpf, kernel, options->tls);
	btf__free(kernel);
	if (options->sockets && !bpf_program__autoload(bpf->progs.on_sock_sent))
		return -EOPNOTSUPP;
	return 0;
}

static int load(struct live *live, const struct live_options *options, struct failure *failure)
{
	struct glasstap_bpf *bpf;
	uint64_t control = options->ring / CONTROL_ROOM;
	int error;

	libbpf_set_print(silent);
	bpf = live->bpf = glasstap_bpf__open();
	if (!bpf)
		return load_failure(failure, -errno);
	error = choose(bpf, options);
	if (error)
		return load_failure(failure, error);
	if (control < 256 << 10)
		control = 256 << 10;
	bpf->rodata->data_limit = options->ring - control;
	bpf->rodata->snap = options->snap;
	bpf->rodata->trace_all = options->all;
	bpf->rodata->follow = options->follow;
	bpf->rodata->by_name = options->name_count != 0;
	bpf->rodata->ring_mask = options->ring - 1;
	if (getrandom((void *)&bpf->rodata->ring_secret, sizeof(bpf->rodata->ring_secret), 0) < 0)
		return failure_set(failure, -errno, "no random number: %s", strerror(errno));
	bpf_map__set_value_size(bpf->maps.ring, options->ring + RING_SLACK);
	bpf_map__set_max_entries(bpf->maps.bell, sysconf(_SC_PAGESIZE));
	if (options->all_fds)
		bpf_map__set_max_entries(bpf->maps.files, MAX_FILES);
	bpf_map__set_max_entries(bpf->maps.scratches, libbpf_num_possible_cpus());
	error = glasstap_bpf__load(bpf);
	if (error)
		return load_failure(failure, error);
	error = iterate(bpf->progs.scan_self, NULL, 1, NULL, NULL);
	if (error)
		return load_failure(failure, error);
	return 0;
}

/* The last part of a path, as the kernel programs compare it. */
static struct name name_of(const char *path)
{
	const char *slash = strrchr(path, '/');
	struct name name = {};

	snprintf(name.text, sizeof(name.text), "%s", slash ? slash + 1 : path);
	return name;
}

static int want(struct live *live, uint32_t pid)
{
	uint32_t zero = 0;

	return bpf_map__update_elem(live->bpf->maps.wanted, &pid, sizeof(pid), &zero, sizeof(zero),
				    BPF_ANY);
}

static bool is_named(const char *pid, const struct live_options *options)
{
	char path[64], comm[64] = "", exe[4096] = "";
	const char *last;
	ssize_t len;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%s/comm", pid);
	file = fopen(path, "re");
	if (!file)
		return false;
	if (fgets(comm, sizeof(comm), file))
		comm[strcspn(comm, "\n")] = 0;
	fclose(file);
	snprintf(path, sizeof(path), "/proc/%s/exe", pid);
	len = readlink(path, exe, sizeof(exe) - 1);
	if (len < 0)
		len = 0;
	exe[len] = 0;
	last = strrchr(exe, '/');
	for (size_t i = 0; i < options->name_count; i++) {
		struct name name = name_of(options->names[i]);

		/* comm holds 15 bytes. */
		if (!strncmp(comm, name.text, EVENT_COMM - 1) || (last && !strcmp(last + 1, name.text)))
			return true;
	}
	return false;
}

/* -n: those that run already; the kernel programs see the ones to come. */
static int want_named(struct live *live, const struct live_options *options)
{
	struct dirent *entry;
	DIR *proc;

	for (size_t i = 0; i < options->name_count; i++) {
		struct name name = name_of(options->names[i]);
		uint32_t one = 1;

		bpf_map__update_elem(live->bpf->maps.names, &name, sizeof(name), &one, sizeof(one),
				     BPF_ANY);
	}
	proc = opendir("/proc");
	if (!proc)
		return -errno;
	while ((entry = readdir(proc))) {
		uint32_t pid = strtoul(entry->d_name, NULL, 10);

		if (isdigit((unsigned char)entry->d_name[0]) && pid != (uint32_t)getpid() &&
		    is_named(entry->d_name, options)) {
			want(live, pid);
			live->found++;
		}
	}
	closedir(proc);
	return 0;
}

/* Turns what is wanted into targets, with their descendants. */
static int find_targets(struct live *live)
{
	int error = 0;

	do {
		live->bpf->bss->scan_added = 0;
		error = iterate(live->bpf->progs.scan_tasks, NULL, 1, NULL, NULL);
	} while (!error && live->bpf->bss->scan_added);
	return error;
}

static int check_pids(struct live *live, const struct live_options *options, struct failure *failure)
{
	for (size_t i = 0; i < options->pid_count; i++) {
		uint32_t pid = options->pids[i], found = 0;

		bpf_map__lookup_elem(live->bpf->maps.wanted, &pid, sizeof(pid), &found, sizeof(found),
				     0);
		if (found)
			continue;
		if (pid == (uint32_t)getpid())
			return failure_set(failure, -ESRCH, "%u is glasstap itself", pid);
		return failure_set(failure, -ESRCH,
				   "no process %u to trace: it has ended, or is a kernel thread; "
				   "'ps -e' lists what runs",
				   pid);
	}
	return 0;
}

void live_free(struct live *live)
{
	if (!live)
		return;
	probes_close(live->probes);
	watch_free(live->watch);
	calls_free(live->calls);
	ring_close(&live->ring);
	glasstap_bpf__destroy(live->bpf);
	free(live);
}

static int on_sample(void *context, void *data, size_t size)
{
	struct live *live = context;
	const struct event *event = data;

	/* An event is at most as long as its record, which comes in tiers. */
	if (size < sizeof(*event) || event->size > size)
		return 0;
	live->events++;
	watch_event(live->watch, event);
	live->result = live->on_event(live->context, event, event->size);
	if (live->result)
		return -ECANCELED;
	return ++live->drained >= DRAIN_EVENTS ? -EAGAIN : 0;
}

static int start(struct live *live, const struct live_options *options, struct failure *failure)
{
	int error = load(live, options, failure);

	if (error)
		return error;
	live->watch = watch_new(bpf_map__fd(live->bpf->maps.refused));
	live->ring = (struct ring){
		.secret = live->bpf->rodata->ring_secret,
		.head = (const volatile uint64_t *)&live->bpf->bss->ring_head,
		.tail = (volatile uint64_t *)&live->bpf->bss->ring_tail,
	};
	error = ring_open(&live->ring, bpf_map__fd(live->bpf->maps.ring), options->ring, RING_SLACK,
			  bpf_map__fd(live->bpf->maps.bell));
	if (error || !live->watch)
		return failure_set(failure, -ENOMEM, "no memory for the event ring");
	for (size_t i = 0; i < options->pid_count; i++)
		want(live, options->pids[i]);
	if (options->name_count)
		want_named(live, options);
	if (!options->all) {
		error = find_targets(live);
		if (error)
			return load_failure(failure, error);
		error = check_pids(live, options, failure);
		if (error)
			return error;
	}
	error = glasstap_bpf__attach(live->bpf);
	if (error)
		return load_failure(failure, error);
	if (options->sockets)
		live->calls = calls_attach(live->bpf, &live->missing);
	if (!options->all)
		error = find_targets(live);
	if (error)
		return load_failure(failure, error);
	if (!options->tls)
		return 0;
	live->probes = probes_open(live->bpf, options->say, options->say_context, failure);
	return live->probes ? 0 : -ENOMEM;
}

struct live *live_open(const struct live_options *options, struct failure *failure)
{
	struct live *live = calloc(1, sizeof(*live));

	if (!live) {
		failure_set(failure, -ENOMEM, "no memory");
		return NULL;
	}
	live->began = boottime();
	if (start(live, options, failure)) {
		live_free(live);
		return NULL;
	}
	return live;
}

int live_add(struct live *live, uint32_t pid, struct failure *failure)
{
	int error;

	want(live, pid);
	error = find_targets(live);
	return error ? load_failure(failure, error) : 0;
}

void live_command(struct live *live, char **argv)
{
	if (live->probes)
		probes_command(live->probes, argv);
}

int live_scan(struct live *live, struct failure *failure)
{
	int error;

	if (!bpf_program__autoload(live->bpf->progs.scan_files))
		return 0;
	error = iterate(live->bpf->progs.scan_threads, NULL, 1, NULL, NULL);
	if (!error)
		error = iterate(live->bpf->progs.scan_files, NULL, 1, NULL, NULL);
	live->bpf->bss->scan_accepted_only = true;
	return error ? load_failure(failure, error) : 0;
}

const char *live_missing(const struct live *live)
{
	return live->missing;
}

size_t live_found(const struct live *live)
{
	return live->found;
}

size_t live_targets(const struct live *live)
{
	return live->bpf->bss->targets_alive;
}

int live_fd(const struct live *live)
{
	return bpf_map__fd(live->bpf->maps.bell);
}

void live_idle(struct live *live, bool idle)
{
	__atomic_store_n(&live->bpf->bss->reader_idle, idle, __ATOMIC_SEQ_CST);
	if (!idle)
		ring_heard(&live->ring);
}

int live_drain(struct live *live, source_event_fn *on_event, void *context)
{
	live->on_event = on_event;
	live->context = context;
	live->result = 0;
	live->drained = 0;
	ring_drain(&live->ring, on_sample, live);
	return live->result ? live->result : (int)live->drained;
}

static int tick(source_event_fn *on_event, void *context)
{
	struct event_tick event = { .head = { .size = sizeof(event), .type = EVENT_TICK } };

	event.head.time = boottime();
	return on_event(context, &event.head, sizeof(event));
}

static void on_rows(void *context, const void *rows, size_t count)
{
	watch_rows(context, rows, count);
}

/* Which of the announced sockets are still there? */
static int look_around(struct live *live, source_event_fn *on_event, void *context)
{
	watch_begin(live->watch);
	if (iterate(live->bpf->progs.sweep, live->bpf->maps.sockets, sizeof(struct sweep_row), on_rows,
		    live->watch))
		return 0;
	return watch_end(live->watch, boottime(), on_event, context);
}

int live_tend(struct live *live, source_event_fn *on_event, void *context)
{
	int error = tick(on_event, context);

	if (error || !bpf_program__autoload(live->bpf->progs.sweep))
		return error ? error : -1;
	if (live->bpf->bss->waiting_accepts) {
		live->bpf->bss->waiting_accepts = 0;
		iterate(live->bpf->progs.scan_files, NULL, 1, NULL, NULL);
	}
	if (!watch_needed(live->watch, live->bpf->bss->lost[LOST_CLOSE]))
		return -1;
	error = look_around(live, on_event, context);
	return error ? error : SWEEP_MS;
}

/* How often the kernel refused to run a program inside itself. */
static uint64_t nested(struct glasstap_bpf *bpf)
{
	struct bpf_program *program;
	uint64_t misses = 0;

	bpf_object__for_each_program(program, bpf->obj) {
		struct bpf_prog_info info = {};
		__u32 size = sizeof(info);

		if (bpf_program__autoload(program) &&
		    !bpf_obj_get_info_by_fd(bpf_program__fd(program), &info, &size))
			misses += info.recursion_misses;
	}
	return misses;
}

int live_end(struct live *live, source_event_fn *on_event, void *context)
{
	struct event_end end = { .head = { .size = sizeof(end), .type = EVENT_END } };
	int result;

	end.lost[LOST_NESTED] = nested(live->bpf);
	calls_free(live->calls);
	live->calls = NULL;
	glasstap_bpf__detach(live->bpf);
	probes_close(live->probes);
	live->probes = NULL;
	while ((result = live_drain(live, on_event, context)) > 0)
		;
	if (result)
		return result;
	if (bpf_program__autoload(live->bpf->progs.sweep)) {
		/* Twice: what is gone must be missing twice. */
		result = look_around(live, on_event, context);
		if (!result)
			result = look_around(live, on_event, context);
		if (!result)
			result = watch_totals(live->watch, boottime(), on_event, context);
		if (result)
			return result;
	}
	end.head.time = boottime();
	end.began = live->began;
	end.events = live->events;
	for (int i = 0; i < LOST_KINDS; i++)
		if (i != LOST_NESTED)
			end.lost[i] = live->bpf->bss->lost[i];
	end.unplaced_bytes = live->bpf->bss->unplaced_bytes;
	end.lost_secrets = live->bpf->bss->lost_secrets;
	return on_event(context, &end.head, sizeof(end));
}
