// SPDX-License-Identifier: Apache-2.0
/*
 * storm COUNT fork|vfork PROGRAM FIRST [PER_SECOND [EXTRA_BYTES]]: COUNT times fork, execve and
 * wait, one after the other, as fast as it goes or so many per second. Each exec is verified by the
 * exit status that only PROGRAM (tiny.c) gives. The first argument of each is --run=MARK:INDEX,
 * from FIRST on, so that every single exec can be found in a tracer's output; MARK comes by the
 * environment to keep this program's own exec free of it. EXTRA_BYTES of further arguments follow
 * the usual ones. Prints the nanoseconds for all.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
	RAN = 42,
	EXEC_FAILED = 127,
	TEXT = 96,
	USUAL = 8,
	PIECE = 64 << 10, /* the kernel takes no argument above 128 KiB */
	PIECES = 64,
	NS_PER_S = 1000000000
};

extern char **environ;

static long long now_ns(void)
{
	struct timespec at;

	clock_gettime(CLOCK_MONOTONIC, &at);
	return at.tv_sec * (long long)NS_PER_S + at.tv_nsec;
}

static void sleep_until(long long ns)
{
	struct timespec at = {.tv_sec = ns / NS_PER_S, .tv_nsec = ns % NS_PER_S};

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL))
		;
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

static void add_extra(char **arguments, long bytes)
{
	for (int i = USUAL; bytes > 0 && i < USUAL + PIECES; i++) {
		long size = bytes < PIECE ? bytes : PIECE;

		arguments[i] = malloc(size);
		if (!arguments[i])
			exit(1);
		memset(arguments[i], 'a' + i % 26, size - 1);
		arguments[i][size - 1] = 0;
		bytes -= size;
	}
}

int main(int argc, char **argv)
{
	const char *mark = getenv("BENCH_MARK");
	char marked[TEXT], input[TEXT];
	char *arguments[USUAL + PIECES + 1] = {NULL, marked, "--output=json", "--level=3",
		"--retries=5", "--jobs=2", "-v", input, NULL};
	long long started;
	long count, first, per_second;
	int by_vfork;

	if (argc < 5 || !mark) {
		fprintf(stderr, "usage: BENCH_MARK=MARK storm COUNT fork|vfork PROGRAM FIRST"
				" [PER_SECOND [EXTRA_BYTES]]\n");
		return 2;
	}
	count = atol(argv[1]);
	first = atol(argv[4]);
	per_second = argc > 5 ? atol(argv[5]) : 0;
	add_extra(arguments, argc > 6 ? atol(argv[6]) : 0);
	by_vfork = !strcmp(argv[2], "vfork");
	arguments[0] = argv[3];
	started = now_ns();
	for (long i = first; i < first + count; i++) {
		snprintf(marked, sizeof(marked), "--run=%s:%ld", mark, i);
		snprintf(input, sizeof(input), "--input=/var/lib/app/data/%08ld.json", i);
		run(by_vfork, argv[3], arguments);
		if (per_second)
			sleep_until(started + (i - first + 1) * NS_PER_S / per_second);
	}
	printf("%lld\n", now_ns() - started);
	return 0;
}
