# SPDX-License-Identifier: Apache-2.0
"""Figures in the documentation: the measured parts of docs/benchmarks.md, and the chart.

Owns where they go: between `<!-- bench: NAME -->` and `<!-- end -->`. What is around stays.
"""

from __future__ import annotations

import re
import subprocess
import time

from tests.bench.tracers import ROOT

PAGE = ROOT / "docs" / "benchmarks.md"
CHART = ROOT / "docs" / "performance.svg"


def replace_section(page: str, name: str, text: str) -> str:
    """Give the page with the named section's content replaced; KeyError where there is none."""
    begin = f"<!-- bench: {name} -->"
    pattern = re.compile(rf"{re.escape(begin)}\n.*?<!-- end -->", re.DOTALL)
    if not pattern.search(page):
        raise KeyError(name)
    return pattern.sub(lambda _: f"{begin}\n{text}\n<!-- end -->", page)


def update(name: str, text: str) -> None:
    """Put a measured table into the page, with its date and the commit it was measured at."""
    content = (
        f"Measured {time.strftime('%Y-%m-%d', time.gmtime())} at {_commit()}.\n\n```\n{text}\n```"
    )
    PAGE.write_text(replace_section(PAGE.read_text(), name, content))


def _commit() -> str:
    command = ["git", "-c", f"safe.directory={ROOT}", "rev-parse", "--short", "HEAD"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return f"commit {done.stdout.strip()}" if done.returncode == 0 else "an unknown commit"
