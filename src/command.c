#include "command.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

/* The child's side: nothing of glasstap's own settings may reach the program, and
 * it reads and writes nothing, because it is traced already. */
static void run(int go, int *error, char **argv)
{
	struct pollfd word = { .fd = go, .events = POLLIN };
	sigset_t none;

	while (poll(&word, 1, -1) < 0 && errno == EINTR)
		;
	if (!(word.revents & POLLIN))
		_exit(125);
	signal(SIGPIPE, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	execvp(argv[0], argv);
	*error = errno;
	_exit(127);
}

static void close_pipe(int pipe[2])
{
	for (int i = 0; i < 2; i++)
		if (pipe[i] >= 0)
			close(pipe[i]);
}

int command_start(struct command *command, char **argv, struct failure *failure)
{
	int go[2] = { -1, -1 }, gone[2] = { -1, -1 }, *error, code;
	pid_t pid = -1;

	error = mmap(NULL, sizeof(*error), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (error != MAP_FAILED && !pipe2(go, O_CLOEXEC) && !pipe2(gone, O_CLOEXEC))
		pid = fork();
	if (pid == 0) {
		close(go[1]);
		close(gone[0]);
		run(go[0], error, argv);
	}
	if (pid < 0) {
		code = errno;
		close_pipe(go);
		close_pipe(gone);
		return failure_set(failure, -code, "cannot start a process: %s", strerror(code));
	}
	close(go[0]);
	close(gone[1]);
	*command = (struct command){ .pid = pid, .go = go[1], .gone = gone[0], .error = error };
	return 0;
}

int command_go(struct command *command, char **argv, struct failure *failure)
{
	char word = 'g';

	if (write(command->go, &word, 1) != 1)
		*command->error = errno;
	/* The other end closes when the program is there, or the child is not. */
	while (read(command->gone, &word, 1) < 0 && errno == EINTR)
		;
	close(command->go);
	close(command->gone);
	command->go = command->gone = -1;
	if (!*command->error)
		return 0;
	command_reap(command, true);
	return failure_set(failure, -*command->error, "cannot run '%s': %s", argv[0],
			   strerror(*command->error));
}

void command_signal(struct command *command, int number)
{
	if (command->pid > 0 && !command->ended)
		kill(command->pid, number);
}

bool command_reap(struct command *command, bool wait)
{
	pid_t pid;

	if (command->pid <= 0 || command->ended)
		return command->ended;
	do
		pid = waitpid(command->pid, &command->status, wait ? 0 : WNOHANG);
	while (pid < 0 && errno == EINTR);
	command->ended = pid == command->pid;
	return command->ended;
}

int command_exit_status(const struct command *command)
{
	if (WIFSIGNALED(command->status))
		return 128 + WTERMSIG(command->status);
	return WEXITSTATUS(command->status);
}

void command_cancel(struct command *command)
{
	if (command->pid <= 0 || command->go < 0)
		return;
	close(command->go);
	close(command->gone);
	command->go = -1;
	command_reap(command, true);
}
