/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Who and where: everything about a task that does not depend on how its exec ended. Each block
 * sets a FLAG_BAD_… bit when one of its reads fails.
 */
#ifndef EXECAUDIT_IDENTITY_H
#define EXECAUDIT_IDENTITY_H

#include "files.h"

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

	err = MISSING(cred) | MEMBERS(&r->uid, ids, u32, cred, cred, OFF(cred, uid));
	r->auid = r->ses = -1;
	if (HAS(task_struct, loginuid)) {
		err |= READ(r->auid, task, task_struct, loginuid);
		err |= READ(r->ses, task, task_struct, sessionid);
	}
	if (err)
		slot->flags |= FLAG_BAD_IDS;
	err = MEMBERS(&r->cap_inheritable, caps, u64, cred, cred, OFF(cred, cap_inheritable));
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
	if (!CASTS && BLOCK_HAS(proxy->begin, offset))
		return BLOCK_GET(proxy->block, void *, offset - proxy->begin);
	return POINTER_OF(proxy->base, nsproxy, offset);
}

/* Reads a namespace's inode number; `common` is where its struct ns_common begins. */
static __always_inline long namespace__inum(u32 *inum, void *ns, u32 common)
{
	return READ(*inum, ns + common, ns_common, inum);
}

static __always_inline void identity__namespaces(
	struct exec_record *r, struct slot *slot, void *task, void *cred)
{
	void *pid = POINTER_AT(task, OFF(task_struct, thread_pid));
	struct proxy p = {};
	struct {
		u32 nr, pad;
		void *ns;
	} upid = {};
	u32 level = 0;
	long err;

	p.base = POINTER(task, task_struct, nsproxy);
	p.begin = BLOCK_BEGIN(OFF(nsproxy, uts_ns));
	if (!CASTS)
		READ_AT(p.block, p.base, p.begin);
	err = MISSING(p.base);
	err |= namespace__inum(
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

	if (!CASTS && BLOCK_HAS(begin, parent_at) && BLOCK_HAS(begin, leader_at)) {
		k.err = READ_AT(block, task, begin);
		k.tgid = BLOCK_GET(block, u32, tgid_at - begin);
		k.real_parent = BLOCK_GET(block, void *, parent_at - begin);
		k.group_leader = BLOCK_GET(block, void *, leader_at - begin);
	} else {
		k.err = MEMBER_AT(k.tgid, task, task_struct, tgid_at);
		k.err |= MEMBER_AT(k.real_parent, task, task_struct, parent_at);
		k.err |= MEMBER_AT(k.group_leader, task, task_struct, leader_at);
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

/* A cgroup's parent and name, in one read where they follow each other. */
struct group_name {
	void *parent;
	void *name;
};

static __always_inline struct group_name group_name__read(void *node)
{
	const u32 parent_at = KERNFS_PARENT, name_at = OFF(kernfs_node, name);
	struct group_name g = {};

	if (!CASTS && name_at == parent_at + __builtin_offsetof(struct group_name, name)) {
		READ_AT(g, node, parent_at);
	} else {
		MEMBER_AT(g.parent, node, kernfs_node, parent_at);
		MEMBER_AT(g.name, node, kernfs_node, name_at);
	}
	return g;
}

/* A task's cgroup in a hierarchy of version 1; NULL if it has none there. */
static __always_inline void *group__in(void *set, u32 hierarchy)
{
	u32 link_at = OFF(cgrp_cset_link, cgrp_link);
	void *item = POINTER(set, css_set, cgrp_links);

	for (int i = 0; i < HIERARCHIES; i++) {
		void *group = POINTER(item - link_at, cgrp_cset_link, cgrp);
		u32 number = 0;

		READ(number, POINTER(group, cgroup, root), cgroup_root, hierarchy_id);
		if (number == hierarchy)
			return group;
		item = POINTER(item, list_head, next);
	}
	return 0;
}

/*
 * Where systemd has a hierarchy of its own (legacy or hybrid), container runtimes put their groups
 * there too, and leave a task in version 2 with the group of the runtime. A container that has
 * version 2 alone makes its groups there. The deeper of both says more; systemd's own, if neither.
 */
struct group {
	void *node;
	u64 is_named;
};

static __always_inline struct group group__of(const struct config *conf, void *task)
{
	void *set = POINTER(task, task_struct, cgroups);
	void *group = POINTER(set, css_set, dfl_cgrp);
	struct group g = {};

	if (conf->named_hierarchy) {
		void *named = group__in(set, conf->named_hierarchy);
		u32 level = 0, named_level = 0;

		READ(level, group, cgroup, level);
		READ(named_level, named, cgroup, level);
		if (named_level && named_level >= level) {
			group = named;
			g.is_named = 1;
		}
	}
	g.node = POINTER(group, cgroup, kn);
	return g;
}

static __always_inline void identity__cgroup(
	struct scratch *buf, struct slot *slot, const struct config *conf, void *task)
{
	struct exec_record *r = (struct exec_record *)buf;
	void *node = group__of(conf, task).node;
	u64 begin = END(slot);

	if (MISSING(node) | READ(r->cgroup_id, node, kernfs_node, id))
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
