# SPDX-License-Identifier: Apache-2.0
"""Failing system calls for a running daemon, by strace(1), and the list of those that it makes.

Owns the tracer's process and what it wrote. Only the loop is traced: strace attaches to a daemon
that is ready.
"""

import re
import shutil
import subprocess
from collections import Counter
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.integration.requirements import DEADLINE_S, give_up

_CALL = re.compile(r"^\d+ +(\w+)\(", re.MULTILINE)
_EVERY_SECOND = "1+2"


class Strace:
    """Traces a process and its threads, with `fault` in every second call of a kind.

    A context manager: entering attaches, leaving detaches, if the process has not ended.
    """

    def __init__(self, pid: int, output: Path, call: str = "", fault: str = "") -> None:
        if shutil.which("strace") is None:
            give_up("there is no strace")
        self._output = output
        self._command = ["strace", "--follow-forks", f"--output={output}", f"--attach={pid}"]
        if call:
            inject = f"--inject={call}:{fault}:when={_EVERY_SECOND}"
            self._command += [f"--trace={call}", inject]

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(self._command, stderr=subprocess.PIPE)
        assert self._process.stderr
        said = self._process.stderr.readline()
        if b"attached" not in said:
            self._process.wait()
            give_up(f"strace cannot attach: {said!r}")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._process.poll() is None:
            self._process.terminate()
        self._process.communicate(timeout=DEADLINE_S)

    def calls(self) -> Counter[str]:
        """Return how often each call was made."""
        return Counter(_CALL.findall(self._output.read_text()))

    def injected(self) -> int:
        """Return how many calls have failed."""
        return self._output.read_text().count("(INJECTED)")
