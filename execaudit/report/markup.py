# SPDX-License-Identifier: Apache-2.0
"""HTML and SVG elements, made so that no text can become markup.

Owns escaping: whatever is not `Markup` is text of others, and is shown as that. Nothing else in
this package writes an angle bracket.
"""

import html

from execaudit.records.quoting import make_printable


class Markup(str):
    """What was made by `element` or `join`, and needs no escaping."""

    __slots__ = ()


def escape(text: str) -> Markup:
    """Return text as what shows it, with all that is not printable as its code."""
    if isinstance(text, Markup):
        return text
    return Markup(html.escape(make_printable(text), quote=True))


def join(*parts: str) -> Markup:
    """Return parts behind each other."""
    return Markup("".join(map(escape, parts)))


def element(name: str, *parts: str, **attributes: str | float | None) -> Markup:
    """Return an element. Attributes: "class_" for class, "_" for "-"; None leaves one out."""
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(str(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    return Markup(f"<{name}{written}>{join(*parts)}</{name}>")


def raw_element(name: str, text: str, **attributes: str) -> Markup:
    """Return an element whose text is ours and not escaped: `style`, `script`."""
    written = "".join(f' {key}="{escape(value)}"' for key, value in attributes.items())
    return Markup(f"<{name}{written}>{text}</{name}>")
