/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the kernel side writes into the ring buffer and the maps it shares with user space.
 * Mirrored by execaudit/wire/record.py; a test compares the two through the object's BTF. Native
 * byte order, natural alignment, no implicit padding. Change anything: bump WIRE_VERSION.
 */
#ifndef EXECAUDIT_WIRE_H
#define EXECAUDIT_WIRE_H

typedef unsigned char w8;
typedef unsigned short w16;
typedef unsigned int w32;
typedef unsigned long long w64;

#define WIRE_VERSION 3

enum event_kind {
	KIND_EXEC = 1,	  /* struct exec_record: a successful exec */
	KIND_FAILURE = 2, /* struct exec_record: a failed one, fields of the caller */
	KIND_CHUNK = 3, /* struct chunk_record: a piece of argv or environment of a later record */
	KIND_EXIT = 4,	/* struct exit_record */
};

/*
 * One sequence and one scratch buffer per hook and CPU: on a preemptible kernel a program may be
 * interrupted by another one on the same CPU, never by itself (the kernel skips and counts that).
 */
enum hook {
	HOOK_EXEC = 0,
	HOOK_EXIT = 1,
	HOOK_EXECVE = 2,
	HOOK_EXECVEAT = 3,
	HOOK_COMPAT_EXECVE = 4,
	HOOK_COMPAT_EXECVEAT = 5,
	HOOK_COUNT = 6,
};

enum area {
	AREA_ARGV = 0,
	AREA_ENV = 1,
};

enum record_flag {
	FLAG_PRIVILEGED = 1 << 0, /* this exec gained privilege, see success.h */
	FLAG_SCRIPT = 1 << 1,	  /* an interpreter was chosen for the file (binfmt_script, misc) */
	FLAG_CWD_DELETED = 1 << 2, /* the working directory is unhashed */
	FLAG_CHECKED = 1 << 3,	   /* failures only: AT_EXECVE_CHECK, which executes nothing */
	FLAG_OTHER_ROOT = 1 << 4,  /* its root is not our first process's, in the pid namespace */
	FLAG_CWD_UNREACHABLE = 1 << 5,	/* no way up from there passes the root */
	FLAG_ROOT_UNREACHABLE = 1 << 6, /* the root is not in the mount namespace of the process */
	FLAG_BAD_SCRIPT = 1 << 7,	/* as below: the path of a script behind a descriptor */

	FLAG_CUT_FILENAME = 1 << 8,
	FLAG_CUT_EXE = 1 << 9,
	FLAG_CUT_CWD = 1 << 10,
	FLAG_CUT_ROOT = 1 << 11,
	FLAG_CUT_CGROUP = 1 << 12,
	FLAG_CUT_ANCESTORS = 1 << 13,
	FLAG_CUT_ARGV = 1 << 14, /* failures only: the array went on beyond what was read */
	FLAG_CUT_SCRIPT = 1 << 15,

	FLAG_BAD_IDS = 1 << 16, /* FLAG_BAD_…: a kernel read behind the field failed */
	FLAG_BAD_CAPS = 1 << 17,
	FLAG_BAD_NS = 1 << 18,
	FLAG_BAD_TTY = 1 << 19,
	FLAG_BAD_EXE = 1 << 20,
	FLAG_BAD_EXE_PATH = 1 << 21,
	FLAG_BAD_CWD = 1 << 22,
	FLAG_BAD_ROOT = 1 << 23,
	FLAG_BAD_CGROUP = 1 << 24,
	FLAG_BAD_FILENAME = 1 << 25,
	FLAG_BAD_ARGV = 1 << 26,
	FLAG_BAD_ENV = 1 << 27,
	FLAG_BAD_ANCESTORS = 1 << 28,
	FLAG_BAD_OLD_COMM = 1 << 29,
	FLAG_BAD_START = 1 << 30,
};

enum exe_flag {
	EXE_DELETED = 1 << 0,	  /* the dentry is unhashed */
	EXE_PSEUDO = 1 << 1,	  /* its own root, but not its mount's: memfd and similar files */
	EXE_UNREACHABLE = 1 << 2, /* no way up from there passes the root of the process */
	EXE_IN_LAYER = 1 << 3,	  /* on overlayfs: device and inode are its layer's */
	EXE_BAD_DEV = 1 << 4,	  /* the device is the file system's, not what stat(2) gives */
	EXE_UPPER = 1 << 5,	  /* on overlayfs: it lies in the upper layer */
	EXE_BAD_UPPER = 1 << 6,	  /* on overlayfs, and which layer it lies in is not known */
};

struct event_head {
	w32 size;	   /* bytes of this record, this header included */
	w8 kind;	   /* enum event_kind */
	w8 version;	   /* WIRE_VERSION */
	w8 hook;	   /* enum hook */
	w8 pad;		   /* 0 */
	w64 seq;	   /* per CPU and hook, from 1, taken before the output attempt */
	w64 time_ns;	   /* CLOCK_BOOTTIME */
	w32 cpu;	   /* processor number */
	w32 lost;	   /* records of this CPU and hook lost since the one before this */
	w64 lost_first_ns; /* when the first of these was lost, CLOCK_BOOTTIME; 0 if none */
};

struct ancestor {
	w64 start_ns;	/* start of its thread group, CLOCK_BOOTTIME */
	w32 pid;	/* thread group id, initial pid namespace */
	w32 exec_count; /* low 32 bits of task->self_exec_id */
	char comm[16];	/* NUL terminated */
};

#define ANCESTORS  8
#define COMM_BYTES 16
#define TTY_BYTES  16

struct exec_record {
	struct event_head head;
	w64 flags;	       /* enum record_flag */
	int error;	       /* 0, or the negative errno of a failure */
	w32 argc;	       /* arguments the kernel counted; of a failure, those read */
	w32 pid;	       /* thread group id, initial pid namespace */
	w32 tid;	       /* calling thread, initial pid namespace */
	w64 start_ns;	       /* start of the process, CLOCK_BOOTTIME */
	w32 exec_count;	       /* low 32 bits of task->self_exec_id, after the exec */
	w32 nspid;	       /* thread group id in the innermost pid namespace */
	w32 argv_bytes;	       /* true length of the argument block (success) */
	w32 argv_inline;       /* of these, in this record */
	w32 argv_head;	       /* the budget keeps [0, argv_head) … */
	w32 argv_tail;	       /* … and [argv_tail, argv_bytes) */
	w32 env_bytes;	       /* the same four for the environment block */
	w32 env_inline;	       /* */
	w32 env_head;	       /* */
	w32 env_tail;	       /* */
	w16 filename_bytes;    /* lengths of the strings behind this struct, in this order, */
	w16 interp_bytes;      /* each with its NULs */
	w16 exe_bytes;	       /* paths: components leaf first, each NUL terminated */
	w16 cwd_bytes;	       /* */
	w16 root_bytes;	       /* 0: the root of its mount namespace */
	w16 cgroup_bytes;      /* components leaf first */
	w16 chunks;	       /* chunk records sent before this one */
	w16 ancestor_count;    /* valid entries of ancestors */
	w32 uid;	       /* struct cred from here: kuid_t and kgid_t values */
	w32 gid;	       /* */
	w32 suid;	       /* */
	w32 sgid;	       /* */
	w32 euid;	       /* */
	w32 egid;	       /* */
	w32 fsuid;	       /* */
	w32 fsgid;	       /* */
	w32 auid;	       /* task->loginuid, 0xffffffff: unset */
	w32 ses;	       /* task->sessionid, 0xffffffff: unset */
	w64 cap_inheritable;   /* kernel_cap_t masks */
	w64 cap_permitted;     /* */
	w64 cap_effective;     /* */
	w64 cap_bounding;      /* */
	w64 cap_ambient;       /* */
	w32 securebits;	       /* cred->securebits */
	w32 pad_cred;	       /* 0 */
	w32 ns_mnt;	       /* ns_common.inum of each namespace */
	w32 ns_pid;	       /* */
	w32 ns_net;	       /* */
	w32 ns_uts;	       /* */
	w32 ns_ipc;	       /* */
	w32 ns_cgroup;	       /* */
	w32 ns_user;	       /* cred->user_ns */
	w32 execveat_flags;    /* AT_… flags of a failed execveat, else 0 */
	w64 exe_ino;	       /* inode->i_ino of mm->exe_file */
	w32 exe_dev;	       /* super_block->s_dev, kernel form: major << 20 | minor */
	w32 exe_nlink;	       /* inode->i_nlink */
	w32 exe_uid;	       /* inode->i_uid */
	w32 exe_gid;	       /* inode->i_gid */
	w16 exe_mode;	       /* inode->i_mode */
	w16 machine;	       /* e_machine of its ELF header; 0: not an ELF file, or a failure */
	w32 exe_flags;	       /* enum exe_flag */
	w64 exe_size;	       /* inode->i_size */
	w64 exe_ctime_ns;      /* change time of the inode, ns since 1970 */
	w64 cgroup_id;	       /* kernfs_node->id of the task's cgroup */
	w64 script_ino;	       /* as of exe: a script run through a descriptor, else 0 */
	w32 script_dev;	       /* */
	w16 script_bytes;      /* path of that file, the last string before the environment */
	w16 script_flags;      /* enum exe_flag */
	char comm[16];	       /* NUL terminated */
	char old_comm[16];     /* before the exec; empty for failures */
	char tty[16];	       /* tty->name; empty: none */
	w64 origin_start_ns;   /* the process whose program forked this one; 0: not seen */
	w32 origin_pid;	       /* */
	w32 origin_exec_count; /* */
	struct ancestor ancestors[ANCESTORS]; /* parent first */
};

#define CHUNK_BYTES 16384
#define CHUNK_SMALL 4096

/* Two sizes: data ends after CHUNK_SMALL bytes where so many are enough. */
struct chunk_record {
	struct event_head head; /* seq, cpu and hook of the record it belongs to */
	w32 area;		/* enum area */
	w32 offset;		/* of data in the argument or environment block */
	w32 wanted;		/* bytes this chunk stands for */
	w32 got;		/* valid bytes in data: wanted, or 0 when they could not be read */
	char data[CHUNK_BYTES];
};

struct exit_record {
	struct event_head head;
	w64 flags;	       /* enum record_flag */
	w64 start_ns;	       /* as in exec_record */
	w64 parent_start_ns;   /* */
	w32 pid;	       /* */
	w32 exec_count;	       /* */
	w32 ppid;	       /* */
	w32 parent_exec_count; /* */
	w32 status;	       /* wait(2) status word */
	w32 uid;	       /* real uid */
	char comm[16];	       /* NUL terminated */
};

enum rule_kind {
	RULE_ALL = 0,	 /* every event: other programs are taking over */
	RULE_UID = 1,	 /* a: real uid */
	RULE_AUID = 2,	 /* a: login uid */
	RULE_GID = 3,	 /* a: real gid */
	RULE_CGROUP = 4, /* a: id of the cgroup or one above, b: 1 in named_hierarchy */
	RULE_COMM = 5,	 /* a, b: the 16 bytes of the name */
	RULE_EXE = 6,	 /* a: device in kernel form, b: inode number */
};

/* Map "rules": key to the index of a drop rule, in "rule_hits" too. */
struct rule_key {
	w32 generation; /* only keys of the active one count */
	w32 kind;	/* enum rule_kind */
	w64 a;		/* by kind */
	w64 b;		/* by kind, else 0 */
};

/* Map "slots": one entry per hook, per CPU. */
struct slot {
	w64 seq;	   /* events seen */
	w64 lost;	   /* of these, not delivered because the ring was full */
	w64 lost_pending;  /* of these, since the last record that got through */
	w64 lost_first_ns; /* first of the pending ones, CLOCK_BOOTTIME */
	w64 lost_last_ns;  /* last of them */
	w64 chunks_lost;   /* chunk records for which the ring had no room */
	w64 dropped;	   /* events that a rule dropped; they take no sequence number */
	w64 end;	   /* private from here: fill level of the scratch buffer */
	w64 flags;	   /* flags of the record under construction */
	w64 area_start;	   /* user address of the block being sent in chunks */
	w32 area_bytes;	   /* its length */
	w32 area_head;	   /* the budget keeps [0, head) */
	w32 area_tail;	   /* and [tail, bytes) */
	w32 area_at;	   /* how far it is sent */
};

/* Map "walks", one entry per hook, per CPU, private: how far the walk up a path has come. */
struct walk {
	w64 dentry;	 /* where it is, a kernel pointer */
	w64 mnt;	 /* the same: struct vfsmount */
	w64 root_dentry; /* where it ends, if it comes by */
	w64 root_mnt;	 /* */
	w64 limit;	 /* of the scratch buffer's fill level */
};

/* Map "config", one entry, written by user space before the programs are attached. */
struct config {
	w64 rules;	     /* active generation << 32 | 1 << kind of each kind in use */
	w64 wake_bytes;	     /* wake the reader at once when this much is pending */
	w32 argv_bytes;	     /* argument bytes kept per exec */
	w32 argv_tail;	     /* of these, at the end of the block */
	w32 env_bytes;	     /* environment bytes kept; 0: do not read it */
	w32 env_tail;	     /* of these, at the end */
	w32 pid_ns;	     /* inode number of our pid namespace */
	w32 overlay_file;    /* enum overlay_file */
	w32 overlay_upper;   /* from ovl_inode.vfs_inode to its __upperdentry; 0: not known */
	w32 btrfs_root_back; /* from btrfs_inode.vfs_inode back to its member root; 0: not known */
	w32 btrfs_anon_dev;  /* offset of btrfs_root.anon_dev */
	w32 named_hierarchy; /* number of the cgroup hierarchy name=systemd; 0: there is none */
};

/* What the private data of a file on overlayfs is. */
enum overlay_file {
	OVERLAY_UNKNOWN = 0,
	OVERLAY_REAL = 1,   /* the file in the layer */
	OVERLAY_STRUCT = 2, /* since 6.13 a struct that begins with a pointer to it */
};

/* Map "before": what a task was when its exec began, indexed by its thread group id. */
struct before {
	w64 task;	   /* struct task_struct pointer, guards against a collision */
	w64 cap_permitted; /* kernel_cap_t mask */
	w32 euid;	   /* */
	w32 egid;	   /* */
	char comm[16];	   /* NUL terminated */
};

#define WAKE_PARTS 16 /* of wake_bytes: each wakes the reader again */

#define BEFORE_ENTRIES 4096 /* two execs in flight would have to be this many pids apart */

/* Map "ended": processes whose end has been reported; the oldest are forgotten. */
struct ended {
	w64 start_ns;	/* as in exit_record, as all of it */
	w32 pid;	/* */
	w32 exec_count; /* */
};

/* Map "origins": by pid, which process's program forked a process. */
struct origin {
	w64 start_ns;	       /* of the process this is about; guards against a collision */
	w32 pid;	       /* */
	w32 origin_pid;	       /* as in exec_record */
	w64 origin_start_ns;   /* */
	w32 origin_exec_count; /* */
	w32 pad;	       /* 0 */
};

#define ORIGIN_ENTRIES 16384 /* a process loses its origin after so many forks at least */

/* What the task iterator writes of each process, its path behind it. */
struct running_record {
	w64 flags;	/* enum record_flag */
	w64 start_ns;	/* as in exec_record */
	w32 pid;	/* */
	w32 exec_count; /* */
	w32 exe_flags;	/* enum exe_flag */
	w32 exe_bytes;	/* length of the path behind this */
};

#define ENDED_ENTRIES 2048 /* two threads that both take themselves for the last end together */

/*
 * Scratch buffer of one record: a per-CPU map value is at most 32 KiB. PATHS_END bounds where the
 * last string before the environment may begin; each later part has its place up to the end.
 */
#define SCRATCH_BYTES  32768
#define PATHS_END      20480
#define ENV_INLINE     8192
#define ARGV_BEGIN_MAX 28672
#define ARGV_INLINE    4096
#define FILENAME_BYTES 4128 /* PATH_MAX, and the /dev/fd/N/ that execveat puts in front */
#define INTERP_BYTES   256  /* BINPRM_BUF_SIZE */
#define NAME_BYTES     256  /* NAME_MAX and its NUL */
#define PATH_BYTES     4096
#define CGROUP_BYTES   2048
/* The longer loops go in steps of so many turns, each step verified once (VERIFIED_ONCE). */
#define PATH_COMPONENTS 128
#define PATH_STEP	8
#define HIERARCHIES	24 /* of control groups, looked through for one */
#define CGROUP_LEVELS	32
#define CHUNKS		140 /* 2 MiB and a little, and small ones at both ends */
#define CHUNK_STEP	10
#define FAILURE_ARGS	512
#define FAILURE_STEP	16
#define FAILURE_BYTES	16384
#define FAILURE_ARG	4096

#endif
