/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Who and where: everything about a task that does not depend on how its exec ended. Each block
 * sets a FLAG_BAD_… bit when one of its reads fails.
 */
#ifndef EXECAUDIT_IDENTITY_H
#define EXECAUDIT_IDENTITY_H

#include "strings.h"

static __always_inline void identity__process(struct exec_record *r, struct slot *slot, void *task)
{
	u64 exec_count = 0;
	long err;

	err = READ(r->start_ns, task, task_struct, start_boottime);
	err |= READ(exec_count, task, task_struct, self_exec_id);
	r->exec_count = exec_count;
	if (err)
		slot->flags |= FLAG_BAD_START;
	bpf_get_current_comm(r->comm, sizeof(r->comm));
}

static __always_inline void identity__cred(
	struct exec_record *r, struct slot *slot, void *task, void *cred)
{
	/* uid to fsgid and the five capability sets are contiguous in struct cred. */
	const u32 ids = 8 * sizeof(u32), caps = 5 * sizeof(u64);
	long err;

	err = bpf_probe_read_kernel(&r->uid, ids, cred + OFF(cred, uid));
	r->auid = r->ses = -1;
	if (HAS(task_struct, loginuid)) {
		err |= READ(r->auid, task, task_struct, loginuid);
		err |= READ(r->ses, task, task_struct, sessionid);
	}
	if (err)
		slot->flags |= FLAG_BAD_IDS;
	err = bpf_probe_read_kernel(&r->cap_inheritable, caps, cred + OFF(cred, cap_inheritable));
	err |= READ(r->securebits, cred, cred, securebits);
	if (err)
		slot->flags |= FLAG_BAD_CAPS;
	r->pad_cred = 0;
}

/* The inode number of the namespace that `member` of `base` points to. */
#define NAMESPACE(dst, base, type, member, ns_type)                                                \
	READ_AT(dst, POINTER(base, type, member), OFF(ns_type, ns) + OFF(ns_common, inum))

static __always_inline void identity__namespaces(
	struct exec_record *r, struct slot *slot, void *task, void *cred)
{
	void *proxy = POINTER(task, task_struct, nsproxy);
	void *pid = POINTER(task, task_struct, thread_pid);
	struct {
		u32 nr, pad;
		void *ns;
	} upid = {};
	u32 level = 0;
	long err;

	err = NAMESPACE(r->ns_mnt, proxy, nsproxy, mnt_ns, mnt_namespace);
	err |= NAMESPACE(r->ns_net, proxy, nsproxy, net_ns, net);
	err |= NAMESPACE(r->ns_uts, proxy, nsproxy, uts_ns, uts_namespace);
	err |= NAMESPACE(r->ns_ipc, proxy, nsproxy, ipc_ns, ipc_namespace);
	err |= NAMESPACE(r->ns_cgroup, proxy, nsproxy, cgroup_ns, cgroup_namespace);
	err |= NAMESPACE(r->ns_user, cred, cred, user_ns, user_namespace);
	err |= READ(level, pid, pid, level);
	/* MAX_PID_NS_LEVEL is 32 */
	err |= READ_AT(upid, pid, OFF(pid, numbers) + (level & 63) * sizeof(upid));
	err |= READ_AT(r->ns_pid, upid.ns, OFF(pid_namespace, ns) + OFF(ns_common, inum));
	r->nspid = upid.nr;
	r->pad_ns = 0;
	if (err)
		slot->flags |= FLAG_BAD_NS;
}

static __always_inline void identity__tty(struct exec_record *r, struct slot *slot, void *task)
{
	void *signal = POINTER(task, task_struct, signal);
	void *tty = POINTER(signal, signal_struct, tty);

	r->tty[0] = 0;
	if (tty &&
		bpf_probe_read_kernel_str(r->tty, sizeof(r->tty), tty + OFF(tty_struct, name)) < 0)
		slot->flags |= FLAG_BAD_TTY;
}

static __always_inline void identity__ancestors(
	struct exec_record *r, struct slot *slot, void *task)
{
	void *parent;
	u32 count = 0;
	long err = 0;

	for (int i = 0; i < ANCESTORS; i++) {
		struct ancestor *a = &r->ancestors[i];
		u64 exec_count = 0;
		u32 pid = 0;

		parent = POINTER(task, task_struct, real_parent);
		parent = POINTER(parent, task_struct, group_leader);
		if (parent == task)
			break;
		err |= READ(pid, parent, task_struct, tgid);
		if (!pid) /* the idle task, parent of pid 1 and 2 */
			break;
		a->pid = pid;
		err |= READ(a->start_ns, parent, task_struct, start_boottime);
		err |= READ(exec_count, parent, task_struct, self_exec_id);
		a->exec_count = exec_count;
		err |= READ(a->comm, parent, task_struct, comm);
		count++;
		task = parent;
	}
	r->ancestor_count = count;
	if (count == ANCESTORS) {
		u32 pid = 0;

		parent = POINTER(task, task_struct, real_parent);
		READ(pid, parent, task_struct, tgid);
		if (pid)
			slot->flags |= FLAG_CUT_ANCESTORS;
	}
	if (err)
		slot->flags |= FLAG_BAD_ANCESTORS;
}

static __always_inline void identity__exe(struct exec_record *r, struct slot *slot, void *file)
{
	void *inode = POINTER(file, file, f_inode);
	void *sb = POINTER(inode, inode, i_sb);
	long err;

	err = READ(r->exe_ino, inode, inode, i_ino);
	err |= READ(r->exe_dev, sb, super_block, s_dev);
	err |= READ(r->exe_nlink, inode, inode, i_nlink);
	err |= READ(r->exe_uid, inode, inode, i_uid);
	err |= READ(r->exe_gid, inode, inode, i_gid);
	err |= READ(r->exe_mode, inode, inode, i_mode);
	if (err)
		slot->flags |= FLAG_BAD_EXE;
}

/* exe, cwd and root, in the order of the wire. */
static __always_inline void identity__paths(
	struct scratch *buf, struct slot *slot, void *task, void *file)
{
	struct exec_record *r = (struct exec_record *)buf;
	void *fs = POINTER(task, task_struct, fs);
	struct location root = location__read(fs, OFF(fs_struct, root));
	struct location pwd = location__read(fs, OFF(fs_struct, pwd));
	struct location exe = location__read(file, OFF(file, f_path));
	struct location top = {};
	u32 exe_flags = 0;

	if (dentry__is_unhashed(exe.dentry))
		exe_flags |= EXE_DELETED;
	r->exe_bytes =
		path__append(buf, slot, exe, root, FLAG_CUT_EXE, FLAG_BAD_EXE_PATH, &exe_flags);
	r->exe_flags = exe_flags;
	/* A root directory is unhashed too, but is not deleted: it is its own parent. */
	if (dentry__is_unhashed(pwd.dentry) && POINTER(pwd.dentry, dentry, d_parent) != pwd.dentry)
		slot->flags |= FLAG_CWD_DELETED;
	r->cwd_bytes = path__append(buf, slot, pwd, root, FLAG_CUT_CWD, FLAG_BAD_CWD, 0);
	r->root_bytes = path__append(buf, slot, root, top, FLAG_CUT_ROOT, FLAG_BAD_ROOT, 0);
}

static __always_inline void identity__cgroup(struct scratch *buf, struct slot *slot, void *task)
{
	struct exec_record *r = (struct exec_record *)buf;
	void *set = POINTER(task, task_struct, cgroups);
	void *group = POINTER(set, css_set, dfl_cgrp);
	void *node = POINTER(group, cgroup, kn);
	u64 begin = END(slot);
	void *parent;

	if (READ(r->cgroup_id, node, kernfs_node, id))
		slot->flags |= FLAG_BAD_CGROUP;
	for (int i = 0; i < CGROUP_LEVELS; i++) {
		parent = POINTER_AT(node, KERNFS_PARENT);
		if (!parent)
			goto out;
		if (END(slot) - begin > CGROUP_BYTES)
			break;
		if (!string__append(buf, slot, POINTER(node, kernfs_node, name), NAME_BYTES)) {
			slot->flags |= FLAG_BAD_CGROUP;
			goto out;
		}
		node = parent;
	}
	slot->flags |= FLAG_CUT_CGROUP;
out:
	r->cgroup_bytes = END(slot) - begin;
}

#endif
