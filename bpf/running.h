/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What runs already when tracing begins: for each process its program. Read once, through the
 * kernel's task iterator (5.8), by whoever has loaded this; it stays attached to nothing.
 */
#ifndef EXECAUDIT_RUNNING_H
#define EXECAUDIT_RUNNING_H

#include "identity.h"

/* struct bpf_iter__task and bpf_iter_meta, whose members the verifier follows by their type. */
#define ITERATOR_META 0
#define ITERATOR_TASK 8
#define META_SEQ      0

/* As an instruction, so that nothing makes a call for it: the result keeps its type. */
#define TYPED_POINTER(base, offset)                                                                \
	({                                                                                         \
		void *typed_;                                                                      \
		asm volatile("%0 = *(u64 *)(%1 + %2)" : "=r"(typed_) : "r"(base), "i"(offset));    \
		typed_;                                                                            \
	})

/* The process that a task leads, as the rest of the programs take it: a plain number. */
static __always_inline void *iterator__task(void *ctx, struct walk *walk)
{
	void *task = TYPED_POINTER(ctx, ITERATOR_TASK);

	if (!task)
		return 0;
	bpf_probe_read_kernel(&walk->dentry, sizeof(walk->dentry), &task);
	return (void *)*(volatile u64 *)&walk->dentry;
}

#if !defined(EXECAUDIT_BCC) || defined(RUNNING)
SECTION("iter/task")
int on_task(void *ctx)
{
	u32 hook = HOOK_EXIT, zero = 0; /* ends build no record in the buffer of this number */
	struct scratch *buf = map__lookup(scratch, &hook);
	struct slot *slot = map__lookup(slots, &hook);
	struct walk *walk = map__lookup(walks, &hook);
	struct config *conf = map__lookup(config, &zero);
	struct running_record *r = (struct running_record *)buf;
	void *task, *file;
	struct location root;
	u64 exec_count = 0, end;
	long err;

	if (!buf || !slot || !walk || !conf)
		return 0;
	task = iterator__task(ctx, walk);
	if (!task || POINTER(task, task_struct, group_leader) != task)
		return 0;
	file = POINTER(POINTER(task, task_struct, mm), mm_struct, exe_file);
	if (!file) /* a thread of the kernel */
		return 0;
	slot->flags = 0;
	END(slot) = sizeof(*r);
	err = READ(r->pid, task, task_struct, tgid);
	err |= READ(r->start_ns, task, task_struct, start_boottime);
	err |= READ(exec_count, task, task_struct, self_exec_id);
	if (err)
		slot->flags |= FLAG_BAD_START;
	r->exec_count = exec_count;
	root = root__read(task);
	if (!root__is_at_home(root, task, conf))
		slot->flags |= FLAG_OTHER_ROOT;
	r->exe_flags = path__append_file(
		hook, slot, file, root, PATH_BYTES, FLAG_CUT_EXE, FLAG_BAD_EXE_PATH);
	end = END(slot);
	r->exe_bytes = end - sizeof(*r);
	r->flags = slot->flags;
	if (end > SCRATCH_BYTES)
		return 0;
	PIN(end);
	bpf_seq_write(TYPED_POINTER(TYPED_POINTER(ctx, ITERATOR_META), META_SEQ), buf, end);
	return 0;
}
#endif

#endif
