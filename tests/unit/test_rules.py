# SPDX-License-Identifier: Apache-2.0
"""Rules together: order, labels, process trees and counts."""

from __future__ import annotations

from typing import Any

import pytest

from execaudit.rules.compiled import NOTHING
from execaudit.rules.rule_set import RuleSet
from execaudit.wire.event import Gap
from tests.rule_tables import (
    compile_all,
    decide,
    drop,
    event_at,
    explain,
    keep,
    label,
    make_place,
    record,
)

NO_PID = 1 << 22  # PID_MAX_LIMIT (include/linux/threads.h): no process has it


def test_first_match_wins() -> None:
    rules = compile_all(keep(uid=1000), drop(comm="ls"))

    assert decide(rules, record()).action == "keep"
    assert decide(rules, record(uid=5)).action == "drop"
    assert decide(rules, record(uid=5, comm="cat")) == NOTHING


def test_no_rules_keep_everything() -> None:
    rules = RuleSet([])

    assert decide(rules, record()) == NOTHING


def test_labels_add_up_in_order_and_the_most_severe_counts() -> None:
    rules = compile_all(
        label("b", "a", comm="ls", severity="warning"),
        label("c", argv="-l"),
        label("a", "d", uid=1000, severity="notice"),
        label("x", uid=5, severity="emerg"),
        keep(exe="/usr/bin/ls", labels=["k"]),
        label("never", uid=1000),
    )

    decision = decide(rules, record())

    assert decision.labels == ("b", "a", "c", "d", "k")
    assert decision.severity == "warning"
    assert (decision.action, decision.rule, decision.rules) == ("keep", 4, (0, 1, 2, 4))


def test_rules_decide_about_exec_and_exit_records_only() -> None:
    rules = compile_all(drop(any=[{"type": "exec"}, {"type": "exit"}]))

    assert decide(rules, record()).action == "drop"
    assert decide(rules, {"type": "exit", "uid": 0}).action == "drop"
    for other in ("lost", "start", "stop", "config", "repair", "summary"):
        assert decide(rules, {"type": other}) == NOTHING


def test_hits_are_counted_for_every_rule_with_a_part_in_it() -> None:
    rules = compile_all(label("a", comm="ls"), label("b", argv="-l"), drop(uid=5), drop(uid=5))
    for uid in (1000, 1000, 5):
        decide(rules, record(uid=uid))

    place = make_place({"uid": 5, "comm": "cat"})
    rules.decide(event_at(place, b"cat\0-l\0"))
    rules.decide(event_at(place, b"cat\0"))

    assert rules.hits == [3, 4, 3, 0]


def test_decision_of_a_place_is_made_once() -> None:
    rules = compile_all(label("a", comm="ls"), drop(uid=5), label("b", argv="-l"))
    place = make_place({"uid": 5, "comm": "ls"})
    first = rules.decide(event_at(place))
    place.fields["uid"] = 6

    assert rules.decide(event_at(place)) == first
    assert compile_all(drop(uid=6)).decide(event_at(place)).action == "drop"  # other rules look


def test_what_a_place_leaves_open_is_decided_for_each_event() -> None:
    rules = compile_all(label("a", comm="ls"), drop(uid=5), label("b", argv="-l"))
    place = make_place({"uid": 6, "comm": "ls"})

    assert rules.decide(event_at(place, b"ls\0-l\0")).labels == ("a", "b")
    assert rules.decide(event_at(place, b"ls\0")).labels == ("a",)
    assert rules.decide(event_at(place, None)).labels == ("a",)
    assert rules.decide(event_at(place, b"ls\0-l\0", gaps=(Gap(0, 9, "budget"),))).rules == (0,)
    assert rules.decide(event_at(place, b"ls\0-l\0", gaps=(Gap(1, 9, "budget"),))).rules == (0,)


def test_end_of_a_process_leaves_no_rule_undecided() -> None:
    rules = compile_all(label("a", argv="-l"), label("b", **{"not": {"argv": "-l"}}))

    assert decide(rules, {"type": "exit", "uid": 5}) == NOTHING
    assert rules.undecided == [0, 0]


def test_argument_too_long_for_a_costly_regex_is_said_to_be_undecided() -> None:
    rules = compile_all(label("a", cmdline={"regex": "[a-z]+!x"}), label("b", uid=1000))
    place = make_place({"uid": 1000})

    assert rules.decide(event_at(place, b"a!x\0")).rules == (0, 1)
    assert rules.decide(event_at(place, b" " * 9000 + b"a!x\0")).rules == (0, 1)
    decision = rules.decide(event_at(place, b" " * 4000 + b"a!x" + b" " * 4000 + b"\0"))

    assert (decision.rules, decision.undecided) == ((1,), (0,))
    assert rules.undecided == [1, 0]


def test_decision_holds_for_descendants() -> None:
    rules = compile_all(drop(comm="cron", descendants=True))

    assert decide(rules, record(10, comm="cron")).action == "drop"
    assert decide(rules, record(11, above=(10, 1))).action == "drop"
    assert decide(rules, record(12, above=(3, 10, 1))).action == "drop"
    assert decide(rules, record(13, above=(1,))).action == "keep"


def test_decision_holds_below_descendants_that_are_out_of_sight() -> None:
    rules = compile_all(drop(comm="cron", descendants=True))
    decide(rules, record(10, comm="cron"))
    decide(rules, record(20, above=(10,)))

    assert decide(rules, record(30, above=(20, 19, 18, 17, 16, 15, 14, 13))).action == "drop"


def test_decision_holds_for_further_programs_of_the_same_process() -> None:
    rules = compile_all(drop(comm="cron", descendants=True))
    decide(rules, record(10, comm="cron"))

    assert decide(rules, record(10, exec_count=2)).action == "drop"
    assert decide(rules, {"type": "exit", "id": record(10, 2)["id"]}).action == "drop"


def test_decision_does_not_hold_for_another_process_with_the_same_pid() -> None:
    rules = compile_all(drop(comm="cron", descendants=True))
    decide(rules, record(10, comm="cron"))

    other = record(11, above=(10,))
    other["ancestors"][0]["id"] = "boot-a-2711-1"
    assert decide(rules, other).action == "keep"


def test_failed_exec_passes_nothing_on_to_descendants() -> None:
    rules = compile_all(label("a", errno="ENOENT", descendants=True))
    failed = record(10, result="failure", errno_code=2)

    assert decide(rules, failed).labels == ("a",)
    assert decide(rules, record(11, above=(10,))).labels == ()


def test_earlier_rule_wins_over_what_is_inherited() -> None:
    rules = compile_all(keep(uid=0), label("tree", comm="sshd", descendants=True), drop(uid=1000))
    decide(rules, record(10, comm="sshd", uid=5))

    assert decide(rules, record(11, above=(10,), uid=0)).rules == (0,)
    assert decide(rules, record(12, above=(10,))).rules == (1, 2)


def test_descendants_are_found_in_places_known_before() -> None:
    rules = compile_all(label("tree", argv="--marked", descendants=True))
    place = make_place({"uid": 0})
    below = make_place({"uid": 0, "ancestors": record(12, above=(10,))["ancestors"]})

    assert rules.decide(event_at(place, b"x\0", process=(10, 10_000))).labels == ()
    assert rules.decide(event_at(place, b"--marked\0", process=(10, 10_000))).labels == ("tree",)
    assert rules.decide(event_at(place, b"x\0", process=(10, 10_000))).labels == ("tree",)
    assert rules.decide(event_at(place, b"x\0", process=(11, 11_000))).labels == ()
    assert rules.decide(event_at(below, b"x\0", process=(12, 12_000))).labels == ("tree",)


def test_process_trees_are_bounded_and_the_least_needed_go_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("execaudit.rules.processes._MAX_PROCESSES", 3)
    monkeypatch.setattr("execaudit.records.process_commands._is_running", lambda _: False)
    rules = compile_all(drop(comm="cron", descendants=True))
    decide(rules, record(10, comm="cron"))
    for pid in range(20, 30):
        decide(rules, record(pid, above=(10,)))

    assert decide(rules, record(31, above=(10,))).action == "drop"
    assert decide(rules, record(32, above=(20,))).action == "keep"
    assert len(rules.inherited.by_process) == 3


def test_programs_of_processes_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("execaudit.rules.processes._MAX_IMAGES", 2)
    rules = compile_all(drop(parent={"exe": "/x"}))
    for number in range(5):
        decide(rules, {"id": f"boot-{number}-1-1", "exe": "/x"})

    assert len(rules.programs.by_image) == 2
    assert decide(rules, record() | {"parent_id": "boot-4-1-1"}).action == "drop"
    assert decide(rules, record() | {"parent_id": "boot-0-1-1"}).action == "keep"


def started(pid: int, argv: list[str], **more: Any) -> Any:
    return record(pid, argv=argv, arch="x86_64", **more)


def below(pid: int, *above: int) -> Any:
    return record(pid, above=above) | {"parent_id": record(above[0])["id"]}


@pytest.mark.parametrize(
    "condition",
    [
        {"parent": {"cmdline": {"endswith": "-c id"}}},
        {"parent": {"argv": "-c"}},
        {"parent": {"filename": "/bin/sh"}},
        {"ancestor": {"cmdline": "sh -c id"}},
        {"not": {"parent": {"cmdline": "*nginx*"}}},
    ],
)
def test_commands_of_processes_that_were_seen_are_known(condition: Any) -> None:
    rules = compile_all(label("x", **condition))

    assert decide(rules, below(11, 10)).labels == ()
    assert decide(rules, started(10, ["sh", "-c", "id"], filename="/bin/sh")).labels == ()
    assert decide(rules, below(11, 10)).labels == ("x",)
    assert decide(rules, below(12, 99)).labels == ()


def test_command_of_an_ancestor_is_found_though_others_are_unknown() -> None:
    rules = compile_all(
        label("yes", ancestor={"cmdline": "*cron*"}),
        label("no", **{"not": {"ancestor": {"cmdline": "*other*"}}}),
    )
    decide(rules, started(10, ["cron", "-f"]))

    assert decide(rules, below(12, 11, 10)).labels == ("yes",)
    decide(rules, started(11, ["sh"]))
    assert decide(rules, below(13, 11, 10)).labels == ("yes", "no")


def test_of_long_commands_the_beginning_is_known() -> None:
    rules = compile_all(
        label("begin", parent={"cmdline": {"startswith": "sh -c"}}),
        label("end", parent={"cmdline": {"endswith": "end"}}),
        label("argument", parent={"argv": "-c"}),
        label("other", **{"not": {"parent": {"argv": "-x"}}}),
    )
    decide(rules, started(10, ["sh", "-c", "x" * 5000, "end"]))

    assert decide(rules, below(11, 10)).labels == ("begin", "argument")


def test_commands_of_processes_are_bounded_in_bytes() -> None:
    rules = compile_all(label("x", parent={"cmdline": "*"}))
    commands = rules.programs.command_values.commands
    commands.set_bounds((1000, 10_000))
    for pid in range(NO_PID, NO_PID + 30):  # none of them runs
        decide(rules, started(pid, ["sh", "y" * 1000]))

    assert 5 < len(commands.by_image) < 10
    assert 5_000 < commands.size <= 10_000
    assert decide(rules, below(50, NO_PID + 29)).labels == ("x",)
    assert decide(rules, below(51, NO_PID)).labels == ()


def test_new_rules_know_the_commands_that_old_ones_saw() -> None:
    old = compile_all(label("x", parent={"cmdline": "sh"}))
    decide(old, started(10, ["sh"]))
    new = compile_all(label("y", parent={"argv": "sh"}))
    new.adopt(old)

    assert decide(new, below(11, 10)).labels == ("y",)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"exe": "/usr/bin/ncat", "filename": "/bin/nc"}, True),
        ({"exe": "/usr/bin/nc", "filename": "/proc/self/exe"}, True),
        ({"exe": "/usr/bin/dash", "filename": "/opt/nc", "script": "/opt/nc"}, True),
        ({"exe": "/usr/bin/ncat", "filename": "/bin/ncat"}, False),
        ({"exe": "/usr/bin/nc", "filename": "/x", "result": "failure", "errno_code": 2}, False),
        ({"exe": "/usr/bin/bash", "filename": "nc", "result": "failure", "errno_code": 2}, True),
        ({"filename": "/bin/nc", "unreadable": ["exe"]}, True),
    ],
)
def test_program_is_any_name_of_what_runs(fields: Any, expected: bool) -> None:
    rules = compile_all(label("x", program="nc"), label("y", **{"not": {"program": "nc"}}))
    one = {**record(arch="x86_64"), **fields}

    assert decide(rules, one).labels == (("x",) if expected else ("y",))


def test_program_of_an_unreadable_path_may_be_any() -> None:
    rules = compile_all(label("x", program="nc"), label("y", **{"not": {"program": "nc"}}))
    one = record(filename="/bin/ls", unreadable=["exe"])
    del one["exe"]

    assert decide(rules, one).labels == ()


def test_tables_stay_bounded_whatever_comes_in() -> None:
    rules = compile_all(*(label("x", exe=f"/a{n}/*", argv=f"--long-option-{n}") for n in range(99)))
    for number in range(9000):
        rules.decide(event_at(make_place({"exe": f"/a7/{number}"}), b"x%d\0" % number))

    (_, _, table), *_ = rules.place_tables
    arguments = rules.arguments
    assert len(table) <= 4096
    assert len(arguments) <= 4096
    assert len(rules.tried) <= 4096


def test_explanation_names_the_conditions_that_decided() -> None:
    rules = compile_all(
        drop(uid=1000, exe="/usr/bin/*"),
        drop(uid=1000, comm="cat"),
        drop(**{"not": {"comm": ["ls", "cat"]}}),
        label("a", any=[{"uid": 0}, {"argv": "-l"}, {"argc": 2}]),
        label("b", cwd="/tmp/**"),
    )
    explained = explain(rules, record(unreadable=["cwd"]))

    assert [tuple(each) for each in explained] == [
        (
            0,
            True,
            (("uid = 1000", True), ('exe = "/usr/bin/*"', True), ("other_root = false", True)),
        ),
        (1, False, (('comm = "cat"', False),)),
        (2, False, (('comm = ["ls", "cat"]', True),)),
        (3, True, (('argv = "-l"', True),)),
        (4, None, (('cwd = "/tmp/**"', None),)),
    ]
