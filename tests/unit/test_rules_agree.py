# SPDX-License-Identifier: Apache-2.0
"""The index decides as trying every rule in order would, for random rules and records."""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING, Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from execaudit.config.values import SEVERITIES
from execaudit.records.readback import event_of_record
from execaudit.rules.compiled import Decision
from execaudit.rules.rule_set import compile_rules
from tests.rule_tables import LOOKUPS, Table, decide, explain

if TYPE_CHECKING:
    from execaudit.rules.rule_set import RuleSet

_PATHS = ("/usr/bin/ls", "/usr/bin/cat", "/opt/app/bin/run", "/usr/lib/long/way/down")
_COMMS = ("ls", "cat", "bash", "longest-of-all")
_WORDS = ("-l", "", "--password=x", "--PASSWORD=y", "/etc/passwd", "a b", "password")

_one = st.sampled_from
_path_value = _one(
    [
        *_PATHS,
        "/usr/**",
        "/usr/bin/*",
        "**/run",
        "/opt/?pp/**",
        {"regex": "bin/[lr]"},
        {"endswith": "/ls"},
        {"exact": "/USR/bin/LS", "ignore_case": True},
        {"startswith": "/OPT/", "ignore_case": True},
    ]
)
_comm_value = _one([*_COMMS, "*a*", "longest*", {"regex": "^l|t$"}, {"exact": "*"}])
_word_value = _one(
    [*_WORDS, "--password=*", "*passwd*", "*a*", "?b", {"regex": "(?i)--password=."},
     {"regex": "a.*b"}, {"regex": "^/etc/"}, {"glob": "x"}, {"contains": "sword"},
     {"contains": "ASSWORD", "ignore_case": True}, {"endswith": "=X", "ignore_case": True},
     {"exact": "PASSword", "ignore_case": True}, {"startswith": "--pass"}]
)  # fmt: skip


def _or_list(value: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(value, st.lists(value, min_size=1, max_size=3))


_CONDITIONS: dict[str, st.SearchStrategy[Any]] = {
    "uid": _or_list(_one([0, 5, "1000-60000", "alice"])),
    "auid": _or_list(_one([1000, "unset", "2-"])),
    "exe": _or_list(_path_value),
    "cwd": _or_list(_path_value),
    "comm": _or_list(_comm_value),
    "script": _or_list(st.one_of(_path_value, st.booleans())),
    "tty": _or_list(_one([True, False, "pts0", "pts*"])),
    "cgroup": _or_list(_one(["/a", "/a/b", "/*/b", "/"])),
    "euser": _or_list(_one(["root", "alice"])),
    "memfd": st.booleans(),
    "privileged": st.booleans(),
    "result": _one(["success", "failure"]),
    "errno": _or_list(_one(["ENOENT", 13])),
    "argc": _or_list(_one([0, 1, "2-5"])),
    "argv": _or_list(_word_value),
    "cmdline": _or_list(_word_value),
    "env": _or_list(_one(["A=*", "B=1"])),
    "program": _or_list(
        _one(["ls", "run", {"exact": "LS", "ignore_case": True}, "*a*", {"endswith": "s"}])
    ),
    "filename": _or_list(
        _one(
            [
                "**/ls",
                "/usr/**/cat",
                {"endswith": "/LS", "ignore_case": True},
                "**/[lr]s",
                {"exact": "", "ignore_case": True},
                {"endswith": "n/run"},
                {"contains": "bi"},
            ]
        )
    ),
    "ancestor": st.fixed_dictionaries({"comm": _or_list(_comm_value)}),
}


@st.composite
def _table(draw: st.DrawFn, combinations: st.SearchStrategy[Any] | None = None) -> dict[str, Any]:
    names = draw(st.lists(_one(sorted(_CONDITIONS)), min_size=1, max_size=3, unique=True))
    table = {name: draw(_CONDITIONS[name]) for name in names}
    if combinations is not None:
        for name in draw(st.lists(_one(["any", "all", "not"]), max_size=2, unique=True)):
            table[name] = draw(combinations)
    return table


def _tables(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(inner, st.lists(inner, min_size=1, max_size=2))


_CONDITION_TABLES = _table(_tables(_table(_tables(_table()))))


@st.composite
def _rule(draw: st.DrawFn) -> dict[str, Any]:
    rule = draw(_CONDITION_TABLES)
    rule["action"] = draw(_one(["drop", "keep", "label", "label", "label"]))
    if rule["action"] == "label":
        rule["labels"] = draw(st.lists(_one(["a", "b", "c"]), min_size=1, max_size=2))
        severity = draw(_one(["", *SEVERITIES]))
        if severity:
            rule["severity"] = severity
    return rule


_FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "uid": _one([0, 5, 1000, 70000]),
    "auid": _one([2, 1000]),
    "exe": _one(_PATHS),
    "cwd": _one(_PATHS),
    "filename": _one([*_PATHS, "ls", ""]),
    "comm": _one(_COMMS),
    "script": _one(_PATHS),
    "tty": _one(["pts0", "tty1"]),
    "cgroup": _one(["/", "/a", "/a/b", "/c"]),
    "euser": _one(["root"]),
    "user": _one(["alice"]),
    "memfd": st.just(True),
    "privileged": st.just(True),
    "env": st.lists(_one(["A=1", "B=1"]), max_size=2),
}


@st.composite
def _record(draw: st.DrawFn) -> dict[str, Any]:
    chosen = draw(st.lists(_one(sorted(_FIELDS)), unique=True, max_size=14))
    record = {name: draw(_FIELDS[name]) for name in chosen}
    missing = draw(st.lists(_one(["exe", "uid", "tty", "argv"]), unique=True, max_size=1))
    argv: list[str] = draw(st.lists(_one(_WORDS), max_size=4))
    error = draw(_one([0, 2, 13]))
    comms = draw(st.lists(_one(_COMMS), max_size=9))
    record |= {
        "type": draw(_one(["exec", "exec", "exec", "exit"])),
        "argv": argv,
        "argc": len(argv),
        "result": "failure" if error else "success",
        "ancestors": [
            {"id": f"b-{at:x}-1-1", "pid": at, "comm": comm} for at, comm in enumerate(comms)
        ],
    }
    if error:
        record["errno_code"] = error
    if missing:
        record.pop(missing[0], None)
        record["unreadable"] = missing
    is_cut: bool = draw(st.booleans())
    if argv and is_cut:
        gap: dict[str, Any] = {"index": draw(st.integers(-1, len(argv) - 1)), "reason": "budget"}
        record["truncated"] = {"argv": [gap]}
    return record


def _compile(tables: list[dict[str, Any]]) -> RuleSet:
    """Compile rules; one with more combinations than a rule may have is no example."""
    made, problems = compile_rules([Table(rule, at) for at, rule in enumerate(tables)], LOOKUPS)
    assert [each for each in problems if "combinations" not in each.text] == []
    assume(made is not None)
    assert made is not None
    return made


def decide_plainly(rules: RuleSet, record: dict[str, Any]) -> Decision:
    """Try every rule in order."""
    labels: list[str] = []
    severity, matched = "", []
    for explanation in explain(rules, record):
        if not explanation.matched:
            continue
        rule = rules.rules[explanation.rule]
        matched.append(explanation.rule)
        labels += [label for label in rule.labels if label not in labels]
        severity = max(severity, rule.severity, key=("", *SEVERITIES).index)
        if rule.action != "label":
            return Decision(rule.action, tuple(labels), severity, matched[-1], tuple(matched))
    return Decision("keep", tuple(labels), severity, None, tuple(matched))


@settings(max_examples=120, deadline=None)
@given(st.lists(_rule(), min_size=1, max_size=8), st.lists(_record(), min_size=1, max_size=6))
def test_indexed_decision_is_that_of_trying_every_rule(
    tables: list[dict[str, Any]], records: list[dict[str, Any]]
) -> None:
    rules = _compile(tables)
    for record in [*records, *records]:  # again, with all tables filled
        decision = decide(rules, record)

        assert decision._replace(undecided=()) == decide_plainly(rules, record)


@settings(max_examples=80, deadline=None)
@given(st.lists(_rule(), min_size=1, max_size=8), st.lists(_record(), min_size=2, max_size=6))
def test_events_of_one_place_are_decided_as_each_alone(
    tables: list[dict[str, Any]], records: list[dict[str, Any]]
) -> None:
    rules = _compile(tables)
    first = event_of_record({**records[0], "type": "exec"}).place
    for record in records:
        event = event_of_record({**record, "type": "exec"})
        alone = event_of_record({**record, "type": "exec"})
        event.place, alone.place = first, copy(first)
        alone.place.residue = None

        assert rules.decide(event) == rules.decide(alone)
