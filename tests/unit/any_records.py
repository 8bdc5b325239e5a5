# SPDX-License-Identifier: Apache-2.0
"""Records of any content: raw ones as the kernel side makes them, and those with much in them."""

from typing import Any

from hypothesis import strategies as st

from execaudit.records.text import FieldDict
from execaudit.wire import record
from tests.records import exec_record, leaf_first

ORDINARY_FLAGS = (
    record.FLAG_PRIVILEGED,
    record.FLAG_CWD_DELETED,
    record.FLAG_CUT_ANCESTORS,
    record.FLAG_OTHER_ROOT,
    record.FLAG_CWD_UNREACHABLE,
    record.FLAG_ROOT_UNREACHABLE,
)


def without_nul(raw: bytes) -> bytes:
    return raw.replace(b"\0", b"")


TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
UTF8 = TEXT.map(str.encode)
ODD = st.sampled_from([b"", b" ", b'"', b"\\", b"\n", b"\x1b[0m", b"\x7f", "\u202e".encode()])
ARGUMENT = UTF8 | ODD | st.binary(max_size=8).map(without_nul)
NAME = st.binary(max_size=16) | UTF8.filter(lambda raw: len(raw) <= 16)
PATH = st.lists(UTF8.map(lambda raw: raw.replace(b"/", b"")).filter(bool), max_size=4).map(
    lambda parts: leaf_first(b"/" + b"/".join(parts))
)
CGROUP = PATH | st.sampled_from(
    [
        leaf_first(b"/user.slice/user-1000.slice/session-3.scope"),
        leaf_first(b"/system.slice/docker-" + b"4f" * 32 + b".scope"),
    ]
)
U32 = st.integers(0, 2**32 - 1)
U64 = st.integers(0, 2**64 - 1)
VARIABLE = st.sampled_from([b"LD_PRELOAD=", b"SUDO_USER=", b"A=", b"XLD_PRELOAD="]).flatmap(
    lambda name: ARGUMENT.map(lambda value: name + value)
)
ANCESTOR = st.tuples(U64, U32, U32, NAME)


@st.composite
def ordinary_records(draw: st.DrawFn) -> bytes:
    """An exec record as the kernel side makes it, of any content."""
    members: dict[str, Any] = {
        name: draw(st.sampled_from([0, 1000, 2000]) | U32)
        for name in ("uid", "gid", "euid", "auid", "ses", "exe_dev", "securebits", "cpu", "pid")
    }
    members["cpu"] %= 8192
    for name in ("time_ns", "start_ns", "cap_effective", "exe_ino", "cgroup_id"):
        members[name] = draw(U64)
    members["tid"] = draw(st.sampled_from([members["pid"], 17]))
    members["nspid"] = draw(st.sampled_from([members["pid"], 1]))
    for name in ("comm", "old_comm", "tty"):
        members[name] = draw(NAME)
    flags = sum(flag for flag in ORDINARY_FLAGS if draw(st.booleans()))
    is_script = draw(st.booleans())
    if is_script:
        flags |= record.FLAG_SCRIPT
        members["interp"] = draw(UTF8) + b"\0"
        if draw(st.booleans()):
            members |= {"script": draw(PATH), "script_ino": draw(U64), "script_dev": draw(U32)}
    if draw(st.booleans()):
        members["error"] = -draw(st.sampled_from([1, 2, 7, 8, 13, 26, 40, 95, 511]))
        members["hook"] = draw(st.integers(2, 5))
    members["exe_flags"] = draw(st.integers(0, 127))
    ancestors = draw(st.lists(ANCESTOR, max_size=3))
    if draw(st.booleans()):
        origin = draw(st.sampled_from([(1, 2, 3), *(each[:3] for each in ancestors)]))
        names = ("origin_start_ns", "origin_pid", "origin_exec_count")
        members |= zip(names, origin, strict=True)
    members["exe_mode"] = draw(st.sampled_from([0o100755, 0o104755, 0]))
    members["machine"] = draw(st.sampled_from([0, 3, 62, 4242]))
    return exec_record(
        *draw(st.lists(ARGUMENT, max_size=5)),
        env=draw(st.lists(VARIABLE, max_size=3)),
        filename=draw(UTF8) + b"\0",
        exe=draw(PATH | st.just(b"memfd:x\0")),
        cwd=draw(PATH),
        root=draw(st.just(b"") | PATH),
        cgroup=draw(CGROUP),
        ancestors=ancestors,
        flags=flags,
        **members,
    )


EVENT = {"time": "2026-11-25T10:00:00.000000001Z", "host": "h", "boot": "0123456789ab" + "0" * 20}


@st.composite
def long_records(draw: st.DrawFn) -> FieldDict:
    """Records with much in them, gaps and secrets among it."""
    word = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40)
    argv: list[str] = draw(st.lists(st.one_of(word, st.just("é\U0001f600" * 700)), max_size=60))
    text = st.sampled_from(["/" + "\x01" * 4000, "x" * 9000, "\u202e" * 3000, "/bin/true"])
    fields: FieldDict = {**EVENT, "type": "exec", "cpu": 1, "seq": 2, "id": "i", "pid": 3}
    fields |= {"uid": 0, "gid": 0, "euid": 0, "egid": 0, "user": "root"}
    for name in ("filename", "exe", "cwd", "cgroup", "unit", "root"):
        fields[name] = draw(text)
    fields |= {"argv": argv, "argc": len(argv), "result": "success", "start": EVENT["time"]}
    fields["exe_b64"] = "AAAA" * 3000
    if draw(st.booleans()):
        fields["env"] = ["LD_PRELOAD=" + "/x" * 9000]
        fields["ancestors"] = [
            {"id": "p", "pid": 1, "start": EVENT["time"], "comm": "\x7f" * 15}
        ] * 8
        fields |= {"ppid": 1, "parent_id": "p"}
        fields["redacted"] = {"env": [0]}
        if argv:
            fields["redacted"]["argv"] = list(range(0, len(argv), 3))
    has_gap = draw(st.booleans())
    if argv and has_gap:
        gap = {"index": draw(st.integers(-1, len(argv) - 1)), "missing_bytes": 70}
        fields["truncated"] = {"argv": [{**gap, "reason": "budget"}]}
    return fields
