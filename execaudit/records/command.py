# SPDX-License-Identifier: Apache-2.0
"""The command line of an exec as execsnoop shows and filters it.

Owns the step from a record's fields to a list of words with their exact bytes. It formats nothing.
"""

import base64
from collections.abc import Mapping
from typing import Any, TypeVar

Record = Mapping[str, Any]
Word = TypeVar("Word", bound=str | bytes)


def restore_text(record: Record, field: str) -> str | None:
    """Return a string field with its exact bytes (as os.fsdecode gives them), None if left out."""
    exact = record.get(f"{field}_b64") or record.get("b64", {}).get(field)
    if exact is not None:
        return base64.b64decode(exact).decode("utf-8", "surrogateescape")
    text: str | None = record.get(field)
    return text


def restore_argv(record: Record) -> list[str]:
    """Return `argv` with its exact bytes (as os.fsdecode gives them)."""
    argv = list(record.get("argv", ()))
    for index, exact in record.get("argv_b64", {}).items():
        argv[int(index)] = base64.b64decode(exact).decode("utf-8", "surrogateescape")
    return argv


def command_words(
    filename: Word | None, argv: list[Word], *, is_script: bool
) -> tuple[list[Word], int]:
    """Return the words of a command line, and how many elements of argv the first one replaces.

    The first word is the file name passed to the system call, instead of argv[0]. The argv of a
    script is the interpreter's: load_script() (fs/binfmt_script.c) puts the interpreter, its
    argument and the script's file name instead of argv[0], once for each nested interpreter. These
    are left out: the command line shows what was asked for. If the file name is not among them
    (binfmt_misc may pass something else), argv stays as it is. A `filename` of None could not be
    read; then argv[0] stands.
    """
    if filename is None:
        return list(argv), 0
    if not is_script:
        return [filename, *argv[1:]], min(len(argv), 1)
    try:
        start = argv.index(filename, 1) + 1
    except ValueError:
        return list(argv), 0
    return [filename, *argv[start:]], start
