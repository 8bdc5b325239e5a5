# SPDX-License-Identifier: Apache-2.0
"""What the daemon records while shippers are at work: storms, and arguments that are hard to carry.

Owns the processes, all of one user, so that the daemon's rules leave out everybody else's. It must
not know shippers.
"""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.integration.daemon_process import Daemon, wait_until
from tests.integration.launching import launch
from tests.shippers.shipping import copy_of

HARD_ARGUMENTS: list[list[str | bytes]] = [
    ["x" * 20_000],
    ["\\\"'\x1b[2J\t\r\n\x7f" * 2_000],
    ["é€😀\u2028\u202e" * 1_500],
    [b"caf\xe9 \xff\xfe" * 1_000, b"\xc0\x80"],
    ["9007199254740993", "9223372036854775808", "18446744073709551615", "-1", "1e400"],
    ["<134>1 - - - - - -", "@cee: {}", '{"argv":[],"type":"lost"}', "%msg%", "${HOST}", " ", ""],
    [b"\xe9" * 50_000],
    ["y" * 100_000, "end"],
]


def own_uid(number: int) -> int:
    """Return a user that no other run of the tests has at the same time, nor a user's account."""
    return 200_000 + 10 * os.getpid() + number


def rule_for(uid: int) -> str:
    """Nothing but the execs of this user."""
    return f'[[rule]]\naction = "drop"\nnot.uid = {uid}\n'


class Source:
    """A daemon and what it is to record: execs of user `uid`."""

    def __init__(self, daemon: Daemon, programs: Path, place: Path, uid: int) -> None:
        self.daemon = daemon
        self._programs = programs
        self._place = place
        self._uid = uid
        self._marks = 0

    def run(self, *arguments: str | bytes, file: Path | None = None) -> int:
        """Run a program that ends at once, as the user; its pid."""
        program = str(file or self._programs / "tiny")
        child = launch([program, *arguments], setup=lambda: os.setresuid(*[self._uid] * 3))
        assert child.wait() == 0
        return child.pid

    def mark(self) -> str:
        """Run a program of a name that no other has, and wait until it is in the file."""
        self._marks += 1
        mark = f"mark{self._uid}-{self._marks}"
        self.run(file=copy_of(self._programs / "tiny", mark, self._place))
        wait_until(lambda: any(mark.encode() in data for data in self.daemon.contents()))
        return mark

    @contextmanager
    def storm(self, execs: int) -> Iterator[None]:
        """As many execs, begun before the block and over after it."""
        before = self.daemon.log.stat().st_size
        storm, tiny = str(self._programs / "storm"), str(self._programs / "tiny")
        command = ["setpriv", f"--reuid={self._uid}", storm, str(execs), "fork", tiny]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            try:
                wait_until(lambda: self.daemon.log.stat().st_size > before)
                yield
                assert process.stdout
                assert process.stdout.read().split() == [b"%d" % execs, b"0"]
            finally:
                process.kill()

    def rotate(self) -> None:
        """Have the daemon rotate its file, and wait until it has."""
        before = len(self.daemon.files())
        self.daemon.call("rotate")
        wait_until(lambda: len(self.daemon.files()) > before)
