/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Strings and paths behind the fixed part of a record. The fill level and the flags live in the
 * slot, in map memory, not in registers: the verifier then sees one unknown scalar in each turn of
 * a loop, not a tree of ranges, and the cost of a loop stays linear (5.10 has no bpf_loop).
 *
 * Kernels from 5.8 to 6.1 without commit 8678ea06852c may write one byte before the destination
 * when a kernel string cannot be read: no string here begins at the start of a map value.
 */
#ifndef EXECAUDIT_STRINGS_H
#define EXECAUDIT_STRINGS_H

#include "output.h"

#define END(slot) (*(volatile u64 *)&(slot)->end)

/*
 * Appends a NUL terminated kernel string of at most `limit` bytes, NUL included. Returns its
 * length with the NUL, or 0 when there is no room or it cannot be read.
 */
static __always_inline u32 string__append(
	struct scratch *buf, struct slot *slot, void *from, const u32 limit)
{
	u64 end = END(slot);
	long n;

	if (end > PATHS_END)
		return 0;
	PIN(end);
	n = bpf_probe_read_kernel_str(buf->bytes + end, limit, from);
	if (n < 1)
		return 0;
	END(slot) = end + n;
	return n;
}

struct location {
	void *dentry;
	void *mnt; /* struct vfsmount */
};

static __always_inline struct location location__read(void *base, u32 offset)
{
	struct location at;

	at.dentry = POINTER(base + offset, path, dentry);
	at.mnt = POINTER(base + offset, path, mnt);
	return at;
}

static __always_inline int dentry__is_unhashed(void *dentry)
{
	return !POINTER(dentry + OFF(dentry, d_hash), hlist_bl_node, pprev);
}

/* A dentry's parent and name. They follow each other: then one read gets both. */
struct component {
	void *parent;
	u64 hash_and_length;
	void *name;
};

static __always_inline struct component component__read(void *dentry)
{
	const u32 parent_at = OFF(dentry, d_parent),
		  name_at = OFF(dentry, d_name) + OFF(qstr, name);
	struct component c = {};

	if (!CASTS && name_at == parent_at + __builtin_offsetof(struct component, name)) {
		READ_AT(c, dentry, parent_at);
	} else {
		MEMBER_AT(c.parent, dentry, dentry, parent_at);
		MEMBER_AT(c.name, dentry, dentry, name_at);
	}
	return c;
}

/* Where a mount is mounted, read in the same way. */
struct place {
	void *parent;
	void *mountpoint;
};

static __always_inline struct place place__read(void *mount)
{
	const u32 parent_at = OFF(mount, mnt_parent), point_at = OFF(mount, mnt_mountpoint);
	struct place p = {};

	if (!CASTS && point_at == parent_at + __builtin_offsetof(struct place, mountpoint)) {
		READ_AT(p, mount, parent_at);
	} else {
		MEMBER_AT(p.parent, mount, mount, parent_at);
		MEMBER_AT(p.mountpoint, mount, mount, point_at);
	}
	return p;
}

/* Returns true if a place is where the mount tree begins. */
static __always_inline int location__is_top(struct location at)
{
	void *mount = at.mnt - OFF(mount, mnt);

	return at.dentry && at.dentry == POINTER(at.mnt, vfsmount, mnt_root) &&
	       POINTER(mount, mount, mnt_parent) == mount;
}

/* Returns true if a mount, at the top of its tree, is in the mount namespace of a task. */
static __always_inline int mount__is_in_namespace(void *mount, void *task)
{
	void *proxy = POINTER(task, task_struct, nsproxy);

	return !HAS(mount, mnt_ns) ||
	       POINTER(mount, mount, mnt_ns) == POINTER(proxy, nsproxy, mnt_ns);
}

enum walk_state {
	WALK_GOES_ON,
	WALK_AT_ROOT,
	WALK_AT_TOP, /* of the namespace or a detached mount: the root was not on the way */
	WALK_PSEUDO, /* at the top of what is no part of the mount tree, such as a memfd */
	WALK_CUT,
	WALK_UNREADABLE,
};

/* Appends the next PATH_STEP components of the walk of a hook; gives a walk_state. */
VERIFIED_ONCE int path__step(u32 hook)
{
	struct scratch *buf = map__lookup(scratch, &hook);
	struct slot *slot = map__lookup(slots, &hook);
	struct walk *walk = map__lookup(walks, &hook);
	struct location at, root;
	struct component c;
	struct place place;
	void *mount, *mount_root;

	if (!buf || !slot || !walk)
		return WALK_UNREADABLE;
	at.dentry = (void *)walk->dentry;
	at.mnt = (void *)walk->mnt;
	root.dentry = (void *)walk->root_dentry;
	root.mnt = (void *)walk->root_mnt;
	mount = at.mnt - OFF(mount, mnt);
	mount_root = POINTER(at.mnt, vfsmount, mnt_root);
	for (int i = 0; i < PATH_STEP; i++) {
		if (at.dentry == root.dentry && at.mnt == root.mnt)
			return WALK_AT_ROOT;
		if (!at.dentry || !mount_root)
			return WALK_UNREADABLE;
		if (at.dentry != mount_root) {
			c = component__read(at.dentry);
			if (END(slot) > walk->limit)
				return WALK_CUT;
			if (!string__append(buf, slot, c.name, NAME_BYTES))
				return WALK_UNREADABLE;
			if (at.dentry == c.parent)
				return WALK_PSEUDO;
			at.dentry = c.parent;
			continue;
		}
		place = place__read(mount);
		if (place.parent == mount) {
			walk->mnt = (u64)at.mnt;
			return WALK_AT_TOP;
		}
		at.dentry = place.mountpoint;
		mount = place.parent;
		at.mnt = mount + OFF(mount, mnt);
		mount_root = POINTER(at.mnt, vfsmount, mnt_root);
	}
	walk->dentry = (u64)at.dentry;
	walk->mnt = (u64)at.mnt;
	return WALK_GOES_ON;
}

/*
 * Appends the components of a path, leaf first, up to `root` or the top of the mount tree, as
 * d_path() does, of about `limit` bytes at most. Sets `cut` or `bad` in the slot's flags. Returns
 * a walk_state; what was written stands between the fill levels before and after.
 */
static __always_inline int path__append(u32 hook, struct slot *slot, struct location at,
	struct location root, u64 limit, u64 cut, u64 bad)
{
	struct walk *walk = map__lookup(walks, &hook);
	int state = WALK_GOES_ON;

	if (!walk) {
		slot->flags |= bad;
		return WALK_UNREADABLE;
	}
	walk->dentry = (u64)at.dentry;
	walk->mnt = (u64)at.mnt;
	walk->root_dentry = (u64)root.dentry;
	walk->root_mnt = (u64)root.mnt;
	walk->limit = END(slot) + limit;
	for (int i = 0; i < PATH_COMPONENTS / PATH_STEP && state == WALK_GOES_ON; i++)
		state = path__step(hook);
	if (state == WALK_UNREADABLE)
		slot->flags |= bad;
	else if (state == WALK_CUT || state == WALK_GOES_ON)
		slot->flags |= cut;
	return state;
}

/* The same of a program's or script's file; gives its enum exe_flag bits. */
static __always_inline u32 path__append_file(
	u32 hook, struct slot *slot, void *file, struct location root, u64 limit, u64 cut, u64 bad)
{
	struct location at = location__read(file, OFF(file, f_path));
	u32 exe_flags = 0;
	int state;

	if (dentry__is_unhashed(at.dentry))
		exe_flags |= EXE_DELETED;
	state = path__append(hook, slot, at, root, limit, cut, bad);
	if (state == WALK_PSEUDO)
		exe_flags |= EXE_PSEUDO;
	else if (state == WALK_AT_TOP)
		exe_flags |= EXE_UNREACHABLE;
	return exe_flags;
}

#endif
