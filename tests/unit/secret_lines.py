# SPDX-License-Identifier: Apache-2.0
"""Commands with secrets and without, from the text files beside this module."""

import re
import shlex
from pathlib import Path

SECRET = b"Tr0ub4dor"
_MARK = re.compile(rb"<redacted:[\w-]+>")


def read_lines(name: str) -> list[str]:
    """Return the lines of a file beside this module that are no comments."""
    text = (Path(__file__).parent / name).read_text()
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def split_command(line: str) -> list[bytes]:
    """Return the arguments of a command as a POSIX shell reads it."""
    return [word.encode() for word in shlex.split(line)]


def restore(words: list[bytes]) -> list[bytes]:
    """Return arguments with the secret in the place of each mark."""
    return [_MARK.sub(SECRET, word) for word in words]
