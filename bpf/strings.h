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

	at.dentry = POINTER_AT(base, offset + OFF(path, dentry));
	at.mnt = POINTER_AT(base, offset + OFF(path, mnt));
	return at;
}

static __always_inline int dentry__is_unhashed(void *dentry)
{
	return !POINTER_AT(dentry, OFF(dentry, d_hash) + OFF(hlist_bl_node, pprev));
}

/*
 * Appends the components of a path, leaf first, up to `root` or the top of the mount tree, as
 * d_path() does. Returns the bytes written; sets `cut` or `bad` in the slot's flags.
 */
static __always_inline u32 path__append(struct scratch *buf, struct slot *slot, struct location at,
	struct location root, u64 cut, u64 bad, u32 *exe_flags)
{
	u64 begin = END(slot);
	void *mount = at.mnt - OFF(mount, mnt);
	void *mount_root = POINTER(at.mnt, vfsmount, mnt_root);
	void *parent, *above, *name;

	for (int i = 0; i < PATH_COMPONENTS; i++) {
		if (at.dentry == root.dentry && at.mnt == root.mnt)
			goto out;
		if (!at.dentry || !mount_root)
			goto unreadable;
		parent = POINTER(at.dentry, dentry, d_parent);
		if (at.dentry != mount_root && at.dentry != parent) {
			if (END(slot) - begin > PATH_BYTES)
				break;
			name = POINTER_AT(at.dentry, OFF(dentry, d_name) + OFF(qstr, name));
			if (!string__append(buf, slot, name, NAME_BYTES))
				goto unreadable;
			at.dentry = parent;
			continue;
		}
		if (at.dentry != mount_root) {
			name = POINTER_AT(at.dentry, OFF(dentry, d_name) + OFF(qstr, name));
			if (!string__append(buf, slot, name, NAME_BYTES))
				goto unreadable;
			if (exe_flags)
				*exe_flags |= EXE_PSEUDO;
			goto out;
		}
		above = POINTER(mount, mount, mnt_parent);
		if (above == mount) /* top of the namespace, or a detached mount */
			goto out;
		at.dentry = POINTER(mount, mount, mnt_mountpoint);
		mount = above;
		at.mnt = mount + OFF(mount, mnt);
		mount_root = POINTER(at.mnt, vfsmount, mnt_root);
	}
	slot->flags |= cut;
	goto out;
unreadable:
	slot->flags |= bad;
out:
	return END(slot) - begin;
}

#endif
