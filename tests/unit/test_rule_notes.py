# SPDX-License-Identifier: Apache-2.0
"""Paths below links match what records have, and what can match nothing is said."""

from pathlib import Path
from typing import Any

import pytest

from execaudit.cli import main
from execaudit.config.configuration import Paths, load
from execaudit.rules.notes import find_notes
from execaudit.rules.rule_set import RuleSet, compile_rules
from tests.rule_tables import Table, decide, record
from tests.unit.config_tree import write_file


def compile_here(rule: dict[str, Any]) -> RuleSet:
    made, problems = compile_rules([Table(rule)])
    assert made is not None, problems
    return made


@pytest.fixture
def usr(tmp_path: Path) -> Path:
    """A tree whose bin leads to usr/bin, as on merged systems; tool is called by a link as well."""
    write_file(tmp_path, "usr/bin/tool", "")
    write_file(tmp_path, "usr/sbin/real", "")
    (tmp_path / "bin").symlink_to("usr/bin")
    (tmp_path / "usr/bin/alias").symlink_to("tool")
    (tmp_path / "usr/sbin/instool").symlink_to("../bin/tool")
    return tmp_path


@pytest.mark.parametrize("field", ["exe", "filename", "script", "interp", "cwd", "root"])
@pytest.mark.parametrize("pattern", ["bin/*", "bin/**", "bin/too?", "bin/tool"])
def test_path_below_a_link_matches_as_records_have_it(usr: Path, field: str, pattern: str) -> None:
    rules = compile_here({"action": "drop", field: f"{usr}/{pattern}"})
    for path in ("usr/bin/tool", "bin/tool"):
        assert decide(rules, record() | {field: f"{usr}/{path}"}).action == "drop"
    assert decide(rules, record() | {field: f"{usr}/usr/sbin/tool"}).action == "keep"


def test_directories_of_processes_are_resolved_to_their_end(usr: Path) -> None:
    for field in ("cwd", "root"):
        rules = compile_here({"action": "drop", field: f"{usr}/bin"})
        assert decide(rules, record() | {field: f"{usr}/usr/bin"}).action == "drop"


def test_ancestors_below_a_link_match(usr: Path) -> None:
    rules = compile_here({"action": "drop", "ancestor": {"exe": f"{usr}/bin/*"}, "comm": "child"})
    decide(rules, record(5, exe=f"{usr}/usr/bin/tool"))
    assert decide(rules, record(6, above=(5,), comm="child")).action == "drop"


def test_last_name_of_a_path_is_not_followed(usr: Path) -> None:
    rules = compile_here({"action": "drop", "exe": f"{usr}/bin/alias"})
    assert decide(rules, record(exe=f"{usr}/usr/bin/tool")).action == "keep"


def notes(place: Path, rules: str, capture: str = "", *, failures_work: bool = True) -> list[str]:
    main_file = write_file(place, "execaudit.toml", capture)
    write_file(place, "rules.d/1.toml", rules)
    loaded = load(Paths.of_file(main_file))
    assert not loaded.problems
    found = find_notes(loaded, failures_work=failures_work)
    return [f"{each.line}: {each.key}: {each.text}" for each in found]


def test_programs_that_are_links_or_missing_are_noted(
    usr: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("execaudit.rules.notes._UNSEEN_PLACES", ())  # where the test's files are
    found = notes(
        usr,
        f"""
[[rule]]
action = "label"
labels = ["a"]
exe = "{usr}/bin/alias"
parent.exe = "{usr}/usr/sbin/ins*"
ancestor.exe = {{ regex = "^{usr}/bin/" }}
[[rule]]
action = "label"
labels = ["b"]
exe = ["{usr}/bin/none", "{usr}/none/none", "{usr}/usr/bin/x*"]
[[rule]]
action = "label"
labels = ["c"]
exe = ["{usr}/bin/none", "{usr}/bin/tool", "{usr}/bin/*", "**/x"]
""",
    )
    assert found == [
        f"5: rule[0].exe: note: {usr}/usr/bin/alias is a link, records have {usr}/usr/bin/tool",
        f"6: rule[0].parent.exe: note: what {usr}/usr/sbin/ins* matches here are links:"
        f" for {usr}/usr/sbin/instool records have {usr}/usr/bin/tool",
        f"7: rule[0].ancestor.exe: note: {usr}/bin is a link, records have {usr}/usr/bin/…",
        f"11: rule[1].exe: note: there is no {usr}/none/none or {usr}/usr/bin/x* or"
        f" {usr}/usr/bin/none here: it matches nothing until there is",
    ]


@pytest.mark.parametrize("kind", ["contains", "startswith", "endswith"])
def test_part_of_a_path_is_not_noted_as_a_missing_program(usr: Path, kind: str) -> None:
    rule = f'[[rule]]\naction = "label"\nlabels = ["a"]\nexe = {{ {kind} = "/nothing/py" }}\n'
    assert notes(usr, rule) == []


@pytest.mark.parametrize(
    ("regex", "note"),
    [
        (r"badge=(?P<secret>7[0-9]+)", None),
        (
            r"[a-z]+@corp",
            "its time grows with the square of the length of an argument: 64 KB made for it take"
            " seconds",
        ),
        (
            r"(?:[a-z]+ ?)+;",
            "it repeats a repetition of the same text; an argument made for it can hold up the"
            " daemon for hours",
        ),
        (r"(a)\1b", "it refers back to a group, which no bound on time allows; an argument made for"
         " it can hold up the daemon for hours"),
        (r"[é]b", None),
    ],
)  # fmt: skip
def test_pattern_for_secrets_that_may_take_long_is_noted(
    tmp_path: Path, regex: str, note: str | None
) -> None:
    found = notes(tmp_path, "", f"[[redact.pattern]]\nname = 'own'\nregex = '{regex}'\n")
    assert found == ([f"3: redact.pattern[0].regex: note: {note}"] if note else [])


FAILURES = '[[rule]]\naction = "label"\nlabels = ["x"]\n'


@pytest.mark.parametrize("condition", ['result = "failure"', 'errno = "EACCES"'])
def test_rule_on_failures_that_are_not_seen_is_noted(tmp_path: Path, condition: str) -> None:
    rule = FAILURES + condition
    note = "1: rule[0]: note: failed execs are not seen: it matches nothing"
    assert notes(tmp_path, rule) == []
    assert notes(tmp_path, rule, '[capture]\nfailures = "none"\n') == [note]
    assert notes(tmp_path, rule, failures_work=False) == [note]


def test_rule_on_what_is_new_is_noted_without_a_baseline(tmp_path: Path) -> None:
    rule = FAILURES + 'first_seen = "exe"\n'
    note = (
        "1: rule[0]: note: what ran before is not remembered ([baseline] enabled): it matches"
        " nothing"
    )
    assert notes(tmp_path, rule) == [note]
    assert notes(tmp_path, rule, "[baseline]\nenabled = true\n") == []
    assert notes(tmp_path, FAILURES + 'any = [{ first_seen = "exe" }, { uid = 0 }]\n') == []


def test_rule_on_ends_that_are_not_recorded_is_noted(tmp_path: Path) -> None:
    rule = '[[rule]]\naction = "drop"\ntype = "exit"\n'
    (note,) = notes(tmp_path, rule)
    assert "ends of processes are not recorded" in note
    assert notes(tmp_path, rule, "[capture]\nexits = true\n") == []


UNREACHABLE = [
    ("uid = 0", "uid = 0"),
    ('type = "exec"', 'comm = "x"'),
    ('comm = ["a", "b"]', 'comm = "a"\nuid = 0'),
    ('exe = "/srv/**"', 'exe = "/srv/x"\nresult = "failure"'),
    ('uid = "0-99"', "uid = [7, 8]"),
    ('any = { comm = "a", uid = 0 }', 'any = [{ comm = "a" }, { uid = 0, gid = 0 }]'),
]
REACHABLE = [
    ("uid = 0\ngid = 0", "uid = 0"),
    ('comm = "a"', 'comm = ["a", "b"]'),
    ('exe = "/srv/*"', 'exe = "/srv/**"'),
    ("not.uid = 0", "uid = 0"),
    ('comm = "a"', 'any = { comm = "a", uid = 0 }'),
]


@pytest.mark.parametrize("action", ["drop", "keep"])
@pytest.mark.parametrize(("first", "second"), UNREACHABLE)
def test_rule_that_an_earlier_one_makes_unreachable_is_noted(
    tmp_path: Path, action: str, first: str, second: str
) -> None:
    rules = f"[[rule]]\naction = '{action}'\n{first}\n[[rule]]\naction = 'drop'\n{second}\n"
    found = [note for note in notes(tmp_path, rules) if "/srv" not in note]
    before = f"note: {action} in {tmp_path}/rules.d/1.toml:1 comes before, and matches all of it"
    assert [note.partition(": ")[2] for note in found] == [f"rule[1]: {before}"]


@pytest.mark.parametrize(("first", "second"), REACHABLE)
def test_rule_that_can_be_reached_is_not_noted(tmp_path: Path, first: str, second: str) -> None:
    rules = f"[[rule]]\naction = 'drop'\n{first}\n[[rule]]\naction = 'drop'\n{second}\n"
    assert not [note for note in notes(tmp_path, rules) if "comes before" in note]
    labels = rules.replace("'drop'", "'label'\nlabels = ['x']", 1)
    assert not [note for note in notes(tmp_path, labels) if "comes before" in note]


def test_rule_whose_conditions_exclude_one_another_is_noted(tmp_path: Path) -> None:
    (note,) = notes(tmp_path, "[[rule]]\naction = 'drop'\nuid = 0\nnot.uid = 0\n")
    assert note.endswith("its conditions exclude one another: it matches nothing")


def test_check_and_rules_print_notes_and_are_content(
    usr: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = str(write_file(usr, "execaudit.toml", ""))
    write_file(usr, "rules.d/1.toml", f'[[rule]]\naction = "drop"\nexe = "{usr}/bin/alias"\n')
    for verb in ("check", "rules"):
        assert main([verb, "--config", config]) == 0
        assert "1.toml:3:1: rule[0].exe: note: " in capsys.readouterr().err
