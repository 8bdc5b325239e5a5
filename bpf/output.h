/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Maps, sequence numbers, loss accounting and the way into the ring buffer. Every event takes its
 * sequence number before anything can fail, so that user space knows what did not arrive.
 */
#ifndef EXECAUDIT_OUTPUT_H
#define EXECAUDIT_OUTPUT_H

#include "dialect.h"
#include "wire.h"

/* A record under construction. All kinds are named, so that the object's BTF describes them. */
struct scratch {
	union {
		char bytes[SCRATCH_BYTES];
		struct exec_record exec;
		struct chunk_record chunk;
		struct exit_record exit;
		struct running_record running;
	};
};

#ifndef EXECAUDIT_BCC
/* Sizes marked "set" are replaced by user space before loading. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4 << 20); /* set */
} events SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, HOOK_COUNT); /* set */
	__type(key, u32);
	__type(value, struct scratch);
} scratch SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, HOOK_COUNT);
	__type(key, u32);
	__type(value, struct slot);
} slots SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, HOOK_COUNT);
	__type(key, u32);
	__type(value, struct walk);
} walks SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct config);
} config SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, BEFORE_ENTRIES);
	__type(key, u32);
	__type(value, struct before);
} before SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, ENDED_ENTRIES);
	__type(key, struct ended);
	__type(value, u32);
} ended SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, ORIGIN_ENTRIES);
	__type(key, u32);
	__type(value, struct origin);
} origins SEC(".maps");
#endif

/* Takes the next sequence number and fills the header. */
static __always_inline void event__begin(
	struct event_head *head, struct slot *slot, u32 hook, u32 kind, u64 now)
{
	u64 seq = slot->seq + 1;

	slot->seq = seq;
	head->kind = kind;
	head->version = WIRE_VERSION;
	head->hook = hook;
	head->pad = 0;
	head->seq = seq;
	head->time_ns = now;
	head->cpu = bpf_get_smp_processor_id();
	head->lost = slot->lost_pending;
	head->lost_first_ns = slot->lost_first_ns;
}

/*
 * The kernel wakes a reader that has caught up; a reader that sleeps to collect a batch is woken
 * when the ring fills beyond config.wake_bytes, and again with each further part of that. To wake
 * it takes an interrupt: while a reader that is behind works, not every event is to pay for one.
 * What came in chunks may have filled any number of parts; what two processors fill together is
 * seen with the next part.
 */
static __always_inline u64 event__wakeup(const struct config *conf, u64 size, u32 chunks)
{
	u64 before = bpf_ringbuf_query(MAP(events), BPF_RB_AVAIL_DATA);
	u64 after = before + ((size + BPF_RINGBUF_HDR_SZ + 7) & ~7ull), part;

	if (!conf || after < conf->wake_bytes)
		return 0;
	part = conf->wake_bytes / WAKE_PARTS;
	if (!chunks && part && before / part == after / part)
		return 0;
	return BPF_RB_FORCE_WAKEUP;
}

static __always_inline void event__send(
	void *data, u64 size, u32 chunks, struct slot *slot, const struct config *conf, u64 now)
{
	u64 flags = event__wakeup(conf, size, chunks);

	if (bpf_ringbuf_output(MAP(events), data, size, flags) == 0) {
		slot->lost_pending = 0;
		slot->lost_first_ns = 0;
		return;
	}
	if (!slot->lost_pending)
		slot->lost_first_ns = now;
	slot->lost++;
	slot->lost_pending++;
	slot->lost_last_ns = now;
}

/* Sends the scratch buffer as far as it is filled. */
static __always_inline void record__send(
	struct scratch *buf, struct slot *slot, const struct config *conf)
{
	struct exec_record *r = (struct exec_record *)buf;
	u64 end = *(volatile u64 *)&slot->end;

	if (end > SCRATCH_BYTES)
		return;
	PIN(end);
	r->head.size = end;
	r->flags = slot->flags;
	event__send(buf, end, r->chunks, slot, conf, r->head.time_ns);
}

#endif
