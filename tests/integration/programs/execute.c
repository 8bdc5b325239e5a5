// SPDX-License-Identifier: Apache-2.0
// usage: execute WAY FILE [ARG...]
//
// Calls exec on FILE in the way named, with the arguments given (the first is argv[0], none makes
// an empty array). Where the exec fails, prints itself and the errno, see self.h. Ways that fork
// wait for the child and end as it did.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <linux/limits.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "self.h"

extern char **environ;

static const char *file;
static char **arguments;
static void (*threaded)(void);

static void fail(const char *what)
{
	perror(what);
	_exit(126);
}

static int open_file(int flags)
{
	int fd = open(file, flags);

	if (fd < 0)
		fail(file);
	return fd;
}

static void execveat_at(int fd, const char *path, int flags)
{
	syscall(SYS_execveat, fd, path, arguments, environ, flags);
}

static void by_execve(void)
{
	execve(file, arguments, environ);
}

static void by_execveat_empty(void)
{
	execveat_at(open_file(O_PATH), "", AT_EMPTY_PATH);
}

static void by_execveat_cwd(void)
{
	execveat_at(AT_FDCWD, file, 0);
}

static void by_execveat_cwd_descriptor(void)
{
	execveat_at(open(".", O_PATH | O_DIRECTORY), file, 0);
}

static void by_execveat_directory(void)
{
	int fd = open(dirname(strdup(file)), O_PATH | O_DIRECTORY);

	execveat_at(fd, basename(strdup(file)), 0);
}

static void by_execveat_bad_descriptor(void)
{
	execveat_at(9999, file, 0);
}

static void by_execveat_bad_flags(void)
{
	execveat_at(AT_FDCWD, file, 1 << 30);
}

/* Since Linux 6.14; others refuse it with EINVAL. */
static void by_execveat_check(void)
{
	execveat_at(AT_FDCWD, file, 0x10000);
}

static void by_execveat_nofollow(void)
{
	execveat_at(AT_FDCWD, file, AT_SYMLINK_NOFOLLOW);
}

static void by_fexecve(void)
{
	fexecve(open_file(O_RDONLY), arguments, environ);
}

static void by_proc_descriptor(void)
{
	static char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", open_file(O_PATH));
	execve(path, arguments, environ);
}

static int copy_to_memory(void)
{
	int from = open_file(O_RDONLY), to = memfd_create("payload", 0);
	char data[1 << 16];
	ssize_t n;

	while ((n = read(from, data, sizeof(data))) > 0)
		if (write(to, data, n) != n)
			fail("memfd");
	close(from);
	return to;
}

static void by_memfd(void)
{
	execveat_at(copy_to_memory(), "", AT_EMPTY_PATH);
}

static void by_deleted(void)
{
	int fd = open_file(O_PATH);

	if (unlink(file))
		fail("unlink");
	execveat_at(fd, "", AT_EMPTY_PATH);
}

static void by_unreadable_filename(void)
{
	syscall(SYS_execve, 8, arguments, environ);
}

static void by_unreadable_arguments(void)
{
	syscall(SYS_execve, file, 8, environ);
}

static void by_unreadable_argument(void)
{
	char *some[] = {"before", (char *)8, "after", NULL};

	syscall(SYS_execve, file, some, environ);
}

static void by_null_arguments(void)
{
	syscall(SYS_execve, file, NULL, environ);
}

/* The kernel counts and copies strings; nothing says that they were touched before. */
static void by_untouched_pages(void)
{
	int fd = open_file(O_RDONLY);
	char *data = mmap(NULL, PATH_MAX, PROT_READ, MAP_PRIVATE, fd, 0);

	arguments[0] = data + 1; /* "ELF…" up to the first NUL of the header */
	execve(file, arguments, environ);
}

static void *run_threaded(void *unused)
{
	(void)unused;
	threaded();
	self_print(0, errno);
	_exit(127);
}

static void in_thread(void (*way)(void))
{
	pthread_t thread;

	threaded = way;
	if (pthread_create(&thread, NULL, run_threaded, NULL))
		fail("pthread_create");
	pthread_join(thread, NULL);
}

static void by_thread(void)
{
	in_thread(by_execve);
}

/* The leader is gone, a zombie, when another thread calls exec. */
static void wait_for_leader(void)
{
	char path[64], state = 0;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/stat", getpid(), getpid());
	while (state != 'Z') {
		FILE *stat = fopen(path, "r");

		if (!stat || fscanf(stat, "%*d (%*[^)]) %c", &state) != 1)
			fail(path);
		fclose(stat);
	}
	by_execve();
}

static void by_thread_without_leader(void)
{
	pthread_t thread;

	threaded = wait_for_leader;
	if (pthread_create(&thread, NULL, run_threaded, NULL))
		fail("pthread_create");
	pthread_exit(NULL);
}

static void end_as(pid_t child)
{
	int status = 0;

	if (child < 0 || waitpid(child, &status, 0) != child)
		fail("fork");
	if (WIFSIGNALED(status))
		raise(WTERMSIG(status));
	_exit(WEXITSTATUS(status));
}

static void by_fork(void)
{
	pid_t child = fork();

	if (child)
		end_as(child);
	by_execve();
}

static void by_vfork(void)
{
	pid_t child = vfork();

	if (child)
		end_as(child);
	by_execve();
	_exit(127);
}

static void by_spawn(void)
{
	pid_t child;

	errno = posix_spawn(&child, file, NULL, NULL, arguments, environ);
	if (!errno)
		end_as(child);
}

/* A success makes some of them equal; the caller of a failed exec may have six different ids. */
static void by_execve_of_many_ids(void)
{
	if (setresgid(1001, 1002, 1003) || setresuid(1004, 0, 1006))
		fail("setresuid");
	setfsgid(1008);
	setfsuid(1007);
	by_execve();
}

/* PATH look-up: a failed exec for each directory before the right one. */
static void by_path(void)
{
	execvp(file, arguments);
}

static const struct way {
	const char *name;
	void (*exec)(void);
} ways[] = {
	{"execve", by_execve},
	{"execveat-empty", by_execveat_empty},
	{"execveat-cwd", by_execveat_cwd},
	{"execveat-cwd-descriptor", by_execveat_cwd_descriptor},
	{"execveat-directory", by_execveat_directory},
	{"execveat-bad-descriptor", by_execveat_bad_descriptor},
	{"execveat-bad-flags", by_execveat_bad_flags},
	{"execveat-check", by_execveat_check},
	{"execveat-nofollow", by_execveat_nofollow},
	{"fexecve", by_fexecve},
	{"proc-descriptor", by_proc_descriptor},
	{"memfd", by_memfd},
	{"deleted", by_deleted},
	{"unreadable-filename", by_unreadable_filename},
	{"unreadable-arguments", by_unreadable_arguments},
	{"unreadable-argument", by_unreadable_argument},
	{"null-arguments", by_null_arguments},
	{"untouched-pages", by_untouched_pages},
	{"thread", by_thread},
	{"thread-without-leader", by_thread_without_leader},
	{"fork", by_fork},
	{"vfork", by_vfork},
	{"spawn", by_spawn},
	{"many-ids", by_execve_of_many_ids},
	{"path", by_path},
};

int main(int argc, char **argv)
{
	if (argc < 3)
		return 2;
	file = argv[2];
	arguments = argv + 3;
	for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++) {
		if (strcmp(ways[i].name, argv[1]))
			continue;
		ways[i].exec();
		self_print(argc, errno);
		return 127;
	}
	return 2;
}
