/* flood BYTES CONNECTIONS [CHUNK [RATE [wait]]]: moves BYTES over each connection
 * from one process to another, as fast as it goes or, if RATE is not 0, at RATE
 * bytes/s each. `wait`: says "ready PID" and begins after a line on stdin. Byte N of each stream is byte N % 1 MiB of the
 * lines "%015x\n" counted from 0. Says at the end, for each end:
 *
 *	end PID LOCAL REMOTE BYTES_OUT BYTES_IN
 *	seconds S
 */
#include "workload.h"

#include <pthread.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>

#define BLOCK (1u << 20)
#define MAX_CONNECTIONS 256

struct job {
	pthread_t thread;
	int fd;
	unsigned long long bytes, chunk, rate, out, in;
};

static char *block;

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec + time.tv_nsec / 1e9;
}

/* Sleeps until so many bytes are due. */
static void pace(const struct job *job, double began)
{
	double due = began + (double)job->out / job->rate - now();

	if (due > 0.0005)
		usleep(due * 1e6);
}

static void *send_all(void *argument)
{
	struct job *job = argument;
	char answer[5];
	double began = now();

	while (job->out < job->bytes) {
		if (job->rate)
			pace(job, began);
		unsigned long long at = job->out % BLOCK, len = job->chunk;

		if (len > BLOCK - at)
			len = BLOCK - at;
		if (len > job->bytes - job->out)
			len = job->bytes - job->out;
		ssize_t n = write(job->fd, block + at, len);

		if (n <= 0)
			die("write");
		job->out += n;
	}
	read_all(job->fd, answer, sizeof(answer));
	job->in = sizeof(answer);
	return NULL;
}

static void *receive_all(void *argument)
{
	struct job *job = argument;
	char *buf = malloc(BLOCK);

	while (job->in < job->bytes) {
		ssize_t n = read(job->fd, buf, 256 << 10);

		if (n <= 0)
			die("read");
		job->in += n;
	}
	if (write(job->fd, "done\n", 5) != 5)
		die("write");
	job->out = 5;
	free(buf);
	return NULL;
}

static void run(struct job *jobs, int count, void *(*work)(void *))
{
	char local[128], remote[128];

	for (int i = 1; i < count; i++)
		if (pthread_create(&jobs[i].thread, NULL, work, &jobs[i]))
			die("pthread_create");
	work(&jobs[0]);
	for (int i = 1; i < count; i++)
		pthread_join(jobs[i].thread, NULL);
	for (int i = 0; i < count; i++) {
		local_text(local, sizeof(local), jobs[i].fd);
		remote_text(remote, sizeof(remote), jobs[i].fd);
		printf("end %d %s %s %llu %llu\n", getpid(), local, remote, jobs[i].out,
		       jobs[i].in);
	}
	fflush(stdout);
}

int main(int argc, char **argv)
{
	static struct job senders[MAX_CONNECTIONS], receivers[MAX_CONNECTIONS];
	char line[64];

	if (argc < 3) {
		fprintf(stderr, "usage: flood BYTES CONNECTIONS [CHUNK [RATE [wait]]]\n");
		return 2;
	}
	unsigned long long bytes = strtoull(argv[1], NULL, 10);
	unsigned long long chunk = argc > 3 ? strtoull(argv[3], NULL, 10) : 65536;
	unsigned long long rate = argc > 4 ? strtoull(argv[4], NULL, 10) : 0;
	int count = atoi(argv[2]), fds[2], status;
	double began;

	if (count < 1 || count > MAX_CONNECTIONS || !chunk)
		return 2;
	block = malloc(BLOCK + 16);
	for (unsigned i = 0; i < BLOCK / 16; i++)
		snprintf(block + i * 16, 17, "%015x\n", i);
	if (argc > 5) {
		printf("ready %d\n", getpid());
		fflush(stdout);
		if (!fgets(line, sizeof(line), stdin))
			return 0;
	}
	for (int i = 0; i < count; i++) {
		tcp_pair(fds, AF_INET, 0);
		senders[i] = (struct job){.fd = fds[0], .bytes = bytes, .chunk = chunk,
					  .rate = rate};
		receivers[i] = (struct job){.fd = fds[1], .bytes = bytes};
	}
	began = now();
	pid_t child = fork();

	if (child < 0)
		die("fork");
	struct job *other = child ? receivers : senders;

	for (int i = 0; i < count; i++)
		close(other[i].fd);
	if (!child) {
		run(receivers, count, receive_all);
		return 0;
	}
	run(senders, count, send_all);
	if (waitpid(child, &status, 0) != child || status)
		die("the receiver ended with %d", status);
	printf("seconds %.6f\n", now() - began);
	return 0;
}
