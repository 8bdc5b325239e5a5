/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Drop rules that the kernel decides. One hash map holds them; its keys carry a generation, and the
 * active one stands in the configuration. User space loads a new generation beside the old, flips,
 * and deletes the old: no event is judged by a mixture, none slips through.
 */
#ifndef EXECAUDIT_RULES_H
#define EXECAUDIT_RULES_H

#include "identity.h"

#ifndef EXECAUDIT_BCC
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1); /* set */
	__type(key, struct rule_key);
	__type(value, u32);
} rules SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1); /* set */
	__type(key, u32);
	__type(value, u64);
} rule_hits SEC(".maps");
#endif

/* Counts and reports a hit of any rule of this kind. */
static __always_inline int rule__hits(u64 active, u32 kind, u64 a, u64 b)
{
	struct rule_key key = {.generation = active >> 32, .kind = kind, .a = a, .b = b};
	u32 *rule;
	u64 *hits;

	if (!(active & (1 << kind)))
		return 0;
	rule = map__lookup(rules, &key);
	if (!rule)
		return 0;
	hits = map__lookup(rule_hits, rule);
	if (hits)
		(*hits)++;
	return 1;
}

/* bpf_get_current_ancestor_cgroup_id is not offered to tracing programs on 5.10. */
static __always_inline int rule__hits_cgroup(u64 active, const struct config *conf, void *task)
{
	struct group g = group__of(conf, task);

	for (int i = 0; i < CGROUP_LEVELS && g.node; i++) {
		u64 id = 0;

		READ(id, g.node, kernfs_node, id);
		if (rule__hits(active, RULE_CGROUP, id, g.is_named))
			return 1;
		g.node = POINTER_OF(g.node, kernfs_node, KERNFS_PARENT);
	}
	return 0;
}

/* Returns true if a rule drops the event. Ids, program and name must be in the record already. */
static __always_inline int rules__drop(
	const struct exec_record *r, const struct config *conf, void *task)
{
	u64 active = *(volatile u64 *)&conf->rules;
	u64 comm[2];

	if (!(u32)active)
		return 0;
	if (active & 1 << RULE_ALL)
		return 1;
	if (rule__hits(active, RULE_UID, r->uid, 0) || rule__hits(active, RULE_GID, r->gid, 0) ||
		rule__hits(active, RULE_AUID, r->auid, 0) ||
		/* Of a file with several names the rule may mean another one. */
		(r->exe_nlink == 1 && !(r->exe_flags & (EXE_IN_LAYER | EXE_BAD_DEV)) &&
			rule__hits(active, RULE_EXE, r->exe_dev, r->exe_ino)))
		return 1;
	__builtin_memcpy(comm, r->comm, sizeof(comm));
	if (rule__hits(active, RULE_COMM, comm[0], comm[1]))
		return 1;
	return active & (1 << RULE_CGROUP) && rule__hits_cgroup(active, conf, task);
}

#endif
