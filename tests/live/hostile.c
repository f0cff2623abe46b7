/* hostile DIR: data, arguments, process names, directories and socket names that
 * hold terminal escapes, NULs and invalid UTF-8. Says "data HEX" for each message
 * that it sends, and "comm HEX", "cwd HEX", "argv HEX" for what it went by. */
#include "workload.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/stat.h>

static const struct { const char *bytes; size_t len; } messages[] = {
#define M(text) {text, sizeof(text) - 1}
	M("\033]0;owned\007"), M("\033[2J\033[H\033[31mred"), M("\233" "31mC1 raw"),
	M("\302\233" "31mC1 in UTF-8"), M("nul\0in\0the middle\0"), M("\377\376 invalid"),
	M("cut \342\202"), M("overlong \300\257"), M("surrogate \355\240\200"),
	M("beyond \364\220\200\200"), M("back\b\b\b\rreturn\x7f" "delete"),
	M("quote \" backslash \\ slash / tab \t newline \n"),
	M("valid \342\202\254 \360\237\230\200 \302\240"), M("line \342\200\250 right-to-left \342\200\256"),
	M("\033P$q\"p\033\\"), M("\017\016shift"), M("\0"), M("\n"), M("\r\n"),
};

static void tell(const char *word, const char *bytes, size_t len)
{
	printf("%s ", word);
	for (size_t i = 0; i < len; i++)
		printf("%02x", (unsigned char)bytes[i]);
	printf("\n");
	fflush(stdout);
}

static void send_messages(int fds[2])
{
	unsigned char every[256];
	char buf[512];

	for (size_t i = 0; i < COUNT_OF(messages); i++) {
		if (write(fds[0], messages[i].bytes, messages[i].len) != (ssize_t)messages[i].len)
			die("write");
		read_all(fds[1], buf, messages[i].len);
		tell("data", messages[i].bytes, messages[i].len);
	}
	for (size_t i = 0; i < sizeof(every); i++)
		every[i] = i;
	if (write(fds[0], every, sizeof(every)) != sizeof(every))
		die("write");
	read_all(fds[1], buf, sizeof(every));
	tell("data", (char *)every, sizeof(every));
	close(fds[0]);
	close(fds[1]);
}

static void name_sockets(void)
{
	static const char abstract[] = "\0abs\033[31m\0tract\377";
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	socklen_t len = offsetof(struct sockaddr_un, sun_path) + sizeof(abstract) - 1;
	int fds[2], server = socket(AF_UNIX, SOCK_STREAM, 0);

	memcpy(un.sun_path, abstract, sizeof(abstract) - 1);
	snprintf(un.sun_path + sizeof(abstract) - 1, 16, "%d", getpid());
	len += strlen(un.sun_path + sizeof(abstract) - 1);
	fds[0] = socket(AF_UNIX, SOCK_STREAM, 0);
	if (bind(server, (struct sockaddr *)&un, len) || listen(server, 1) ||
	    connect(fds[0], (struct sockaddr *)&un, len))
		die("abstract socket");
	fds[1] = accept(server, NULL, NULL);
	send_messages(fds);
	close(server);
	unix_pair(fds, SOCK_STREAM, "sock\033]0;et\007\377\n");
	send_messages(fds);
	unlink("sock\033]0;et\007\377\n");
}

static void name_process(const char *name)
{
	char comm[17] = "";

	prctl(PR_SET_NAME, name);
	prctl(PR_GET_NAME, comm);
	tell("comm", comm, strlen(comm));
}

int main(int argc, char **argv)
{
	static const char *const directory = "d\033[31m\xff\n\x9b" "ir", *const program = "p\033]0;x\007\xfe";
	char cwd[1024], self[512] = "";
	int fds[2];

	if (argc < 2) {
		fprintf(stderr, "usage: hostile DIR\n");
		return 2;
	}
	if (strcmp(argv[1], "again")) {
		if (readlink("/proc/self/exe", self, sizeof(self) - 1) < 0 || chdir(argv[1]) ||
		    mkdir(directory, 0700) || chdir(directory) || symlink(self, program))
			die("%s", argv[1]);
		name_process("\033[7m\377\001\"\\'");
		if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds))
			die("socketpair");
		send_messages(fds);
		tcp_pair(fds, AF_INET, 0);
		send_messages(fds);
		char *args[] = {"\033[5margv0", "again", "\033]52;c;YQ==\007", "\377\376", "", "\n\r\t",
				"\302\233" "1m", "\342\202", "plain", "\342\202\254", NULL};

		execv(program, args);
		die("execv");
	}
	if (!getcwd(cwd, sizeof(cwd)))
		die("getcwd");
	tell("cwd", cwd, strlen(cwd));
	for (int i = 0; i < argc; i++)
		tell("argv", argv[i], strlen(argv[i]));
	char comm[17] = "";

	prctl(PR_GET_NAME, comm);
	tell("comm", comm, strlen(comm));
	name_sockets();
	unlink(program);
	if (chdir(".."))
		die("chdir");
	rmdir(directory);
	return 0;
}
