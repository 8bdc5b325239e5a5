# SPDX-License-Identifier: Apache-2.0
"""One exec or exit as the kernel side reported it, and the part of it that repeats between execs.

Owns the form of both. Nothing is interpreted here: paths are raw components leaf first, ids are
those of the host, times are CLOCK_BOOTTIME nanoseconds. What packages above make of a place, they
keep in its slots.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class Gap:
    """Bytes of a block of strings that are missing behind the string `index` (-1: before all)."""

    index: int
    missing_bytes: int | None  # None: nobody counted them
    reason: str  # "budget", "ring" or "unreadable"


class Place:
    """What repeats between execs: identity, program, surroundings, ancestors. Interned.

    Two execs with equal raw bytes and flags share one object, so that what was made of it once
    (fields, templates of lines, what is left of the rules) is there for all.

    Attributes:
        type: "exec" or "exit".
        raw: all its bytes as the kernel side wrote them.
        flags: FLAG_… bits that concern it: what of it was cut or unreadable.
        uid: real user id.
        ppid: process id of the parent, 0 if there is none.
        comm: short name (struct task_struct, comm), without NULs.
        cred: credential block, `uid` to `securebits` of struct exec_record.
        namespaces: namespace inode numbers, `ns_mnt` to `pad_ns`.
        exe: inode block, `exe_ino` to `exe_flags`, then the path.
        cgroup: `cgroup_id`, then the path.
        names: comm, old_comm, tty, 16 bytes each.
        ancestors: array of struct ancestor, parent first.
        filename, interp: without NUL; `interp` is empty where no interpreter was chosen.
        cwd, root: paths.
        fields: the record members of the place, as `records` describes them.
        made: what encoders keep of it, by encoder.
        residue: what rules have left to decide, None before they have looked at it.
        describe: makes `fields` when they are first asked for.

    """

    __slots__ = (
        "ancestors",
        "cgroup",
        "comm",
        "cred",
        "cwd",
        "describe",
        "exe",
        "fields",
        "filename",
        "flags",
        "interp",
        "made",
        "names",
        "namespaces",
        "ppid",
        "raw",
        "residue",
        "root",
        "type",
        "uid",
    )

    type: str
    raw: bytes
    flags: int
    uid: int
    ppid: int
    comm: bytes
    cred: bytes
    namespaces: bytes
    exe: bytes
    cgroup: bytes
    names: bytes
    ancestors: bytes
    filename: bytes
    interp: bytes
    cwd: bytes
    root: bytes
    fields: dict[str, Any]
    made: dict[Any, Any]
    residue: Any
    describe: "Callable[[Place], dict[str, Any]]"

    def __getattr__(self, name: str) -> Any:
        """Make `fields`, the one slot that is empty at first: most places never need them."""
        if name != "fields":
            raise AttributeError(name)
        self.fields = self.describe(self)
        return self.fields


class Event:
    """One exec, successful or failed, or one end of a process.

    Attributes:
        type: "exec", "exit", or "damaged" where the bytes do not make a record.
        hook: index in record.HOOKS; with `cpu` it names the stream that `seq` counts.
        time_ns: when it happened.
        flags: all FLAG_… bits.
        error: negative errno of a failed exec, else 0.
        start_ns: when the process was created.
        exec_count: execs of the process so far, this one included.
        argv: NUL terminated strings; None where they were unreadable.
        env: the selected variables, "NAME=value" each, NUL terminated; None where unreadable.
        lost_first_ns: when the first event was lost of those missing before this one; 0 for none.
        status: wait status of an exit.
        duration_ns: from exec to exit, None where the exec was not seen.
        path_search: file names tried before this one, along PATH.
        redacted_argv, redacted_env: indexes of strings in which a secret was replaced.
        labels, severity: what rules gave it.
        is_plain: nothing but numbers, argv and selected variables differs from other plain execs
            of the same place: no flag, no error, no gap, no label, and at least one argument.

    """

    __slots__ = (
        "argc",
        "argv",
        "argv_gaps",
        "cpu",
        "duration_ns",
        "env",
        "env_gaps",
        "error",
        "exec_count",
        "flags",
        "hook",
        "is_plain",
        "labels",
        "lost_first_ns",
        "nspid",
        "path_search",
        "pid",
        "place",
        "redacted_argv",
        "redacted_env",
        "seq",
        "severity",
        "start_ns",
        "status",
        "tid",
        "time_ns",
        "type",
    )

    type: str
    hook: int
    cpu: int
    seq: int
    time_ns: int
    flags: int
    lost_first_ns: int
    error: int
    argc: int
    pid: int
    tid: int
    nspid: int
    start_ns: int
    exec_count: int
    place: Place
    argv: bytes | None
    argv_gaps: tuple[Gap, ...]
    env: bytes | None
    env_gaps: tuple[Gap, ...]
    status: int
    duration_ns: int | None
    path_search: tuple[bytes, ...]
    redacted_argv: tuple[int, ...]
    redacted_env: tuple[int, ...]
    labels: tuple[str, ...]
    severity: str
    is_plain: bool
