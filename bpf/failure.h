/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Failed execs, seen where the system call returns. The arguments come from the user registers,
 * which the kernel saved on entry and which still hold them, so that there is no hook on entry and
 * no state per thread. Which of the hooks below is attached is user space's choice
 * (execaudit/kernel/hooks.py): they differ in what they cost other system calls.
 */
#ifndef EXECAUDIT_FAILURE_H
#define EXECAUDIT_FAILURE_H

#include "rules.h"
#include "user_argv.h"

#if defined(__TARGET_ARCH_arm64)
#define ARG_EXECVE_FILENAME   OFF(pt_regs, orig_x0)
#define ARG_EXECVE_ARGV	      (OFF(pt_regs, regs) + 8)
#define ARG_EXECVEAT_FILENAME (OFF(pt_regs, regs) + 8)
#define ARG_EXECVEAT_ARGV     (OFF(pt_regs, regs) + 16)
#define ARG_EXECVEAT_FLAGS    (OFF(pt_regs, regs) + 32)
#define RETURN_VALUE	      OFF(pt_regs, regs)
#define SYSCALL_NUMBER	      OFF(pt_regs, syscallno)
#define SYSCALL_EXECVE	      "__arm64_sys_execve"
#define SYSCALL_EXECVEAT      "__arm64_sys_execveat"
#define COMPAT_EXECVE	      "__arm64_compat_sys_execve"
#define COMPAT_EXECVEAT	      "__arm64_compat_sys_execveat"
#define NR_EXECVE	      221
#define NR_EXECVEAT	      281
#define NR_COMPAT_EXECVE      11
#define NR_COMPAT_EXECVEAT    387
/* r0 to r4 of a 32-bit program stand where x0 to x4 do */
#define COMPAT_EXECVE_FILENAME	 ARG_EXECVE_FILENAME
#define COMPAT_EXECVE_ARGV	 ARG_EXECVE_ARGV
#define COMPAT_EXECVEAT_FILENAME ARG_EXECVEAT_FILENAME
#define COMPAT_EXECVEAT_ARGV	 ARG_EXECVEAT_ARGV
#define COMPAT_EXECVEAT_FLAGS	 ARG_EXECVEAT_FLAGS
#define COMPAT_MARK		 (1 << 22) /* _TIF_32BIT: the task is a 32-bit one */
#define COMPAT_MARKED_IN	 OFF(thread_info, flags)
#else
#define ARG_EXECVE_FILENAME	 OFF(pt_regs, di)
#define ARG_EXECVE_ARGV		 OFF(pt_regs, si)
#define ARG_EXECVEAT_FILENAME	 OFF(pt_regs, si)
#define ARG_EXECVEAT_ARGV	 OFF(pt_regs, dx)
#define ARG_EXECVEAT_FLAGS	 OFF(pt_regs, r8)
#define RETURN_VALUE		 OFF(pt_regs, ax)
#define SYSCALL_NUMBER		 OFF(pt_regs, orig_ax)
#define SYSCALL_EXECVE		 "__x64_sys_execve"
#define SYSCALL_EXECVEAT	 "__x64_sys_execveat"
#define COMPAT_EXECVE		 "__ia32_compat_sys_execve"
#define COMPAT_EXECVEAT		 "__ia32_compat_sys_execveat"
#define NR_EXECVE		 59
#define NR_EXECVEAT		 322
#define NR_COMPAT_EXECVE	 11
#define NR_COMPAT_EXECVEAT	 358
/* bx, cx, dx, si, di */
#define COMPAT_EXECVE_FILENAME	 OFF(pt_regs, bx)
#define COMPAT_EXECVE_ARGV	 OFF(pt_regs, cx)
#define COMPAT_EXECVEAT_FILENAME OFF(pt_regs, cx)
#define COMPAT_EXECVEAT_ARGV	 OFF(pt_regs, dx)
#define COMPAT_EXECVEAT_FLAGS	 OFF(pt_regs, di)
#define COMPAT_MARK		 0x0002 /* TS_COMPAT: the system call is a 32-bit one */
#define COMPAT_MARKED_IN	 OFF(thread_info, status)
#endif

/* THREAD_SIZE of the kernels that lack bpf_task_pt_regs (before 5.15): x86-64, arm64 with 4K pages
 */
#define STACK_BYTES 16384
/* include/uapi/linux/fcntl.h since 6.14: look whether it could be executed, and do not */
#define AT_EXECVE_CHECK 0x10000
/* errno values from here on restart the call; user space never sees them */
#define ERESTARTSYS 512

#ifdef EXECAUDIT_BCC
#define TASK_PT_REGS() ((void *)bpf_task_pt_regs(bpf_get_current_task_btf()))
#else
#define TASK_PT_REGS() ((void *)bpf_task_pt_regs((void *)bpf_get_current_task_btf()))
#endif

static __always_inline void *task__user_regs(void)
{
#ifdef EXECAUDIT_BCC
#if HAVE_TASK_PT_REGS
	return TASK_PT_REGS();
#endif
#else
	if (HAS_TASK_PT_REGS)
		return TASK_PT_REGS();
#endif
	return POINTER((void *)bpf_get_current_task(), task_struct, stack) + STACK_BYTES -
	       PT_REGS_SIZE;
}

static __always_inline int failure__record(
	u32 hook, u64 filename, u64 argv, u32 flags, const u32 width, long error)
{
	void *thread = (void *)bpf_get_current_task();
	void *task = POINTER(thread, task_struct, group_leader);
	u64 pid_tgid = bpf_get_current_pid_tgid();
	u32 zero = 0;
	struct scratch *buf = map__lookup(scratch, &hook);
	struct slot *slot = map__lookup(slots, &hook);
	struct config *conf = map__lookup(config, &zero);
	struct exec_record *r = (struct exec_record *)buf;
	void *cred, *file;

	if (!buf || !slot || !conf)
		return 0;
	cred = POINTER(thread, task_struct, cred);
	file = POINTER(POINTER(thread, task_struct, mm), mm_struct, exe_file);
	slot->flags = 0;
	END(slot) = sizeof(*r);
	identity__process(r, slot, task);
	identity__cred(r, slot, thread, cred);
	identity__exe(r, slot, conf, file);
	if (rules__drop(r, conf, thread)) {
		slot->dropped++;
		return 0;
	}
	event__begin(&r->head, slot, hook, KIND_FAILURE, bpf_ktime_get_boot_ns());
	r->pid = pid_tgid >> 32;
	r->tid = pid_tgid;
	r->error = error;
	r->machine = r->interp_bytes = r->filename_bytes = r->chunks = 0;
	r->old_comm[0] = 0;
	r->env_bytes = r->env_inline = r->env_head = r->env_tail = 0;
	identity__namespaces(r, slot, task, cred);
	r->execveat_flags = flags;
	if (flags & AT_EXECVE_CHECK)
		slot->flags |= FLAG_CHECKED;
	identity__tty(r, slot, task);
	identity__ancestors(r, slot, task);
	identity__origin(r);
	record__add_user_filename(buf, slot, filename);
	identity__paths(buf, slot, conf, thread, file, root__read(thread));
	identity__cgroup(buf, slot, conf, thread);
	record__add_user_argv(buf, slot, argv, width);
	record__send(buf, slot, conf);
	return 0;
}

static __always_inline u64 regs__word(void *regs, u32 offset)
{
	u64 word = 0;

	READ_AT(word, regs, offset);
	return word;
}

/* Most calls succeed, and nothing is read for them. */
static __always_inline int is_failure(long result)
{
	return result < 0 && result > -ERESTARTSYS;
}

static __always_inline int failure__native(u32 hook, void *regs, long error)
{
	if (hook == HOOK_EXECVE)
		return failure__record(hook, regs__word(regs, ARG_EXECVE_FILENAME),
			regs__word(regs, ARG_EXECVE_ARGV), 0, 8, error);
	return failure__record(hook, regs__word(regs, ARG_EXECVEAT_FILENAME),
		regs__word(regs, ARG_EXECVEAT_ARGV), regs__word(regs, ARG_EXECVEAT_FLAGS), 8,
		error);
}

static __always_inline int failure__compat(u32 hook, void *regs, long error)
{
	u32 filename, argv;

	if (hook == HOOK_COMPAT_EXECVE) {
		filename = regs__word(regs, COMPAT_EXECVE_FILENAME);
		argv = regs__word(regs, COMPAT_EXECVE_ARGV);
		return failure__record(hook, filename, argv, 0, 4, error);
	}
	filename = regs__word(regs, COMPAT_EXECVEAT_FILENAME);
	argv = regs__word(regs, COMPAT_EXECVEAT_ARGV);
	return failure__record(
		hook, filename, argv, regs__word(regs, COMPAT_EXECVEAT_FLAGS), 4, error);
}

/* A number means another call to a 32-bit program than to a 64-bit one. */
static __always_inline int is_compat_call(void)
{
	u32 marks = 0;

	READ_AT(marks, (void *)bpf_get_current_task(),
		OFF(task_struct, thread_info) + COMPAT_MARKED_IN);
	return marks & COMPAT_MARK;
}

/* fexit: arguments of the function, here its one pointer to the registers, then the result. */
#define FEXIT(name, symbol, abi, hook)                                                             \
	SECTION("fexit/" symbol)                                                                   \
	int name(u64 *ctx)                                                                         \
	{                                                                                          \
		long error = ctx[1];                                                               \
                                                                                                   \
		if (is_failure(error))                                                             \
			failure__##abi(hook, task__user_regs(), error);                            \
		return 0;                                                                          \
	}

/*
 * kretprobe: the context is the registers of the returning function. A perf program that returns 0,
 * here and below, would hide the event from whoever else watches it.
 */
#define KRETPROBE(name, symbol, abi, hook)                                                         \
	SECTION("kretprobe/" symbol)                                                               \
	int name(void *ctx)                                                                        \
	{                                                                                          \
		long error = regs__word(ctx, RETURN_VALUE);                                        \
                                                                                                   \
		if (is_failure(error))                                                             \
			failure__##abi(hook, task__user_regs(), error);                            \
		return 1;                                                                          \
	}

/* struct trace_event_raw_sys_exit, include/trace/events/syscalls.h */
struct sys_exit_args {
	u64 common;
	s64 number;
	s64 result;
};

#define TRACEPOINT(name, event, hook)                                                              \
	SECTION("tp/syscalls/" event)                                                              \
	int name(struct sys_exit_args *ctx)                                                        \
	{                                                                                          \
		if (is_failure(ctx->result))                                                       \
			failure__native(hook, task__user_regs(), ctx->result);                     \
		return 1;                                                                          \
	}

#if !defined(EXECAUDIT_BCC) || defined(FAILURE_FEXIT)
FEXIT(fexit_execve, SYSCALL_EXECVE, native, HOOK_EXECVE)
FEXIT(fexit_execveat, SYSCALL_EXECVEAT, native, HOOK_EXECVEAT)
FEXIT(fexit_compat_execve, COMPAT_EXECVE, compat, HOOK_COMPAT_EXECVE)
FEXIT(fexit_compat_execveat, COMPAT_EXECVEAT, compat, HOOK_COMPAT_EXECVEAT)
#endif

#if !defined(EXECAUDIT_BCC) || defined(FAILURE_KRETPROBE)
KRETPROBE(kretprobe_execve, SYSCALL_EXECVE, native, HOOK_EXECVE)
KRETPROBE(kretprobe_execveat, SYSCALL_EXECVEAT, native, HOOK_EXECVEAT)
KRETPROBE(kretprobe_compat_execve, COMPAT_EXECVE, compat, HOOK_COMPAT_EXECVE)
KRETPROBE(kretprobe_compat_execveat, COMPAT_EXECVEAT, compat, HOOK_COMPAT_EXECVEAT)
#endif

#if !defined(EXECAUDIT_BCC) || defined(FAILURE_TRACEPOINT)
TRACEPOINT(tracepoint_execve, "sys_exit_execve", HOOK_EXECVE)
TRACEPOINT(tracepoint_execveat, "sys_exit_execveat", HOOK_EXECVEAT)
#endif

#if !defined(EXECAUDIT_BCC) || defined(FAILURE_SYS_EXIT)
/*
 * Runs on the return of every system call: only where it is asked for by name. The number is
 * cleared on the way out of some calls, so that it is read from the registers.
 */
SECTION("raw_tp/sys_exit")
int sys_exit_any(struct bpf_raw_tracepoint_args *ctx)
{
	void *regs = (void *)ctx->args[0];
	long error = ctx->args[1];
	u32 number;

	if (!is_failure(error))
		return 0;
	number = regs__word(regs, SYSCALL_NUMBER);
	if (is_compat_call()) {
		if (number == NR_COMPAT_EXECVE)
			return failure__compat(HOOK_COMPAT_EXECVE, regs, error);
		if (number == NR_COMPAT_EXECVEAT)
			return failure__compat(HOOK_COMPAT_EXECVEAT, regs, error);
		return 0;
	}
	if (number == NR_EXECVE)
		return failure__native(HOOK_EXECVE, regs, error);
	if (number == NR_EXECVEAT)
		return failure__native(HOOK_EXECVEAT, regs, error);
	return 0;
}
#endif

#endif
