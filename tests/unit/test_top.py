# SPDX-License-Identifier: Apache-2.0
"""`execaudit top`: the last minute, printed and on a terminal."""

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from execaudit.cli.command_line import main
from execaudit.records.text import dumps
from execaudit.store.times import SECOND_NS, show_time
from execaudit.top.layout import make_screen
from execaudit.top.window import LENGTH_S, Window
from tests.integration.requirements import CHECKOUT, PYTHON
from tests.log_files import BEGIN_S, exec_fields

DEADLINE_S = 60
NOW_NS = (BEGIN_S + 1000) * SECOND_NS
_ESCAPE = re.compile(r"\x1b(\[[0-9;?]*[a-zA-Z]|\([A-Z0-9]|[=>78])")


def now_exec(ago_s: float = 0, **members: Any) -> bytes:
    """Return the line of an exec of so many seconds ago, by this machine's clock."""
    fields = exec_fields(0, **members)
    return dumps({**fields, "time": show_time(time.time_ns() - int(ago_s * SECOND_NS))}) + b"\n"


def take(window: Window, second: float, **members: Any) -> None:
    window.take(exec_fields(second, **members))


def test_window_counts_the_last_minute_only() -> None:
    window = Window()
    for second in range(900, 1001):
        take(window, second, exe="/a", user="u")
    window.forget(NOW_NS)
    assert window.totals() == (LENGTH_S, 0)
    assert window.by_second(NOW_NS) == [1] * LENGTH_S


def test_views_count_what_they_say() -> None:
    window = Window()
    failure = {"errno": "ENOENT", "errno_code": 2, "result": "failure"}
    take(window, 999, exe="/a", user="alice", unit="x.service", pcomm="bash")
    take(window, 999, exe="/a", user="bob", pcomm="bash")
    take(window, 1000, exe="/bin/bash", filename="/no", user="bob", pcomm="sshd", **failure)
    shown = {
        view: [tuple(line) for line in window.lines(view)]
        for view in ("program", "user", "parent", "failed")
    }
    assert shown == {
        "program": [("/a", 2, 0), ("/no", 1, 1)],
        "user": [("bob", 2, 1), ("alice", 1, 0)],
        "parent": [("bash", 2, 0), ("sshd", 1, 1)],
        "failed": [("ENOENT /no", 1, 1)],
    }
    assert ("x.service", 1, 0) in map(tuple, window.lines("unit"))


def test_new_are_programs_not_met_before() -> None:
    window = Window()
    take(window, 1, exe="/old")
    window.watch()
    take(window, 2, exe="/old")
    take(window, 3, exe="/new", filename="/new", argv=["/new", "a b"], user="alice")
    take(window, 4, exe="/new")
    assert [(each.program, each.user, each.command) for each in window.new] == [
        ("/new", "alice", "/new 'a b'")
    ]


def test_nothing_of_a_record_moves_the_cursor() -> None:
    window = Window()
    window.watch()
    hostile = "/\x1b[2J\n\u202e\x9b"
    take(window, 1000, exe=hostile, user=hostile, unit=hostile, pcomm=hostile, argv=[hostile])
    for view in ("program", "user", "unit", "parent", "new", "failed"):
        screen = make_screen(window, view, NOW_NS, 80)
        for line in (*screen.head, screen.titles, *screen.lines):
            assert line.isprintable()
            assert len(line) <= 80


def test_batch_prints_looks(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    log = tmp_path / "a.jsonl"
    lines = [now_exec(4000, exe="/older"), now_exec(100, exe="/old"), now_exec(10, exe="/now")]
    log.write_bytes(b"".join(lines) + b"broken\n" + now_exec(5, exe="/now"))
    assert main(["top", "--file", str(log), "--batch", "-n", "2", "-d", "0.1"]) == 0
    out = capfd.readouterr().out
    assert out.count("execaudit top") == 2
    assert re.search(r"^/now +2 +0\.0 +0$", out, re.MULTILINE)
    assert "/old" not in out


def test_matches_choose_what_is_counted(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    log = tmp_path / "a.jsonl"
    log.write_bytes(now_exec(5, exe="/a", user="alice") + now_exec(5, exe="/b", user="bob"))
    assert main(["top", "--file", str(log), "--batch", "-n", "1", "user=bob"]) == 0
    out = capfd.readouterr().out
    assert "/b" in out
    assert "/a" not in out


def test_without_terminal_batch_is_named(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(now_exec())
    assert main(["top", "--file", str(tmp_path / "a.jsonl")]) == 2
    assert "--batch" in capfd.readouterr().err


class OnTerminal:
    """The verb on a terminal of 24 lines and 100 columns."""

    def __init__(self, log: Path, *words: str) -> None:
        self._fd, child = pty.openpty()
        fcntl.ioctl(child, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 100, 0, 0))
        environ = {**os.environ, "TERM": "xterm", "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"}
        self._process = subprocess.Popen(
            [PYTHON, "-m", "execaudit", "top", "--file", log, "-d", "0.2", *words],
            stdin=child, stdout=child, stderr=child, env=environ, cwd=CHECKOUT,
            start_new_session=True,
        )  # fmt: skip
        os.close(child)
        self.shown = ""

    def press(self, keys: str) -> None:
        """Press keys."""
        os.write(self._fd, keys.encode())

    def wait_for(self, text: str) -> None:
        """Wait until a text has been drawn since the last time."""
        end = time.monotonic() + DEADLINE_S
        while text not in _ESCAPE.sub("", self.shown):
            if not select.select([self._fd], [], [], max(end - time.monotonic(), 0))[0]:
                pytest.fail(f"{text!r} was not drawn: {self.shown!r}")
            try:
                self.shown += os.read(self._fd, 65536).decode(errors="replace")
            except OSError:
                pytest.fail(f"ended without {text!r}: {self.shown!r}")
        self.shown = ""

    def end(self) -> int:
        """Wait for its end; the exit status."""
        end = time.monotonic() + DEADLINE_S
        while time.monotonic() < end:
            if not select.select([self._fd], [], [], max(end - time.monotonic(), 0))[0]:
                break
            try:
                if not os.read(self._fd, 65536):
                    break
            except OSError:
                break
        return self._process.wait(DEADLINE_S)

    def close(self) -> None:
        """End it where it still runs."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        os.close(self._fd)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., tuple[OnTerminal, Path]]]:
    made: list[OnTerminal] = []

    def make(*words: str) -> tuple[OnTerminal, Path]:
        log = tmp_path / "a.jsonl"
        log.write_bytes(now_exec(5, exe="/seen/before", user="alice", pcomm="starter"))
        made.append(OnTerminal(log, *words))
        return made[-1], log

    yield make
    for each in made:
        each.close()


def test_keys_choose_views_and_quit(start: Callable[..., tuple[OnTerminal, Path]]) -> None:
    terminal, log = start()
    terminal.wait_for("/seen/before")
    terminal.press("2")
    terminal.wait_for("alice")
    terminal.press("4")
    terminal.wait_for("starter")
    terminal.press("5")
    terminal.wait_for("COMMAND")
    with log.open("ab") as file:
        file.write(now_exec(exe="/brand/new", filename="/brand/new", argv=["/brand/new", "x y"]))
    terminal.wait_for("/brand/new 'x y'")
    terminal.press("h")
    terminal.wait_for("this help")
    terminal.press(" ")
    terminal.press("1")
    terminal.wait_for("PROGRAM")
    terminal.press("d3\n")
    terminal.wait_for("Seconds between")
    terminal.press("q")
    assert terminal.end() == 0


def test_what_comes_after_a_rotation_is_counted(
    start: Callable[..., tuple[OnTerminal, Path]],
) -> None:
    terminal, log = start()
    terminal.wait_for("/seen/before")
    log.rename(log.with_name("a.jsonl.20261118T000000Z"))
    log.write_bytes(now_exec(exe="/after/rotation"))
    terminal.wait_for("/after/rotation")
    terminal.press("\x03")
    assert terminal.end() == 0


def test_terminal_ends_after_so_many_looks(start: Callable[..., tuple[OnTerminal, Path]]) -> None:
    terminal, _ = start("-n", "2")
    terminal.wait_for("/seen/before")
    assert terminal.end() == 0
