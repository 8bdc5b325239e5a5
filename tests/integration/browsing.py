# SPDX-License-Identifier: Apache-2.0
"""Pages in a real browser, without a window."""

import json
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

TIMEOUT_S = 120
_QUIET = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--disable-default-apps", "--disable-extensions", "--hide-scrollbars",
)  # fmt: skip


def browser() -> str | None:
    """Return the browser; None without one."""
    return shutil.which("chromium") or shutil.which("chromium-browser")


def _run(page: Path, folder: Path, *options: str) -> str:
    command = [str(browser()), *_QUIET, f"--user-data-dir={folder / 'profile'}", *options]
    done = subprocess.run(
        [*command, page.as_uri()],
        check=True, timeout=TIMEOUT_S, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    return done.stdout.decode()


def dump(page: Path, folder: Path) -> tuple[str, set[str]]:
    """Return the document of a page once its scripts have run, and which URLs were asked for."""
    log = folder / "net.json"
    document = _run(
        page, folder, "--virtual-time-budget=2000", f"--log-net-log={log}", "--dump-dom"
    )
    found: set[str] = set()
    for event in json.loads(log.read_text())["events"]:
        url = event.get("params", {}).get("url")
        if isinstance(url, str):
            found.add(url)
    return document, found


def picture(page: Path, folder: Path, *, width: int, height: int) -> bytes:
    """Return a PNG of a page."""
    target = folder / "page.png"
    _run(page, folder, f"--window-size={width},{height}", f"--screenshot={target}")
    return target.read_bytes()


class Document(HTMLParser):
    """A document taken apart.

    Attributes:
        elements: names with their attributes, in order.
        texts: text of each element, by its number.
        title: the document's.

    """

    def __init__(self, source: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, str]] = []
        self.title = ""
        self._open: list[str] = []
        self.feed(source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in ("meta", "input"):
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        where: Any = self._open[-1] if self._open else ""
        if where == "title" and "svg" not in self._open:
            self.title += data
        self.texts.append((where, data))
