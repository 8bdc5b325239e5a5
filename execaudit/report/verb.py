# SPDX-License-Identifier: Apache-2.0
"""`execaudit report`: the verb. Owns what is read, and the form of the report."""

import argparse
import os
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from execaudit.color import wants_color
from execaudit.errors import failed_call
from execaudit.query.account import print_account
from execaudit.query.asked import read_asked
from execaudit.query.pager import paged
from execaudit.query.search_arguments import choice_of
from execaudit.query.selection import read_span
from execaudit.records.text import dumps_any
from execaudit.report.contents import make_contents
from execaudit.report.csv_text import as_csv
from execaudit.report.reading import Question, Reader
from execaudit.report.text import ReportText, TextOptions
from execaudit.store.sources import Sources, opened
from execaudit.table.glyphs import is_ascii_only

FOUND, NONE, TROUBLE = 0, 1, 2
_LINES, _LINES_OF_DOCUMENTS = 10, 100


def run(args: argparse.Namespace) -> int:
    """Report; return grep's exit status: 0 found, 1 no exec at all, 2 trouble.

    Raises ExecauditError.
    """
    with opened(choice_of(args)) as sources:
        return _report(args, sources)


def _report(args: argparse.Namespace, sources: Sources) -> int:
    span = read_span(args)
    reader = Reader(Question(read_asked(args, sources), span), sources)
    reader.read(with_history=not args.no_history)
    is_document = bool(args.json or args.csv or args.html)
    length = args.lines
    if length is None:
        length = _LINES_OF_DOCUMENTS if is_document else _LINES
    contents = make_contents(reader, time.time_ns(), length)
    if args.html and args.html != "-":
        _write_page(args.html, contents)
    else:
        with paged(is_wanted=not (args.no_pager or is_document)) as out:
            for line in _lines(args, contents):
                out.write(line)
            out.flush()
    print_account(args, sources.broken, reader.completeness, reader.summary.execs)
    if sources.broken.files:
        return TROUBLE
    return FOUND if reader.summary.execs else NONE


def _lines(args: argparse.Namespace, contents: dict[str, object]) -> Iterator[bytes]:
    if args.json:
        return iter((dumps_any(contents) + b"\n",))
    if args.csv:
        return as_csv(contents)
    if args.html:
        return iter((_page(contents),))
    is_terminal = sys.stdout.isatty()
    options = TextOptions(
        color=wants_color(args.color, is_terminal=is_terminal, environ=os.environ),
        width=shutil.get_terminal_size().columns if is_terminal else None,
        ascii_only=is_ascii_only(),
    )
    return (line.encode(errors="replace") + b"\n" for line in ReportText(contents, options).lines())


def _page(contents: dict[str, object]) -> bytes:
    from execaudit.report.page import make_page  # noqa: PLC0415 - only for who wants it

    return make_page(contents)


def _write_page(path: str, contents: dict[str, object]) -> None:
    """Write the page as a new file that nobody else can read. Raises ExecauditError."""
    beside = f"{path}.{os.getpid()}.tmp"
    try:
        fd = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(fd, "wb") as file:
                file.write(_page(contents))
            Path(beside).rename(path)
        except BaseException:
            Path(beside).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise failed_call(f"write '{path}'", error) from error
