# SPDX-License-Identifier: Apache-2.0
"""Searches that go on as records are written: those before, those after, each once."""

import os
import select
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from execaudit.cli.command_line import main
from execaudit.query.live import follow_all
from execaudit.query.matches import read_matches
from execaudit.query.scan import Question, Scanner
from execaudit.store.broken import Broken
from execaudit.store.choice import SourceChoice
from execaudit.store.completeness import Completeness
from execaudit.store.sources import opened
from execaudit.store.times import ALWAYS
from tests.log_files import exec_fields, lines_of, rotated
from tests.search_matches import LOOKUPS


def append(path: Path, *seconds: int) -> None:
    with path.open("ab") as file:
        file.write(lines_of(*(exec_fields(second, uid=second % 2) for second in seconds)))


def live(paths: list[Path], *steps: Callable[[], object]) -> tuple[list[bytes], list[bytes]]:
    """Return what was there before and what came then, of execs of uid 1.

    The first step is taken while the first is read, the others at each wait.
    """
    question = Question(read_matches(["uid=1"], LOOKUPS), ALWAYS)
    completeness = Completeness(ALWAYS)
    before: list[bytes] = []
    rest = iter(steps[1:])

    def wait() -> bool:
        step = next(rest, None)
        if step is not None:
            step()
        return step is not None

    with opened(SourceChoice(files=tuple(map(str, paths)))) as sources:

        def first() -> None:
            steps[0]()
            scanner = Scanner(question, Broken(), Completeness(ALWAYS))
            for log in sources.logs:
                for piece in log.pieces(ALWAYS):
                    before.extend(hit.line for hit in scanner.hits(piece))

        hits = follow_all(sources, question, completeness, first, wait=wait)
        after = [hit.line for hit in hits]
    return before, after


def wanted(*seconds: int) -> list[bytes]:
    return lines_of(*(exec_fields(second, uid=1) for second in seconds)).splitlines()


def test_what_is_written_while_the_past_is_read_comes_once(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    append(path, 1, 2, 3)
    before, after = live([path], lambda: append(path, 4, 5), lambda: append(path, 6, 7))
    assert before == wanted(1, 3)
    assert after == wanted(5, 7)


def test_several_logs_take_turns_across_rotation(tmp_path: Path) -> None:
    one, other = tmp_path / "one.jsonl", tmp_path / "other.jsonl"
    append(one, 1)
    append(other, 3)

    def rotate() -> None:
        append(one, 5)
        one.rename(rotated(one, 5))
        append(one, 7)
        append(other, 9)

    before, after = live([one, other], lambda: None, rotate, lambda: append(one, 11))
    assert before == wanted(1, 3)
    assert after == wanted(5, 7, 9, 11)


def test_what_was_there_is_shown_before_anything_comes(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    append(path, 1)
    command = [sys.executable, "-m", "execaudit", "search", "--file", str(path), "--json", "-f"]
    environment = {name: text for name, text in os.environ.items() if name != "PYTHONUNBUFFERED"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as process:
        assert process.stdout is not None
        shown, _, _ = select.select([process.stdout], [], [], 20)
        process.kill()
    assert shown


def test_what_is_missing_is_said_at_once(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.jsonl"
    append(path, 1, 2)
    out, err = [""], [""]

    def wait() -> bool:
        now = capfd.readouterr()
        out.append(now.out)
        err.append(now.err)
        path.write_bytes(b"")
        append(path, len(out))
        return len(out) < 5

    follow = partial(follow_all, wait=wait)
    monkeypatch.setattr("execaudit.query.search.follow_all", follow)
    main(["search", "--file", str(path), "--json", "-f"])
    assert [text.count("\n") for text in out] == [0, 2, 1, 1, 1]
    assert [text.count("was emptied while it was followed") for text in err] == [0, 0, 1, 0, 0]
