# SPDX-License-Identifier: Apache-2.0
"""Another setup between two batches: nothing is lost, doubled, or judged by half of it."""

import errno
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from execaudit.daemon.limits import Rate
from execaudit.daemon.replacement import reconfigure
from execaudit.daemon.setup import build_setup
from execaudit.formats.encoders import make_encoder
from execaudit.records.host import Host
from tests.flows import ListFile, ListSink, make_setup, make_sink, running
from tests.records import exec_record, make_host
from tests.unit.config_tree import load_text

DROP_NOISE = {"action": "drop", "comm": "noise"}
LABEL_ALL = {"action": "label", "labels": ["all"], "uid": 0}
TRY = exec_record(b"ls", error=-errno.ENOENT, filename=b"/a/ls\0")


@pytest.fixture
def host() -> Host:
    return make_host()


def test_what_is_in_the_ring_is_judged_by_the_old_rules_and_the_rest_by_the_new(host: Host) -> None:
    sink = make_sink(host)
    with running(make_setup(sink, rules=(DROP_NOISE,)), host) as (flow, capture):
        capture.write(exec_record(b"x", comm=b"noise"), exec_record(b"y", seq=2))

        reconfigure(flow, make_setup(sink, rules=(LABEL_ALL,), config_hash="new"))
        capture.write(exec_record(b"z", comm=b"noise", seq=3))
        flow.drain()

    records = sink.records()
    assert [(each["type"], each.get("argv")) for each in records] == [
        ("exec", ["y"]), ("config", None), ("exec", ["z"]),
    ]  # fmt: skip
    assert (records[1]["old_hash"], records[1]["config_hash"]) == ("old", "new")
    assert [each.get("labels") for each in records] == [None, None, ["all"]]


@pytest.mark.parametrize(
    ("was", "becomes", "expected"),
    [
        (True, True, [("success", ["/a/ls"])]),  # it goes on
        (True, False, [("failure", None), ("success", None)]),
        (False, True, [("failure", None), ("success", None)]),
    ],
)
def test_failures_that_are_held_back_go_on_or_come_out(
    host: Host, was: bool, becomes: bool, expected: list[Any]
) -> None:
    sink = make_sink(host)
    with running(make_setup(sink, collapses=was), host) as (flow, capture):
        capture.write(TRY)
        flow.drain()

        reconfigure(flow, make_setup(sink, collapses=becomes))
        assert len(sink.written) == len(expected) - 1  # nothing waits for a later batch
        capture.write(exec_record(b"ls", seq=1, filename=b"/b/ls\0"))
        flow.drain()

    assert [(each["result"], each.get("path_search")) for each in sink.records()] == expected


def test_counts_and_what_was_over_a_limit_are_not_forgotten(host: Host) -> None:
    sink = make_sink(host)
    old = make_setup(sink, rate=Rate(0.001, 1), rules=(LABEL_ALL, DROP_NOISE))
    with running(old, host) as (flow, capture):
        capture.write(*[exec_record(b"x", seq=seq, cgroup=b"") for seq in range(1, 4)])
        flow.drain()
        capture.hits = {1: 5}  # that the kernel dropped by the second rule
        new = make_setup(sink, rules=(DROP_NOISE, LABEL_ALL))

        reconfigure(flow, new)

    summary = sink.records()[-1]
    assert (summary["type"], summary["uid"], summary["count"]) == ("summary", 0, 2)
    assert flow.totals()["limited"] == 2
    assert new.rules is not None
    assert list(new.rules.hits) == [0, 3]
    assert list(new.rules.kernel_hits) == [5, 0]


def test_rules_of_the_kernel_are_those_of_the_new_setup(host: Host) -> None:
    sink = make_sink(host)
    with running(make_setup(sink), host) as (flow, capture):
        reconfigure(flow, make_setup(sink, rules=(DROP_NOISE,)))

        assert list(capture.rules.values()) == [0]


def test_other_variables_are_selected_also_of_places_that_were_seen(host: Host) -> None:
    sink = make_sink(host)
    variables = (b"LD_PRELOAD=a", b"SUDO_USER=b")
    with running(make_setup(sink), host) as (flow, capture):
        capture.write(exec_record(b"x", env=variables))
        flow.drain()
        reconfigure(flow, make_setup(sink, env=("SUDO_USER",)))
        capture.write(exec_record(b"x", seq=2, env=variables))
        flow.drain()

    assert [each["env"] for each in sink.records()] == [["LD_PRELOAD=a"], ["SUDO_USER=b"]]


def test_sink_that_goes_on_gets_its_encoder_with_nothing_in_between(host: Host) -> None:
    sink = make_sink(host)
    old_encoder, new = sink.encoder, make_setup(sink)
    with running(make_setup(sink), host) as (flow, capture):
        capture.write(exec_record(b"x"))
        new.changes.append(lambda: sink.configure(None, make_sink(host).encoder, None))

        reconfigure(flow, new)

    assert sink.encoder is not old_encoder
    assert len(sink.written) == 1


def test_loss_of_a_sink_that_is_closed_is_reported_in_the_others(host: Host) -> None:
    file, journal = make_sink(host), make_sink(host, "journal")
    with running(make_setup(file, journal), host) as (flow, capture):
        journal.is_blocked = True
        capture.write(exec_record(b"x"), exec_record(b"y", seq=2))
        flow.drain()

        reconfigure(flow, make_setup(file))

    assert journal.is_closed
    assert not file.is_closed
    lost = file.records()[-1]
    assert (lost["type"], lost["sink"], lost["count"]) == ("lost", "journal", 2)
    assert lost["last_missed"]["seq"] == 2


def test_sink_that_takes_the_place_of_another_goes_on_with_its_counts(host: Host) -> None:
    before, after = make_sink(host), make_sink(host)
    with running(make_setup(before), host) as (flow, capture):
        capture.write(exec_record(b"x"))
        flow.drain()

        reconfigure(flow, make_setup(after))
        capture.write(exec_record(b"y", seq=2))
        flow.drain()

    assert before.is_closed
    assert [each["argv"] for each in after.records()] == [["y"]]
    assert after.counters.written == 2


def test_setup_that_the_kernel_refuses_leaves_nothing_open(host: Host) -> None:
    file, journal = make_sink(host), make_sink(host, "journal")
    old, new = make_setup(file, collapses=True), make_setup(file, journal, collapses=False)
    with running(old, host) as (flow, capture):
        refused = OSError(errno.ENOMEM, "no memory")
        with (
            patch.object(capture, "set_rules", side_effect=refused),
            pytest.raises(OSError, match="no memory"),
        ):
            reconfigure(flow, new)

        assert flow.setup is old
        assert flow.path_search is not None
        assert journal.is_closed
        assert not file.is_closed


def test_checkpoint_counts_what_waits_in_sinks_that_are_being_closed(host: Host) -> None:
    class Draining(ListSink):
        """Says what the checkpoint has while it is drained."""

        seen: dict[str, int]

        def _wait_writable(self, seconds: float) -> bool:
            del seconds
            self.seen = file.last.undelivered
            return False

    file, encoder = ListFile(), make_encoder("execaudit", host, "execaudit")
    before, journal = Draining(encoder), Draining(encoder, "journal")
    after = make_sink(host)
    old = make_setup(before, journal, rate=Rate(0.001, 2))
    with running(old, host) as (flow, capture):
        flow.use_file(file.as_file())
        before.is_blocked = journal.is_blocked = after.is_blocked = True
        capture.write(*[exec_record(b"x", seq=seq, cgroup=b"") for seq in range(1, 4)])
        flow.drain()

        reconfigure(flow, make_setup(after))

        waiting = after.queue_depth
        assert before.seen == {"file": 2 + 1, "journal": 2}  # and a summary of the third
        assert journal.seen["journal"] == 2
        assert file.last.undelivered == {"file": waiting}
        flow.keep_up()
        assert file.last.undelivered == {"file": waiting}


@pytest.mark.parametrize("is_refused", [False, True])
def test_baseline_that_goes_on_changes_once_the_setup_is_in_force(
    host: Host, tmp_path: Path, *, is_refused: bool
) -> None:
    text = f"""
        [file]
        path = "{tmp_path}/execaudit.jsonl"
        [baseline]
        enabled = true
        path = "{tmp_path}/baseline"
    """
    one = load_text(tmp_path, f'{text}learning = "1h"\nprograms = false')
    other = load_text(tmp_path, f'{text}learning = "2h"\nprograms = true')
    old = build_setup(one, host)
    baseline = old.baseline
    assert baseline is not None
    with running(old, host) as (flow, capture):
        new = build_setup(other, host, old)
        assert new.baseline is baseline
        assert (baseline.learning_s, baseline.reads_programs) == (3600, False)
        if is_refused:
            with (
                patch.object(capture, "set_rules", side_effect=OSError(errno.ENOMEM, "no memory")),
                pytest.raises(OSError, match="no memory"),
            ):
                reconfigure(flow, new)
            assert (baseline.learning_s, baseline.reads_programs) == (3600, False)
        else:
            reconfigure(flow, new)
            assert (baseline.learning_s, baseline.reads_programs) == (7200, True)
    baseline.close()
    for sink in new.sinks:
        sink.close()
