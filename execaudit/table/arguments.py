# SPDX-License-Identifier: Apache-2.0
"""The ARGS column of the table: the words of a command, marked where cut, fitted to a width.

Owns which words are shown, and the marks for the others. It knows no other column and no color.
Only marks have an unquoted '…' or '<': an argument with such a character is always quoted, so no
program can imitate a mark.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from execaudit.records.command import Record, command_words, restore_argv, restore_text
from execaudit.records.quoting import make_printable, quote, quote_head, width

_UNREADABLE = "<unreadable>"


@dataclass(frozen=True, slots=True)
class ArgumentsStyle:
    """How arguments are shown."""

    quote: bool = False  # every word in double quotes
    max_args: int | None = None  # words to show, the file name included; None for all
    ascii_only: bool = False  # the terminal does not take UTF-8

    @property
    def ellipsis(self) -> str:
        """The mark for cut text."""
        return "<...>" if self.ascii_only else "…"


@dataclass(frozen=True, slots=True)
class _Word:
    """An argument, and how it was cut."""

    text: str | None  # None: there is only a mark
    mark: str = ""


@dataclass(frozen=True, slots=True)
class _Hidden:
    """How many words are not shown. Inexact where the kernel did not count the arguments."""

    count: int
    is_exact: bool = True

    def plus(self, count: int) -> "_Hidden":
        return _Hidden(self.count + count, self.is_exact)

    def __str__(self) -> str:
        return str(self.count) if self.is_exact else f"{self.count} or more"


def format_arguments(record: Record, style: ArgumentsStyle, room: int | None) -> str:
    """Return the words of an `exec` record, joined; `room` is in columns, None to show all."""
    words, hidden = _limit(_words(record, style), record, style.max_args)
    return _fit(words, hidden, style, room)


def _gaps(record: Record) -> list[Mapping[str, Any]]:
    return list(record.get("truncated", {}).get("argv", ()))


def _words(record: Record, style: ArgumentsStyle) -> list[_Word]:
    filename = restore_text(record, "filename")
    unreadable = record.get("unreadable", ())
    texts, replaced = command_words(filename, restore_argv(record), is_script="script" in record)
    marks = [""] * max(len(texts), 1)
    if record.get("truncated", {}).get("filename"):
        marks[0] = style.ellipsis
    for gap in _gaps(record):
        if gap.get("reason") != "display":
            # Gaps among the arguments that the file name replaces are marked behind it.
            index = max(gap["index"] - max(replaced - 1, 0), 0)
            marks[min(index, len(marks) - 1)] += _describe_gap(gap, style.ellipsis)
    words = [_Word(text, mark) for text, mark in zip(texts, marks, strict=False)]
    if "filename" in unreadable:
        words[:1] = [_Word(None, _UNREADABLE + marks[0])]
    if "argv" in unreadable:
        words.append(_Word(None, _UNREADABLE))
    return words


def _describe_gap(gap: Mapping[str, Any], ellipsis: str) -> str:
    reason = gap.get("reason", "budget")
    size = f"+{gap['missing_bytes']:d} bytes" if "missing_bytes" in gap else "cut"
    said = size if reason == "budget" else f"{size}, {make_printable(reason)}"
    return f"{ellipsis}({said})"


def _limit(words: list[_Word], record: Record, max_args: int | None) -> tuple[list[_Word], _Hidden]:
    """Apply --max-args, unless that was done before (a gap with the reason `display`)."""
    gaps = _gaps(record)
    known = len(record.get("argv", ()))
    counted = max(record.get("argc", known), known)
    is_exact = "argc" in record or not gaps
    if any(gap.get("reason") == "display" for gap in gaps):
        return words, _Hidden(max(counted - known, 1), is_exact)
    if max_args is None or len(words) <= max_args:
        return words, _Hidden(0)
    return words[:max_args], _Hidden(len(words) - max_args + counted - known, is_exact)


def _fit(words: list[_Word], hidden: _Hidden, style: ArgumentsStyle, room: int | None) -> str:
    """Join the words; a mark replaces those that do not fit into `room`."""
    parts: list[str] = []
    starts = []
    used = 0
    for word in words:
        part = word.mark
        if word.text is not None:
            part = quote(word.text, always=style.quote, ascii_only=style.ascii_only) + part
        parts.append(part)
        starts.append(used)
        used += width(part) + 1
        if room is not None and used - 1 > room:
            break
    else:
        if hidden.count:
            parts.append(f"{style.ellipsis} +{hidden}")
            used += width(parts[-1]) + 1
        if room is None or used - 1 <= room:
            return " ".join(parts)
    # Find the last word that fits, itself or a part of it, with the mark behind it.
    for index in reversed(range(len(starts))):
        behind = hidden.plus(len(words) - index - 1)
        cut = _cut(words[index], behind, style, room - starts[index])
        if cut or not index:
            break
    return " ".join([*parts[:index], cut or _describe_hidden(behind.plus(1), style)])


def _describe_hidden(hidden: _Hidden, style: ArgumentsStyle) -> str:
    if not hidden.count:
        return style.ellipsis
    return f"{style.ellipsis}(+{hidden} arg{'' if str(hidden) == '1' else 's'})"


def _cut(word: _Word, behind: _Hidden, style: ArgumentsStyle, room: int) -> str:
    """Return the part of a word that fits, and a mark for the rest; '' if not even that fits."""
    if word.text is not None:
        mark = _describe_hidden(behind, style)
        # Behind the whole word, the mark would say that the word is cut.
        head = quote_head(
            word.text[:-1], room - width(mark), always=style.quote, ascii_only=style.ascii_only
        )
        if head:
            return head + mark
    mark = _describe_hidden(behind.plus(1), style)
    return mark if width(mark) <= room else ""
