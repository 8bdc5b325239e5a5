# SPDX-License-Identifier: Apache-2.0
"""Trees for programs: nested JSON, and the language of Graphviz.

Owns both forms. It does not recurse: trees can be deeper than Python permits.
"""

from collections.abc import Iterator

from execaudit.errors import MALFORMED
from execaudit.records.command import command_words, restore_argv, restore_text
from execaudit.records.journal import command_line
from execaudit.records.quoting import make_printable
from execaudit.records.text import dumps_any
from execaudit.tree.forest import Forest, Process, walk

_LABEL_LENGTH = 60


def as_json(forest: Forest) -> Iterator[bytes]:
    """Yield a line for each root: a process with its records, its exit and its children."""
    for root in forest.roots:
        open_levels = 0
        for process, depth, _ in walk([root]):
            if depth < open_levels:
                yield b"]}" * (open_levels - depth) + b","
            yield _head(forest, process) + b',"children":['
            open_levels = depth + 1
        yield b"]}" * open_levels + b"\n"


def _head(forest: Forest, process: Process) -> bytes:
    """Return a process as a JSON object without its end."""
    shown: dict[str, object] = {"process": process.key.decode(errors="replace")}
    shown["pid"] = process.pid
    if not process.records and process.comm:
        shown |= {"comm": process.comm, "start": process.start}
    shown["records"] = [record for place in process.records for record in _records(forest, place)]
    if process.exit is not None:
        for record in _records(forest, process.exit):
            shown["exit"] = record
    return dumps_any(shown)[:-1]


def _records(forest: Forest, place: int) -> Iterator[dict[str, object]]:
    try:
        yield forest.record(place)
    except MALFORMED:
        return


def as_dot(forest: Forest) -> Iterator[str]:
    """Yield lines of a directed graph, as dot(1) reads it."""
    yield "digraph execaudit {"
    yield "  rankdir=LR;"
    yield '  node [shape=box, fontname="monospace"];'
    numbers: dict[int, int] = {}
    for number, (process, _, _) in enumerate(walk(forest.roots)):
        numbers[id(process)] = number
        label = "\n".join([str(process.pid), *_commands(forest, process)])
        style = "" if process.records else ", style=dashed"
        yield f"  n{number} [label={_quoted(label)}{style}];"
        if process.parent is not None:
            yield f"  n{numbers[id(process.parent)]} -> n{number};"
    yield "}"


def _commands(forest: Forest, process: Process) -> Iterator[str]:
    if not process.records:
        yield f"({process.comm or 'no record'})"
    for place in process.records:
        try:
            record = forest.record(place)
            words, _ = command_words(
                restore_text(record, "filename"), restore_argv(record), is_script="script" in record
            )
            text = command_line(words)
        except MALFORMED:
            yield "(damaged record)"
        else:
            yield text if len(text) <= _LABEL_LENGTH else text[: _LABEL_LENGTH - 1] + "…"


def _quoted(text: str) -> str:
    r"""Return a string of the language: \l ends a line, everything else stands for itself."""
    lines = [
        make_printable(line).replace("\\", "\\\\").replace('"', '\\"') for line in text.split("\n")
    ]
    return '"' + "\\l".join(lines) + '\\l"'
