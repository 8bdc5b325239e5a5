/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * File name and arguments of a failed exec: as the caller has them still, read one by one.
 */
#ifndef EXECAUDIT_USER_ARGV_H
#define EXECAUDIT_USER_ARGV_H

#include "strings.h"

/*
 * Reads a user string with its NUL. Returns its length, NUL included, or less than 1 on error. For
 * an empty string older kernels (5.10 and 6.1 among them) return 0 and write nothing.
 */
static __always_inline long user_string__read(char *to, const u32 limit, u64 from)
{
	long n = bpf_probe_read_user_str(to, limit, (void *)from);

	if (n == 0) {
		*to = 0;
		n = 1;
	}
	return n;
}

/*
 * Appends FAILURE_STEP strings of the user pointer array at `array`, `width` bytes to a pointer; 1
 * if there are more.
 */
VERIFIED_ONCE int user_argv__step(u32 hook, u64 array, u32 width)
{
	struct scratch *buf = map__lookup(scratch, &hook);
	struct slot *slot = map__lookup(slots, &hook);
	u64 end;
	long n;

	if (!buf || !slot)
		return 0;
	for (u64 i = 0; i < FAILURE_STEP; i++) {
		u64 string = 0;

		/* A pointer of 4 bytes is the lower half of ours. */
		if (bpf_probe_read_user(&string, width == 4 ? 4 : 8, (void *)(array + i * width))) {
			slot->flags |= FLAG_BAD_ARGV;
			return 0;
		}
		if (!string) {
			slot->flags &= ~(u64)FLAG_CUT_ARGV;
			return 0;
		}
		end = END(slot);
		if (end > SCRATCH_BYTES - FAILURE_ARG)
			return 0;
		PIN(end);
		n = user_string__read(buf->bytes + end, FAILURE_ARG, string);
		if (n < 1) {
			slot->flags |= FLAG_BAD_ARGV;
			return 0;
		}
		END(slot) = end + n;
		buf->exec.argc++;
		if (n == FAILURE_ARG) /* its end is not there; do not go on as if it were */
			return 0;
	}
	return 1;
}

/* Appends the strings of a user pointer array, `width` bytes to a pointer. */
static __always_inline void record__add_user_argv(
	struct scratch *buf, struct slot *slot, u64 array, const u32 width)
{
	struct exec_record *r = (struct exec_record *)buf;
	u64 begin = END(slot);

	r->argc = 0;
	if (!array) /* a NULL argv is an empty one */
		goto out;
	slot->flags |= FLAG_CUT_ARGV;
	for (int i = 0; i < FAILURE_ARGS / FAILURE_STEP; i++)
		if (!user_argv__step(r->head.hook, array + i * FAILURE_STEP * width, width))
			break;
out:
	r->argv_bytes = r->argv_inline = r->argv_head = r->argv_tail = END(slot) - begin;
}

static __always_inline void record__add_user_filename(
	struct scratch *buf, struct slot *slot, u64 filename)
{
	struct exec_record *r = (struct exec_record *)buf;
	u64 end = END(slot);
	long n;

	if (end > PATHS_END)
		return;
	PIN(end);
	n = user_string__read(buf->bytes + end, FILENAME_BYTES, filename);
	if (n < 1) {
		slot->flags |= FLAG_BAD_FILENAME;
		return;
	}
	if (n == FILENAME_BYTES)
		slot->flags |= FLAG_CUT_FILENAME;
	r->filename_bytes = n;
	END(slot) = end + n;
}

#endif
