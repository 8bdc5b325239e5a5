# SPDX-License-Identifier: Apache-2.0
"""The filters of trace: which execs -u, -P, -n and -l let through, and what they refuse."""

import base64
import contextlib
import os
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execaudit.errors import InvalidArgument
from execaudit.trace.filters import (
    RecordFilter,
    build_filters,
    matches_line,
    parse_ppid,
    parse_regex,
    parse_user,
)

RECORD: dict[str, Any] = {
    "type": "exec",
    "uid": 1000,
    "ppid": 17,
    "comm": "ls",
    "filename": "/usr/bin/ls",
    "argv": ["LS", "-l", "a b"],
}


def is_shown(record: dict[str, Any], **options: str) -> bool:
    return RecordFilter(build_filters(**options))(record)


@pytest.mark.parametrize(
    ("text", "uid"), [("0", 0), ("root", 0), ("1000", 1000), ("4294967294", 4294967294)]
)
def test_user_is_a_number_or_a_name(text: str, uid: int) -> None:
    assert parse_user(text) == uid


@pytest.mark.parametrize("text", ["nobody-of-this-name", "-1", "", "4294967295", "1.5", "a\0b"])
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
        ({"ppid": "17"}, True),
        ({"ppid": "0"}, False),
        ({"name": "^ls$"}, True),
        ({"name": "l"}, True),
        ({"name": "bin"}, False),
        ({"line": "^/usr/bin/ls -l a b$"}, True),
        ({"line": "LS"}, False),
        ({"line": "-l"}, True),
        ({"user": "1000", "ppid": "17", "name": "ls", "line": "a b"}, True),
        ({"user": "1000", "ppid": "18", "name": "ls", "line": "a b"}, False),
    ],
)
def test_filters_are_joined_by_and(options: dict[str, str], expected: bool) -> None:
    assert is_shown(RECORD, **options) is expected


def test_user_0_filters_root() -> None:
    assert is_shown({**RECORD, "uid": 0}, user="0")
    assert not is_shown({**RECORD, "uid": 1}, user="0")


def test_ids_that_could_not_be_read_match_no_filter() -> None:
    record = {name: value for name, value in RECORD.items() if name not in ("uid", "ppid")}
    assert is_shown(record)
    assert not is_shown(record, user="0")
    assert not is_shown(record, ppid="0")


def test_regexes_see_the_exact_bytes() -> None:
    record = {
        **RECORD,
        "comm": "\ufffd",
        "argv": ["ls", "\ufffdé"],
        "b64": {"comm": base64.b64encode(b"\xfe").decode()},
        "argv_b64": {"1": base64.b64encode(b"\xff\xc3\xa9").decode()},
    }
    assert is_shown(record, name=r"\xfe", line=r"ls \xff\xc3\xa9$")
    assert is_shown(record, line=os.fsdecode(b"\xff\xc3\xa9"))
    assert not is_shown(record, line="\ufffd")


def test_line_of_a_script_has_the_words_of_the_call() -> None:
    record = {
        **RECORD,
        "filename": "./x",
        "script": "./x",
        "argv": ["/bin/sh", "-eu", "./x", "a"],
    }
    assert is_shown(record, line="^./x a$")


def test_line_without_arguments_or_file_name() -> None:
    filters = build_filters(line="^$")
    assert matches_line(filters, None, [], is_script=False)
    assert not matches_line(filters, b"x", [], is_script=False)
    assert not is_shown({"type": "exec", "comm": "x", "unreadable": ["argv", "filename"]}, line=".")


def test_lost_is_always_shown() -> None:
    assert is_shown({"type": "lost", "count": 3}, user="0", line="x")


def test_exit_is_shown_when_its_exec_was() -> None:
    keep = RecordFilter(build_filters(user="1000", line="-l"))
    shown, hidden = {**RECORD, "id": "a"}, {**RECORD, "id": "b", "argv": ["ls"]}
    failed = {**RECORD, "id": "c", "result": "failure"}
    assert [keep(shown), keep(hidden), keep(failed)] == [True, False, True]
    # Its user may be another by now.
    ends = [{"type": "exit", "id": name, "uid": 0, "comm": "ls"} for name in "abc"]
    assert [keep(end) for end in ends] == [True, False, False]


def test_exit_of_an_earlier_program_goes_by_its_process() -> None:
    end = {"type": "exit", "id": "x", "uid": 1000, "ppid": 17, "comm": "ls"}
    assert is_shown(end, user="1000", name="ls")
    assert not is_shown(end, name="cat")
    assert not is_shown(end, user="1000", line="ls")


def test_ids_of_shown_execs_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("execaudit.trace.filters._IDS_KEPT", 2)
    keep = RecordFilter(build_filters(line="-l"))
    assert all(keep({**RECORD, "id": name}) for name in "abc")
    ends = [{"type": "exit", "id": name, "comm": "ls"} for name in "abc"]
    assert [keep(end) for end in ends] == [False, True, True]
