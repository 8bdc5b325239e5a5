# SPDX-License-Identifier: Apache-2.0
"""The fast way to a journal entry, held against the long one."""

from execaudit.records.encode_journal import JournalEncoder
from execaudit.records.fields import exec_fields
from hypothesis import given
from hypothesis import strategies as st

from execaudit.records.host import Host
from execaudit.records.journal import PRIORITIES, wire_entry, wire_fields
from execaudit.wire import record
from execaudit.wire.decode import HEAD, split
from tests.records import Ancestor, exec_record, join, leaf_first, make_host

ENV = (b"LD_PRELOAD=",)
TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=30)
BYTES = TEXT.map(str.encode)
PLAIN = st.from_regex(rb"[a-z0-9/._=-]{1,20}", fullmatch=True)
WORD = st.one_of(PLAIN, PLAIN, BYTES, st.sampled_from([b"", b"[", b"it's", b"a b", b"x\ny"]))
NAME = st.one_of(PLAIN, BYTES.map(lambda raw: raw[:15].decode(errors="ignore").encode()))
ANCESTOR = st.tuples(st.integers(1, 2**40), st.integers(1, 2**22), st.integers(1, 9), NAME)
USUAL_FLAGS = (
    record.FLAG_PRIVILEGED,
    record.FLAG_CWD_DELETED,
    record.FLAG_CUT_ANCESTORS,
    record.FLAG_SCRIPT,
)


def fast(host: Host, raw: bytes, **keywords: object) -> bytes | None:
    buf, (at,) = join(raw)
    encoder = JournalEncoder(host, ENV, "execaudit")
    first = encoder.encode(buf, at, HEAD(buf, at), **keywords)  # type: ignore[arg-type]
    assert encoder.encode(buf, at, HEAD(buf, at), **keywords) == first  # type: ignore[arg-type]
    return first


def slow(host: Host, raw: bytes) -> bytes:
    parts = split(raw, 0)
    assert parts is not None
    return wire_entry(exec_fields(parts, [], host, ENV), "execaudit")


@given(
    argv=st.lists(WORD, max_size=6),
    filename=WORD,
    interp=st.none() | WORD,
    cwd=PLAIN | BYTES,
    env=st.lists(st.one_of(BYTES, BYTES.map(lambda raw: b"LD_PRELOAD=" + raw)), max_size=3),
    ancestors=st.lists(ANCESTOR, max_size=8),
    comm=NAME,
    flags=st.sets(st.sampled_from(USUAL_FLAGS)),
    error=st.sampled_from([0, 0, -2, -13, -9999]),
    ids=st.lists(st.sampled_from([0, 1000, 4242, record.UNSET_ID]), min_size=4, max_size=4),
    pids=st.lists(st.integers(1, 5), min_size=3, max_size=3),
)
def test_both_ways_give_the_same_bytes(
    argv: list[bytes],
    filename: bytes,
    interp: bytes | None,
    cwd: bytes,
    env: list[bytes],
    ancestors: list[Ancestor],
    comm: bytes,
    flags: set[int],
    error: int,
    ids: list[int],
    pids: list[int],
) -> None:
    flags -= {record.FLAG_SCRIPT}
    flags |= set() if interp is None else {record.FLAG_SCRIPT}
    raw = exec_record(
        *argv,
        filename=filename + b"\0",
        interp=b"" if interp is None else interp + b"\0",
        cwd=leaf_first(b"/" + cwd),
        env=env,
        ancestors=ancestors,
        comm=comm,
        flags=sum(flags),
        error=error,
        uid=ids[0],
        euid=ids[1],
        auid=ids[2],
        ses=ids[3],
        pid=pids[0],
        tid=pids[1],
        nspid=pids[2],
    )
    host = make_host()

    quick = fast(host, raw)
    if quick is not None:
        assert quick == slow(host, raw)
    else:
        # Only what is not UTF-8 (cut in the middle of a character by the test) takes the long way.
        assert b"_B64=" in slow(host, raw)


def test_usual_records_take_the_fast_way() -> None:
    host = make_host()
    for raw in (
        exec_record(b"ls", b"-l"),
        exec_record(),
        exec_record(b"sh", b"-c", b"echo 'it' | cat\n", env=[b"A=b", b"LD_PRELOAD=x"]),
        exec_record(b"ls", error=-2),
        exec_record(b"sh", b"./x", interp=b"/bin/sh\0", flags=record.FLAG_SCRIPT),
        exec_record(b"caf\xc3\xa9", cwd=leaf_first(b"/a\nb")),
        exec_record(*[b"/some/where/%d" % n for n in range(900)]),
    ):
        assert fast(host, raw) == slow(host, raw)


def test_unusual_records_take_the_long_way() -> None:
    host = make_host()
    for raw in (
        exec_record(b"\xff"),
        exec_record(b"ls", comm=b"\xff"),
        exec_record(b"ls", filename=b"\xff\0"),
        exec_record(b"ls", flags=record.FLAG_CUT_EXE),
        exec_record(b"ls", flags=record.FLAG_BAD_IDS),
        exec_record(b"x" * 100, argv_inside=50),
        exec_record(b"ls", chunks=1),
        exec_record(b"ls", version=99),
    ):
        assert fast(host, raw) is None


def test_labels_and_severity_of_rules_are_taken_along() -> None:
    host = make_host()
    added = {"labels": ["web", "odd"], "severity": "warning"}
    raw = exec_record(b"ls")
    parts = split(raw, 0)
    assert parts is not None
    fields = exec_fields(parts, [], host, ENV) | added

    assert fast(host, raw, priority=PRIORITIES["warning"], extra=wire_fields(added)) == wire_entry(
        fields, "execaudit"
    )


def test_times_follow_a_step_of_the_clock() -> None:
    host = make_host()
    encoder = JournalEncoder(host, ENV, "execaudit")
    raw = exec_record(b"ls")
    buf, (at,) = join(raw)
    encoder.encode(buf, at, HEAD(buf, at))
    host.wall_offset_ns += 10**18
    encoder.follow_host()

    assert encoder.encode(buf, at, HEAD(buf, at)) == slow(host, raw)
