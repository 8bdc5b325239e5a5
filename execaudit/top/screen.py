# SPDX-License-Identifier: Apache-2.0
"""The terminal of `execaudit top`: keys and drawing, with curses.

Owns what each key does. Text reaches the terminal only through `layout`.
"""

import contextlib
import curses
import time

from execaudit.table.glyphs import is_ascii_only
from execaudit.top.feed import Feed
from execaudit.top.layout import HELP, Screen, fit, make_screen
from execaudit.top.window import VIEWS, Window

_LEAST_DELAY_S = 0.1
_QUIT = ("q", "Q", "\x03")


class Terminal:
    """Shows the last minute until the user quits."""

    def __init__(
        self, feed: Feed, window: Window, delay_s: float, looks: int | None, view: str
    ) -> None:
        self._feed = feed
        self._window = window
        self._delay_s = delay_s
        self._looks = looks
        self._view = view
        self._is_paused = False
        self._shows_help = False
        self._ascii_only = is_ascii_only()

    def run(self) -> None:
        """Use the terminal until the user quits, or after `looks` looks."""
        curses.wrapper(self._loop)

    def _loop(self, window: "curses.window") -> None:
        curses.raw()
        if curses.has_colors():
            curses.use_default_colors()
        with contextlib.suppress(curses.error):  # it cannot be hidden
            curses.curs_set(0)
        looks = 0
        screen = self._look()
        while True:
            self._draw(window, screen)
            if self._looks is not None and looks >= self._looks:
                return
            window.timeout(int(self._delay_s * 1000))
            try:
                key = window.get_wch()
            except curses.error:  # nobody pressed one
                looks += 1
                if not self._is_paused:
                    screen = self._look()
                continue
            if key in _QUIT:
                return
            self._press(window, key)
            screen = self._look()

    def _look(self) -> Screen:
        now_ns = time.time_ns()
        if not self._is_paused:
            self._feed.poll()
            self._window.forget(now_ns)
        columns = curses.COLS
        return make_screen(self._window, self._view, now_ns, columns, ascii_only=self._ascii_only)

    def _press(self, window: "curses.window", key: str | int) -> None:
        if key == curses.KEY_RESIZE:
            curses.update_lines_cols()
        elif self._shows_help:
            self._shows_help = False
        elif key in ("h", "?", "H"):
            self._shows_help = True
        elif key in ("p", "P"):
            self._is_paused = not self._is_paused
        elif isinstance(key, str) and key.isdigit() and 1 <= int(key) <= len(VIEWS):
            self._view = VIEWS[int(key) - 1]
        elif key in ("<", ",", curses.KEY_LEFT):
            self._view = VIEWS[(VIEWS.index(self._view) - 1) % len(VIEWS)]
        elif key in (">", ".", "\t", curses.KEY_RIGHT):
            self._view = VIEWS[(VIEWS.index(self._view) + 1) % len(VIEWS)]
        elif key in ("d", "s"):
            self._ask_delay(window)

    def _ask_delay(self, window: "curses.window") -> None:
        window.timeout(-1)
        question = f"Seconds between two looks (now {self._delay_s:g}): "
        _put(window, 2, question, curses.A_BOLD)
        curses.echo()
        with contextlib.suppress(ValueError, curses.error):  # then it stays as it was
            answer = window.getstr(2, min(len(question), curses.COLS - 2), 8)
            self._delay_s = max(float(answer), _LEAST_DELAY_S)
        curses.noecho()

    def _draw(self, window: "curses.window", screen: Screen) -> None:
        window.erase()
        rows = curses.LINES
        for row, line in enumerate(screen.head):
            _put(window, row, line, curses.A_BOLD if not row else curses.A_NORMAL)
        if self._is_paused:
            _put(window, 1, "paused: p goes on", curses.A_BOLD)
        top = len(screen.head)
        if self._shows_help:
            for row, line in enumerate(HELP):
                _put(window, top + 1 + row, line, curses.A_NORMAL)
        else:
            _put(window, top, screen.titles.ljust(curses.COLS - 1), curses.A_REVERSE)
            for row, line in enumerate(screen.lines[: max(rows - top - 1, 0)]):
                _put(window, top + 1 + row, line, curses.A_NORMAL)
        window.refresh()


def _put(window: "curses.window", row: int, text: str, attribute: int) -> None:
    """Write a line, if the window has room."""
    if row < curses.LINES:
        with contextlib.suppress(curses.error):  # the window has just become smaller
            window.addstr(row, 0, fit(text, curses.COLS - 1), attribute)
