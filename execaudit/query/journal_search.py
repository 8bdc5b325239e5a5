# SPDX-License-Identifier: Apache-2.0
"""Searches the journal: exact fields by its index, all else by the few fields needed.

Owns which conditions the index can narrow, and which fields decide the others. Records of entries
are matched as records of lines are.
"""

from collections.abc import Iterator
from typing import Any

from execaudit.errors import MALFORMED
from execaudit.formats.entries import entry_fields
from execaudit.query.record_values import RecordValues
from execaudit.query.scan import Hit, Question
from execaudit.records.journal import PREFIX
from execaudit.records.journal_fields import REPEATED
from execaudit.records.text import dumps
from execaudit.records.vocabulary import FIELDS, exact_name
from execaudit.rules.condition_tree import AllOf, Node, conditions_of, evaluate
from execaudit.rules.conditions import Condition
from execaudit.rules.processes import PROCESS_FIELDS, ProcessPrograms
from execaudit.store.broken import Broken
from execaudit.store.completeness import Completeness
from execaudit.store.journal import Journal
from execaudit.store.times import read_time

_EVENTS = (b"exec", b"exit")
_ALWAYS = ("type", "time", "host", "boot", "unreadable", "truncated")
_FOR_PROGRAMS = (
    "id",
    "parent_id",
    "exe",
    "exe_b64",
    "errno_code",
    "ancestors",
    "origin",
    "other_root",
    "filename",
    "filename_b64",
    "argv",
    "argv_b64",
)
_NEEDS = {
    "argv": ("argv", "argv_b64", "argc"), "cmdline": ("argv", "argv_b64", "argc"),
    "env": ("env", "env_b64"), "errno": ("errno_code",), "result": ("errno_code", "result"),
    "argc": ("argc", "argv", "errno_code"), "euser": ("euser", "euid", "uid", "user"),
    "parent.comm": ("pcomm", "pcomm_b64"), "ancestor.comm": ("ancestors",),
    **dict.fromkeys(PROCESS_FIELDS, _FOR_PROGRAMS), "tid": ("tid", "pid"),
    "nspid": ("nspid", "pid"), "script": ("script", "script_b64", "filename"),
    "program": ("exe", "exe_b64", "filename", "filename_b64", "script", "script_b64", "result",
                "errno_code"),
}  # fmt: skip
_NOT_INDEXED = (*_NEEDS, "type", "hook", "cgroup")


def index_matches(node: Node | None) -> list[tuple[str, list[str]]]:
    """Return fields with values that the index can find: an entry must have one value of each."""
    parts = node.parts if isinstance(node, AllOf) else () if node is None else (node,)
    found: list[tuple[str, list[str]]] = []
    for part in parts:
        if isinstance(part, AllOf):
            found += index_matches(part)
        elif isinstance(part, Condition) and part.exacts and _is_indexed(part.field):
            values = [_text(each) for each in part.exacts]
            if None not in values:
                found.append((part.field, [each for each in values if each is not None]))
    return found


def _is_indexed(field: str) -> bool:
    return field in FIELDS and field not in _NOT_INDEXED and FIELDS[field].kind.journal != "json"


def _text(value: Any) -> str | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    try:
        return value.decode() if isinstance(value, bytes) else None
    except UnicodeDecodeError:
        return None


class JournalSearch:
    """Searches one journal for one question.

    Attributes:
        last_cursor: cursor of the last entry read.

    """

    def __init__(
        self, journal: Journal, question: Question, broken: Broken, completeness: Completeness
    ) -> None:
        self._journal = journal
        self._question = question
        self._broken = broken
        self._completeness = completeness
        self._programs = ProcessPrograms() if question.wants_programs else None
        self._needed = _needed_fields(question.node)
        self.last_cursor = ""

    def hits(self, *, reverse: bool = False, after: str = "") -> Iterator[Hit]:
        """Yield the records of a period that match, as lines of our own format.

        Raises ExecauditError.
        """
        groups = [] if self._programs else index_matches(self._question.node)
        self._journal.match([groups] if groups else ())
        for _ in self._journal.entries(self._question.span, reverse=reverse, after=after):
            yield from self.look()

    def look(self) -> Iterator[Hit]:
        """Yield the current entry of the journal, if it matches."""
        journal, span = self._journal, self._question.span
        self.last_cursor = journal.cursor()
        self._completeness.records += 1
        try:
            time_ns = read_time(journal.field("time") or b"")
            self._completeness.see(time_ns, time_ns)
            if not span.has(time_ns) and self._programs is None:
                return
            if self._matches() and span.has(time_ns):
                yield Hit(time_ns, dumps(journal.record()))
        except MALFORMED:
            self._completeness.records -= 1
            self._broken.add_line(journal.name, 0, f"entry {journal.cursor()} is no record")

    def _matches(self) -> bool:
        node = self._question.node
        if node is None:
            return True
        entry: dict[str, Any] = {}
        for name in self._needed:
            value = self._journal.field(name)
            if value is not None:
                text = value.decode()
                entry[PREFIX + name.upper()] = text
        several = [name for name in REPEATED if PREFIX + name.upper() in entry]
        if several:
            whole = self._journal.record()
            entry |= {PREFIX + name.upper(): whole[name] for name in several}
        fields = entry_fields(entry)
        values = RecordValues(fields, self._programs)
        truth = evaluate(node, values.value) is True
        if self._programs is not None and fields["type"] == "exec" and "errno_code" not in fields:
            values.remember_program(self._programs)
        return truth

    def account(self) -> None:
        """Account for the daemon's own records, and for the beginning of the journal."""
        self._journal.match()
        begin_ns = self._journal.begin_ns()
        if begin_ns is not None:
            self._completeness.begin_ns[self._journal.name] = begin_ns
        kinds = ["lost", "start", "stop", "repair", "summary"]
        self._journal.match([[("type", kinds)]])
        for _ in self._journal.entries(self._question.span):
            try:
                self._completeness.add(self._journal.record(), "journal")
            except MALFORMED:
                continue  # counted where it is looked at


def _needed_fields(node: Node | None) -> list[str]:
    names = dict.fromkeys(_ALWAYS)
    for condition in conditions_of(node) if node is not None else ():
        outer, _, member = condition.field.partition(".")
        needed = _NEEDS.get(condition.field)
        if needed is None:
            name = f"{outer}_{member}" if member else outer
            needed = (name, *((exact_name(name),) if exact_name(name) in FIELDS else ()))
        names |= dict.fromkeys(needed)
    return list(names)
