#include "flow/processes.h"

#include "limits.h"

void processes_init(struct processes *processes)
{
	*processes = (struct processes){ 0 };
	map_init(&processes->alive, MAX_PROCESSES);
}

void processes_free(struct processes *processes)
{
	map_free(&processes->alive);
}

/* With the table full, those that do not fit are not counted: too few is better
 * than the same one many times. */
void processes_saw(struct processes *processes, uint32_t pid)
{
	if (pid == 0 || pid == processes->last)
		return;
	processes->last = pid;
	if (!map_get(&processes->alive, pid) && map_put(&processes->alive, pid, processes) == 0)
		processes->seen++;
}

void processes_ended(struct processes *processes, uint32_t pid)
{
	map_remove(&processes->alive, pid);
	if (processes->last == pid)
		processes->last = 0;
}
