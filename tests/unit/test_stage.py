# SPDX-License-Identifier: Apache-2.0
"""The daemon's stage: whatever is configured, quick and long way come to the same.

The long way is the reference: the same records through a pipeline whose encoder takes none.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execaudit.daemon.collapse import Collapser
from execaudit.daemon.limits import Limit, Rate, Suppressed
from execaudit.daemon.outlets import Outlet, Selection
from execaudit.daemon.stage import Stage, StageCounts
from execaudit.records.pipeline import Pipeline
from execaudit.records.redact import Redactor
from execaudit.rules.rule_set import RuleSet, compile_rules
from execaudit.rules.text_conditions import Lookups
from execaudit.wire import record
from tests.records import (
    block,
    chunks_of,
    exec_record,
    exit_record,
    join,
    leaf_first,
    make_host,
)
from tests.rule_tables import Table
from tests.unit.any_streams import ENV_NAMES, streams

if TYPE_CHECKING:
    from execaudit.daemon.forms import Raw
    from execaudit.records.fields import FieldDict

OWN_NAMES = (*ENV_NAMES, b"API_URL=")
RULES: list[dict[str, Any]] = [
    {"action": "label", "labels": ["root"], "uid": 0},
    {"action": "label", "labels": ["tool"], "severity": "err", "argv": "--option*"},
    {"action": "drop", "comm": "noise"},
    {"action": "drop", "type": "exit", "uid": 1000},
    {"action": "label", "labels": ["failed"], "result": "failure"},
    {"action": "label", "labels": ["preload"], "env": "LD_PRELOAD=*"},
    {"action": "label", "labels": ["tree"], "exe": "/usr/sbin/cron", "descendants": True},
    {"action": "label", "labels": ["child"], "parent": {"exe": "/usr/sbin/cron"}},
    {"action": "label", "labels": ["of900"], "ppid": 900},
    {"action": "keep", "cwd": "/home/ann", "labels": ["home"]},
]


FORMS = [("execaudit",), ("journal",), ("execaudit", "journal"), ("ecs", "ocsf")]


class Long:
    """An encoder that leaves everything to the long way."""

    def encode(self, *_: object) -> bytes | None:
        return None

    def encode_exit(self, *_: object) -> bytes | None:
        return None

    def follow_host(self) -> None:
        pass


def make_rules(tables: list[dict[str, Any]]) -> RuleSet:
    rules, problems = compile_rules(
        [Table(table, index) for index, table in enumerate(tables)],
        Lookups(user=lambda _: None, group=lambda _: None),
    )
    assert rules is not None, problems
    return rules


def make_stage(options: dict[str, Any]) -> Stage:
    forms = options.get("outlets", ("execaudit", "journal"))
    selection = options.get("selection")
    rules: list[dict[str, Any]] = options.get("rules", [])
    rate = options.get("rate")
    collapser: Collapser[Raw | FieldDict] = Collapser()
    return Stage(
        make_host(),
        options.get("env_names", ENV_NAMES),
        [Outlet(form, selection, options.get("max_line_bytes", 0)) for form in forms],
        rules=make_rules(rules) if rules else None,
        redactor=Redactor() if options.get("redact", True) else None,
        collapser=collapser if options.get("collapse", True) else None,
        limits={name: Limit(rate) for name in ("uid", "unit")} if rate else {},
    )


Outcome = tuple[list[list[bytes]], StageCounts, list[int], list[list[Suppressed]], list[int]]


def run(records: list[bytes], options: dict[str, Any], *, quick: bool) -> Outcome:
    """Put records through in batches of three; everything that comes out, and all counts."""
    stage = make_stage(options)
    encoder = stage if quick else Long()
    pipeline = Pipeline(make_host(), stage._env_names, encoder=encoder, finish=stage.finish)
    if options.get("durations"):
        pipeline.measure_durations()
    for at in range(0, len(records), 3):
        stage.now_ns = at * 1_000_000
        pipeline.lines(*join(*records[at : at + 3]))
        stage.expire(stage.now_ns)
    stage.finish_held()
    counts = pipeline.counts
    return (
        [outlet.batch for outlet in stage.outlets],
        stage.counts,
        list(stage.rules.hits) if stage.rules else [],
        [limit.take_suppressed() for limit in stage.limits.values()],
        [counts.seen, counts.shown, counts.lost, *[outlet.deselected for outlet in stage.outlets]],
    )


def assert_same(records: list[bytes], options: dict[str, Any]) -> Outcome:
    quick, long = run(records, options, quick=True), run(records, options, quick=False)
    assert quick == long
    for line in quick[0][0] if options.get("outlets", ("",))[0] != "journal" else []:
        assert json.loads(line)
    return quick


@st.composite
def configurations(draw: st.DrawFn) -> dict[str, Any]:
    rules = draw(st.lists(st.sampled_from(RULES), unique_by=str, max_size=5))
    return {
        "rules": rules,
        "redact": draw(st.booleans()),
        "collapse": draw(st.booleans()),
        "durations": draw(st.booleans()),
        "env_names": draw(st.sampled_from([ENV_NAMES, OWN_NAMES])),
        "rate": draw(st.sampled_from([None, None, Rate(1, 2)])),
        "outlets": draw(
            st.sampled_from(
                [("execaudit",), ("journal",), ("execaudit", "journal"), ("ecs", "ocsf")]
            )
        ),
        "max_line_bytes": draw(st.sampled_from([0, 0, 600, 1200])),
        "selection": draw(
            st.sampled_from([None, Selection(frozenset({"root"})), Selection(min_severity="err")])
        ),
    }


@given(streams(), configurations())
def test_quick_way_comes_to_the_same_as_the_long_way(
    records: list[bytes], options: dict[str, Any]
) -> None:
    assert_same(records, options)


def usual(seq: int, *words: bytes, **members: Any) -> bytes:
    return exec_record(b"ls", *words, seq=seq, **members)


def in_chunks(seq: int, word: bytes) -> list[bytes]:
    """Return an exec with a long argument, behind its chunks."""
    words = block((b"ls", word))
    chunks = chunks_of(record.AREA_ARGV, words, 4096, seq=seq)
    event = exec_record(b"ls", word, seq=seq, argv_inside=4096, chunks=len(chunks))
    return [*chunks, event]


@pytest.mark.parametrize(
    ("options", "last"),
    [
        ({}, usual(3, b"x")),
        ({"rate": Rate(100, 100)}, usual(3, b"x", cgroup=leaf_first(b"/a.slice/b.service"))),
        ({"rules": RULES}, usual(3, b"x", env=(b"LD_PRELOAD=/x.so",))),
        ({"rules": [RULES[6]]}, usual(3, b"x")),
        ({"rules": [RULES[7]]}, usual(3, b"x")),
        ({}, usual(3, b"--password=geheim")),
        ({}, usual(3, b"--password", b"geheim")),
        ({}, in_chunks(3, b"x" * 40000)),
        ({}, in_chunks(3, b"--password=" + b"x" * 40000)),
        ({"env_names": OWN_NAMES}, usual(3, env=(b"API_URL=http://h/",))),
        ({}, usual(3, error=-8, hook=0)),
        ({}, usual(3, error=-2, hook=0)),
        ({"durations": True}, usual(3)),
        ({}, exit_record(seq=3, hook=0)),
        ({"durations": True}, exit_record(seq=3, hook=0)),
        ({"rules": RULES[:7], "rate": Rate(100, 100)}, exit_record(seq=3, hook=0, uid=0)),
    ],
    ids=range(16),
)
def test_what_is_usual_does_not_take_the_long_way(
    options: dict[str, Any], last: bytes | list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = make_stage(options)
    pipeline = Pipeline(make_host(), stage._env_names, encoder=stage, finish=stage.finish)
    if options.get("durations"):
        pipeline.measure_durations()
    pipeline.lines(*join(usual(1), usual(2)))

    def fail(*_: object) -> None:
        pytest.fail("the long way was taken")

    monkeypatch.setattr(stage, "finish", fail)
    monkeypatch.setattr(stage, "finish_certain", fail)
    monkeypatch.setattr(stage, "_emit_judged", fail)
    monkeypatch.setattr(pipeline, "_records", fail)
    before = len(stage.outlets[0].batch)
    events = last if isinstance(last, list) else [last]
    pipeline.lines(*join(*events))
    stage.finish_held()

    assert len(stage.outlets[0].batch) == before + 1
    assert assert_same([usual(1), usual(2), *events], options)


def test_search_is_told_with_the_exec_that_it_found() -> None:
    first = usual(1)
    tries = [
        usual(seq, error=-2, hook=0, filename=name)
        for seq, name in ((2, b"/a/ls\0"), (3, b"/b/\xff/ls\0"))
    ]
    found = usual(4, filename=b"/usr/bin/ls\0")

    lines, counts, *_ = assert_same([first, *tries, found], {"outlets": ("execaudit",)})

    assert counts.collapsed == 2
    fields = json.loads(lines[0][-1])
    assert fields["result"] == "success"
    assert fields["path_search"] == ["/a/ls", "/b/\ufffd/ls"]


def test_secret_stays_out_of_every_form() -> None:
    secret = usual(2, b"--password=geheim", b"plain", filename=b"/b/ls\0")

    (lines, entries), *_ = assert_same([usual(1), secret], {})

    assert b"geheim" not in b"".join([*lines, *entries])
    fields = json.loads(lines[1])
    assert fields["argv"] == ["ls", "--password=<redacted:password>", "plain"]
    assert fields["redacted"] == {"argv": [1]}


def test_duration_is_that_of_the_last_exec_of_the_process() -> None:
    records = [
        usual(1, time_ns=10),
        usual(2, time_ns=1_000, exec_count=3),
        exit_record(seq=3, hook=0, exec_count=3, time_ns=1_500),
        exit_record(seq=4, hook=0, exec_count=3, time_ns=1_600),
    ]

    (lines,), *_ = assert_same(records, {"durations": True, "outlets": ("execaudit",)})

    assert json.loads(lines[2])["duration_ns"] == 500
    assert "duration_ns" not in json.loads(lines[3])


def test_reload_to_another_way_with_failures_lets_go_of_what_was_held_back() -> None:
    old, new = make_stage({}), make_stage({"collapse": False})
    pipeline = Pipeline(make_host(), ENV_NAMES, encoder=old, finish=old.finish)
    pipeline.lines(*join(usual(1), usual(2, error=-2, hook=0)))

    new.succeed(old)

    (line,) = new.outlets[0].batch
    assert json.loads(line)["errno"] == "ENOENT"
    assert not old.collapser or not old.collapser.pending
