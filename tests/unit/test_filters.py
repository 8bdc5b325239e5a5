# SPDX-License-Identifier: Apache-2.0
"""The filters of trace: which execs -u, -P, -n and -l let through, and what they refuse."""

import contextlib
import os
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execaudit.errors import InvalidArgument
from execaudit.trace.filters import EventFilter, parse_ppid, parse_regex, parse_user
from execaudit.wire import record
from execaudit.wire.event import Event
from tests.events import exec_event, exit_event
from tests.records import PARENT

BAD_NAMES = record.FLAG_BAD_FILENAME | record.FLAG_BAD_ARGV


def make(*words: bytes, **members: Any) -> Event:
    """Return an exec of /usr/bin/ls by the user 1000, child of the process 900."""
    return exec_event(*words or (b"LS", b"-l", b"a b"), **{"uid": 1000, **members})


def is_shown(event: Event, **options: str) -> bool:
    return EventFilter(**options)(event)


@pytest.mark.parametrize(
    ("text", "uid"), [("0", 0), ("root", 0), ("1000", 1000), ("4294967294", 4294967294)]
)
def test_user_is_a_number_or_a_name(text: str, uid: int) -> None:
    assert parse_user(text) == uid


@pytest.mark.parametrize(
    "text", ["nobody-of-this-name", "-1", "", "4294967295", "1.5", "a\0b", "9" * 5000]
)
def test_unknown_user_is_refused_with_its_name(text: str) -> None:
    with pytest.raises(InvalidArgument, match=re.escape(f"user '{text}'")):
        parse_user(text)


def test_parent_is_a_process_id() -> None:
    assert [parse_ppid(text) for text in ("0", "1", "4194304")] == [0, 1, 4194304]


@pytest.mark.parametrize("text", ["-1", "", "x", "1;", "4194305", "9" * 5000, "\u0661"])
def test_wrong_parent_is_refused(text: str) -> None:
    with pytest.raises(InvalidArgument, match="expected a process id, a number from 0 to"):
        parse_ppid(text)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a(b", "missing ), unterminated subpattern at position 1"),
        ("[", "unterminated character set at position 0"),
        ("x**", "multiple repeat at position 2"),
        ("a{99999999999}", "the repetition number is too large"),
    ],
)
def test_bad_regex_is_refused_with_the_position(text: str, reason: str) -> None:
    with pytest.raises(InvalidArgument) as error:
        parse_regex(text)
    assert str(error.value) == f"Failed to parse regular expression '{text}': {reason}"
    assert error.value.exit_status == 2


def test_regex_with_ambiguous_syntax_gives_no_warning() -> None:
    assert parse_regex("[[a]").search(b"[")


@given(st.text(st.characters(exclude_categories=()), max_size=20))
def test_any_text_is_a_regex_or_refused(text: str) -> None:
    with contextlib.suppress(InvalidArgument):
        assert parse_regex(text).pattern == os.fsencode(text)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, True),
        ({"user": "1000"}, True),
        ({"user": "0"}, False),
        ({"ppid": "900"}, True),
        ({"ppid": "0"}, False),
        ({"name": "^ls$"}, True),
        ({"name": "l"}, True),
        ({"name": "bin"}, False),
        ({"line": "^/usr/bin/ls -l a b$"}, True),
        ({"line": "LS"}, False),
        ({"line": "-l"}, True),
        ({"user": "1000", "ppid": "900", "name": "ls", "line": "a b"}, True),
        ({"user": "1000", "ppid": "901", "name": "ls", "line": "a b"}, False),
    ],
)
def test_filters_are_joined_by_and(options: dict[str, str], expected: bool) -> None:
    assert is_shown(make(), **options) is expected


def test_user_0_filters_root() -> None:
    assert is_shown(make(uid=0), user="0")
    assert not is_shown(make(uid=1), user="0")


def test_ids_that_could_not_be_read_match_no_filter() -> None:
    for event in (
        make(uid=0, ancestors=(), flags=record.FLAG_BAD_IDS | record.FLAG_BAD_ANCESTORS),
        exit_event(uid=0, ppid=0, flags=record.FLAG_BAD_IDS | record.FLAG_BAD_START),
    ):
        assert is_shown(event)
        assert not is_shown(event, user="0")
        assert not is_shown(event, ppid="0")


def test_process_without_a_parent_has_parent_0() -> None:
    assert is_shown(make(ancestors=()), ppid="0")


def test_regexes_see_the_exact_bytes() -> None:
    event = make(b"ls", b"\xff\xc3\xa9", comm=b"\xfe")
    assert is_shown(event, name=r"\xfe", line=r"ls \xff\xc3\xa9$")
    assert is_shown(event, line=os.fsdecode(b"\xff\xc3\xa9"))
    assert not is_shown(event, line="\ufffd")


def test_line_of_a_script_has_the_words_of_the_call() -> None:
    script = {"filename": b"./x\0", "interp": b"/bin/sh\0", "flags": record.FLAG_SCRIPT}
    assert is_shown(make(b"/bin/sh", b"-eu", b"./x", b"a", **script), line="^./x a$")


def test_line_without_arguments_or_file_name() -> None:
    nameless = exec_event(filename=b"", flags=BAD_NAMES)
    assert is_shown(nameless, line="^$")
    assert not is_shown(exec_event(filename=b"x\0"), line="^$")
    assert not is_shown(nameless, line=".")


def test_answer_for_a_place_is_that_of_the_filter_that_asks() -> None:
    event = make()
    assert is_shown(event, user="1000")
    assert not is_shown(event, user="0")


def test_exit_is_shown_when_its_exec_was() -> None:
    keep = EventFilter(user="1000", line="-l")
    execs = [make(pid=1), make(b"ls", pid=2), make(pid=3, error=-2)]
    assert [keep(event) for event in execs] == [True, False, True]
    # Its user may be another by now. A failed exec has no end of its own.
    assert [keep(exit_event(pid=pid, uid=0)) for pid in (1, 2, 3)] == [True, False, False]
    assert not keep(exit_event(pid=1, uid=0))


def test_exit_of_an_earlier_program_goes_by_its_process() -> None:
    end = exit_event(uid=1000, ppid=PARENT[1])
    assert is_shown(end, user="1000", ppid=str(PARENT[1]), name="ls")
    assert not is_shown(end, name="cat")
    assert not is_shown(end, user="1000", line="ls")


def test_execs_that_were_shown_are_remembered_within_bounds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("execaudit.trace.filters._IDS_LIMIT", 2)
    keep = EventFilter(line="-l")
    assert all(keep(make(pid=pid)) for pid in (1, 2, 3))
    assert [keep(exit_event(pid=pid)) for pid in (1, 2, 3)] == [False, True, True]
