# SPDX-License-Identifier: Apache-2.0
"""The way of every record: what comes out of it, in which order, and what the checkpoint says."""

import errno
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execaudit.daemon.handover.checkpoint import Checkpoint, Totals
from execaudit.daemon.limits import Rate
from execaudit.daemon.replacement import replace_capture
from execaudit.daemon.reports import report_suppressed
from execaudit.daemon.start import end
from execaudit.errors import ExecauditError
from execaudit.sinks.sink import Selection
from execaudit.wire import record
from tests.flows import (
    Bench,
    FakeCapture,
    ListFile,
    made_benches,
    make_setup,
    make_sink,
    running,
)
from tests.records import (
    block,
    chunk_record,
    exec_record,
    exit_record,
    leaf_first,
    make_host,
    slot,
    slots,
)

SECOND = 10**9
EXECVE = record.HOOKS.index("execve")
DROP_NOISE = {"action": "drop", "comm": "noise"}
LABEL_ROOT = {"action": "label", "labels": ["root"], "severity": "err", "uid": 0}


benches = pytest.fixture(made_benches)


@pytest.fixture
def bench(benches: Any) -> Bench:
    made: Bench = benches()
    return made


def failure(seq: int, name: bytes = b"/a/ls", **members: Any) -> bytes:
    return exec_record(b"ls", seq=seq, error=-errno.ENOENT, filename=name + b"\0", **members)


def test_records_come_out_in_the_order_of_the_ring_with_losses_in_front(bench: Bench) -> None:
    out = bench.feed(
        exec_record(b"a"), exec_record(b"b", seq=5), exec_record(b"c", seq=6), exit_record()
    )

    assert [(each["type"], each.get("seq")) for each in out] == [
        ("exec", 1), ("lost", None), ("exec", 5), ("exec", 6), ("exit", 1),
    ]  # fmt: skip
    assert (out[1]["reason"], out[1]["count"]) == ("ring", 3)
    assert bench.flow.totals() == Totals(7, 0, 0, 0, 3, 0)._asdict() | {"checks": 0}


def test_duration_of_a_program_is_in_the_record_of_its_end(benches: Any) -> None:
    _, end = benches(exits=True).feed(exec_record(b"ls", time_ns=10), exit_record(time_ns=510))

    assert end["duration_ns"] == 500


def test_rules_drop_label_and_select(benches: Any) -> None:
    bench = benches(rules=(LABEL_ROOT, DROP_NOISE))
    journal = make_sink(bench.flow.host, "journal", Selection(frozenset({"root"}), "err"))
    bench.flow.setup.sinks.append(journal)

    out = bench.feed(
        exec_record(b"a", uid=1000),
        exec_record(b"b", uid=0, seq=2),
        exec_record(b"c", comm=b"noise", seq=3),
        exec_record(b"d", uid=1000, seq=9),
    )

    assert [each.get("argv") for each in out] == [["a"], ["b"], None, ["d"]]
    assert (out[1]["labels"], out[1]["severity"]) == (["root"], "err")
    assert [each.get("argv") for each in journal.records()] == [["b"], None]  # losses go to all
    assert journal.counters.deselected == 2
    assert bench.flow.totals()["dropped"] == 1


def test_what_is_over_a_limit_is_counted_and_summed_up(benches: Any) -> None:
    bench = benches(rate=Rate(0.001, 2), rules=(DROP_NOISE,))

    out = bench.feed(
        exec_record(b"x", comm=b"noise"),
        *[exec_record(b"x", seq=seq, uid=7, cgroup=b"") for seq in range(2, 7)],
    )
    report_suppressed(bench.flow, bench.flow.setup.limits)

    assert len(out) == 2  # what a rule drops takes no token
    assert bench.flow.totals()["limited"] == 3
    summary = bench.sink.records()[-1]
    assert (summary["type"], summary["uid"], summary["count"]) == ("summary", 7, 3)


def test_secret_reaches_no_sink_and_is_marked(bench: Bench) -> None:
    whole = exec_record(b"ls", b"--password=geheim", b"x", env=(b"LD_PRELOAD=https://u:geheim@h/",))
    cut = exec_record(b"x", b"--password=geheim", seq=2, argv_inside=len(b"x.--password=gehe"))

    out = bench.feed(whole, cut)

    assert b"gehe" not in b"".join(bench.sink.written)
    assert out[0]["argv"] == ["ls", "--password=<redacted:password>", "x"]
    assert out[0]["redacted"] == {"argv": [1], "env": [0]}
    assert out[1]["redacted"] == {"argv": [1]}
    assert out[1]["truncated"]["argv"][0]["reason"] == "ring"


def test_search_along_path_is_in_the_record_of_the_exec_that_it_found(bench: Bench) -> None:
    tries = [failure(1), failure(2, b"/b/\xff/ls")]

    assert bench.feed(*tries) == []
    (out,) = bench.feed(exec_record(b"ls", filename=b"/bin/ls\0"))

    assert (out["result"], out["path_search"]) == ("success", ["/a/ls", "/b/\ufffd/ls"])
    assert bench.flow.totals()["collapsed"] == 2


def test_search_that_found_nothing_is_one_failure_after_a_second(bench: Bench) -> None:
    now_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    bench.feed(failure(1), failure(2, b"/b/ls"))

    assert bench.flow.release_failures(now_ns) is True
    assert bench.flow.release_failures(now_ns + 3600 * SECOND) is False
    bench.flow.flush()

    (out,) = bench.sink.records()
    assert (out["errno"], out["path_search"]) == ("ENOENT", ["/a/ls", "/b/ls"])
    assert bench.flow.totals()["collapsed"] == 1


def test_failures_are_all_recorded_where_that_is_configured(benches: Any) -> None:
    out = benches(collapses=False).feed(failure(1), failure(2, b"/b/ls"))

    assert [each["filename"] for each in out] == ["/a/ls", "/b/ls"]


def test_exec_of_our_own_is_neither_counted_nor_recorded_nor_missed(bench: Bench) -> None:
    bench.flow.canary.begin()
    word = bench.flow.canary._word
    own = exec_record(word, error=-errno.ENOENT, filename=b"\0")

    (out,) = bench.feed(own, exec_record(b"x", seq=1), failure(2, pid=5))

    assert out["argv"] == ["x"]
    assert bench.flow.totals()["seen"] == 2
    assert bench.flow.canary.found == {EXECVE}


def test_batch_is_free_once_the_sinks_have_it(bench: Bench) -> None:
    bench.feed(exec_record(b"x"), failure(1))

    assert bench.capture.freed == bench.capture.produced
    assert not bench.flow.ring.is_holding


def test_checkpoint_is_behind_the_record_that_is_kept(bench: Bench) -> None:
    file = ListFile()
    bench.flow.use_file(file.as_file())
    bench.flow.ring.keeps_last = True
    bench.feed(exec_record(b"x"))
    first = bench.capture.produced
    bench.feed(exec_record(b"y", seq=2))

    assert file.last.position == bench.capture.produced
    assert bench.capture.freed == first

    bench.flow.ring.keeps_last = False
    bench.flow.flush()
    assert bench.capture.freed == bench.capture.produced


def test_checkpoint_stays_in_front_of_what_waits(bench: Bench) -> None:
    file = ListFile()
    bench.flow.use_file(file.as_file())
    bench.feed(exec_record(b"x"))
    searched = bench.capture.produced
    bench.feed(failure(1, cpu=2))
    bench.feed(exec_record(b"y", seq=2, pid=5))

    assert file.last.position == searched == bench.capture.freed
    assert file.last.held_back == [(2 << 3 | EXECVE, 1)]
    assert bench.flow.ring.is_holding
    assert file.batches[-1] == bench.capture.produced

    bench.feed(exec_record(b"ls", seq=3))  # what was searched for

    assert file.last.position == bench.capture.produced
    assert file.last.held_back == []
    seqs = {key: seq for key, seq, _, _ in file.last.streams}
    assert seqs == {0: 3, 2 << 3 | EXECVE: 1}


def test_checkpoint_stays_in_front_of_chunks_whose_record_has_not_come(bench: Bench) -> None:
    file = ListFile()
    bench.flow.use_file(file.as_file())
    arguments = block((b"ls", b"x" * 6000))
    chunk = chunk_record(record.AREA_ARGV, 4096, arguments[4096:])
    bench.feed(chunk)
    assert file.last.position == 0

    (out,) = bench.feed(exec_record(b"ls", b"x" * 6000, argv_inside=4096, chunks=1))

    assert out["argv"][1] == "x" * 6000
    assert file.last.position == bench.capture.produced

    bench.feed(chunk_record(record.AREA_ARGV, 4096, arguments[4096:], seq=2))
    bench.capture.counters = slots(exec=[slot(seq=2, lost=1)])
    bench.flow.settle()  # their record is lost

    assert bench.sink.records()[-1]["reason"] == "ring"
    assert file.last.position == bench.capture.produced


def test_what_waits_holds_a_quarter_of_the_ring_at_most(bench: Bench) -> None:
    file = ListFile()
    bench.flow.use_file(file.as_file())
    bench.feed(failure(1))
    for seq in range(1, 40):
        bench.feed(exec_record(b"x" * 500, seq=seq, pid=5))

    assert file.last.position == bench.capture.produced - (64 << 10) // 4


def test_checkpoint_says_what_sinks_have_not_delivered(bench: Bench) -> None:
    file = ListFile()
    bench.sink.is_blocked = True
    bench.flow.use_file(file.as_file())
    bench.feed(exec_record(b"x"), exec_record(b"y", seq=2))
    assert file.last.undelivered == {"file": 2}

    bench.sink.is_blocked = False
    bench.sink.on_timer(time.monotonic() + 60)
    bench.flow.keep_up()

    assert file.last.undelivered == {"file": 0}
    assert len(bench.sink.written) == 2


def test_process_that_goes_on_leaves_out_what_the_one_before_has_finished(bench: Bench) -> None:
    bench.capture.dropped_count = 4
    key = EXECVE
    checkpoint = Checkpoint(
        1, False, 0, Totals(9, 0, 0, 0, 0, 0), 0, {}, {}, [(0, 2, 5, 0), (key, 1, 5, 0)], [(key, 1)]
    )
    bench.flow.resume(ListFile().as_file(), checkpoint)
    bench.flow.file = None

    out = bench.feed(
        exec_record(b"x", seq=1), failure(1, pid=3), exec_record(b"x", seq=2),
        exec_record(b"x", seq=3), exec_record(b"ls", seq=4, pid=3),
    )  # fmt: skip

    assert [(each["seq"], each.get("path_search")) for each in out] == [(3, None), (4, ["/a/ls"])]
    assert bench.flow.duplicates is not None
    assert (bench.flow.duplicates.count, bench.flow.duplicates.take_missing()) == (2, 0)
    assert bench.flow.totals()["dropped"] == 0  # those before were the other process's


def test_what_the_kernel_counted_as_lost_is_reported_when_settling(bench: Bench) -> None:
    bench.feed(exec_record(b"x"))
    bench.capture.counters = slots(exec=[slot(seq=3, lost=2)])
    bench.capture.missed = {0: 5}

    bench.flow.settle()

    lost = bench.sink.records()[1:]
    assert [(each["reason"], each["count"]) for each in lost] == [("ring", 2), ("recursion", 5)]
    assert bench.flow.totals()["lost"] == 7


def test_other_capture_begins_with_nothing_of_the_old_one_held_back(bench: Bench) -> None:
    file, fresh = ListFile(), FakeCapture()
    bench.flow.use_file(file.as_file())
    bench.feed(failure(1))
    fresh.write(exec_record(b"x", seq=1, pid=5))

    replace_capture(bench.flow, fresh.as_capture())
    bench.flow.use_file(file.as_file())
    bench.flow.drain()

    assert [each["result"] for each in bench.sink.records()] == ["failure", "success"]
    assert bench.capture.is_closed
    assert (file.last.position, file.last.held_back) == (fresh.produced, [])
    fresh.close()


def test_capture_goes_on_where_another_cannot_be_attached(bench: Bench) -> None:
    class Unattachable(FakeCapture):
        def attach(self) -> None:
            raise ExecauditError("Failed to attach")

    fresh = Unattachable()
    bench.feed(exec_record(b"x"), failure(1))

    with pytest.raises(ExecauditError):
        replace_capture(bench.flow, fresh.as_capture())
    (found,) = bench.feed(exec_record(b"ls", seq=2))

    assert found["path_search"] == ["/a/ls"]
    assert bench.flow.totals()["lost"] == 0
    fresh.close()


def test_end_delivers_all_then_sums_up(benches: Any) -> None:
    bench = benches(rate=Rate(0.001, 1))
    outside: dict[str, Any] = {"cgroup": b""}  # of any unit
    bench.feed(exec_record(b"x", **outside), exec_record(b"y", seq=2, **outside), failure(1, uid=7))
    bench.capture.write(exec_record(b"z", seq=3, uid=8, **outside))

    end(bench.flow, is_kept=False)

    types = [each["type"] for each in bench.sink.records()]
    assert types == ["exec", "exec", "exec", "summary", "stop"]
    stop = bench.sink.records()[-1]
    assert (stop["seen"], stop["limited"]) == (4, 1)
    assert bench.sink.is_closed
    assert bench.capture.is_detached


NAMES = st.sampled_from([b"/a/ls\0", b"/b/ls\0", b"/c/cat\0"])
WORDS = st.lists(st.sampled_from([b"ls", b"--password=geheim", b"\xff", b""]), max_size=3)
EVENTS = st.tuples(
    st.sampled_from([0, 0, -errno.ENOENT, -errno.EACCES, -errno.ENOEXEC, 1]), st.integers(0, 2),
    st.sampled_from([5, 6]), NAMES, WORDS, st.sampled_from([b"ls", b"noise"]),
)  # fmt: skip


@given(
    st.lists(EVENTS, max_size=25),
    st.sampled_from([None, Rate(0.001, 3)]),
    st.booleans(),
    st.sampled_from([(), (DROP_NOISE, LABEL_ROOT)]),
)
def test_every_event_is_recorded_or_counted_and_no_secret_comes_out(
    events: list[Any], rate: Rate | None, collapses: bool, rules: Any
) -> None:
    host = make_host()
    sink = make_sink(host)
    setup = make_setup(sink, rate=rate, collapses=collapses, rules=rules)
    seqs = [0, 0, 0, 0, 0, 0]
    with running(setup, host, exits=True) as (flow, capture):
        for error, missing, pid, name, words, comm in events:
            hook = EXECVE if error < 0 else error
            seqs[hook] += missing + 1
            ids = {"pid": pid, "seq": seqs[hook], "comm": comm}
            if error > 0:
                capture.write(exit_record(**ids))
            else:
                ids |= {"tid": pid, "error": error, "filename": name, "exe": leaf_first(name[:-1])}
                capture.write(exec_record(*words, **ids))
            flow.drain()
        flow.release_failures(0, are_all=True)
        flow.flush()
        totals = flow.totals()

    written = [each["type"] for each in sink.records() if each["type"] != "lost"]
    gone = totals["dropped"] + totals["limited"] + totals["collapsed"] + totals["lost"]
    assert totals["seen"] == sum(seqs) == len(written) + gone
    assert b"geheim" not in b"".join(sink.written)
