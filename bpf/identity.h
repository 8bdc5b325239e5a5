/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Who and where: everything about a task that does not depend on how its exec ended. Each block
 * sets a FLAG_BAD_… bit when one of its reads fails.
 */
#ifndef EXECAUDIT_IDENTITY_H
#define EXECAUDIT_IDENTITY_H

#include "strings.h"

#define PF_FORKNOEXEC 0x00000040 /* it has not called exec since it was forked */

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

/* The pointers of a struct nsproxy, as far as they lie in one block. */
struct proxy {
	void *base;
	u32 begin;
	u64 block[BLOCK_BYTES / sizeof(u64)];
};

static __always_inline void *proxy__namespace(struct proxy *proxy, u32 offset)
{
	if (BLOCK_HAS(proxy->begin, offset))
		return BLOCK_GET(proxy->block, void *, offset - proxy->begin);
	return POINTER_AT(proxy->base, offset);
}

/* Reads a namespace's inode number; `common` is where its struct ns_common begins. */
static __always_inline long namespace__inum(u32 *inum, void *ns, u32 common)
{
	return bpf_probe_read_kernel(inum, sizeof(*inum), ns + common + OFF(ns_common, inum));
}

static __always_inline void identity__namespaces(
	struct exec_record *r, struct slot *slot, void *task, void *cred)
{
	void *pid = POINTER(task, task_struct, thread_pid);
	struct proxy p = {};
	struct {
		u32 nr, pad;
		void *ns;
	} upid = {};
	u32 level = 0;
	long err;

	p.base = POINTER(task, task_struct, nsproxy);
	p.begin = BLOCK_BEGIN(OFF(nsproxy, uts_ns));
	READ_AT(p.block, p.base, p.begin);
	err = namespace__inum(
		&r->ns_mnt, proxy__namespace(&p, OFF(nsproxy, mnt_ns)), OFF(mnt_namespace, ns));
	err |= namespace__inum(
		&r->ns_net, proxy__namespace(&p, OFF(nsproxy, net_ns)), OFF(net, ns));
	err |= namespace__inum(
		&r->ns_uts, proxy__namespace(&p, OFF(nsproxy, uts_ns)), OFF(uts_namespace, ns));
	err |= namespace__inum(
		&r->ns_ipc, proxy__namespace(&p, OFF(nsproxy, ipc_ns)), OFF(ipc_namespace, ns));
	err |= namespace__inum(&r->ns_cgroup, proxy__namespace(&p, OFF(nsproxy, cgroup_ns)),
		OFF(cgroup_namespace, ns));
	err |= namespace__inum(&r->ns_user, POINTER(cred, cred, user_ns), OFF(user_namespace, ns));
	err |= READ(level, pid, pid, level);
	/* MAX_PID_NS_LEVEL is 32 */
	err |= READ_AT(upid, pid, OFF(pid, numbers) + (level & 63) * sizeof(upid));
	err |= namespace__inum(&r->ns_pid, upid.ns, OFF(pid_namespace, ns));
	r->nspid = upid.nr;
	r->execveat_flags = 0;
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

/* What ties a task to its parents. */
struct kin {
	void *real_parent;
	void *group_leader;
	u32 tgid;
	long err;
};

static __always_inline struct kin kin__read(void *task)
{
	const u32 tgid_at = OFF(task_struct, tgid), begin = BLOCK_BEGIN(tgid_at);
	const u32 parent_at = OFF(task_struct, real_parent);
	const u32 leader_at = OFF(task_struct, group_leader);
	u64 block[BLOCK_BYTES / sizeof(u64)] = {};
	struct kin k = {};

	if (BLOCK_HAS(begin, parent_at) && BLOCK_HAS(begin, leader_at)) {
		k.err = READ_AT(block, task, begin);
		k.tgid = BLOCK_GET(block, u32, tgid_at - begin);
		k.real_parent = BLOCK_GET(block, void *, parent_at - begin);
		k.group_leader = BLOCK_GET(block, void *, leader_at - begin);
	} else {
		k.err = READ_AT(k.tgid, task, tgid_at);
		k.err |= READ_AT(k.real_parent, task, parent_at);
		k.err |= READ_AT(k.group_leader, task, leader_at);
	}
	return k;
}

static __always_inline void identity__ancestors(
	struct exec_record *r, struct slot *slot, void *task)
{
	struct kin k = kin__read(task);
	u32 count = 0;
	long err = k.err;

	for (int i = 0; i < ANCESTORS; i++) {
		struct ancestor *a = &r->ancestors[i];
		void *parent = k.real_parent;
		u64 exec_count = 0;

		k = kin__read(parent);
		if (k.group_leader != parent && !k.err) { /* one of several threads */
			parent = k.group_leader;
			k = kin__read(parent);
		}
		if (parent == task)
			break;
		err |= k.err;
		if (!k.tgid) /* the idle task, parent of pid 1 and 2 */
			break;
		a->pid = k.tgid;
		err |= READ(a->start_ns, parent, task_struct, start_boottime);
		err |= READ(exec_count, parent, task_struct, self_exec_id);
		a->exec_count = exec_count;
		err |= READ(a->comm, parent, task_struct, comm);
		count++;
		task = parent;
	}
	r->ancestor_count = count;
	if (count == ANCESTORS && kin__read(k.real_parent).tgid)
		slot->flags |= FLAG_CUT_ANCESTORS;
	if (err)
		slot->flags |= FLAG_BAD_ANCESTORS;
}

/* Which process's program forked this one, where that was seen. */
static __always_inline void identity__origin(struct exec_record *r)
{
	u32 index = r->pid % ORIGIN_ENTRIES;
	struct origin *o = map__lookup(origins, &index);

	r->origin_start_ns = r->origin_pid = r->origin_exec_count = 0;
	if (!o || o->pid != r->pid || o->start_ns != r->start_ns)
		return;
	r->origin_pid = o->origin_pid;
	r->origin_start_ns = o->origin_start_ns;
	r->origin_exec_count = o->origin_exec_count;
}

#define OVERLAYFS_SUPER_MAGIC 0x794c7630
#define BTRFS_SUPER_MAGIC     0x9123683e
#define OVERLAY_DEPTH	      2 /* FILESYSTEM_MAX_STACK_DEPTH */

/* Which file it is, as stat(2) tells files apart. */
struct file_id {
	u64 ino;
	u32 dev;
	u32 flags; /* enum exe_flag */
	long err;
};

/*
 * On overlayfs, whose own numbers can be those of two files at once, the file in the layer; on
 * btrfs the device of the subvolume. Where the kernel keeps these, user space has found out.
 */
static __always_inline struct file_id file__id(void *file, const struct config *conf)
{
	void *inode = POINTER(file, file, f_inode), *sb = POINTER(inode, inode, i_sb);
	struct file_id id = {};
	u64 magic = 0;

	id.err = READ(magic, sb, super_block, s_magic);
	for (int i = 0; i < OVERLAY_DEPTH && magic == OVERLAYFS_SUPER_MAGIC; i++) {
		if (conf->overlay_file == OVERLAY_UNKNOWN)
			break;
		file = POINTER(file, file, private_data);
		if (conf->overlay_file == OVERLAY_STRUCT)
			file = POINTER_AT(file, 0);
		inode = POINTER(file, file, f_inode);
		sb = POINTER(inode, inode, i_sb);
		id.flags |= EXE_IN_LAYER;
		id.err |= READ(magic, sb, super_block, s_magic);
	}
	id.err |= READ(id.ino, inode, inode, i_ino);
	id.err |= READ(id.dev, sb, super_block, s_dev);
	if (magic == OVERLAYFS_SUPER_MAGIC) {
		id.flags |= EXE_BAD_DEV;
	} else if (magic == BTRFS_SUPER_MAGIC && !conf->btrfs_root_back) {
		id.flags |= EXE_BAD_DEV;
	} else if (magic == BTRFS_SUPER_MAGIC) {
		void *subvolume = POINTER_AT(inode - conf->btrfs_root_back, 0);

		id.err |= READ_AT(id.dev, subvolume, conf->btrfs_anon_dev);
	}
	return id;
}

static __always_inline void identity__exe(
	struct exec_record *r, struct slot *slot, const struct config *conf, void *file)
{
	void *inode = POINTER(file, file, f_inode);
	struct file_id id = file__id(file, conf);
	long err = id.err;

	r->exe_ino = id.ino;
	r->exe_dev = id.dev;
	r->exe_flags = id.flags;
	r->script_ino = r->script_dev = r->script_bytes = r->script_flags = 0;
	err |= READ(r->exe_nlink, inode, inode, i_nlink);
	err |= READ(r->exe_uid, inode, inode, i_uid);
	err |= READ(r->exe_gid, inode, inode, i_gid);
	err |= READ(r->exe_mode, inode, inode, i_mode);
	if (err)
		slot->flags |= FLAG_BAD_EXE;
}

static __always_inline struct location root__read(void *task)
{
	return location__read(POINTER(task, task_struct, fs), OFF(fs_struct, root));
}

#define HOME_LEVELS 4 /* how deep execaudit may run in pid namespaces of pid namespaces */

/*
 * The first process of the pid namespace that execaudit runs in, on most hosts pid 1 of all. It is
 * found through a task in that namespace or in one below it, else NULL.
 */
static __always_inline void *task__first_at_home(void *task, const struct config *conf)
{
	void *pid = POINTER(task, task_struct, thread_pid);
	const u32 ns_at = OFF(pid, numbers) + OFF(upid, ns);
	u32 level = 0;

	READ(level, pid, pid, level);
	for (u32 i = 0; i < HOME_LEVELS && i <= level; i++) {
		void *ns = POINTER_AT(pid, ns_at + i * 2 * sizeof(u64));
		u32 inum = 0;

		READ_AT(inum, ns, OFF(pid_namespace, ns) + OFF(ns_common, inum));
		if (inum == conf->pid_ns)
			return POINTER(ns, pid_namespace, child_reaper);
	}
	return 0;
}

/* Whether paths of a task begin where those of the first process do: it sees the same files. */
static __always_inline int root__is_at_home(
	struct location root, void *task, const struct config *conf)
{
	struct location home = root__read(task__first_at_home(task, conf));

	return home.dentry && home.dentry == root.dentry && home.mnt == root.mnt;
}

/* The root directory in its mount namespace, unless it is the root there too. */
static __always_inline u32 root__append(
	u32 hook, struct slot *slot, void *task, struct location root)
{
	struct walk *walk = map__lookup(walks, &hook);
	struct location top = {};
	u64 begin = END(slot);
	int state = WALK_AT_TOP;

	if (!walk)
		return 0;
	walk->mnt = (u64)root.mnt;
	if (!location__is_top(root)) /* seldom, and the walk would find it out more slowly */
		state = path__append(
			hook, slot, root, top, PATH_BYTES, FLAG_CUT_ROOT, FLAG_BAD_ROOT);
	if (state == WALK_AT_TOP && slot->flags & FLAG_OTHER_ROOT &&
		!mount__is_in_namespace((void *)walk->mnt - OFF(mount, mnt), task))
		slot->flags |= FLAG_ROOT_UNREACHABLE;
	return END(slot) - begin;
}

/* exe, cwd and root, in the order of the wire. */
static __always_inline void identity__paths(struct scratch *buf, struct slot *slot,
	const struct config *conf, void *task, void *file, struct location root)
{
	struct exec_record *r = (struct exec_record *)buf;
	u32 hook = r->head.hook;
	void *fs = POINTER(task, task_struct, fs);
	struct location pwd = location__read(fs, OFF(fs_struct, pwd));
	u64 begin = END(slot);

	if (!root__is_at_home(root, task, conf))
		slot->flags |= FLAG_OTHER_ROOT;
	r->exe_flags |= path__append_file(
		hook, slot, file, root, PATH_BYTES, FLAG_CUT_EXE, FLAG_BAD_EXE_PATH);
	r->exe_bytes = END(slot) - begin;
	begin = END(slot);
	/* A root directory is unhashed too, but is not deleted: it is its own parent. */
	if (dentry__is_unhashed(pwd.dentry) && POINTER(pwd.dentry, dentry, d_parent) != pwd.dentry)
		slot->flags |= FLAG_CWD_DELETED;
	if (path__append(hook, slot, pwd, root, PATH_BYTES, FLAG_CUT_CWD, FLAG_BAD_CWD) ==
		WALK_AT_TOP)
		slot->flags |= FLAG_CWD_UNREACHABLE;
	r->cwd_bytes = END(slot) - begin;
	r->root_bytes = root__append(hook, slot, task, root);
}

/* A cgroup's parent and name, in one read where they follow each other. */
struct group_name {
	void *parent;
	void *name;
};

static __always_inline struct group_name group_name__read(void *node)
{
	const u32 parent_at = KERNFS_PARENT, name_at = OFF(kernfs_node, name);
	struct group_name g = {};

	if (name_at == parent_at + __builtin_offsetof(struct group_name, name)) {
		READ_AT(g, node, parent_at);
	} else {
		READ_AT(g.parent, node, parent_at);
		READ_AT(g.name, node, name_at);
	}
	return g;
}

static __always_inline void identity__cgroup(struct scratch *buf, struct slot *slot, void *task)
{
	struct exec_record *r = (struct exec_record *)buf;
	void *set = POINTER(task, task_struct, cgroups);
	void *group = POINTER(set, css_set, dfl_cgrp);
	void *node = POINTER(group, cgroup, kn);
	u64 begin = END(slot);

	if (READ(r->cgroup_id, node, kernfs_node, id))
		slot->flags |= FLAG_BAD_CGROUP;
	for (int i = 0; i < CGROUP_LEVELS; i++) {
		struct group_name g = group_name__read(node);

		if (!g.parent)
			goto out;
		if (END(slot) - begin > CGROUP_BYTES)
			break;
		if (!string__append(buf, slot, g.name, NAME_BYTES)) {
			slot->flags |= FLAG_BAD_CGROUP;
			goto out;
		}
		node = g.parent;
	}
	slot->flags |= FLAG_CUT_CGROUP;
out:
	r->cgroup_bytes = END(slot) - begin;
}

#endif
