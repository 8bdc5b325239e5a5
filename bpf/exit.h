/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The end of a process that had called exec: one record when its last thread is gone. */
#ifndef EXECAUDIT_EXIT_H
#define EXECAUDIT_EXIT_H

#include "identity.h"

#define SIGNAL_GROUP_EXIT 0x00000004
#define EEXIST		  17

static __always_inline u32 process__status(void *task, void *signal)
{
	u32 flags = 0, status = 0;

	READ(flags, signal, signal_struct, flags);
	if (flags & SIGNAL_GROUP_EXIT)
		READ(status, signal, signal_struct, group_exit_code);
	else
		READ(status, task, task_struct, exit_code);
	return status;
}

SECTION("raw_tp/sched_process_exit")
int on_exit(struct bpf_raw_tracepoint_args *ctx)
{
	void *task = (void *)ctx->args[0];
	void *leader = POINTER(task, task_struct, group_leader);
	void *signal = POINTER(task, task_struct, signal);
	void *parent =
		POINTER(POINTER(leader, task_struct, real_parent), task_struct, group_leader);
	u32 live = 1, task_flags = 0, hook = HOOK_EXIT, zero = 0;
	struct slot *slot = map__lookup(slots, &hook);
	struct config *conf = map__lookup(config, &zero);
	struct exit_record r = {};
	struct ended key = {};
	u64 count = 0;
	long err;

	if (!slot || !conf)
		return 0;
	READ(live, signal, signal_struct, live); /* atomic_t, counted down before this hook */
	READ(task_flags, leader, task_struct, flags);
	if (live || task_flags & PF_FORKNOEXEC)
		return 0;
	err = READ(key.pid, leader, task_struct, tgid);
	err |= READ(key.start_ns, leader, task_struct, start_boottime);
	err |= READ(count, leader, task_struct, self_exec_id);
	key.exec_count = count;
	/*
	 * Threads that end at the same time all find none left alive. The result has 32 bits only
	 * before kernel commit d7ba4cc900bf (6.4), and nothing extends its sign.
	 */
	if ((int)map__insert(ended, &key, &zero) == -EEXIST)
		return 0;
	if (*(volatile u64 *)&conf->rules & 1 << RULE_ALL) {
		slot->dropped++;
		return 0;
	}
	event__begin(&r.head, slot, HOOK_EXIT, KIND_EXIT, bpf_ktime_get_boot_ns());
	r.head.size = sizeof(r);
	r.pid = key.pid;
	r.start_ns = key.start_ns;
	r.exec_count = key.exec_count;
	err |= READ(r.ppid, parent, task_struct, tgid);
	err |= READ(r.parent_start_ns, parent, task_struct, start_boottime);
	err |= READ(count, parent, task_struct, self_exec_id);
	r.parent_exec_count = count;
	err |= READ(r.comm, leader, task_struct, comm);
	if (err)
		r.flags |= FLAG_BAD_START;
	if (READ(r.uid, POINTER(task, task_struct, cred), cred, uid))
		r.flags |= FLAG_BAD_IDS;
	r.status = process__status(task, signal);
	event__send(&r, sizeof(r), 0, slot, conf, r.head.time_ns);
	return 0;
}

#endif
