// SPDX-License-Identifier: Apache-2.0
// usage: threads COUNT together|apart|leader-first STATUS
//
// Starts COUNT threads and ends with STATUS: all at once by exit_group, each thread by itself,
// spread over the processors and at the same moment, or the leader before all others.
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static pthread_barrier_t ready;
static const char *order;
static long status, threads;
static atomic_long arrived;

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

/* A barrier of a kernel's making lets one thread out after the other; this one all at once. */
static void meet(void)
{
	atomic_fetch_add(&arrived, 1);
	while (atomic_load(&arrived) < threads)
		;
}

static void pin_to_nth_processor(long nth)
{
	cpu_set_t allowed, one;
	long cpu = -1;

	sched_getaffinity(0, sizeof(allowed), &allowed);
	nth %= CPU_COUNT(&allowed);
	do
		nth -= CPU_ISSET(++cpu, &allowed) != 0;
	while (nth >= 0);
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	sched_setaffinity(0, sizeof(one), &one);
}

static void *run(void *nth)
{
	if (!strcmp(order, "apart"))
		pin_to_nth_processor((long)nth);
	pthread_barrier_wait(&ready);
	if (!strcmp(order, "apart"))
		meet();
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
	threads = count + 1;
	order = argv[2];
	status = atol(argv[3]);
	pthread_barrier_init(&ready, NULL, count + 1);
	for (long i = 0; i < count; i++)
		if (pthread_create(&thread, NULL, run, (void *)(i + 1)))
			return 2;
	if (!strcmp(order, "together")) {
		pthread_barrier_wait(&ready);
		_exit(status);
	}
	if (!strcmp(order, "leader-first")) {
		pthread_barrier_wait(&ready);
		end_thread();
	}
	run(NULL);
}
