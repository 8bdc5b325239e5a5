// SPDX-License-Identifier: Apache-2.0
// usage: threads COUNT together|apart|leader-first STATUS
//
// Starts COUNT threads and ends with STATUS: all at once by exit_group, each thread by itself at
// about the same time, or the leader before all others.
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static pthread_barrier_t ready;
static const char *order;
static long status;

/* Not by the C library, which would make the last thread call exit_group(0). */
static void end_thread(void)
{
	syscall(SYS_exit, status);
}

/* A leader that has ended stays as a zombie as long as other threads run. */
static void wait_for_leader(void)
{
	char path[64], state = 0;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/stat", getpid(), getpid());
	while (state != 'Z') {
		FILE *stat = fopen(path, "r");

		if (!stat || fscanf(stat, "%*d (%*[^)]) %c", &state) != 1)
			_exit(126);
		fclose(stat);
		sched_yield();
	}
}

static void *run(void *unused)
{
	(void)unused;
	pthread_barrier_wait(&ready);
	if (!strcmp(order, "leader-first"))
		wait_for_leader();
	while (!strcmp(order, "together"))
		pause();
	end_thread();
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t thread;
	long count;

	if (argc != 4)
		return 2;
	count = atol(argv[1]);
	order = argv[2];
	status = atol(argv[3]);
	pthread_barrier_init(&ready, NULL, count + 1);
	for (long i = 0; i < count; i++)
		if (pthread_create(&thread, NULL, run, NULL))
			return 2;
	pthread_barrier_wait(&ready);
	if (!strcmp(order, "together"))
		_exit(status);
	end_thread();
}
