#include "source/calls.h"

#include <bpf/libbpf.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <mntent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "glasstap.skel.h"

#define PROGRAMS 5

struct calls {
	struct bpf_link *links[PROGRAMS];
};

static void programs_of(struct glasstap_bpf *bpf, struct bpf_program *programs[PROGRAMS])
{
	programs[0] = bpf->progs.on_sender_4;
	programs[1] = bpf->progs.on_sender_6;
	programs[2] = bpf->progs.on_connect_4;
	programs[3] = bpf->progs.on_connect_6;
	programs[4] = bpf->progs.on_connect_unix;
}

/* The kernel's own number for the hook of unix connects; -1: it has none. */
static int unix_connect_type(const struct btf *kernel)
{
	int id = btf__find_by_name_kind(kernel, "bpf_attach_type", BTF_KIND_ENUM);
	const struct btf_type *type = id > 0 ? btf__type_by_id(kernel, id) : NULL;

	for (int i = 0; type && i < btf_vlen(type); i++) {
		const struct btf_enum *value = btf_enum(type) + i;

		if (!strcmp(btf__name_by_offset(kernel, value->name_off), "BPF_CGROUP_UNIX_CONNECT"))
			return value->val;
	}
	return -1;
}

/* The kernel asks for CAP_NET_ADMIN to load programs of this kind. */
static bool may_load(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = {};

	if (syscall(SYS_capget, &header, data))
		return false;
	return data[0].effective & 1u << CAP_NET_ADMIN;
}

void calls_choose(struct glasstap_bpf *bpf, const struct btf *kernel, bool wanted)
{
	bool work = btf__find_by_name_kind(kernel, "bpf_task_work_schedule_resume_impl",
					   BTF_KIND_FUNC) > 0;
	int unix_type = unix_connect_type(kernel);

	wanted = wanted && may_load();
	bpf_program__set_autoload(bpf->progs.on_sender_4, wanted);
	bpf_program__set_autoload(bpf->progs.on_sender_6, wanted);
	bpf_program__set_autoload(bpf->progs.on_connect_4, wanted && work);
	bpf_program__set_autoload(bpf->progs.on_connect_6, wanted && work);
	bpf_program__set_autoload(bpf->progs.on_connect_unix, wanted && work && unix_type >= 0);
	if (unix_type >= 0)
		bpf_program__set_expected_attach_type(bpf->progs.on_connect_unix, unix_type);
}

/* The top of the hierarchy, wherever it is mounted; -1: nowhere. */
static int open_root_cgroup(void)
{
	struct mntent *entry;
	FILE *mounts = setmntent("/proc/self/mounts", "re");
	int fd = -1;

	if (!mounts)
		return -1;
	while (fd < 0 && (entry = getmntent(mounts)))
		if (!strcmp(entry->mnt_type, "cgroup2"))
			fd = open(entry->mnt_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	endmntent(mounts);
	return fd;
}

struct calls *calls_attach(struct glasstap_bpf *bpf, const char **missing)
{
	struct bpf_program *programs[PROGRAMS];
	struct calls *calls;
	int fd;

	*missing = "CAP_NET_ADMIN is missing: no senders of datagrams, and no connects that "
		   "fail at once (no route, no such path)";
	if (!may_load())
		return NULL;
	*missing = "no cgroup2 is mounted: no senders of datagrams, and no connects that fail at "
		   "once (no route, no such path)";
	fd = open_root_cgroup();
	if (fd < 0)
		return NULL;
	calls = calloc(1, sizeof(*calls));
	programs_of(bpf, programs);
	*missing = NULL;
	for (int i = 0; calls && i < PROGRAMS; i++) {
		if (bpf_program__autoload(programs[i]))
			calls->links[i] = bpf_program__attach_cgroup(programs[i], fd);
		if (!calls->links[i])
			*missing = "not seen with this kernel: connects that fail at once (no "
				   "route, no such path)";
	}
	close(fd);
	return calls;
}

void calls_free(struct calls *calls)
{
	if (!calls)
		return;
	for (int i = 0; i < PROGRAMS; i++)
		bpf_link__destroy(calls->links[i]);
	free(calls);
}
