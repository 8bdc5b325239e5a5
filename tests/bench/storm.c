// SPDX-License-Identifier: Apache-2.0
/*
 * storm COUNT fork|vfork PROGRAM FIRST: COUNT times fork, execve and wait, one after the other.
 * Each exec is verified by the exit status that only PROGRAM (tiny.c) gives. The first argument
 * of each is --run=MARK:INDEX, from FIRST on, so that every single exec can be found in a
 * tracer's output; MARK comes by the environment to keep this program's own exec free of it.
 * Prints the nanoseconds for all.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { RAN = 42, EXEC_FAILED = 127, TEXT = 96 };

extern char **environ;

static long long now_ns(void)
{
	struct timespec at;

	clock_gettime(CLOCK_MONOTONIC, &at);
	return at.tv_sec * 1000000000LL + at.tv_nsec;
}

static void run(int by_vfork, const char *program, char **argv)
{
	int status;
	pid_t child = by_vfork ? vfork() : fork();

	if (child == 0) {
		execve(program, argv, environ);
		_exit(EXEC_FAILED);
	}
	if (child < 0 || waitpid(child, &status, 0) != child) {
		perror("storm");
		exit(1);
	}
	if (!WIFEXITED(status) || WEXITSTATUS(status) != RAN) {
		fprintf(stderr, "storm: %s did not run (status %#x)\n", program, status);
		exit(1);
	}
}

int main(int argc, char **argv)
{
	const char *mark = getenv("BENCH_MARK");
	char marked[TEXT], input[TEXT];
	char *arguments[] = {NULL, marked, "--output=json", "--level=3", "--retries=5", "--jobs=2",
		"-v", input, NULL};
	long long started;
	long count, first;
	int by_vfork;

	if (argc != 5 || !mark) {
		fprintf(stderr, "usage: BENCH_MARK=MARK storm COUNT fork|vfork PROGRAM FIRST\n");
		return 2;
	}
	count = atol(argv[1]);
	first = atol(argv[4]);
	by_vfork = !strcmp(argv[2], "vfork");
	arguments[0] = argv[3];
	started = now_ns();
	for (long i = first; i < first + count; i++) {
		snprintf(marked, sizeof(marked), "--run=%s:%ld", mark, i);
		snprintf(input, sizeof(input), "--input=/var/lib/app/data/%08ld.json", i);
		run(by_vfork, argv[3], arguments);
	}
	printf("%lld\n", now_ns() - started);
	return 0;
}
