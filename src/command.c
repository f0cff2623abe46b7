#include "command.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* The child's side: nothing of glasstap's own settings may reach the program. */
static void run(int go, int error, char **argv)
{
	sigset_t none;
	char word;
	int code;

	if (read(go, &word, 1) != 1)
		_exit(125);
	signal(SIGPIPE, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	execvp(argv[0], argv);
	code = errno;
	if (write(error, &code, sizeof(code)) < 0)
		_exit(125);
	_exit(127);
}

int command_start(struct command *command, char **argv, struct failure *failure)
{
	int go[2], error[2];
	pid_t pid;

	if (pipe2(go, O_CLOEXEC))
		return failure_set(failure, -errno, "cannot make a pipe: %s", strerror(errno));
	if (pipe2(error, O_CLOEXEC)) {
		int code = errno;

		close(go[0]);
		close(go[1]);
		return failure_set(failure, -code, "cannot make a pipe: %s", strerror(code));
	}
	pid = fork();
	if (pid == 0) {
		close(go[1]);
		close(error[0]);
		run(go[0], error[1], argv);
	}
	close(go[0]);
	close(error[1]);
	if (pid < 0) {
		int code = errno;

		close(go[1]);
		close(error[0]);
		return failure_set(failure, -code, "cannot start a process: %s", strerror(code));
	}
	*command = (struct command){ .pid = pid, .go = go[1], .error = error[0] };
	return 0;
}

int command_go(struct command *command, char **argv, struct failure *failure)
{
	int code = 0;
	ssize_t got;

	if (write(command->go, "g", 1) != 1)
		code = errno;
	close(command->go);
	command->go = -1;
	/* The other end closes when the program is there. */
	while ((got = read(command->error, &code, sizeof(code))) < 0 && errno == EINTR)
		;
	close(command->error);
	command->error = -1;
	if (got == 0 && !code)
		return 0;
	command_reap(command, true);
	return failure_set(failure, -code, "cannot run '%s': %s", argv[0], strerror(code));
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
	close(command->error);
	command->go = -1;
	command_reap(command, true);
}
