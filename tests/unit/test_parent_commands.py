# SPDX-License-Identifier: Apache-2.0
"""What records say of their parent: the program that it runs, and its command line."""

from dataclasses import replace
from typing import Any

import pytest

from execaudit.records.process_commands import MOST_BYTES, ProcessCommands
from tests.flows import make_setup, make_sink, running
from tests.records import PARENT, exec_record, leaf_first, make_host

START_NS, PID, EXEC_COUNT, _ = PARENT


def parent(*argv: bytes, **members: Any) -> bytes:
    """Return the exec by which the parent of all other records became what it is."""
    identity: dict[str, Any] = {"start_ns": START_NS, "pid": PID, "exec_count": EXEC_COUNT}
    return exec_record(*argv, exe=leaf_first(b"/usr/bin/bash"), **identity, **members)


def child_of(*parents: bytes, most_bytes: int = 512) -> dict[str, Any]:
    """Return the record of an exec below processes that were seen before it."""
    host = make_host()
    sink = make_sink(host)
    setup = make_setup(sink)
    config = setup.config
    capture = replace(config.capture, pcmdline_bytes=most_bytes)
    setup.loaded = replace(setup.loaded, config=replace(config, capture=capture))
    with running(setup, host) as (flow, source):
        source.write(*parents, exec_record(b"ls", seq=len(parents) + 1))
        flow.drain()
    return sink.records()[-1]


def test_parent_that_was_seen_is_described() -> None:
    child = child_of(parent(b"bash", b"-c", b"ls; id"))

    assert child["pexe"] == "/usr/bin/bash"
    assert child["pcmdline"] == "bash -c 'ls; id'"
    assert "truncated" not in child


def test_parent_that_was_not_seen_is_left_out() -> None:
    assert not {"pexe", "pcmdline"} & child_of().keys()


def test_command_line_of_the_parent_shows_no_secret() -> None:
    child = child_of(parent(b"bash", b"run", b"--password=hunter2"))

    assert child["pcmdline"] == "bash run '--password=<redacted:password>'"


@pytest.mark.parametrize("length", [600, MOST_BYTES + 100])
def test_long_command_line_is_cut_and_says_so(length: int) -> None:
    child = child_of(parent(b"bash", b"-c", b"x" * length))

    assert child["pcmdline"].startswith("bash -c x")
    assert len(child["pcmdline"]) <= 512
    assert child["truncated"] == {"pcmdline": True}


def test_command_lines_can_be_left_out() -> None:
    child = child_of(parent(b"bash", b"-c", b"x"), most_bytes=0)

    assert child["pexe"] == "/usr/bin/bash"
    assert "pcmdline" not in child


def test_secret_behind_what_is_kept_of_a_long_command_is_not_shown() -> None:
    child = child_of(parent(b"bash", b"--password", b"hunter2", b"y" * MOST_BYTES))

    assert "hunter2" not in child["pcmdline"]


def test_table_is_bounded_and_forgets_the_oldest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("execaudit.records.process_commands._is_running", lambda _: False)
    host = make_host()
    with running(make_setup(make_sink(host)), host) as (flow, source):
        flow.commands.set_bounds((100, 1 << 20))
        for number in range(1, 500):
            source.write(exec_record(b"ls", pid=number, start_ns=number, seq=number))
            flow.drain()
        commands: ProcessCommands = flow.commands
        assert 50 < len(commands.by_image) <= 100
        assert list(commands.by_image)[-1][8:12] == (499).to_bytes(4, "little")
