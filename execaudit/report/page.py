# SPDX-License-Identifier: Apache-2.0
"""A report as one HTML page without other files.

Owns the sections of the page and its content security policy: nothing is loaded, and no style or
script but our own is used, whatever the page contains.
"""

import base64
import hashlib
from collections.abc import Sequence
from typing import Any

from execaudit.query.completeness_text import describe_broken, show_local
from execaudit.report.charts import bar, timeline
from execaudit.report.markup import Markup, element, join, raw_element
from execaudit.report.page_looks import SCRIPT, STYLE
from execaudit.report.text import missing_text, note_text, period_text, rate_text
from execaudit.store.times import read_time

_TABLES = (
    ("by_user", "Users", ("value",)), ("by_program", "Programs", ("value",)),
    ("by_unit", "Units", ("value",)), ("by_container", "Containers", ("value",)),
    ("by_terminal", "Terminals", ("value",)), ("by_host", "Hosts", ("value",)),
    ("failures", "Failures", ("value",)), ("failed_programs", "What failed", ("program", "errno")),
    ("privilege", "Privilege gained", ("user", "program")), ("labels", "Labels", ("value",)),
    ("severities", "Severities", ("value",)),
    ("rare_pairs", "Rare pairs of parent and program", ("parent", "program")),
)  # fmt: skip
_OF_FAILURES = ("Failures", "What failed")
_FIRSTS = {"program": "Programs", "user": "Users", "unit": "Units"}
_HEADS = {"value": "", "program": "Program", "errno": "Error", "user": "User", "parent": "Parent"}


def make_page(contents: dict[str, Any]) -> bytes:
    """Return the page."""
    policy = (
        f"default-src 'none'; style-src '{_hash(STYLE)}'; script-src '{_hash(SCRIPT)}';"
        " base-uri 'none'; form-action 'none'"
    )
    head = join(
        Markup('<meta charset="utf-8">'),
        Markup(f'<meta http-equiv="Content-Security-Policy" content="{policy}">'),
        Markup('<meta name="viewport" content="width=device-width, initial-scale=1">'),
        Markup('<meta name="referrer" content="no-referrer">'),
        element("title", "execaudit report"),
        raw_element("style", STYLE),
    )
    body = join(*_sections(contents), raw_element("script", SCRIPT))
    page = element("html", element("head", head), element("body", body), lang="en")
    return b"<!DOCTYPE html>\n" + page.encode(errors="replace") + b"\n"


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _sections(contents: dict[str, Any]) -> list[Markup]:
    stretches = contents["timeline"]["stretches"]
    step = contents["timeline"]["step_seconds"]
    sections = [_head(contents), _cards(contents), _state(contents)]
    if stretches:
        legend = element(
            "p",
            f"each bar {period_text(step)}",
            element("i", class_="a"), "succeeded", element("i", class_="b"), "failed",
            class_="dim legend",
        )  # fmt: skip
        sections.append(_section("Timeline", legend, timeline(stretches, step)))
    sections += [_table(title, contents[key], names) for key, title, names in _TABLES]
    sections.append(_first_seen(contents))
    sections.append(_tree(contents["pairs"]))
    sections.append(_busiest(contents["busiest"]))
    sections.append(_daemon(contents))
    return sections


def _section(title: str, *parts: str) -> Markup:
    return element("section", element("h2", title), *parts)


def _head(contents: dict[str, Any]) -> Markup:
    period = contents["period"]
    said = "No execs"
    if "begin" in period:
        length = period_text(period["seconds"])
        said = f"{_local(period['begin'])} to {_local(period['end'])}, {length}"
    buttons = element(
        "div",
        element("button", "Unfold all", type="button", id="unfold"), " ",
        element("button", "Fold all", type="button", id="fold"), class_="toolbar",
    )  # fmt: skip
    return element("header", buttons, element("h1", "execaudit report"), element("p", said))


def _cards(contents: dict[str, Any]) -> Markup:
    share = contents["failed"] / contents["execs"] if contents["execs"] else 0
    rate, unit = rate_text(contents["period"]["execs_per_second"])
    cards = [
        (f"{contents['execs']:,}", "execs"), (rate, unit),
        (f"{contents['failed']:,}", f"failed ({share:.1%})"),
    ]  # fmt: skip
    for name in ("user", "program", "unit", "container", "host"):
        number = contents["different"][name]
        if number:
            cards.append((f"{number:,}", name if number == 1 else f"{name}s"))
    if contents["exits"]:
        cards.append((f"{contents['exits']:,}", "ends of programs"))
    return element(
        "div",
        *(
            element("div", element("b", n), element("span", what), class_="card")
            for n, what in cards
        ),
        class_="cards",
    )


def _state(contents: dict[str, Any]) -> Markup:
    completeness = contents["completeness"]
    if completeness["complete"]:
        return element("p", "Nothing is missing in this period.", class_="state")
    missing = completeness["missing"]
    broken = "; ".join(describe_broken(completeness["broken"], completeness["unreadable_files"]))
    said = f"{len(missing)} stretches of time in which something is missing: see below."
    if broken:
        said = f"{broken[0].upper()}{broken[1:]}." + (f" {said}" if missing else "")
    elif not missing:
        said = "The log begins within this period."
    return element("p", said, class_="state bad")


def _header(*names: str) -> Markup:
    numbers = ("Execs", "Failed")
    cells = [
        element(
            "th", element("button", name or "Name", type="button"), scope="col",
            class_="n" if name in numbers else "s" if name == "Share" else None,
        )
        for name in names
    ]  # fmt: skip
    return element("thead", element("tr", *cells))


def _table(title: str, rows: Sequence[dict[str, Any]], names: Sequence[str]) -> Markup:
    if not rows:
        return join()
    named = [row for row in rows if "others" not in row]
    most = max((row["execs"] for row in named), default=0)
    has_failed = any("failed" in row for row in rows)
    body: list[Markup] = []
    for row in rows:
        if "others" in row:
            cells = [element("td", f"{row['others']:,} others", colspan=str(len(names)))]
        else:
            cells = [element("td", row[name] or "(none)", class_="t") for name in names]
        cells.append(_number(row["execs"]))
        if has_failed:
            cells.append(_number(row.get("failed", 0)))
        failed = row["execs"] if title in _OF_FAILURES else row.get("failed", 0)
        drawn = join() if "others" in row else bar(row["execs"], failed, most)
        cells.append(element("td", drawn, data_n=str(row["execs"])))
        body.append(element("tr", *cells, class_="others" if "others" in row else None))
    heads = [
        *(_HEADS[name] for name in names),
        "Execs",
        *(["Failed"] if has_failed else []),
        "Share",
    ]
    return _section(title, element("table", _header(*heads), element("tbody", *body)))


def _number(number: int) -> Markup:
    return element("td", f"{number:,}", class_="n", data_n=str(number))


def _first_seen(contents: dict[str, Any]) -> Markup:
    sections: list[Markup] = []
    for name, rows in contents["first_seen"].items():
        body = [
            element(
                "tr",
                element("td", _local(row["time"]), class_="w"),
                element("td", row["value"], class_="t"), element("td", row["user"], class_="t"),
                element("td", row["host"], class_="t"), element("td", _chain(row)),
            )
            for row in rows
        ]  # fmt: skip
        if body:
            head = _header("Time", "", "User", "Host", "Command")
            table = element("table", head, element("tbody", *body))
            sections.append(
                _section(f"{_FIRSTS[name]} seen for the first time", *_unknown(contents), table)
            )
    return join(*sections)


def _unknown(contents: dict[str, Any]) -> list[Markup]:
    if contents["has_history"]:
        return []
    return [element("p", "Nothing is known of the time before this period.", class_="dim")]


def _chain(row: dict[str, Any]) -> Markup:
    """Return a command that unfolds to its ancestors."""
    failed = f" ({row['errno']})" if "errno" in row else ""
    inner = element("ul", element("li", row["command"] + failed))
    for comm in row["ancestors"]:
        inner = element("ul", element("li", comm, inner))
    return element("details", element("summary", row["command"] + failed), inner)


def _tree(pairs: Sequence[dict[str, Any]]) -> Markup:
    """Return the programs that each parent started, as trees that unfold."""
    below: dict[str, list[dict[str, Any]]] = {}
    for row in pairs:
        if "others" not in row:
            below.setdefault(row["parent"], []).append(row)
    if not below:
        return join()
    trees: list[Markup] = []
    for parent, rows in below.items():
        total = sum(row["execs"] for row in rows)
        items = [element("li", f"{row['program']} — {row['execs']:,}") for row in rows]
        said = f"{parent} — {total:,} execs of {len(rows):,} programs"
        trees.append(element("details", element("summary", said), element("ul", *items)))
    return _section("Who started what", *trees)


def _busiest(rows: Sequence[dict[str, Any]]) -> Markup:
    if not rows:
        return join()
    most = rows[0]["execs"]
    body = [
        element(
            "tr", element("td", _local(row["minute"])[:16], class_="w"), _number(row["execs"]),
            _number(row["failed"]),
            element("td", bar(row["execs"], row["failed"], most), data_n=str(row["execs"])),
        )
        for row in rows[:20]
    ]  # fmt: skip
    head = _header("Minute", "Execs", "Failed", "Share")
    return _section("Busiest minutes", element("table", head, element("tbody", *body)))


def _daemon(contents: dict[str, Any]) -> Markup:
    lines = [missing_text(each) for each in contents["completeness"]["missing"]]
    lines += [
        note_text(kind[:-1], note)
        for kind in ("starts", "stops", "reloads", "repairs")
        for note in contents[kind]
    ]
    if not lines:
        return join()
    return _section(
        "The daemon itself: losses, gaps, repairs, reloads",
        element("ul", *(element("li", line) for line in lines)),
    )


def _local(text: str) -> str:
    return show_local(read_time(text.encode()))
