# SPDX-License-Identifier: Apache-2.0
"""Makes the manual pages of section 5 from the guides in docs/: one text for two places.

    from_markdown.py execaudit.toml|execaudit-rules|execaudit-record VERSION >page

Owns the translation of Markdown into man(7) macros: headings, paragraphs, fenced code, lists,
tables, links and emphasis, as the guides use them. A table becomes a list of terms: cells of
several sentences do not fit a terminal.

Packaged converters do not serve: lowdown draws tables as boxes with 22 columns for each text;
pandoc adds 168 MB to the build.
"""

import os
import re
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

DOCS = Path(__file__).resolve().parents[2] / "docs"
INSTALLED_DOCS = "/usr/share/doc/execaudit"


@dataclass(frozen=True, slots=True)
class Page:
    """A manual page of section 5.

    Attributes:
        guides: its sources, files in docs/.
        what: the text after its name, for apropos(1).
        see_also: other pages, in the order of man-pages(7).

    """

    guides: tuple[str, ...]
    what: str
    see_also: str


PAGES = {
    "execaudit.toml": Page(
        ("configuration.md",),
        "configuration of the execaudit daemon",
        "execaudit-record(5), execaudit-rules(5), execaudit(8)",
    ),
    "execaudit-rules": Page(
        ("rules.md", "conditions.md"),
        "rules that drop, keep and label records of execaudit",
        "execaudit-record(5), execaudit.toml(5), execaudit(8)",
    ),
    "execaudit-record": Page(
        ("record.md", "service-records.md"),
        "records of program executions",
        "execaudit-rules(5), execaudit.toml(5), journalctl(1), systemd.journal-fields(7), "
        "execaudit(8)",
    ),
}
_LINKED = {guide: f"{name}(5)" for name, page in PAGES.items() for guide in page.guides}
_LINKED["trace.md"] = "execaudit(8)"
_INLINE = re.compile(
    r"``(?P<code2>.+?)``|`(?P<code>[^`]+)`|\[(?P<label>(?:\\.|[^\]\\])+)\]\((?P<target>[^)\s]+)\)"
    r"|\*\*(?P<bold>.+?)\*\*|(?<![\w*])\*(?P<italic>[^*\s](?:[^*]*[^*\s])?)\*(?![\w*])"
)
_ITEM = re.compile(r"( *)(-|\d+\.) +(.*)")


def escape(text: str) -> str:
    """Escape roff's characters; a hyphen becomes a minus, because users copy options."""
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq")
    text = text.replace("`", "\\(ga").replace("^", "\\(ha").replace("~", "\\(ti")
    return re.sub(r"^\.", r"\\&.", text, flags=re.MULTILINE)


def inline(text: str) -> str:
    """Translate the text of a paragraph."""
    parts, end = [], 0
    for match in _INLINE.finditer(text):
        parts += [_plain(text[end : match.start()]), _marked(match)]
        end = match.end()
    return "".join([*parts, _plain(text[end:])])


def _plain(text: str) -> str:
    text = re.sub(r"\\([\[\]|*_<>#`])", r"\1", text)  # an escaped character is itself
    return escape(text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"))


def _marked(match: re.Match[str]) -> str:
    if code := match["code"] or match["code2"]:
        return f"\\fB{escape(code.strip().replace(chr(92) + '|', '|'))}\\fR"
    if match["bold"]:
        return f"\\fB{_plain(match['bold'].replace('`', ''))}\\fR"
    if match["italic"]:
        return f"\\fI{_plain(match['italic'])}\\fR"
    return _link(match["label"], match["target"])


def _link(label: str, target: str) -> str:
    file, _, anchor = target.partition("#")
    if not file and anchor:  # within the page
        return inline(label)
    page = _LINKED.get(file)
    if page:
        name, section = page[:-1].split("(")
        shown = f"\\fB{escape(name)}\\fR({section})"
    else:
        shown = f"\\fI{escape(f'{INSTALLED_DOCS}/{file}')}\\fR"
    return shown if label in (file, file.removesuffix(".md")) else f"{inline(label)} ({shown})"


def blocks(lines: list[str], *, in_item: bool = False) -> Iterator[str]:
    """Translate lines of Markdown. `in_item`: the first paragraph is the text of a list item."""
    at = 0
    while at < len(lines):
        line = lines[at]
        if not line.strip() or line.startswith("<!--"):
            at += 1
            continue
        start = at
        if line.startswith("```"):
            at = lines.index("```", at + 1) + 1
            yield from _code(lines[start + 1 : at - 1])
        elif line.startswith("#"):
            at += 1
            yield from _heading(line)
        elif line.startswith("|"):
            while at < len(lines) and lines[at].startswith("|"):
                at += 1
            yield from _table(lines[start:at])
        elif _ITEM.fullmatch(line):
            at = _item_end(lines, at)
            yield from _item(lines[start:at])
        else:
            while at < len(lines) and _continues(lines[at]):
                at += 1
            if in_item and start == 0:
                yield inline(" ".join(lines[start:at]))
            else:
                yield from (".PP", inline(" ".join(lines[start:at])))


def _continues(line: str) -> bool:
    return bool(line.strip()) and not line.startswith(("```", "#", "|")) and not _ITEM.match(line)


def _code(lines: list[str]) -> Iterator[str]:
    yield from (".PP", ".RS 4", ".nf")
    yield from (escape(line).replace("\t", "    ") for line in lines)
    yield from (".fi", ".RE")


def _heading(line: str) -> Iterator[str]:
    level, title = len(line) - len(line.lstrip("#")), line.lstrip("# ")
    if level == 1:
        return  # the page's name says it
    text = inline(title).replace("\\fB", "").replace("\\fR", "")
    yield f'.{"SH" if level == 2 else "SS"} "{text.upper() if level == 2 else text}"'


def _item_end(lines: list[str], at: int) -> int:
    """Return where a list item ends: at the next line that is not indented."""
    at += 1
    while at < len(lines) and (lines[at].startswith(" ") or not lines[at].strip()):
        at += 1
    return at


def _item(lines: list[str]) -> Iterator[str]:
    (_, mark, text), *_ = _ITEM.findall(lines[0])
    indent = len(lines[0]) - len(text)
    yield ".IP \\(bu 2" if mark == "-" else f".IP {mark} 4"
    inner = [text, *(line[indent:] for line in lines[1:])]
    first, *others = blocks(inner, in_item=True)
    yield first
    if others:
        yield from (".RS", *others, ".RE")


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip()[1:-1])]


def _table(lines: list[str]) -> Iterator[str]:
    """Write each row as a term and its description, which the other cells give."""
    head = _cells(lines[0])
    for line in lines[2:]:
        term, *others = _cells(line)
        if not term:
            term, *others = others
        yield from (".TP", _term(head, term, others), _description(head, others))


def _term(head: list[str], term: str, others: list[str]) -> str:
    if head[1] == "type":
        return f"{inline(term)} ({inline(others[0])})"
    if head[1] == "default":
        return f"{inline(term)} = {inline(others[0])}"
    return inline(term)


def _description(head: list[str], others: list[str]) -> str:
    """Return the last cell, which explains, with the cells of the columns before it."""
    if head[1] == "type":
        return _sentence(others[-1])
    if "takes" in head:
        return f"{_sentence(others[-1])} {_sentence('Takes ' + others[head.index('takes') - 1])}"
    if len(others) == 1:
        return _sentence(others[0])
    named = [
        f"{name}: {cell}" if name else cell for name, cell in zip(head[1:], others, strict=True)
    ]
    return _sentence("; ".join(text for text in named if text))


def _sentence(text: str) -> str:
    shown = inline(text[:1].upper() + text[1:] if text[:1].isalpha() else text)
    return shown if not shown or shown.endswith((".", ":")) else f"{shown}."


def render(name: str, version: str, date: str) -> str:
    """Return a page. `date` as 2026-11-25."""
    page = PAGES[name]
    lines = [line for guide in page.guides for line in (DOCS / guide).read_text().splitlines()]
    shown = re.sub(r"([\w.-]+)\((\d)\)", r"\\fB\1\\fR(\2)", page.see_also).replace("-", "\\-")
    parts = [
        f'.\\" Made by packaging/man/from_markdown.py from docs/: {", ".join(page.guides)}',
        *title((name, "5", "File Formats"), page.what, version, date),
        ".SH DESCRIPTION",
        *_without_first_break(blocks(lines)),
        ".SH SEE ALSO",
        shown,
    ]
    return "\n".join(parts) + "\n"


def _without_first_break(lines: Iterator[str]) -> Iterator[str]:
    """Drop paragraph breaks right below a heading, which makes one itself."""
    after_heading = True
    for line in lines:
        if not (after_heading and line == ".PP"):
            yield line
        after_heading = line.startswith((".SH", ".SS"))


def title(page: tuple[str, str, str], what: str, version: str, date: str) -> list[str]:
    """Return the beginning of a page, up to its NAME; `page` is name, section and manual."""
    name, section, manual = page
    return [
        f'.TH "{escape(name).upper()}" {section} "{date}" "execaudit {version}" "{manual}"',
        ".nh",
        ".ad l",
        ".SH NAME",
        f"{escape(name)} \\- {escape(what)}",
    ]


def print_page(make: Callable[[str, str, str], str]) -> None:
    """Print the page that the command line names, dated by SOURCE_DATE_EPOCH or today."""
    name, version = sys.argv[1:]
    seconds = int(os.environ.get("SOURCE_DATE_EPOCH", time.time()))
    sys.stdout.write(make(name, version, time.strftime("%Y-%m-%d", time.gmtime(seconds))))


if __name__ == "__main__":
    print_page(render)
