/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Where processes come from. A process whose parent has ended gets another one, and then nothing in
 * the kernel says who forked it: it is noted at the fork. Threads are left out.
 */
#ifndef EXECAUDIT_FORK_H
#define EXECAUDIT_FORK_H

#include "identity.h"

SECTION("raw_tp/sched_process_fork")
int on_fork(struct bpf_raw_tracepoint_args *ctx)
{
	void *parent = POINTER((void *)ctx->args[0], task_struct, group_leader);
	void *child = (void *)ctx->args[1];
	struct origin *parents, *o;
	u32 pid = 0, ppid = 0, flags = 0, index, origin_pid;
	u64 start_ns = 0, parent_start_ns = 0, exec_count = 0, origin_start_ns;
	long err;

	err = READ(pid, child, task_struct, tgid);
	err |= READ(ppid, parent, task_struct, tgid);
	if (err || pid == ppid)
		return 0;
	index = pid % ORIGIN_ENTRIES;
	o = map__lookup(origins, &index);
	index = ppid % ORIGIN_ENTRIES;
	parents = map__lookup(origins, &index);
	if (!o || !parents)
		return 0;
	err = READ(start_ns, child, task_struct, start_boottime);
	err |= READ(parent_start_ns, parent, task_struct, start_boottime);
	err |= READ(exec_count, parent, task_struct, self_exec_id);
	err |= READ(flags, parent, task_struct, flags);
	origin_pid = ppid;
	origin_start_ns = parent_start_ns;
	/* One that never called exec runs the program of its own origin. */
	if (flags & PF_FORKNOEXEC && parents->pid == ppid && parents->start_ns == parent_start_ns) {
		origin_pid = parents->origin_pid;
		origin_start_ns = parents->origin_start_ns;
		exec_count = parents->origin_exec_count;
	}
	o->pid = 0; /* which can be the parent's entry */
	if (err)
		return 0;
	o->origin_pid = origin_pid;
	o->origin_start_ns = origin_start_ns;
	o->origin_exec_count = exec_count;
	o->start_ns = start_ns;
	o->pid = pid;
	return 0;
}

#endif
