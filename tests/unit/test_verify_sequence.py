# SPDX-License-Identifier: Apache-2.0
"""What the numbers of events say of a log, with and without seals."""

import json
from pathlib import Path
from typing import Any

import pytest

from execaudit.formats.encoders import make_line
from execaudit.store.broken import Broken
from execaudit.verify.files import find_logs
from execaudit.verify.findings import UNKNOWN, WHOLE
from execaudit.verify.sequence import Sequence
from execaudit.verify.verb import verify_all
from tests.events import fields_of
from tests.records import exec_record, make_host

BOOT = "0123456789ab" + "0" * 20
HEAD = {"time": "2026-11-28T10:00:00.000000001Z", "host": 'a"b', "boot": BOOT}


def event(seq: int, **members: Any) -> dict[str, Any]:
    fields = fields_of(exec_record(seq=seq), host=make_host())
    return {**fields, **HEAD, **members}


def own(kind: str, **members: Any) -> dict[str, Any]:
    head = {"time": HEAD["time"], "type": kind, "host": HEAD["host"], "boot": BOOT}
    return {**head, **members}


START = own("start", version="1")
STOP = own("stop", seen=3, dropped=0, limited=0, collapsed=0, lost=0, checks=0)


def judge(records: list[dict[str, Any]], name: str = "execaudit") -> list[tuple[str, int | None]]:
    sequence = Sequence()
    lines = b"".join(make_line(fields, name) for fields in records)
    half = lines.find(b"\n", len(lines) // 2) + 1
    sequence.take(lines[:half])
    sequence.take(lines[half:])
    return [(finding.kind, finding.lines) for finding in sequence.end(is_sealed=False)]


@pytest.mark.parametrize("name", ["execaudit", "ecs", "ocsf"])
def test_events_without_a_gap_are_complete(name: str) -> None:
    assert judge([START, event(1), event(2), event(3), STOP], name) == []


@pytest.mark.parametrize("name", ["execaudit", "ecs", "ocsf"])
def test_event_that_is_missing_without_a_word_is_unexplained(name: str) -> None:
    assert judge([START, event(1), event(3), STOP], name) == [("unexplained", 1)]


def test_first_event_of_a_run_has_number_one() -> None:
    assert judge([START, event(3), STOP]) == [("unexplained", 2)]
    assert judge([event(3), event(4), STOP]) == []


def test_loss_that_is_recorded_is_explained() -> None:
    lost = own("lost", hook="exec", cpu=0, reason="ring", count=2)

    assert judge([START, event(1), lost, event(4), STOP]) == []
    assert judge([START, event(1), {**lost, "sink": "file"}, event(4), STOP]) == []
    assert judge([START, event(1), {**lost, "sink": "journal"}, event(4), STOP]) == [
        ("unexplained", 2)
    ]


def test_searches_are_counted_by_their_names() -> None:
    found = event(4, path_search=["/a/ls", "/b/ls", "/c/ls"])
    given_up = event(4, result="failure", path_search=["/a/ls", "/b/ls", "/c/ls", "/d/ls"])

    assert judge([START, found, STOP]) == []
    assert judge([START, given_up, STOP]) == []


@pytest.mark.parametrize("name", ["dropped", "limited", "checks"])
def test_counts_of_a_run_explain_what_it_did_not_write(name: str) -> None:
    assert judge([START, event(1), event(4), {**STOP, name: 2}]) == []


def test_run_that_goes_on_has_not_counted_yet() -> None:
    assert judge([START, event(1), event(4)]) == [("not-counted", 2)]


def test_restart_without_a_gap_goes_on_counting() -> None:
    gap = {"traced": True, "ended": "stop"}
    again = {**START, "gap": gap}

    assert judge([START, event(1), STOP, again, event(2), STOP]) == []
    assert judge([START, event(1), STOP, again, event(3), STOP]) == [("unexplained", 1)]


def test_numbers_begin_again_where_tracing_does() -> None:
    again = {**START, "gap": {"traced": False, "ended": "crash"}}

    assert judge([START, event(1), event(2), again, event(1), STOP]) == []


def test_numbers_are_those_of_a_processor_and_a_hook() -> None:
    other = event(1, cpu=1)
    failed = event(1, hook="execve", result="failure")

    assert judge([START, event(1), other, failed, event(2), STOP]) == []


def test_order_of_lines_does_not_matter() -> None:
    assert judge([START, event(2), event(1), event(3), STOP]) == []


@pytest.mark.parametrize(("seqs", "verdict"), [((1, 2), UNKNOWN), ((1, 3), UNKNOWN)])
def test_log_without_seals_says_so(tmp_path: Path, seqs: tuple[int, int], verdict: int) -> None:
    path = tmp_path / "a.jsonl"
    records = [START, *map(event, seqs), STOP]
    path.write_text("".join(f"{json.dumps(fields, separators=(',', ':'))}\n" for fields in records))
    (log,) = verify_all(find_logs([str(path)], Broken()), [str(path)], [], [], [])

    assert log.verdict == verdict
    assert ("no record explains" in log.as_text()) is (seqs == (1, 3))
    assert "the log is not sealed" in log.as_text()
    assert log.as_json()["findings"][0]["kind"] == "not-sealed"


def test_sealed_log_takes_gaps_for_what_was_not_written() -> None:
    sequence = Sequence()
    sequence.take(b"".join(make_line(each, "execaudit") for each in (START, event(2), STOP)))

    assert [each.verdict for each in sequence.end(is_sealed=True)] == [WHOLE]


def test_searches_count_for_the_run_that_made_them() -> None:
    again = {**START, "gap": {"traced": False, "ended": "stop"}}
    found = event(3, path_search=["/a/ls", "/b/ls"])

    assert judge([START, found, STOP, again, event(1), STOP]) == []
