# SPDX-License-Identifier: Apache-2.0
"""Logs that nobody wrote for us: each verb that reads them says what is wrong, and goes on.

A traceback would reach the test as an exception.
"""

import gzip
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from execaudit.cli.command_line import main
from execaudit.formats.encoders import make_line
from tests.log_files import exec_fields, lines_of, own_fields, time_text

_OBEYED = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""What a terminal obeys, besides tab and newline."""

_VALUES: tuple[Any, ...] = (
    *(None, [], {}, True, "x", 7, -1, [None], [{}], ["\x1b[2J"], 1.5, 10**25),
    "\x1b[31m\x07\x9b\u202e",
)


def _line(fields: dict[str, Any]) -> bytes:
    return json.dumps(fields, separators=(",", ":")).encode() + b"\n"


def _with_text(text: str) -> bytes:
    """Return the line of an exec with JSON text that no encoder of ours writes."""
    return lines_of(exec_fields(1))[:-2] + b"," + text.encode() + b"}\n"


_TIMES = (
    *("9999-12-31T23:59:59.000000000Z", "0001-01-01T00:00:00.000000000Z", ""),
    *("9999-12-31T23:59:59.0000-23:59", "2026-13-45T99:99:99.000000000Z"),
)
_SPAN = {"first": time_text(4), "last": time_text(4)}
_OWN = (
    own_fields("lost", 4, reason="ring", count=1, hook="exec", sink="file", **_SPAN),
    own_fields("start", 4, version="1", gap={**_SPAN, "traced": True, "repeated": 1},
               previous={"dropped": 1}),
    own_fields("start", 4, gap={**_SPAN, "traced": False, "ended": "crash"}),
    own_fields("stop", 4, dropped=1, limited=1, checks=1),
    own_fields("repair", 4, reason="silent", result="success", programs=["on_exec"], **_SPAN),
    own_fields("summary", 4, uid=0, count=1, **_SPAN),
    own_fields("config", 4, old="a", new="b"),
    own_fields("program", 4, exe="/bin/x", size=1),
    own_fields("seal", 4, reason="interval", chain="0" * 16, epoch=1, file="a", hash="0",
               previous_hash="0", mac="0", covers={"lines": 1, "bytes": 1, "missing": {"first": 0}},
               removed={"before": 1, "files": ["a"]}, next_chain="1" * 16),
    exec_fields(4, truncated={"argv": [{"index": 0, "missing_bytes": 1, "reason": "x"}]},
                unreadable=["cwd"], errno="ENOENT", errno_code=2, result="failure"),
    own_fields("exit", 4, id="b61050973c38-3e8-1-5", pid=5, signal="SIGKILL", exit_code=1,
               duration_ns=1, comm="x", ppid=1),
)  # fmt: skip
_NESTED = (
    ("gap", "first"), ("gap", "traced"), ("gap", "repeated"), ("covers", "lines"),
    ("covers", "bytes"), ("covers", "missing"), ("removed", "before"), ("removed", "files"),
    ("truncated", "argv"),
)  # fmt: skip


def _nested() -> Iterator[bytes]:
    """Yield lines with an odd value within a member."""
    for fields in _OWN:
        for outer, name in _NESTED:
            if outer in fields:
                for value in _VALUES:
                    yield _line({**fields, outer: {**fields[outer], name: value}})
                    gap = {"index": value, "missing_bytes": value, "reason": value}
                    yield _line({**fields, "truncated": {"argv": [gap], "\x1b[1m": 1}})


_OF_NOBODY = b"".join(
    [
        *(_line({**exec_fields(2), "time": time}) for time in _TIMES),
        *(_line({**exec_fields(3), name: value})
          for name in exec_fields(3) for value in _VALUES),
        *(_line({**fields, name: value})
          for fields in _OWN for name in fields for value in _VALUES),
        *(b'{"type":%b}\n' % value for value in (b"1", b'"exec"', b'"lost"', b'"seal"', b"null")),
        b"[" * 100_000 + b"\n", b'{"a":' * 50_000 + b"\n", b"[]\n", b'"x"\n', b"\0\0\0\n", b"\n",
        _with_text('"x":' + "[" * 50_000 + "]" * 50_000),
        _with_text('"pid":' + "9" * 5000), _with_text('"uid":1e999,"pid":1e999,"argc":1e999'),
        _with_text('"comm":"\\ud800","argv":["\\udcff"],"exe":"\\udfff","user":"\\ud800"'),
        make_line(own_fields("lost", 5, first=time_text(5)), "ocsf").replace(
            b'"start_time":', b'"start_time":1e300,"x":'
        ),
        make_line(own_fields("lost", 5, first="", count=1), "ecs"),
        *_nested(),
        lines_of(exec_fields(6))[:200],
    ]
)  # fmt: skip
_BOTH = lines_of(exec_fields(0)) + _OF_NOBODY

_TEXT = (
    *("search --table", "search --sentence", "search --fields=time,comm,argv,uid", "search -r"),
    *("search comm~sh -r --summary -c", "tree --no-pager", "tree --up comm~.", "tree --dot"),
    *("report --no-history", "report --csv", "verify", "rules backtest", "top -b -n 1"),
)
_DOCUMENTS = (
    *("search --json", "search --csv", "search --json --fields=time,comm,argv", "tree --json"),
    *("report --json", "report --html=-", "convert --to=ecs", "convert --to=ocsf"),
    *("convert --to=execaudit", "redact", "verify --json", "rules test --record-line"),
)


def _words(verb: str, path: Path) -> list[str]:
    takes_file = verb.startswith(("search", "tree", "report", "top", "rules backtest"))
    return [*verb.split(), *(["--file"] if takes_file else []), str(path)]


@pytest.mark.parametrize("data", [_OF_NOBODY, _BOTH], ids=["odd", "own-first"])
@pytest.mark.parametrize("verb", [*_TEXT, *_DOCUMENTS])
def test_odd_lines_end_no_verb(
    capfd: pytest.CaptureFixture[str], tmp_path: Path, verb: str, data: bytes
) -> None:
    path = tmp_path / "execaudit.jsonl"
    path.write_bytes(data)
    main(_words(verb, path))
    out, err = capfd.readouterr()
    assert out or err
    assert not _OBEYED.search(err)
    if verb in _TEXT:
        assert not _OBEYED.search(out.replace("\r\n", "\n"))


@pytest.mark.parametrize("verb", [*_TEXT, *_DOCUMENTS])
@pytest.mark.parametrize("suffix", [".gz", ".zst"])
def test_damaged_compressed_file_ends_no_verb(
    capfd: pytest.CaptureFixture[str], tmp_path: Path, verb: str, suffix: str
) -> None:
    damaged = {
        "cut": gzip.compress(lines_of(exec_fields(1)))[:-20],
        "other": b"no archive",
        "empty": b"",
        "flipped": gzip.compress(lines_of(exec_fields(1)))[:30] + b"XXXX" * 20,
    }
    for name, data in damaged.items():
        path = tmp_path / f"{name}.jsonl{suffix}"
        path.write_bytes(data)
        main(_words(verb, path))
    assert not _OBEYED.search(capfd.readouterr()[1])
