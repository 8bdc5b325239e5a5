# SPDX-License-Identifier: Apache-2.0
"""docs/trace.md says what the program does: its options, and how its quoting is read."""

import argparse
import re
import subprocess
from pathlib import Path

import pytest

from execaudit.cli import build_parser
from execaudit.records.quoting import quote

GUIDE = (Path(__file__).resolve().parents[2] / "docs/trace.md").read_text()


def trace_options() -> list[str]:
    (verbs,) = [
        action
        for action in build_parser()._actions
        if isinstance(action, argparse._SubParsersAction)
    ]
    actions: list[argparse.Action] = verbs.choices["trace"]._actions
    return [name for action in actions for name in action.option_strings]


@pytest.mark.parametrize(
    "option", [name for name in trace_options() if name not in ("-h", "--help")]
)
def test_every_option_is_in_the_guide(option: str) -> None:
    assert re.search(rf"`{option}[` ,]", GUIDE)


def test_guide_has_no_option_that_is_not_there() -> None:
    tables = "\n".join(line for line in GUIDE.splitlines() if line.startswith("| `-"))
    cells = [line.split("|")[1] for line in tables.splitlines()]
    named = {name for cell in cells for name in re.findall(r"(--?[a-zA-Z][a-z-]*)", cell)}
    assert named - {"--color"} <= set(trace_options())


def test_quoted_words_of_the_guide_are_what_a_shell_reads_and_we_write() -> None:
    section = GUIDE.partition("**Words.**")[2].partition("**Marks.**")[0]
    rows = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    words = [word for row in rows for word in re.findall(r"`([^`]+)`", row)]
    assert len(words) >= 8
    script = "".join(f"printf '%s\\0' {word}\n" for word in words)
    output = subprocess.run(
        ["bash", "--norc"],
        input=script.encode(),
        capture_output=True,
        check=True,
        env={"LC_ALL": "C.UTF-8"},
    ).stdout
    texts = output.decode("utf-8", "surrogateescape").split("\0")[:-1]
    assert [quote(text) for text in texts] == words
