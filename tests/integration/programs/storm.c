// SPDX-License-Identifier: Apache-2.0
// usage: storm COUNT fork|vfork FILE [BYTES [CHILDREN]]
//
// One worker on each processor calls exec on FILE as fast as it can, COUNT times in all, with the
// arguments FILE, WORKER:NUMBER and about BYTES of filling. Prints how many execs succeeded and how
// many failed. With CHILDREN, each worker keeps so many in flight.
#define _GNU_SOURCE
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define PIECE 1000

static char **filling(long bytes)
{
	long pieces = bytes / PIECE;
	char **argv = calloc(pieces + 3, sizeof(*argv));

	for (long i = 0; i < pieces; i++) {
		argv[i + 2] = malloc(PIECE);
		memset(argv[i + 2], 'a' + i % 26, PIECE - 1);
		argv[i + 2][PIECE - 1] = 0;
	}
	return argv;
}

static long collect(void)
{
	int status;

	if (wait(&status) < 0 || !WIFEXITED(status))
		exit(1);
	return WEXITSTATUS(status) != 0;
}

/* In a function of its own, so that no variable lives across the return of vfork(). */
static __attribute__((noinline)) void start(int share, char **argv)
{
	static char *environment[] = {"STORM=1", NULL};
	pid_t child = share ? vfork() : fork();

	if (child == 0) {
		execve(argv[0], argv, environment);
		_exit(127);
	}
	if (child < 0)
		exit(1);
}

static long work(int worker, long count, int share, char *file, long bytes, long children)
{
	char number[32], **argv = filling(bytes);
	long failed = 0, running = 0;

	argv[0] = file;
	argv[1] = number;
	for (long i = 0; i < count; i++) {
		snprintf(number, sizeof(number), "%d:%ld", worker, i);
		start(share, argv);
		if (++running >= children)
			failed += collect(), running--;
	}
	while (running--)
		failed += collect();
	return failed;
}

static void pin_to(const cpu_set_t *allowed, int nth)
{
	cpu_set_t one;
	int cpu = -1;

	do
		nth -= CPU_ISSET(++cpu, allowed) != 0;
	while (nth >= 0);
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	if (sched_setaffinity(0, sizeof(one), &one))
		exit(1);
}

int main(int argc, char **argv)
{
	long count, bytes, children, failed = 0, part;
	int workers, status, pipes[2];
	cpu_set_t allowed;

	if (argc < 4)
		return 2;
	count = atol(argv[1]);
	bytes = argc > 4 ? atol(argv[4]) : 0;
	children = argc > 5 ? atol(argv[5]) : 1;
	if (sched_getaffinity(0, sizeof(allowed), &allowed) || pipe(pipes))
		return 1;
	workers = CPU_COUNT(&allowed);
	for (int i = 0; i < workers; i++) {
		if (fork())
			continue;
		/* Whoever ends the storm ends the workers. */
		if (prctl(PR_SET_PDEATHSIG, SIGKILL))
			_exit(1);
		pin_to(&allowed, i);
		part = work(i, count / workers + (i < count % workers), argv[2][0] == 'v', argv[3],
			bytes, children);
		_exit(write(pipes[1], &part, sizeof(part)) != sizeof(part));
	}
	for (int i = 0; i < workers; i++) {
		if (wait(&status) < 0 || status || read(pipes[0], &part, sizeof(part)) < 0)
			return 1;
		failed += part;
	}
	printf("%ld %ld\n", count - failed, failed);
	return 0;
}
