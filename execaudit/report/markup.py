# SPDX-License-Identifier: Apache-2.0
"""HTML and SVG elements in which no text can become markup.

Owns escaping: everything that is not `Markup` is text, and is escaped. No other module of this
package writes an angle bracket, except for constants.
"""

import html

from execaudit.records.quoting import make_printable


class Markup(str):
    """Text made by `element` or `join`, which needs no escaping."""

    __slots__ = ()


def escape(text: str) -> Markup:
    """Return text escaped for HTML, with unprintable characters as their codes."""
    if isinstance(text, Markup):
        return text
    return Markup(html.escape(make_printable(text), quote=True))


def join(*parts: str) -> Markup:
    """Return parts one after the other, each escaped if it is text."""
    return Markup("".join(map(escape, parts)))


def element(name: str, *parts: str, **attributes: str | float | None) -> Markup:
    """Return an element. Attributes: "class_" means class, "_" means "-"; None is left out."""
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(str(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    return Markup(f"<{name}{written}>{join(*parts)}</{name}>")


def raw_element(name: str, text: str, **attributes: str) -> Markup:
    """Return an element whose text is not escaped, as it is our own: `style`, `script`."""
    written = "".join(f' {key}="{escape(value)}"' for key, value in attributes.items())
    return Markup(f"<{name}{written}>{text}</{name}>")
