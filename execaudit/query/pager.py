# SPDX-License-Identifier: Apache-2.0
"""Output through a pager, as journalctl(1) does.

Owns the choice of the pager and how it is started: without a shell, and not able to start others.
"""

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from execaudit.errors import InvalidArgument

_LESS = "FRSXMK"


def choose_pager() -> list[str]:
    """Return the command of the pager; empty for none. Raises InvalidArgument."""
    for name in ("SYSTEMD_PAGER", "PAGER"):
        if name in os.environ:
            try:
                words = shlex.split(os.environ[name])
            except ValueError as error:  # a quote that does not end
                raise InvalidArgument(f"Failed to use ${name}: {error}") from None
            return words if words and words != ["cat"] else []
    return ["less"] if shutil.which("less") else []


@contextmanager
def paged(*, is_wanted: bool) -> Iterator[BinaryIO]:
    """Yield the file to write to: a pager if wanted and on a terminal, else standard output."""
    command = choose_pager() if is_wanted and sys.stdout.isatty() else []
    process = None
    if command:
        environment = {"LESS": _LESS, "LESSCHARSET": "utf-8", "LESSSECURE": "1", **os.environ}
        environment["LESSSECURE"] = "1"
        try:
            process = subprocess.Popen(command, stdin=subprocess.PIPE, env=environment)
        except OSError:
            process = None
    if process is None or process.stdin is None:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    try:
        yield process.stdin  # type: ignore[misc]
        process.stdin.close()
    except BrokenPipeError:  # the reader has seen enough
        pass
    finally:
        process.wait()
