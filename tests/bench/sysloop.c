// SPDX-License-Identifier: Apache-2.0
/*
 * sysloop CALLS BATCHES CPU: what one getppid system call costs, pinned to CPU. Prints the
 * nanoseconds per call of the quickest batch: interruptions only ever add, so the least of
 * many is what the call itself takes.
 */
#define _GNU_SOURCE
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static double batch_ns(long calls)
{
	struct timespec from, to;

	clock_gettime(CLOCK_MONOTONIC, &from);
	for (long i = 0; i < calls; i++)
		syscall(SYS_getppid);
	clock_gettime(CLOCK_MONOTONIC, &to);
	return ((to.tv_sec - from.tv_sec) * 1e9 + (to.tv_nsec - from.tv_nsec)) / calls;
}

int main(int argc, char **argv)
{
	double least = 1e18;
	cpu_set_t cpus;

	if (argc != 4) {
		fprintf(stderr, "usage: sysloop CALLS BATCHES CPU\n");
		return 2;
	}
	CPU_ZERO(&cpus);
	CPU_SET(atoi(argv[3]), &cpus);
	if (sched_setaffinity(0, sizeof(cpus), &cpus)) {
		perror("sysloop: sched_setaffinity");
		return 1;
	}
	for (int i = 0; i < atoi(argv[2]); i++) {
		double ns = batch_ns(atol(argv[1]));

		if (ns < least)
			least = ns;
	}
	printf("%.3f\n", least);
	return 0;
}
