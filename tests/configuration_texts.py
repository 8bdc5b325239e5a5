# SPDX-License-Identifier: Apache-2.0
"""The sample and the reference tables of the configuration, made from execaudit.config.schema.

`./dev generate` writes both; a test fails where they are not what the schema says.
"""

import textwrap
from dataclasses import Field, fields
from pathlib import Path
from typing import Any

from execaudit.config.redact import RedactPattern
from execaudit.config.schema import SECTIONS
from execaudit.config.values import TablesOf

REPOSITORY = Path(__file__).resolve().parents[1]
SAMPLE = REPOSITORY / "packaging/config/execaudit.toml"
REFERENCE = REPOSITORY / "docs/configuration.md"
BEGIN, END = "<!-- begin: from execaudit/config/schema.py -->\n", "<!-- end -->\n"

_WIDTH = 96
_SAMPLE_HEAD = """\
# SPDX-License-Identifier: Apache-2.0
# Configuration of execaudit. Every key is here with its default, commented out.
#
# Better than to change this file: put what differs into /etc/execaudit/conf.d/NAME.toml, under the
# same [section]. Rules go into /etc/execaudit/rules.d/NAME.toml. Later files win, key by key.
#
#   execaudit check            says all that is wrong, with file, line and column
#   execaudit check --print    shows what counts in the end, and where it comes from
#   systemctl reload execaudit takes it over; with a mistake in it, the old one goes on
#
# Sizes: 65536, "64K", "10M", "2G", "1T". Durations: "500ms", "10s", "5m", "1h", "1d", "2w".
"""
_SAMPLE_PATTERN = """\
#
# [[redact.pattern]]
# name = "badge"
# regex = '--badge[= ](?P<secret>[0-9]{8})'
"""


def render_sample() -> str:
    """Return the text of packaging/config/execaudit.toml."""
    return "\n".join([_SAMPLE_HEAD, *map(_sample_section, SECTIONS)])


def _sample_section(section: str) -> str:
    form = SECTIONS[section]
    parts = [f"{_comment(form.__doc__ or '')}[{section}]\n"]
    for each in fields(form):
        text = f"\n{_comment(_explain(each))}"
        if isinstance(each.metadata["kind"], TablesOf):
            parts.append(text + _SAMPLE_PATTERN)
        else:
            parts.append(f"{text}#{each.name} = {_default(each)}\n")
    return "".join(parts)


def _explain(each: Field[Any]) -> str:
    kind = each.metadata["kind"]
    if isinstance(kind, TablesOf):
        return str(each.metadata["doc"])
    return f"{each.metadata['doc']} Takes {kind.expected}."


def _default(each: Field[Any]) -> str:
    shown: str = each.metadata["kind"].show(each.default)
    return shown


def _comment(text: str) -> str:
    lines = textwrap.wrap(text, _WIDTH, break_long_words=False, break_on_hyphens=False)
    return "".join(f"# {line}\n" for line in lines)


def render_reference() -> str:
    """Return the tables of docs/configuration.md."""
    return "\n".join([*map(_reference_section, SECTIONS), _reference_patterns()])


def _reference_section(section: str) -> str:
    form = SECTIONS[section]
    rows = [
        f"| `{each.name}` | {_code(_default(each))} | {_cell(each.metadata['kind'].expected)} "
        f"| {_cell(each.metadata['doc'])} |"
        for each in fields(form)
        if not isinstance(each.metadata["kind"], TablesOf)
    ]
    head = ["| key | default | takes | what it does |", "|---|---|---|---|"]
    return "\n".join([f"### [{section}]", "", form.__doc__ or "", "", *head, *rows, ""])


def _reference_patterns() -> str:
    rows = [
        f"| `{each.name}` | {_cell(each.metadata['kind'].expected)} "
        f"| {_cell(each.metadata['doc'])} |"
        for each in fields(RedactPattern)
    ]
    head = ["| key | takes | what it does |", "|---|---|---|"]
    doc = RedactPattern.__doc__ or ""
    return "\n".join(["### [[redact.pattern]]", "", f"{doc} Both keys are needed.", "", *head,
                      *rows, ""])  # fmt: skip


def _code(text: str) -> str:
    return f"`{text}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;").replace("[[", "\\[\\[")


def put_into(page: str) -> str:
    """Return the page with its tables replaced."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{render_reference()}\n{END}{after}"
