# SPDX-License-Identifier: Apache-2.0
"""The table: columns, marks, colours, and fitting to a terminal."""

import re
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execaudit.records.quoting import width
from execaudit.table.arguments import ArgumentsStyle
from execaudit.table.lines import Table, TableOptions
from tests.unit.any_text import ANY_TEXT, assert_harmless
from tests.unit.shell_words import read_words

COLUMNS = 17 + 8 + 8 + 5  # COMM PID PPID RET
SGR = re.compile(r"\x1b\[[0-9;]*m")


@pytest.fixture(autouse=True)
def _utc(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def exec_record(*argv: str, **fields: Any) -> dict[str, Any]:
    record: dict[str, Any] = {
        "time": "2026-03-01T12:34:56.789012345Z",
        "type": "exec",
        "cpu": 1,
        "pid": 4242,
        "ppid": 17,
        "uid": 1000,
        "euid": 1000,
        "comm": "ls",
        "pcomm": "bash",
        "filename": "/usr/bin/ls",
        "argv": list(argv),
        "argc": len(argv),
        "result": "success",
    }
    record.update(fields)
    return {name: value for name, value in record.items() if value is not None}


def failed_record(*argv: str, **fields: Any) -> dict[str, Any]:
    return exec_record(*argv, result="failure", errno="ENOENT", errno_code=2, **fields)


def gaps(*marks: tuple[int, int | None, str]) -> dict[str, Any]:
    """Return what `truncated` says of gaps: index, missing bytes (None: not counted), reason."""
    found = [{"index": at, "missing_bytes": size, "reason": why} for at, size, why in marks]
    return {"argv": [{k: v for k, v in gap.items() if v is not None} for gap in found]}


SCRIPT = {"filename": "./x", "script": "./x"}


def arguments(record: dict[str, Any], *, terminal: int | None = None, **style: Any) -> str:
    """Return the ARGS column of the plain table."""
    options = TableOptions(arguments=ArgumentsStyle(**style))
    return Table(options, None if terminal is None else COLUMNS + terminal).line(record)[COLUMNS:]


@pytest.mark.parametrize(
    ("options", "header", "line"),
    [
        (
            TableOptions(),
            "COMM             PID     PPID     RET ARGS",
            "ls               4242    17         0 /usr/bin/ls -l",
        ),
        (
            TableOptions(
                time=True, timestamp=True, print_uid=True, print_pcomm=True, print_cpu=True
            ),
            "TIME     TIME(s)  UID    COMM             PID     PCOMM            PPID    CPU  RET"
            " ARGS",
            "12:34:56 0.000    1000   ls               4242    bash             17      1      0"
            " /usr/bin/ls -l",
        ),
        (
            TableOptions(print_cpu=True),
            "COMM             PID     PPID    CPU  RET ARGS",
            "ls               4242    17      1      0 /usr/bin/ls -l",
        ),
    ],
)
def test_columns_are_those_of_execsnoop(options: TableOptions, header: str, line: str) -> None:
    table = Table(options)
    assert table.header() == header
    assert table.line(exec_record("ls", "-l")) == line


def test_ret_is_the_negative_errno_number_of_a_failure() -> None:
    line = Table(TableOptions()).line(failed_record("x", filename="./x"))
    assert line == "ls               4242    17        -2 ./x"


def test_timestamp_counts_from_the_given_start_or_the_first_record() -> None:
    later = exec_record("ls", time="2026-03-01T12:35:06.789512345Z")
    start_ns = 1_772_368_496_000_000_000
    assert Table(TableOptions(timestamp=True, start_ns=start_ns)).line(later).startswith("10.790 ")
    table = Table(TableOptions(timestamp=True))
    assert table.line(exec_record("ls")).startswith("0.000 ")
    assert table.line(later).startswith("10.001 ")


def test_wide_cells_take_from_the_padding_behind_them() -> None:
    table = Table(TableOptions(print_uid=True))
    usual = table.line(exec_record("ls"))
    wide = table.line(exec_record("ls", uid=4294967294, comm="fifteen-letters", pid=4194304))
    assert wide.index("/usr/bin/ls") == usual.index("/usr/bin/ls")
    assert wide.split() == ["4294967294", "fifteen-letters", "4194304", "17", "0", "/usr/bin/ls"]


def test_wide_characters_in_a_name_keep_the_alignment() -> None:
    line = Table(TableOptions()).line(exec_record("ls", comm="日本語"))
    assert width(line[: line.index("4242")]) == 17


def test_names_are_escaped_and_exact() -> None:
    table = Table(TableOptions(print_pcomm=True))
    line = table.line(exec_record("ls", comm="\x1b[31mx", pcomm="\ufffd!", pcomm_b64="/yE="))
    assert line.startswith(r"$'\x1b[31mx'     4242    $'\xff!'")
    line = table.line(exec_record("ls", comm=None, ppid=None, unreadable=["ppid"]))
    assert line.split()[:4] == ["-", "4242", "bash", "?"]


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (exec_record("ls", "-l", "a b", ""), "/usr/bin/ls -l 'a b' ''"),
        (exec_record(argc=0), "/usr/bin/ls"),
        (exec_record("ls", "\ufffd", argv_b64={"1": "/w=="}), r"/usr/bin/ls $'\xff'"),
        (exec_record("ls", "\ufffd"), r"/usr/bin/ls $'\ufffd'"),
        (exec_record("/bin/sh", "-e", "./x", "a", **SCRIPT), "./x a"),
        (exec_record("/usr/bin/run", "x", filename="./x.jar", script="./x.jar"), "/usr/bin/run x"),
        (exec_record("ls", "-l", filename=None, unreadable=["filename"]), "<unreadable> -l"),
        (failed_record(argc=None, unreadable=["argv"]), "/usr/bin/ls <unreadable>"),
        (exec_record("ls", filename="…/deep/ls", truncated={"filename": True}), "'…/deep/ls'…"),
        (
            exec_record(
                "ls", unreadable=["cwd", "exe"], truncated={"cgroup": True, "ancestors": True}
            ),
            "/usr/bin/ls <unreadable: cwd, exe> <cut: cgroup>",
        ),
        (
            exec_record("ls", "he", "ad", truncated=gaps((1, 99, "budget"))),
            "/usr/bin/ls he…(+99 bytes) ad",
        ),
        (
            exec_record("ls", "a b", truncated=gaps((0, 7, "ring"), (1, None, "unreadable"))),
            "/usr/bin/ls…(+7 bytes, ring) 'a b'…(cut, unreadable)",
        ),
        (
            exec_record("ls", "…(+99 bytes)", "<unreadable>"),
            "/usr/bin/ls '…(+99 bytes)' '<unreadable>'",
        ),
        (
            exec_record("/bin/sh", "./x", "a", **SCRIPT, truncated=gaps((2, 1, "budget"))),
            "./x a…(+1 bytes)",
        ),
    ],
)
def test_arguments_and_the_marks_for_what_is_missing(record: dict[str, Any], expected: str) -> None:
    assert arguments(record) == expected


def test_quote_option_quotes_every_argument() -> None:
    assert arguments(exec_record("ls", "-l", 'a"b'), quote=True) == r'"/usr/bin/ls" "-l" "a\"b"'


@pytest.mark.parametrize(
    ("max_args", "fields", "expected"),
    [
        (1, {}, "/usr/bin/ls … +3"),
        (3, {}, "/usr/bin/ls a b … +1"),
        (4, {}, "/usr/bin/ls a b c"),
        (9, {}, "/usr/bin/ls a b c"),
        (
            2,
            {"argc": 50, "truncated": {"argv": [{"index": 2, "missing_bytes": 9}]}},
            "/usr/bin/ls a … +48",
        ),
        (2, {"argc": None, "truncated": {"argv": [{"index": 2}]}}, "/usr/bin/ls a … +2 or more"),
        (
            None,
            {"argc": 50, "truncated": {"argv": [{"index": 3, "reason": "display"}]}},
            "/usr/bin/ls a b c … +46",
        ),
    ],
)
def test_max_args_shows_so_many_and_counts_the_rest(
    max_args: int | None, fields: dict[str, Any], expected: str
) -> None:
    record = exec_record("ls", "a", "b", "c", **fields)
    assert arguments(record, max_args=max_args) == expected


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        (99, "/usr/bin/ls alpha 'b c' delta"),
        (29, "/usr/bin/ls alpha 'b c' delta"),
        (28, "/usr/bin/ls alpha 'b c' del…"),
        (26, "/usr/bin/ls alpha 'b c' d…"),
        (25, "/usr/bin/ls alp…(+2 args)"),
        (23, "/usr/bin/ls a…(+2 args)"),
        (22, "/usr/bin/ls …(+3 args)"),
        (21, "/usr/bin/l…(+3 args)"),
        (16, "/usr/b…(+3 args)"),
        (3, "/usr/b…(+3 args)"),
    ],
)
def test_arguments_are_cut_to_the_terminal_with_a_mark(columns: int, expected: str) -> None:
    shown = arguments(exec_record("ls", "alpha", "b c", "delta"), terminal=columns)
    assert width(shown) <= max(columns, 16)
    assert shown == expected


def test_last_argument_cut_in_the_middle_is_marked_without_a_count() -> None:
    assert arguments(exec_record("ls", "-l", "x" * 40), terminal=20) == "/usr/bin/ls -l xxxx…"
    assert arguments(exec_record("ls", "x y" * 40), terminal=20) == "/usr/bin/ls 'x yx '…"


def test_nothing_is_cut_when_not_on_a_terminal() -> None:
    assert arguments(exec_record("ls", *["x" * 100] * 100)).endswith(" " + "x" * 100)


def test_cut_counts_arguments_hidden_by_max_args_too() -> None:
    record = exec_record("ls", "a", "b" * 30, "c", "d")
    assert arguments(record, max_args=3, terminal=24) == "/usr/bin/ls a …(+3 args)"


def test_ascii_only_terminal_gets_ascii() -> None:
    shown = arguments(exec_record("ls", "é", "x" * 50), terminal=40, ascii_only=True)
    assert shown.isascii()
    assert shown == r"/usr/bin/ls $'\u00e9' xxxxxxxxxxxxx<...>"


def test_bracket_before_a_mark_is_quoted() -> None:
    shown = arguments(exec_record("ls", "x" * 10, "[      "), terminal=27)
    assert shown == "/usr/bin/ls xxxxxxxxxx '['…"


RECORDS = st.builds(
    lambda filename, argv, comm, failed: (failed_record if failed else exec_record)(
        *argv, filename=filename, comm=comm
    ),
    ANY_TEXT,
    st.lists(ANY_TEXT, max_size=8),
    ANY_TEXT.map(lambda text: text[:15]),
    st.booleans(),
)


@given(RECORDS, st.booleans(), st.booleans())
def test_arguments_of_any_record_read_back_exactly(
    record: dict[str, Any], quote: bool, ascii_only: bool
) -> None:
    options = TableOptions(arguments=ArgumentsStyle(quote=quote, ascii_only=ascii_only))
    line = Table(options).line(record)
    assert_harmless(line)
    shown = arguments({**record, "comm": "x"}, quote=quote, ascii_only=ascii_only)
    words = read_words(shown)
    assert [word.text for word in words] == [record["filename"], *record["argv"][1:]]
    assert not any(word.mark for word in words)


@given(RECORDS, st.integers(1, 120), st.none() | st.integers(1, 4), st.booleans())
def test_cut_line_fits_and_shows_a_marked_beginning(
    record: dict[str, Any], columns: int, max_args: int | None, quote: bool
) -> None:
    record["comm"] = "x"
    shown = arguments(record, terminal=columns, max_args=max_args, quote=quote)
    assert width(shown) <= max(columns, 16)
    words = read_words(shown)
    everything = [record["filename"], *record["argv"][1:]]
    texts = [word.text for word in words if word.text is not None]
    if texts != everything:
        *whole, last = texts or [""]
        assert everything[: len(whole)] == whole
        assert everything[len(whole)].startswith(last)
        assert words[-1].mark


def test_colors_mark_failure_privilege_and_root_outside_of_arguments() -> None:
    table = Table(TableOptions(color=True))
    plain = Table(TableOptions())
    record = failed_record("ls", "a b", euid=0)
    line = table.line(record)
    assert SGR.sub("", line) == plain.line(record)
    assert line.startswith("\x1b[33mls\x1b[0m")
    assert "\x1b[31m-2\x1b[0m" in line
    assert table.line(exec_record("su", comm="su", privileged=True)).startswith("\x1b[1;33msu")
    assert "\x1b" not in table.line(exec_record("ls"))
    assert not SGR.search(line[line.index("/usr") :])


def test_colored_line_is_cut_like_a_plain_one() -> None:
    record = failed_record("ls", "x" * 200, euid=0)
    colored = Table(TableOptions(color=True), 80).line(record)
    assert SGR.sub("", colored) == Table(TableOptions(), 80).line(record)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"exit_code": 0, "duration_ns": 1_500}, "exit 0 after 1us"),
        ({"exit_code": 3, "duration_ns": 12_345_678}, "exit 3 after 12.3ms"),
        ({"exit_code": 1}, "exit 1"),
        ({"signal": "SIGKILL", "duration_ns": 1_234_567_890}, "killed SIGKILL after 1.23s"),
        (
            {"signal": "SIGSEGV", "core_dumped": True, "duration_ns": 3_661 * 10**9},
            "killed SIGSEGV (core dumped) after 1h01m01s",
        ),
        ({"exit_code": 0, "duration_ns": 61 * 10**9}, "exit 0 after 1m01s"),
    ],
)
def test_exit_shows_how_it_ended_and_how_long_it_ran(fields: dict[str, Any], expected: str) -> None:
    record = exec_record(argc=None, argv=None, filename=None, result=None, type="exit", **fields)
    line = Table(TableOptions()).line(record)
    assert line == f"ls               4242    17         - {expected}"
    assert Table(TableOptions(color=True)).line(record) == f"\x1b[2m{line}\x1b[0m"


def test_lost_is_a_line_of_its_own() -> None:
    record = {
        "time": "2026-03-01T12:34:58.000000000Z",
        "type": "lost",
        "cpu": 0,
        "count": 12,
        "hook": "exec",
        "reason": "ring",
        "first": "2026-03-01T12:34:56.100000000Z",
        "last": "2026-03-01T12:34:57.900000000Z",
    }
    line = Table(TableOptions(color=True)).line(record)
    assert SGR.sub("", line) == (
        "*** 12 events lost, hook exec: the ring buffer was full, 12:34:56 to 12:34:57 ***"
    )
    assert line.startswith("\x1b[1;31m")
