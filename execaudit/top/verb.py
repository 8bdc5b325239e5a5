# SPDX-License-Identifier: Apache-2.0
"""`execaudit top`: the verb. Owns the choice between the terminal and printed looks."""

import argparse
import shutil
import sys
import time

from execaudit.errors import EXIT_OK, InvalidArgument
from execaudit.query.search_arguments import choice_of
from execaudit.query.selection import read_condition
from execaudit.store.pipe import Pipe
from execaudit.store.sources import opened
from execaudit.table.glyphs import is_ascii_only
from execaudit.top.feed import Feed
from execaudit.top.layout import make_screen
from execaudit.top.window import Window


def run(args: argparse.Namespace) -> int:
    """Show the last minute until the user quits; return the exit status. Raises ExecauditError."""
    if not args.batch and not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise InvalidArgument("Failed to use the terminal: there is none; --batch prints instead")
    with opened(choice_of(args)) as sources:
        if any(isinstance(part, Pipe) for log in sources.logs for part in log.parts):
            raise InvalidArgument("Failed to follow a pipe: name a log")
        window = Window()
        feed = Feed(sources, read_condition(args), window)
        try:
            feed.start(time.time_ns())
            if args.batch:
                _print_looks(args, feed, window)
            else:
                from execaudit.top.screen import Terminal  # noqa: PLC0415 - loads curses

                Terminal(feed, window, args.delay, args.iterations, args.by).run()
        except KeyboardInterrupt:
            return EXIT_OK
        finally:
            feed.close()
    return EXIT_OK


def _print_looks(args: argparse.Namespace, feed: Feed, window: Window) -> None:
    looks = 0
    ascii_only = is_ascii_only()
    columns = shutil.get_terminal_size().columns
    while True:
        now_ns = time.time_ns()
        feed.poll()
        window.forget(now_ns)
        screen = make_screen(window, args.by, now_ns, columns, ascii_only=ascii_only)
        lines = [*screen.head, screen.titles, *screen.lines, ""]
        sys.stdout.buffer.write("\n".join(lines).encode(errors="replace") + b"\n")
        sys.stdout.flush()
        looks += 1
        if args.iterations is not None and looks >= args.iterations:
            return
        time.sleep(args.delay)
