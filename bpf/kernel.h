/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The kernel's structures as far as the programs touch them, for CO-RE: names and types matter,
 * offsets and order do not; libbpf relocates them from the running kernel's BTF. With BCC the same
 * names arrive as OFF_struct_field numbers and this file is not used.
 */
#ifndef EXECAUDIT_KERNEL_H
#define EXECAUDIT_KERNEL_H

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

typedef struct {
	int counter;
} atomic_t;
typedef struct {
	unsigned int val;
} kuid_t;
typedef struct {
	unsigned int val;
} kgid_t;
typedef struct {
	unsigned long long val; /* two u32 before 6.3: the same eight bytes */
} kernel_cap_t;

struct qstr {
	const unsigned char *name;
};
struct timespec64 {
	long tv_nsec;
};
struct super_block {
	unsigned int s_dev;
	unsigned long s_magic;
};
struct inode {
	unsigned short i_mode;
	kuid_t i_uid;
	kgid_t i_gid;
	struct super_block *i_sb;
	unsigned long i_ino;
	unsigned int i_nlink;
	long long i_size;
	long long i_ctime_sec; /* since 6.11 */
	unsigned int i_ctime_nsec;
	struct timespec64 __i_ctime; /* 6.6 to 6.10 */
	struct timespec64 i_ctime;   /* before */
};
struct hlist_bl_node {
	struct hlist_bl_node **pprev;
};
struct dentry {
	struct hlist_bl_node d_hash;
	struct dentry *d_parent;
	struct qstr d_name;
};
struct vfsmount {
	struct dentry *mnt_root;
};
struct mnt_namespace;
struct mount {
	struct mount *mnt_parent;
	struct dentry *mnt_mountpoint;
	struct vfsmount mnt;
	struct mnt_namespace *mnt_ns;
};
struct path {
	struct vfsmount *mnt;
	struct dentry *dentry;
};
struct file {
	struct path f_path;
	struct inode *f_inode;
	void *private_data;
};
struct fdtable {
	unsigned int max_fds;
	struct file **fd;
};
struct files_struct {
	struct fdtable *fdt;
};
struct fs_struct {
	struct path root, pwd;
};
struct ns_common {
	unsigned int inum;
};
struct user_namespace {
	struct ns_common ns;
};
struct mnt_namespace {
	struct ns_common ns;
};
struct pid_namespace {
	struct ns_common ns;
	struct task_struct *child_reaper;
};
struct net {
	struct ns_common ns;
};
struct uts_namespace {
	struct ns_common ns;
};
struct ipc_namespace {
	struct ns_common ns;
};
struct cgroup_namespace {
	struct ns_common ns;
};
struct nsproxy {
	struct uts_namespace *uts_ns;
	struct ipc_namespace *ipc_ns;
	struct mnt_namespace *mnt_ns;
	struct net *net_ns;
	struct cgroup_namespace *cgroup_ns;
};
struct upid {
	int nr;
	struct pid_namespace *ns;
};
struct pid {
	unsigned int level;
	struct upid numbers[1];
};
struct cred {
	kuid_t uid;
	unsigned int securebits;
	kernel_cap_t cap_inheritable;
	struct user_namespace *user_ns;
};
struct tty_struct {
	char name[64];
};
struct signal_struct {
	struct tty_struct *tty;
	atomic_t live;
	int group_exit_code;
	unsigned int flags;
};
struct mm_struct {
	unsigned long arg_start, arg_end, env_start, env_end;
	struct file *exe_file;
};
struct kernfs_node {
	struct kernfs_node *__parent; /* since 6.15 */
	const char *name;
	unsigned long long id;
};
struct kernfs_node___before_6_15 {
	struct kernfs_node *parent;
};
struct list_head {
	struct list_head *next;
};
struct cgroup_root {
	int hierarchy_id;
};
struct cgroup {
	int level;
	struct kernfs_node *kn;
	struct cgroup_root *root;
};
struct cgrp_cset_link {
	struct cgroup *cgrp;
	struct list_head cgrp_link;
};
struct css_set {
	struct cgroup *dfl_cgrp;
	struct list_head cgrp_links;
};
struct thread_info {
#if defined(__TARGET_ARCH_x86)
	unsigned int status; /* TS_… bits */
#elif defined(__TARGET_ARCH_arm64)
	unsigned long flags; /* _TIF_… bits */
#endif
};
struct task_struct {
	struct thread_info thread_info;
	void *stack;
	unsigned int flags;
	int exit_code;
	int tgid;
	struct task_struct *real_parent, *group_leader;
	unsigned long long start_boottime;
	unsigned long long self_exec_id;
	struct pid *thread_pid;
	struct cred *cred;
	struct nsproxy *nsproxy;
	struct signal_struct *signal;
	struct mm_struct *mm;
	struct fs_struct *fs;
	struct files_struct *files;
	kuid_t loginuid;
	unsigned int sessionid;
	char comm[16];
	struct css_set *cgroups;
};
struct linux_binprm {
	const char *filename, *interp, *fdpath;
	int argc;
	unsigned int secureexec : 1;
	char buf[256];
};

struct pt_regs {
#if defined(__TARGET_ARCH_x86)
	unsigned long bx, cx, dx, si, di, r8, orig_ax, ax;
#elif defined(__TARGET_ARCH_arm64)
	unsigned long long regs[31];
	unsigned long long orig_x0;
	int syscallno;
#endif
};

#pragma clang attribute pop

#endif
