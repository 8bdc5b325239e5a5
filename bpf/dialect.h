/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * One dialect for two engines. Every kernel access is base pointer plus field offset. libbpf takes
 * the offsets by CO-RE, BCC as -D flags, which execaudit/engine/offsets.py takes from the running
 * kernel: both compile the same programs. Where the kernel has bpf_rdonly_cast (6.2), a member is
 * read by one instruction; elsewhere, and with BCC, by a call of bpf_probe_read_kernel.
 */
#ifndef EXECAUDIT_DIALECT_H
#define EXECAUDIT_DIALECT_H

/*
 * The programs are built twice for libbpf. With CASTS they need Linux 6.2 and its JIT compiler. One
 * object for all kernels would name a function that some lack: libbpf then looks for it in modules,
 * which takes CAP_SYS_ADMIN, and before version 1.4 it gives up without.
 */
#ifndef CASTS
#define CASTS 0
#endif

#ifdef EXECAUDIT_BCC

#define OFF(type, field) OFF_##type##_##field
#define HAS(type, field) HAS_##type##_##field
#define KERNFS_PARENT	 OFF_kernfs_node_parent
#define PT_REGS_SIZE	 SIZE_pt_regs
#define HAS_TASK_PT_REGS HAVE_TASK_PT_REGS
#define SECUREEXEC(bprm)                                                                           \
	({                                                                                         \
		u32 word_ = 0;                                                                     \
		READ_AT(word_, bprm, WORD_linux_binprm_secureexec);                                \
		(word_ >> SHIFT_linux_binprm_secureexec) & 1;                                      \
	})
#define SECTION(name)
#define MAP(name)	       ((void *)bpf_pseudo_fd(1, FD_##name))
#define map__lookup(name, key) bpf_map_lookup_elem_((unsigned long)MAP(name), key)
#define map__insert(name, key, value)                                                              \
	bpf_map_update_elem_((unsigned long)MAP(name), key, value, BPF_NOEXIST)

/*
 * The helpers (numbers of enum bpf_func_id) by names that BCC does not know: calls of its own it
 * rewrites, for kernels that lack them, and reads /proc/kallsyms whole to find out.
 */
static long (*user__read)(void *to, u32 bytes, const void *from) = (void *)112;
static long (*kernel__read)(void *to, u32 bytes, const void *from) = (void *)113;
static long (*user__read_string)(void *to, u32 bytes, const void *from) = (void *)114;
static long (*kernel__read_string)(void *to, u32 bytes, const void *from) = (void *)115;
static long (*sequence__write)(void *seq, const void *data, u32 bytes) = (void *)127;
#define bpf_seq_write		  sequence__write
#define bpf_probe_read_user	  user__read
#define bpf_probe_read_kernel	  kernel__read
#define bpf_probe_read_user_str	  user__read_string
#define bpf_probe_read_kernel_str kernel__read_string

#else

#include <linux/bpf.h>
#include <stdbool.h>
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef long long s64;
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include "kernel.h"

#define OFF(type, field) bpf_core_field_offset(struct type, field)
#define HAS(type, field) bpf_core_field_exists(((struct type *)0)->field)
#define KERNFS_PARENT                                                                              \
	(bpf_core_field_exists(((struct kernfs_node___before_6_15 *)0)->parent)                    \
			? bpf_core_field_offset(struct kernfs_node___before_6_15, parent)          \
			: bpf_core_field_offset(struct kernfs_node, __parent))
#define PT_REGS_SIZE	 bpf_core_type_size(struct pt_regs)
#define HAS_TASK_PT_REGS bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_task_pt_regs)
#define SECUREEXEC(bprm) BPF_CORE_READ_BITFIELD_PROBED(((struct linux_binprm *)(bprm)), secureexec)
#define SECTION(name)	 SEC(name)
#if CASTS
extern void *bpf_rdonly_cast(const void *object, u32 type) __ksym;
#endif
#define MAP(name)		      (&name)
#define map__lookup(name, key)	      bpf_map_lookup_elem(&name, key)
/* Of several processors that insert the same key, one succeeds. */
#define map__insert(name, key, value) bpf_map_update_elem(&name, key, value, BPF_NOEXIST)

#endif

#ifndef __always_inline
#define __always_inline inline __attribute__((always_inline))
#endif

/*
 * A function that the verifier looks at once, whoever calls it and how often: a loop around it
 * costs next to nothing when it is loaded. Plain numbers go in and out, all that 5.10 allows,
 * and finds its maps by the number of the hook. BCC knows no calls: there it becomes part of its
 * callers.
 */
#ifdef EXECAUDIT_BCC
#define VERIFIED_ONCE static __always_inline
#else
#define VERIFIED_ONCE __attribute__((noinline))
#endif

#define EFAULT 14

/* Each returns 0 or a negative errno, as the helper does; the caller flags what failed. */
#define READ_AT(dst, base, offset)                                                                 \
	bpf_probe_read_kernel(&(dst), sizeof(dst), (void *)(base) + (offset))

/*
 * Members of a struct whose type the kernel knows. A cast pointer leads to what is there or, where
 * it leads nowhere, to zeros, and no read fails: all pointers here are of running tasks, or NULL,
 * which is to be flagged by MISSING.
 */
#if !CASTS
#define MISSING(base)						   0
#define BY_CAST(from, base, type, offset, by_instruction, by_call) (by_call)
#else
#define MISSING(base) (!(base) ? -EFAULT : 0)
/* Run `by_instruction`, which loads what `from` points to, instead of `by_call`. */
#define BY_CAST(from, base, type, offset, by_instruction, by_call)                                 \
	({                                                                                         \
		void *from =                                                                       \
			bpf_rdonly_cast(base, bpf_core_type_id_kernel(struct type)) + (offset);    \
                                                                                                   \
		by_instruction;                                                                    \
		0L;                                                                                \
	})
#endif
#define MEMBER_AT(dst, base, type, offset)                                                         \
	({                                                                                         \
		void *base_ = (void *)(base);                                                      \
		u32 at_ = (offset);                                                                \
		BY_CAST(from_, base_, type, at_, LOAD(dst, from_), READ_AT(dst, base_, at_));      \
	})
#define LOAD_EACH(to, bytes, width, from)                                                          \
	for (u32 i_ = 0; i_ < (bytes) / sizeof(width); i_++)                                       \
	((width *)(to))[i_] = ((width *)(from))[i_]
/* By instructions as wide as what is read. */
#define LOAD(dst, from)                                                                            \
	({                                                                                         \
		if (sizeof(dst) == 1)                                                              \
			*(u8 *)&(dst) = *(u8 *)(from);                                             \
		else if (sizeof(dst) == 2)                                                         \
			*(u16 *)&(dst) = *(u16 *)(from);                                           \
		else if (sizeof(dst) == 4)                                                         \
			*(u32 *)&(dst) = *(u32 *)(from);                                           \
		else                                                                               \
			LOAD_EACH(&(dst), sizeof(dst), u64, from);                                 \
	})
#define READ(dst, base, type, field) MEMBER_AT(dst, base, type, OFF(type, field))

/* Members of one width that follow each other, `bytes` in all. */
#define MEMBERS(to, bytes, width, base, type, offset)                                              \
	({                                                                                         \
		void *base_ = (void *)(base);                                                      \
		u32 at_ = (offset);                                                                \
		BY_CAST(from_, base_, type, at_, LOAD_EACH(to, bytes, width, from_),               \
			bpf_probe_read_kernel(to, bytes, base_ + at_));                            \
	})

/* A pointer member; NULL when it cannot be read, which makes the reads behind it fail too. */
#define POINTER_OF(base, type, offset)                                                             \
	({                                                                                         \
		void *pointer_ = 0;                                                                \
		MEMBER_AT(pointer_, base, type, offset);                                           \
		pointer_;                                                                          \
	})
#define POINTER(base, type, field) POINTER_OF(base, type, OFF(type, field))
/* The same as a plain number, which may be added to what is only known when it runs. */
#define POINTER_AT(base, offset)                                                                   \
	({                                                                                         \
		void *pointer_ = 0;                                                                \
		READ_AT(pointer_, base, offset);                                                   \
		pointer_;                                                                          \
	})

/*
 * A copy of what lies around some members of a struct, from BLOCK_BEGIN of the first on: one read
 * for all of them where the kernel keeps them that close, which is known when a program is loaded.
 */
#define BLOCK_BYTES		 80
#define BLOCK_BEGIN(offset)	 ((offset) & ~7u)
#define BLOCK_HAS(begin, offset) ((offset) - (begin) <= BLOCK_BYTES - sizeof(u64))
/* The compiler must not join place and index by "or", which the verifier allows no pointer. */
#define BLOCK_GET(block, type, at)                                                                 \
	({                                                                                         \
		u64 at_ = (at);                                                                    \
		PIN(at_);                                                                          \
		*(type *)((char *)(block) + at_);                                                  \
	})

/* Keeps a value in one register, so that the check before it binds the use after it. */
#define PIN(value) asm volatile("" : "+r"(value))

#endif
