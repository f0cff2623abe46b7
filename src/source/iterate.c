#include "source/iterate.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

static int run(int fd, size_t size, void (*rows)(void *context, const void *rows, size_t count),
	       void *context)
{
	char room[64 * MAX_ROW];
	size_t kept = 0;
	ssize_t got;

	while ((got = read(fd, room + kept, sizeof(room) - kept)) != 0) {
		if (got < 0) {
			if (errno == EINTR || errno == EAGAIN)
				continue;
			return -errno;
		}
		if (!rows)
			continue;
		kept += got;
		rows(context, room, kept / size);
		memmove(room, room + kept - kept % size, kept % size);
		kept %= size;
	}
	return 0;
}

int iterate(struct bpf_program *program, struct bpf_map *map, size_t size,
	    void (*rows)(void *context, const void *rows, size_t count), void *context)
{
	union bpf_iter_link_info info = { .map.map_fd = map ? bpf_map__fd(map) : 0 };
	LIBBPF_OPTS(bpf_iter_attach_opts, options);
	struct bpf_link *link;
	int fd, error;

	if (map) {
		options.link_info = &info;
		options.link_info_len = sizeof(info);
	}
	link = bpf_program__attach_iter(program, &options);
	if (!link)
		return -errno;
	fd = bpf_iter_create(bpf_link__fd(link));
	error = fd < 0 ? -errno : run(fd, size, rows, context);
	if (fd >= 0)
		close(fd);
	bpf_link__destroy(link);
	return error;
}
