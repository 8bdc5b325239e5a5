/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The argument and environment blocks of a new image: the kernel's own copy, between two addresses
 * of the new address space, which no user thread has touched yet. The beginning travels inside the
 * record, the rest ahead of it in chunks of the same CPU, hook and sequence number, so that user
 * space has every chunk that exists when the record arrives.
 */
#ifndef EXECAUDIT_AREA_H
#define EXECAUDIT_AREA_H

#include "strings.h"

/* As in strings.h: what changes from turn to turn of a loop lives in map memory. */
#define AREA(slot, member) (*(volatile w32 *)&(slot)->area_##member)

/* Notes what of the block is kept. Returns how much of it goes into the record itself. */
static __always_inline u32 area__plan(
	struct slot *slot, u64 start, u64 end, u32 budget, u32 tail_bytes, u32 inline_max)
{
	u32 bytes = end - start, inside;

	slot->area_start = start;
	AREA(slot, bytes) = bytes;
	AREA(slot, head) = AREA(slot, tail) = bytes;
	if (bytes > budget) {
		AREA(slot, head) = budget - tail_bytes;
		AREA(slot, tail) = bytes - tail_bytes;
	}
	inside = AREA(slot, head);
	if (inside > inline_max)
		inside = inline_max;
	AREA(slot, at) = inside;
	return inside;
}

/* Sends a chunk with room for `room` bytes of data; the ring wants to know its size beforehand. */
static __always_inline int chunk__send_in(
	const u32 room, const struct event_head *head, struct slot *slot, u32 area, u64 bytes)
{
	const u32 size = __builtin_offsetof(struct chunk_record, data) + room;
	struct chunk_record *c = bpf_ringbuf_reserve(MAP(events), size, 0);
	u32 at = AREA(slot, at);

	if (!c) {
		slot->chunks_lost++;
		return 0;
	}
	PIN(bytes);
	if (bytes > room)
		bytes = room;
	PIN(bytes);
	if (bytes > room) /* once more for the verifier, on the register that is used */
		bytes = room;
	c->head = *head;
	c->head.size = size;
	c->head.kind = KIND_CHUNK;
	c->area = area;
	c->offset = at;
	c->wanted = c->got = bytes;
	if (bpf_probe_read_user(c->data, bytes, (void *)(slot->area_start + at)))
		c->got = 0;
	AREA(slot, at) = at + bytes;
	/*
	 * The kernel wakes a reader only for the record where it stopped reading, and after a quiet
	 * time that is this one: without a wake-up here there would be none for what follows it.
	 */
	bpf_ringbuf_submit(c, 0);
	return 1;
}

/* Sends one chunk; what the small ones hold goes in them, since unused room takes up the ring. */
static __always_inline int chunk__send(const struct event_head *head, struct slot *slot, u32 area)
{
	u32 at = AREA(slot, at), limit = AREA(slot, head);
	u64 bytes;

	if (at >= limit)
		limit = AREA(slot, bytes);
	bytes = limit - at;
	if (bytes > CHUNK_BYTES - CHUNK_SMALL)
		return chunk__send_in(CHUNK_BYTES, head, slot, area, bytes);
	return chunk__send_in(CHUNK_SMALL, head, slot, area, bytes);
}

/* Sends the next CHUNK_STEP pieces of the planned block of a hook; 1 if there are more. */
VERIFIED_ONCE int area__step(u32 hook, u32 area)
{
	struct exec_record *r = map__lookup(scratch, &hook);
	struct slot *slot = map__lookup(slots, &hook);

	if (!r || !slot)
		return 0;
	for (int i = 0; i < CHUNK_STEP; i++) {
		u32 at = AREA(slot, at);

		if (at >= AREA(slot, head) && at < AREA(slot, tail))
			AREA(slot, at) = at = AREA(slot, tail);
		if (at >= AREA(slot, bytes))
			return 0;
		if (!chunk__send(&r->head, slot, area))
			return 0; /* the ring is full; user space sees which part is missing */
		r->chunks++;
	}
	return 1;
}

/* Sends what of the planned block has no room in the record. */
static __always_inline void area__send_chunks(struct exec_record *r, struct slot *slot, u32 area)
{
	if (AREA(slot, at) >= AREA(slot, bytes))
		return;
	for (int i = 0; i < CHUNKS / CHUNK_STEP; i++)
		if (!area__step(r->head.hook, area))
			break;
}

static __always_inline u32 area__append(struct scratch *buf, struct slot *slot, u64 bytes,
	const u32 begin_max, const u32 inline_max, u64 bad)
{
	u64 end = END(slot);

	if (end > begin_max || bytes == 0)
		return 0;
	PIN(end);
	PIN(bytes);
	if (bytes > inline_max)
		return 0;
	if (bpf_probe_read_user(buf->bytes + end, bytes, (void *)slot->area_start)) {
		slot->flags |= bad;
		return 0;
	}
	END(slot) = end + bytes;
	return bytes;
}

static __always_inline void record__add_env(
	struct scratch *buf, struct slot *slot, const struct config *conf, void *mm)
{
	struct exec_record *r = (struct exec_record *)buf;
	u64 start = 0, end = 0;
	u32 inside;

	r->env_bytes = r->env_inline = r->env_head = r->env_tail = 0;
	if (!conf->env_bytes)
		return;
	if (MISSING(mm) | READ(start, mm, mm_struct, env_start) | READ(end, mm, mm_struct, env_end))
		slot->flags |= FLAG_BAD_ENV;
	inside = area__plan(slot, start, end, conf->env_bytes, conf->env_tail, ENV_INLINE);
	r->env_bytes = AREA(slot, bytes);
	r->env_head = AREA(slot, head);
	r->env_tail = AREA(slot, tail);
	r->env_inline = area__append(buf, slot, inside, PATHS_END, ENV_INLINE, FLAG_BAD_ENV);
	area__send_chunks(r, slot, AREA_ENV);
}

static __always_inline void record__add_argv(
	struct scratch *buf, struct slot *slot, const struct config *conf, void *mm)
{
	struct exec_record *r = (struct exec_record *)buf;
	u64 start = 0, end = 0;
	u32 inside;

	if (MISSING(mm) | READ(start, mm, mm_struct, arg_start) | READ(end, mm, mm_struct, arg_end))
		slot->flags |= FLAG_BAD_ARGV;
	inside = area__plan(slot, start, end, conf->argv_bytes, conf->argv_tail, ARGV_INLINE);
	r->argv_bytes = AREA(slot, bytes);
	r->argv_head = AREA(slot, head);
	r->argv_tail = AREA(slot, tail);
	r->argv_inline =
		area__append(buf, slot, inside, ARGV_BEGIN_MAX, ARGV_INLINE, FLAG_BAD_ARGV);
	area__send_chunks(r, slot, AREA_ARGV);
}

#endif
