// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "self.h"

#define ANCESTORS 10

static FILE *out;
static int proc_fd;

static void print_base64(const unsigned char *data, size_t size)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	for (size_t i = 0; i < size; i += 3) {
		size_t left = size - i;
		unsigned int three = data[i] << 16 | (left > 1 ? data[i + 1] : 0) << 8 |
				     (left > 2 ? data[i + 2] : 0);

		putc(digits[three >> 18 & 63], out);
		putc(digits[three >> 12 & 63], out);
		putc(left > 1 ? digits[three >> 6 & 63] : '=', out);
		putc(left > 2 ? digits[three & 63] : '=', out);
	}
}

static void print_bytes(const char *name, const void *data, size_t size)
{
	fprintf(out, ",\"%s\":\"", name);
	print_base64(data, size);
	putc('"', out);
}

/* The whole file, NUL terminated; an empty one where it cannot be read. */
static char *read_file(const char *path, size_t *size)
{
	size_t room = 1 << 16;
	char *data = malloc(room);
	int fd = openat(proc_fd, path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	*size = 0;
	while (fd >= 0 && (n = read(fd, data + *size, room - *size - 1)) > 0) {
		*size += n;
		if (*size + 1 == room)
			data = realloc(data, room *= 2);
	}
	if (fd >= 0)
		close(fd);
	data[*size] = 0;
	return data;
}

static void print_file(const char *name, const char *path)
{
	size_t size;
	char *data = read_file(path, &size);

	print_bytes(name, data, size);
	free(data);
}

static void print_link(const char *name, const char *path)
{
	static char target[1 << 16];
	ssize_t n = readlinkat(proc_fd, path, target, sizeof(target));

	print_bytes(name, target, n < 0 ? 0 : n);
}

/* The stat lines of the parent, its parent and so on, and their tgid is their directory. */
static void print_ancestors(void)
{
	const char *between = "";
	char path[64] = "self/status";
	size_t size;
	int parent;

	fputs(",\"ancestors\":[", out);
	for (int i = 0; i < ANCESTORS; i++) {
		char *status = read_file(path, &size), *line = strstr(status, "\nPPid:");

		parent = line ? atoi(line + 6) : 0;
		free(status);
		if (!parent)
			break;
		snprintf(path, sizeof(path), "%d/stat", parent);
		char *stat = read_file(path, &size);

		fprintf(out, "%s\"", between);
		print_base64((unsigned char *)stat, size);
		putc('"', out);
		between = ",";
		free(stat);
		snprintf(path, sizeof(path), "%d/status", parent);
	}
	putc(']', out);
}

static void print_exe_stat(void)
{
	struct stat st;

	if (fstatat(proc_fd, "self/exe", &st, 0))
		return;
	fprintf(out,
		",\"exe_stat\":{\"ino\":%lu,\"dev\":%lu,\"mode\":%u,\"nlink\":%lu,"
		"\"uid\":%u,\"gid\":%u}",
		(unsigned long)st.st_ino, (unsigned long)st.st_dev, st.st_mode,
		(unsigned long)st.st_nlink, st.st_uid, st.st_gid);
}

void self_print(int argc, int failed)
{
	static const char *const files[] = {
		"cmdline", "environ", "status", "stat", "loginuid", "sessionid", "cgroup"};
	static const char *const links[] = {"mnt", "pid", "net", "user", "cgroup", "uts", "ipc"};
	const char *execfn = (const char *)getauxval(AT_EXECFN);
	char name[64], path[64];

	proc_fd = fcntl(PROC_FD, F_GETFD) >= 0 ? PROC_FD
					       : open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	out = fdopen(dup(fcntl(OUTPUT_FD, F_GETFD) >= 0 ? OUTPUT_FD : STDOUT_FILENO), "w");
	if (!out)
		_exit(125);
	fprintf(out, "{\"argc\":%d,\"failed\":%d,\"tid\":%ld,\"secure\":%lu,\"securebits\":%d",
		argc, failed, syscall(SYS_gettid), getauxval(AT_SECURE), prctl(PR_GET_SECUREBITS));
	print_bytes("execfn", execfn, strlen(execfn));
	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
		snprintf(path, sizeof(path), "self/%s", files[i]);
		print_file(files[i], path);
	}
	print_link("exe", "self/exe");
	print_link("cwd", "self/cwd");
	for (size_t i = 0; i < sizeof(links) / sizeof(*links); i++) {
		snprintf(name, sizeof(name), "ns_%s", links[i]);
		snprintf(path, sizeof(path), "self/ns/%s", links[i]);
		print_link(name, path);
	}
	print_exe_stat();
	print_ancestors();
	fputs("}\n", out);
	if (fclose(out))
		_exit(125);
}
