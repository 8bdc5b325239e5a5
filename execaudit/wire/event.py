# SPDX-License-Identifier: Apache-2.0
"""One exec or exit as the kernel side reported it, and the part of it that repeats between execs.

Owns the form of both. Nothing is interpreted here: paths are raw components leaf first, ids are
the host's, times are CLOCK_BOOTTIME nanoseconds. Packages above keep in the slots of a place what
they make of it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Gap:
    """Bytes of a block of strings that are missing behind the string `index` (-1: before all)."""

    index: int
    missing_bytes: int | None  # None: nobody counted them
    reason: str  # "budget", "ring" or "unreadable"


@dataclass(init=False, repr=False, eq=False, slots=True)
class Place:
    """What repeats between execs: identity, program, surroundings, ancestors. Interned.

    Execs with equal raw bytes and flags share one object: what was made of it once (fields,
    templates of lines, what is left of the rules) is there for all.
    """

    type: str  # "exec" or "exit"
    raw: bytes  # all its bytes as the kernel side wrote them
    flags: int  # FLAG_… bits that concern it: what of it was cut or unreadable
    uid: int  # real user id
    ppid: int  # process id of the parent, 0 if there is none
    comm: bytes  # short name (struct task_struct, comm), without NULs
    cred: bytes  # credential block, `uid` to `securebits` of struct exec_record
    namespaces: bytes  # namespace inode numbers, from `ns_mnt` to before `exe_ino`
    exe: bytes  # inode block, `exe_ino` to `exe_flags`, then the path
    cgroup: bytes  # `cgroup_id`, then the path
    script: bytes  # `script_ino` to `script_flags`, then the path, of a script behind a descriptor
    names: bytes  # comm, old_comm, tty, 16 bytes each
    origin: bytes  # `origin_start_ns` to `origin_exec_count`
    ancestors: bytes  # array of struct ancestor, parent first
    filename: bytes  # without NUL
    interp: bytes  # without NUL; empty where no interpreter was chosen
    cwd: bytes
    root: bytes
    made: dict[Any, Any]  # what encoders keep of it, by encoder
    residue: Any  # what rules have left to decide, None before they have looked at it
    looked_at: Any  # the baseline's mark of when it looked at this, None before that
    describe: Callable[["Place"], dict[str, Any]]  # makes `fields`
    described: dict[str, Any] | None  # `fields`, None while nobody has asked for them

    @property
    def fields(self) -> dict[str, Any]:
        """The record members of the place, as `records` describes them; many never need them."""
        if self.described is None:
            self.described = self.describe(self)
        return self.described


@dataclass(init=False, repr=False, eq=False, slots=True)
class Event:
    """One exec, successful or failed, or one end of a process."""

    type: str  # "exec", "exit", or "damaged" where the bytes do not make a record
    hook: int  # index in record.HOOKS; with `cpu` it names the stream that `seq` counts
    cpu: int
    seq: int
    time_ns: int  # when it happened
    flags: int  # all FLAG_… bits
    lost_first_ns: int  # when the first of the events was lost that are missing before this; or 0
    error: int  # negative errno of a failed exec, else 0
    argc: int
    pid: int
    tid: int
    nspid: int
    start_ns: int  # when the process was created
    exec_count: int  # execs of the process so far, this one included
    place: Place
    argv: bytes | None  # NUL terminated strings; None where they were unreadable
    argv_gaps: tuple[Gap, ...]
    env: bytes | None  # the selected variables, "NAME=value" each, in the same form
    env_gaps: tuple[Gap, ...]
    status: int  # wait status of an exit
    duration_ns: int | None  # from exec to exit, None where the exec was not seen
    path_search: tuple[bytes, ...]  # file names tried before this one, along PATH
    redacted_argv: tuple[int, ...]  # indexes of strings in which a secret was replaced
    redacted_env: tuple[int, ...]
    labels: tuple[str, ...]  # given by rules, like the next three
    severity: str
    technique: tuple[str, ...]
    rule: tuple[str, ...]  # names of the rules that gave any of these
    first_seen: int  # bits of records.first_seen: what of it was new to this host
    # Nothing but numbers, argv and selected variables differs from other plain execs of the same
    # place: no flag, no error, no gap, no label, and at least one argument.
    is_plain: bool
