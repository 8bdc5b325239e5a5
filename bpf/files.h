/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which files: device and inode of a program as stat(2) tells files apart, the directories that a
 * task is in, and whether it sees the same files as the first process does.
 */
#ifndef EXECAUDIT_FILES_H
#define EXECAUDIT_FILES_H

#include "strings.h"

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
 * On overlayfs, whose own numbers two files can share, the file in the layer; on
 * btrfs the device of the subvolume. Where the kernel keeps these, user space has found out.
 */
static __always_inline struct file_id file__id(void *file, const struct config *conf)
{
	void *inode = POINTER(file, file, f_inode), *sb = POINTER(inode, inode, i_sb);
	struct file_id id = {};
	u64 magic = 0;

	id.err = READ(magic, sb, super_block, s_magic);
	if (magic == OVERLAYFS_SUPER_MAGIC) {
		if (!conf->overlay_upper)
			id.flags |= EXE_BAD_UPPER;
		else if (POINTER_AT(inode, conf->overlay_upper))
			id.flags |= EXE_UPPER;
	}
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
	id.err |= MISSING(sb);
	id.err |= READ(id.ino, inode, inode, i_ino);
	id.err |= READ(id.dev, sb, super_block, s_dev);
	if (magic == OVERLAYFS_SUPER_MAGIC) {
		id.flags |= EXE_BAD_DEV;
	} else if (magic == BTRFS_SUPER_MAGIC && !conf->btrfs_root_back) {
		id.flags |= EXE_BAD_DEV;
	} else if (magic == BTRFS_SUPER_MAGIC) {
		void *own = POINTER_AT(file, OFF(file, f_inode));
		void *subvolume = POINTER_AT(own - conf->btrfs_root_back, 0);

		id.err |= READ_AT(id.dev, subvolume, conf->btrfs_anon_dev);
	}
	return id;
}

#define NSEC_PER_SEC 1000000000ull
#define NSEC_BITS    30 /* since 6.13 a bit above these says that somebody asked for the time */

/* When the inode was last changed. */
static __always_inline long inode__changed(u64 *ns, void *inode)
{
	u32 sec_at = 0, nsec_at = 0, nsec = 0;
	u64 seconds = 0;
	long err;

	if (HAS(inode, i_ctime_sec) && HAS(inode, i_ctime_nsec)) {
		sec_at = OFF(inode, i_ctime_sec);
		nsec_at = OFF(inode, i_ctime_nsec);
	} else {
		if (HAS(inode, __i_ctime))
			sec_at = OFF(inode, __i_ctime);
		else if (HAS(inode, i_ctime))
			sec_at = OFF(inode, i_ctime);
		nsec_at = sec_at + OFF(timespec64, tv_nsec);
	}
	err = READ_AT(seconds, inode, sec_at) | READ_AT(nsec, inode, nsec_at);
	*ns = seconds * NSEC_PER_SEC + (nsec & ((1u << NSEC_BITS) - 1));
	return err;
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
	err |= READ(r->exe_size, inode, inode, i_size);
	err |= inode__changed(&r->exe_ctime_ns, inode);
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
	void *pid = POINTER_AT(task, OFF(task_struct, thread_pid));
	const u32 ns_at = OFF(pid, numbers) + OFF(upid, ns);
	u32 level = 0;

	READ(level, pid, pid, level);
	for (u32 i = 0; i < HOME_LEVELS && i <= level; i++) {
		void *ns = POINTER_AT(pid, ns_at + i * 2 * sizeof(u64));
		u32 inum = 0;

		READ(inum, ns + OFF(pid_namespace, ns), ns_common, inum);
		if (inum == conf->pid_ns)
			return POINTER(ns, pid_namespace, child_reaper);
	}
	return 0;
}

/* Return true if paths of a task begin where the first process's do: it sees the same files. */
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

#endif
