# SPDX-License-Identifier: Apache-2.0
"""Field offsets for the BCC engine, as -D flags: of the running kernel, or of its headers.

Owns which fields the BPF source uses (found in the source itself) and turning them into flags. With
the kernel's BTF the headers' own layout is never used, so that headers of another kernel cannot
give wrong data.
"""

import os
import re
from collections.abc import Callable
from pathlib import Path

from execaudit.errors import NotConfigured
from execaudit.kernel.btf import Btf

# Names that changed: the one the source uses first, then the older one.
_OLD_NAMES = {("kernfs_node", "__parent"): ("kernfs_node", "parent")}
_EXTRA = {("kernfs_node", "__parent")}
_BIT_FIELD = ("linux_binprm", "secureexec")

Pair = tuple[str, str]
CompileConstants = Callable[[str, list[str]], list[int]]


def used_fields(source: Path) -> tuple[set[Pair], set[Pair]]:
    """Return the (struct, member) pairs in the BPF source, and those asked for with HAS()."""
    text = "\n".join(path.read_text() for path in sorted(source.glob("*.[ch]")))
    declared = declared_fields((source / "kernel.h").read_text(), os.uname().machine)
    # Overlapping, since a variable may have the name of a struct: READ(x, cred, cred, uid).
    mentioned = set(re.findall(r"\b(?=(\w+),\s+(\w+)\b)", text)) | _EXTRA
    optional = set(re.findall(r"\bHAS\((\w+), (\w+)\)", text)) & declared
    return mentioned & declared, optional


def declared_fields(kernel: str, machine: str) -> set[Pair]:
    """Return the (struct, member) pairs that the text of kernel.h declares for a machine."""
    arch = {"x86_64": "x86", "aarch64": "arm64"}.get(machine, machine)
    # The conditionals there are all alike: #if one machine, #elif the other.
    test = r"defined\(__TARGET_ARCH_(\w+)\)\n(.*?)"
    kernel = re.sub(
        rf"#if {test}#elif {test}#endif",
        lambda m: m[2] if m[1] == arch else m[4] if m[3] == arch else "",
        kernel,
        flags=re.DOTALL,
    )
    return {
        (struct, member)
        for struct, body in re.findall(
            r"^struct (\w+) \{(.*?)^\};", kernel, re.MULTILINE | re.DOTALL
        )
        if "___" not in struct  # a flavor: the same struct in another version
        for member in re.findall(r"(\w+)(?:\[\w+\])?(?: : \d+)?(?=[,;])", body)
    }


def flags_from_btf(source: Path, btf: Btf) -> list[str]:
    """Return -D flags with the offsets in the running kernel."""
    pairs, optional = used_fields(source)
    flags: list[str] = []
    for pair in sorted(pairs | optional):
        bit = btf.find_bit(*pair)
        if bit is None and pair in _OLD_NAMES:
            bit = btf.find_bit(*_OLD_NAMES[pair])
        if pair in optional:
            flags.append(f"-DHAS_{pair[0]}_{pair[1]}={int(bit is not None)}")
        if bit is not None or pair in optional:
            flags.append(_offset_flag(pair, (bit or 0) // 8))
    secureexec = btf.find_bit(*_BIT_FIELD)
    if secureexec is not None:
        flags += _bit_flags(secureexec)
    has_helper = btf.enum_has("bpf_func_id", "BPF_FUNC_task_pt_regs")
    flags.append(f"-DHAVE_TASK_PT_REGS={int(has_helper)}")
    flags.append(f"-DSIZE_pt_regs={btf.struct_size('pt_regs')}")
    return flags


def _offset_flag(pair: Pair, offset: int) -> str:
    name = "parent" if pair == ("kernfs_node", "__parent") else pair[1]
    return f"-DOFF_{pair[0]}_{name}={offset}"


def _bit_flags(bit: int) -> list[str]:
    word, shift = divmod(bit, 32)
    name = "_".join(_BIT_FIELD)
    return [f"-DWORD_{name}={word * 4}", f"-DSHIFT_{name}={shift}"]


# fs/mount.h and the mount namespace are private to the kernel's fs/ and in no headers package.
_HEADER_PROGRAM = """
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/mm_types.h>
#include <linux/fs.h>
#include <linux/fs_struct.h>
#include <linux/fdtable.h>
#include <linux/mount.h>
#include <linux/nsproxy.h>
#include <linux/pid_namespace.h>
#include <linux/user_namespace.h>
#include <linux/utsname.h>
#include <linux/ipc_namespace.h>
#include <linux/cgroup.h>
#include <linux/kernfs.h>
#include <linux/tty.h>
#include <linux/binfmts.h>
#include <linux/version.h>
#include <net/net_namespace.h>
struct mount {
	struct hlist_node mnt_hash;
	struct mount *mnt_parent;
	struct dentry *mnt_mountpoint;
	struct vfsmount mnt;
};
#if LINUX_VERSION_CODE >= KERNEL_VERSION(5, 11, 0)
struct mnt_namespace { struct ns_common ns; };
#else
struct mnt_namespace { atomic_t count; struct ns_common ns; };
#endif
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 15, 0)
#define __parent parent
#endif
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 6, 0)
#define __i_ctime i_ctime
#elif LINUX_VERSION_CODE < KERNEL_VERSION(6, 11, 0)
#define i_ctime __i_ctime
#else
#define i_ctime i_ctime_sec
#define __i_ctime i_ctime_sec
#endif
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 11, 0)
#define i_ctime_sec i_ctime.tv_sec
#define i_ctime_nsec i_ctime.tv_nsec
#endif
static const union { struct linux_binprm b; u32 w[512]; } secure_ = {.b = {.secureexec = 1}};
"""

_PRIVATE = {("mount", "mnt_ns")}
"""Members of private structs that lie too far behind for that: taken for missing."""


def flags_from_headers(source: Path, compile_constants: CompileConstants) -> list[str]:
    """Return -D flags with the offsets in the kernel headers, which must be the running kernel's.

    `compile_constants` takes a C prologue and expressions, and returns their values. Raises
    NotConfigured when the headers do not define what is needed.
    """
    pairs, optional = used_fields(source)
    wanted = sorted((pairs | optional) - {_BIT_FIELD} - _PRIVATE)
    expressions = [f"__builtin_offsetof(struct {s}, {m})" for s, m in wanted]
    expressions.append("sizeof(struct pt_regs)")
    words = [f"secure_.w[{index}]" for index in range(64)]
    values = compile_constants(_HEADER_PROGRAM, expressions + words)
    offsets, size, word_values = values[: len(wanted)], values[len(wanted)], values[-64:]
    flags = [_offset_flag(pair, offset) for pair, offset in zip(wanted, offsets, strict=True)]
    flags += [
        f"-DHAS_{struct}_{member}={int((struct, member) not in _PRIVATE)}"
        for struct, member in sorted(optional)
    ]
    flags += [_offset_flag(pair, 0) for pair in sorted(_PRIVATE)]
    word = next((index for index, value in enumerate(word_values) if value), None)
    if word is None:
        raise NotConfigured("Failed to find linux_binprm.secureexec in the kernel headers")
    flags += _bit_flags(word * 32 + (word_values[word] & -word_values[word]).bit_length() - 1)
    # Without BTF the helper's argument cannot be typed: compute the registers' place instead.
    return [*flags, "-DHAVE_TASK_PT_REGS=0", f"-DSIZE_pt_regs={size}"]
