/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Successful execs. sched_process_exec fires once for each, of any ABI, after the new image is in
 * place and before its first instruction: no argument can change under the reader, and no page of
 * the argument block is missing because nobody touched it yet. The name before the exec is
 * gone by then; it is saved by whichever earlier hook the kernel has.
 */
#ifndef EXECAUDIT_SUCCESS_H
#define EXECAUDIT_SUCCESS_H

#include "area.h"
#include "rules.h"

/* The ids of struct cred as far as the effective ones, which follow each other. */
struct exec_ids {
	u32 uid, gid, suid, sgid, euid, egid;
};

static __always_inline int before__save(void *task)
{
	u32 index = (bpf_get_current_pid_tgid() >> 32) % BEFORE_ENTRIES;
	struct before *b;
	struct exec_ids ids;
	void *cred;

	if (task != (void *)bpf_get_current_task())
		return 0; /* another thread being renamed through /proc */
	b = map__lookup(before, &index);
	if (!b)
		return 0;
	bpf_get_current_comm(b->comm, sizeof(b->comm));
	cred = POINTER(task, task_struct, cred); /* still the old ones */
	if (MEMBERS(&ids, sizeof(ids), u32, cred, cred, OFF(cred, uid)) |
		MEMBER_AT(b->cap_permitted, cred, cred, OFF(cred, cap_inheritable) + sizeof(u64))) {
		b->task = 0;
		return 0;
	}
	b->euid = ids.euid;
	b->egid = ids.egid;
	b->task = (u64)task;
	return 0;
}

/*
 * Also says if this exec gained privilege. The kernel's secureexec alone does not: it stays
 * set for whatever a set-user-id program executes with the rights it keeps.
 */
static __always_inline void before__recall(
	struct exec_record *r, struct slot *slot, void *task, void *bprm)
{
	int is_secure = SECUREEXEC(bprm);
	u32 index = r->pid % BEFORE_ENTRIES;
	struct before *b = map__lookup(before, &index);

	if (!b || b->task != (u64)task) {
		slot->flags |= FLAG_BAD_OLD_COMM | (is_secure ? FLAG_PRIVILEGED : 0);
		r->old_comm[0] = 0;
		return;
	}
	if (is_secure &&
		(r->euid != b->euid || r->egid != b->egid || r->cap_permitted & ~b->cap_permitted))
		slot->flags |= FLAG_PRIVILEGED;
	__builtin_memcpy(r->old_comm, b->comm, sizeof(r->old_comm));
	b->task = 0;
}

/* Since 6.10: before the exec changes anything. */
SECTION("raw_tp/sched_prepare_exec")
int before_exec(struct bpf_raw_tracepoint_args *ctx)
{
	return before__save((void *)ctx->args[0]);
}

/* Older kernels: any change of a name, the one that an exec makes among them. */
SECTION("raw_tp/task_rename")
int before_rename(struct bpf_raw_tracepoint_args *ctx)
{
	return before__save((void *)ctx->args[0]);
}

static __always_inline void record__add_binprm(struct scratch *buf, struct slot *slot, void *bprm)
{
	struct exec_record *r = (struct exec_record *)buf;
	void *filename = POINTER(bprm, linux_binprm, filename);
	void *interp = POINTER(bprm, linux_binprm, interp);
	u32 magic = 0;

	READ(r->argc, bprm, linux_binprm, argc);
	READ(magic, bprm, linux_binprm, buf);
	if (magic == 0x464c457f) /* "\177ELF" */
		MEMBER_AT(r->machine, bprm, linux_binprm, OFF(linux_binprm, buf) + 18);
	r->filename_bytes = string__append(buf, slot, filename, FILENAME_BYTES);
	if (!r->filename_bytes)
		slot->flags |= FLAG_BAD_FILENAME;
	if (interp == filename)
		return;
	slot->flags |= FLAG_SCRIPT;
	r->interp_bytes = string__append(buf, slot, interp, INTERP_BYTES);
}

#define FD_PREFIX_BYTES 8 /* "/dev/fd/" */
#define FD_DIGITS	7

/* The file of the descriptor N that execveat put into the file name: /dev/fd/N or /dev/fd/N/…. */
static __always_inline void *bprm__descriptor(void *task, void *bprm)
{
	void *path = POINTER(bprm, linux_binprm, fdpath);
	void *table = POINTER(POINTER(task, task_struct, files), files_struct, fdt);
	char digits[FD_DIGITS + 1] = {};
	u32 number = 0, size = 0;

	if (!path || bpf_probe_read_kernel(digits, FD_DIGITS, path + FD_PREFIX_BYTES))
		return 0;
	for (int i = 0; i < FD_DIGITS && digits[i] >= '0' && digits[i] <= '9'; i++)
		number = number * 10 + (digits[i] - '0');
	READ(size, table, fdtable, max_fds);
	if (number >= size)
		return 0;
	return POINTER_AT(POINTER_AT(table, OFF(fdtable, fd)), number * sizeof(void *));
}

/*
 * Which file a script is that was run through a descriptor: the new program has it open, or it
 * could not read it. Of a name relative to a directory's descriptor, that directory.
 */
static __always_inline void record__add_script(struct scratch *buf, struct slot *slot,
	const struct config *conf, void *task, void *bprm, struct location root)
{
	struct exec_record *r = (struct exec_record *)buf;
	u64 begin = END(slot), limit = PATH_BYTES - NAME_BYTES;
	struct file_id id;
	void *file;

	if (!HAS(linux_binprm, fdpath) || !(slot->flags & FLAG_SCRIPT))
		return;
	file = bprm__descriptor(task, bprm);
	if (!file)
		return;
	id = file__id(file, conf);
	if (id.err)
		slot->flags |= FLAG_BAD_SCRIPT;
	r->script_ino = id.ino;
	r->script_dev = id.dev;
	/* Together with the file name it has no more room than that alone. */
	limit = limit > r->filename_bytes ? limit - r->filename_bytes : 0;
	r->script_flags = id.flags | path__append_file(HOOK_EXEC, slot, file, root, limit,
					     FLAG_CUT_SCRIPT, FLAG_BAD_SCRIPT);
	r->script_bytes = END(slot) - begin;
}

SECTION("raw_tp/sched_process_exec")
int on_exec(struct bpf_raw_tracepoint_args *ctx)
{
	void *task = (void *)ctx->args[0], *bprm = (void *)ctx->args[2];
	u32 hook = HOOK_EXEC, zero = 0;
	struct scratch *buf = map__lookup(scratch, &hook);
	struct slot *slot = map__lookup(slots, &hook);
	struct config *conf = map__lookup(config, &zero);
	struct exec_record *r = (struct exec_record *)buf;
	struct location root;
	void *cred, *mm, *file;

	if (!buf || !slot || !conf)
		return 0;
	cred = POINTER(task, task_struct, cred);
	mm = POINTER(task, task_struct, mm);
	file = POINTER(mm, mm_struct, exe_file);
	slot->flags = 0;
	END(slot) = sizeof(*r);
	identity__process(r, slot, task);
	identity__cred(r, slot, task, cred);
	identity__exe(r, slot, conf, file);
	if (rules__drop(r, conf, task)) {
		slot->dropped++;
		return 0;
	}
	event__begin(&r->head, slot, HOOK_EXEC, KIND_EXEC, bpf_ktime_get_boot_ns());
	r->pid = bpf_get_current_pid_tgid() >> 32;
	r->tid = ctx->args[1];
	r->error = 0;
	r->machine = r->interp_bytes = r->chunks = 0;
	before__recall(r, slot, task, bprm);
	identity__namespaces(r, slot, task, cred);
	identity__tty(r, slot, task);
	identity__ancestors(r, slot, task);
	identity__origin(r);
	record__add_binprm(buf, slot, bprm);
	root = root__read(task);
	identity__paths(buf, slot, conf, task, file, root);
	identity__cgroup(buf, slot, conf, task);
	record__add_script(buf, slot, conf, task, bprm, root);
	record__add_env(buf, slot, conf, mm);
	record__add_argv(buf, slot, conf, mm);
	record__send(buf, slot, conf);
	return 0;
}

#endif
