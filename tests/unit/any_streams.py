# SPDX-License-Identifier: Apache-2.0
"""Streams of execs and ends of any content, as the kernel side sends them."""

from typing import Any

from execaudit.options import DEFAULT_ENV
from hypothesis import strategies as st

from execaudit.wire import record
from tests.records import block, chunk_record, exec_record, exit_record, leaf_first

ENV_NAMES = tuple(f"{name}=".encode() for name in DEFAULT_ENV)
WORDS = st.sampled_from(
    [b"ls", b"-l", b"--password=geheim", b"--password", b"x y", b"--option-1", b"", b"\xff",
     b"mysql", b"-psecret", b"https://u:p@host/", "\u202e".encode(), b"--keyring=/usr/share/k",
     b"--token=\xff", b"pass:x", b"-c", b"curl -u a:b http://x"],
)  # fmt: skip
VARIABLES = st.sampled_from(
    [b"LD_PRELOAD=/x.so", b"PATH=/bin", b"API_URL=http://u:secret@h/", b"API_URL=http://h/",
     b"LD_PRELOAD=\xff", b"API_URL=\xff"],
)  # fmt: skip
GROUPS = st.sampled_from([b"", b"/system.slice/a.service", b"/system.slice/\xff.service"])
NAMES = st.sampled_from([b"/a/ls\0", b"/b/ls\0", b"/c/ls\0", b"/c/cat\0", b"/\xff/ls\0"])


@st.composite
def an_exec(draw: st.DrawFn, seq: int) -> list[bytes]:
    """Draw an exec, sometimes with chunks before it, some of them missing."""
    pid = draw(st.sampled_from([1000, 1001]))
    members: dict[str, Any] = {}
    if draw(st.booleans()):
        members["error"] = -draw(st.sampled_from([2, 13, 20, 8, 7]))
    if draw(st.integers(0, 7)) == 0:
        members |= draw(
            st.sampled_from(
                [{"flags": record.FLAG_BAD_CWD}, {"argv_block": b"cut"}, {"env_block": b"API_URL="},
                 {"flags": record.FLAG_SCRIPT, "interp": b"/bin/sh\0"}, {"chunks": 1},
                 {"flags": record.FLAG_BAD_FILENAME}, {"tid": 77}]
            )
        )  # fmt: skip
    words = draw(st.lists(WORDS, max_size=4))
    chunks: list[bytes] = []
    if draw(st.integers(0, 4)) == 0:
        members["argv_inside"], variables = 2, block(draw(st.lists(VARIABLES, max_size=2)))
        members |= {"env_block": variables, "env_inside": 3, "chunks": 3}
        text = block(words)
        chunks = [
            chunk_record(area, at, piece, seq=seq)
            for area, at, piece in (
                (record.AREA_ARGV, 2, text[2:9]),
                (record.AREA_ARGV, 9, text[9:]),
                (record.AREA_ENV, 3, variables[3:]),
            )
            if piece and draw(st.integers(0, 6))
        ]
    event = exec_record(
        *words,
        seq=seq,
        hook=0,  # so that one sequence has them all, whatever it means
        pid=pid,
        **{"tid": pid, **members},
        nspid=pid,
        exec_count=draw(st.integers(1, 3)),
        uid=draw(st.sampled_from([0, 1000])),
        filename=draw(NAMES),
        exe=draw(st.sampled_from([leaf_first(b"/usr/sbin/cron"), leaf_first(b"/bin/ls")])),
        comm=draw(st.sampled_from([b"ls", b"noise", b"\xff"])),
        cgroup=leaf_first(draw(GROUPS)),
        env=draw(st.lists(VARIABLES, max_size=2)),
        ancestors=draw(
            st.sampled_from([((4_000_000_000_456, 1000, 2, b"cron"),), ((1, 900, 3, b"sh"),), ()])
        ),
    )
    return [*chunks, event]


@st.composite
def an_exit(draw: st.DrawFn, seq: int) -> bytes:
    return exit_record(
        seq=seq,
        hook=0,
        pid=draw(st.sampled_from([1000, 1001])),
        exec_count=draw(st.integers(1, 3)),
        uid=draw(st.sampled_from([0, 1000])),
        comm=draw(st.sampled_from([b"ls", b"noise", b"\xff", b"", "é".encode()])),
        status=draw(st.sampled_from([0, 0x100, 0x8B, 9, 0x7F00, 77])),
        ppid=draw(st.sampled_from([900, 1])),
        flags=draw(st.sampled_from([0, 0, 0, record.FLAG_BAD_START])),
    )


@st.composite
def streams(draw: st.DrawFn) -> list[bytes]:
    count = draw(st.integers(1, 12))
    # The first makes the stream known; the quick way begins with the second.
    records: list[bytes] = []
    for seq in range(1, count + 1):
        records += [draw(an_exit(seq))] if draw(st.integers(0, 4)) == 0 else draw(an_exec(seq))
    return records
