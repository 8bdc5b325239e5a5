# SPDX-License-Identifier: Apache-2.0
"""Which fields a rule can ask for, and what kind of condition each takes.

Owns the table of condition names, which are the names of docs/record.md, plus the few that look at
several texts of a record. Pure data.
"""

from typing import NamedTuple


class Field(NamedTuple):
    """One field.

    Attributes:
        kind: which function of `conditions` reads its value.
        what: what a plain value is, for messages.
        is_path: wildcards other than ** stop at "/".
        can_be_absent: `true` and `false` ask whether it is there at all.
        absent: number that a record leaves out, as it says nothing.

    """

    kind: str
    what: str = "a text"
    is_path: bool = False
    can_be_absent: bool = False
    absent: int | None = None


_USER = Field("user", 'a user id, a range such as "1000-60000", or the name of a user')
_GROUP = Field("group", 'a group id, a range such as "100-999", or the name of a group')
_NUMBER = Field("number", 'a number or a range such as "2-10" or "100-"')
_NAME = Field("text")
_SOME = Field("text", can_be_absent=True)
_PATH = Field("text", "a path", is_path=True)
_FLAG = Field("flag", "true or false")

FIELDS: dict[str, Field] = {
    "type": Field("type"),
    **dict.fromkeys(("uid", "euid", "suid", "fsuid", "exe_uid"), _USER),
    **dict.fromkeys(("gid", "egid", "sgid", "fsgid", "exe_gid"), _GROUP),
    "auid": Field("login", _USER.what + ', or "unset"'),
    "ses": Field("session", _NUMBER.what + ', or "unset"'),
    **dict.fromkeys(("user", "euser", "auser"), _SOME),
    "securebits": Field("number", _NUMBER.what, absent=0),
    **dict.fromkeys(("ppid", "exe_nlink", "argc"), _NUMBER),
    **dict.fromkeys(("comm", "old_comm", "pcomm", "parent.comm"), Field("text", "a short name")),
    "ancestor.comm": Field("texts", "a short name"),
    **dict.fromkeys(("exe", "filename", "cwd", "cgroup", "parent.exe"), _PATH),
    "ancestor.exe": Field("texts", "a path", is_path=True),
    **dict.fromkeys(("script", "interp", "root"), _PATH._replace(can_be_absent=True)),
    **dict.fromkeys(
        ("tty", "unit", "user_unit", "slice", "session", "container", "arch", "exe_mode"), _SOME
    ),
    "argv": Field("texts", "an argument"),
    "cmdline": Field("texts", "a command line"),
    "env": Field("texts", "NAME=value"),
    "result": Field("result"),
    "errno": Field("errno", 'the name of an error such as "ENOENT", or its number'),
    **dict.fromkeys(("privileged", "memfd", "deleted", "cwd_deleted"), _FLAG),
}

NESTED = ("parent", "ancestor")
"""Names before a dot, which TOML makes tables of."""

ABSOLUTE = ("exe", "cwd", "root", "cgroup", "parent.exe", "ancestor.exe")
"""Paths that always begin with "/"."""

COMMS = ("comm", "old_comm", "pcomm", "parent.comm", "ancestor.comm")
COMM_BYTES = 15
"""What the kernel keeps of a short name: TASK_COMM_LEN without its NUL, include/linux/sched.h."""

TYPES = ("exec", "exit")
RESULTS = ("success", "failure")
ACTIONS = ("drop", "keep", "label")
