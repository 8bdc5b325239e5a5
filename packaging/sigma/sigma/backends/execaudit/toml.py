# SPDX-License-Identifier: Apache-2.0
"""Writes conditions and settings of a rule as TOML.

Owns the spelling.
"""

import json
from typing import Any


def render_value(value: Any) -> str:
    """Return a value in one line."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return (
            "{ " + ", ".join(f"{key} = {render_value(each)}" for key, each in value.items()) + " }"
        )
    if isinstance(value, list):
        return "[" + ", ".join(map(render_value, value)) + "]"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return str(value)


def render_member(key: str, value: Any) -> str:
    """Return a member of a table; a list of several values has a line for each."""
    if isinstance(value, list) and len(value) > 1:
        lines = "".join(f"  {render_value(each)},\n" for each in value)
        return f"{key} = [\n{lines}]\n"
    return f"{key} = {render_value(value)}\n"


def render_comment(text: str) -> str:
    """Return text as comment lines."""
    lines = [" ".join(printable(line).split()) for line in text.splitlines()]
    return "".join(f"# {line}".rstrip() + "\n" for line in lines)


def printable(text: str) -> str:
    """Return text with a blank for each control character: TOML has none in comments."""
    return "".join(char if char.isprintable() else " " for char in text)
