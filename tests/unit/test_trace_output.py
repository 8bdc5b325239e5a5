# SPDX-License-Identifier: Apache-2.0
"""What is traced is printed: filtered, never a loss among it, with the clock of the moment."""

import json

import pytest

from tests.records import exec_record, exit_record, make_host, slot, slots
from tests.unit.printed import Printed


def test_filtered_events_are_counted_and_not_printed() -> None:
    printed = Printed(lambda event: event.pid == 2)

    out = printed.feed(*(exec_record(b"x", seq=at, pid=at) for at in (1, 2, 3)))

    assert [fields["pid"] for fields in out] == [2]
    counts = printed.output.counts
    assert (counts.shown, counts.filtered, printed.output.accounting.counts.seen) == (1, 2, 3)


def test_losses_are_never_filtered() -> None:
    printed = Printed(lambda _: False)

    out = printed.feed(exec_record(b"x"), exec_record(b"x", seq=4))
    printed.data = b""
    printed.output.settle(slots(exec=[slot(seq=6, lost=4)]), {}, 10**9)

    assert [(fields["type"], fields["count"]) for fields in out] == [("lost", 2)]
    assert json.loads(printed.data)["count"] == 2


def test_step_of_the_clock_moves_all_times_that_follow(monkeypatch: pytest.MonkeyPatch) -> None:
    printed = Printed()
    host = printed.host
    (before,) = printed.feed(exec_record(b"x"))

    def step() -> None:
        host.wall_offset_ns = make_host().wall_offset_ns + 3600 * 10**9

    monkeypatch.setattr(host, "follow", step)
    (after,) = printed.feed(exec_record(b"x", seq=2))

    fresh = Printed(host=make_host(wall_offset_ns=host.wall_offset_ns))
    assert fresh.feed(exec_record(b"x"), exec_record(b"x", seq=2))[1] == after
    assert [before[name] == after[name] for name in ("time", "start", "ancestors")] == [False] * 3


def test_every_line_ends_with_a_newline_and_has_no_other() -> None:
    printed = Printed()

    printed.feed(exec_record(b"a\nb", b"\r"), exec_record(b"x", seq=3, comm=b"a\nb"), exit_record())

    assert printed.data.endswith(b"}\n")
    assert printed.data.count(b"\n") == 4
    assert Printed().feed() == []
