# SPDX-License-Identifier: Apache-2.0
"""What `load` makes of files that are right: values, their origins, rules, the hash."""

import hashlib
from dataclasses import FrozenInstanceError, fields, is_dataclass
from pathlib import Path

import pytest

from execaudit.cli import build_parser
from execaudit.cli.check import render
from execaudit.config.configuration import Config, read_rules
from execaudit.config.environment import DEFAULT_ENV
from execaudit.config.quantities import Rate
from execaudit.config.schema import SECTIONS, Capture
from execaudit.config.source import Problem
from execaudit.kernel import hooks
from tests.unit.config_tree import load_system, load_text, shown_problems, write_file

CHECKOUT = Path(__file__).resolve().parents[2]
SAMPLE = CHECKOUT / "packaging/config/execaudit.toml"


def test_every_kind_of_value_is_read(tmp_path: Path) -> None:
    config = load_text(
        tmp_path,
        """
        [capture]
        engine = "bcc"
        exits = true
        env = ["A", "BASH_FUNC_x%%"]
        ring_bytes = "8M"
        [file]
        mode = "600"
        max_file_bytes = 1_000_000
        max_age = 0
        keep_age = "12h"
        fsync_interval = 0.25
        num_logs = 0
        group = "adm"
        [journal]
        enabled = false
        min_severity = "warning"
        [limits]
        per_uid = "600/m"
        per_unit = "100/s burst 1000"
        [status]
        path = ""
        """,
    ).config

    assert config.capture.engine == "bcc"
    assert config.capture.exits is True
    assert config.capture.env == ("A", "BASH_FUNC_x%%")
    assert config.capture.ring_bytes == 8 << 20
    assert (config.file.mode, config.file.max_file_bytes) == (0o600, 1_000_000)
    assert (config.file.max_age, config.file.keep_age) == (0.0, 43200.0)
    assert (config.file.fsync_interval, config.file.num_logs) == (0.25, 0)
    assert config.file.group == "adm"
    assert (config.journal.enabled, config.journal.min_severity) == (False, "warning")
    assert config.limits.per_uid == Rate(600, 60, 600)
    assert config.limits.per_unit == Rate(100, 1, 1000)
    assert config.status.path == ""


def test_configuration_cannot_be_changed() -> None:
    config = Config()

    for section in SECTIONS:
        form = getattr(config, section)
        assert is_dataclass(form)
        assert not hasattr(form, "__dict__")
        with pytest.raises(FrozenInstanceError):
            setattr(form, fields(form)[0].name, None)


def test_patterns_of_several_files_add_up_and_later_ones_replace_by_name(tmp_path: Path) -> None:
    write_file(
        tmp_path,
        "conf.d/10-a.toml",
        "[[redact.pattern]]\nname = 'b'\nregex = 'new'\n"
        "[[redact.pattern]]\nname = 'c'\nregex = '(?P<secret>\\xff)'\n",
    )

    loaded = load_text(
        tmp_path,
        "[[redact.pattern]]\nname = 'a'\nregex = 'é'\n"
        "[[redact.pattern]]\nname = 'b'\nregex = 'old'\n",
    )

    patterns = loaded.config.redact.pattern
    assert loaded.problems == ()
    assert [(each.name, each.regex.pattern) for each in patterns] == [
        ("a", "é".encode()),
        ("b", b"new"),
        ("c", rb"(?P<secret>\xff)"),
    ]
    assert patterns[2].regex.search(b"\xff")
    assert loaded.problem(("redact", "pattern", 1, "regex"), "is odd") == Problem(
        f"{tmp_path}/conf.d/10-a.toml", 3, 1, "redact.pattern[0].regex", "is odd"
    )


def test_problems_found_later_name_the_place_that_counts(tmp_path: Path) -> None:
    write_file(tmp_path, "conf.d/10-a.toml", "[file]\n\ngroup = 'x'\n")

    loaded = load_text(tmp_path, "[file]\ngroup = 'y'\n[redact]\ndisable = ['a', 'b']\n")

    folder = str(tmp_path)
    assert str(loaded.problem(("file", "group"), "does not exist")) == (
        f"{folder}/conf.d/10-a.toml:3:1: file.group: does not exist"
    )
    assert str(loaded.problem(("redact", "disable", 1), "is unknown")) == (
        f"{folder}/execaudit.toml:4:17: redact.disable[1]: is unknown"
    )
    assert str(loaded.problem(("file", "path"), "is odd")) == "default: file.path: is odd"


def test_mistake_of_a_page_is_cut_in_the_middle(tmp_path: Path) -> None:
    write_file(tmp_path, "rules.d/10-x.toml", f"[{'a' * 20_000}]\n")

    (shown,) = shown_problems(load_text(tmp_path, ""), tmp_path)

    assert shown.startswith("rules.d/10-x.toml:1:2: aaa")
    assert shown.endswith(", expected [[rule]] and below it the keys of a rule")
    assert len(shown) < 1100


def test_rules_are_handed_on_in_order_with_their_places(tmp_path: Path) -> None:
    write_file(tmp_path, "rules.d/20-b.toml", "\n[[rule]]\nname = 'b'\n")
    write_file(
        tmp_path,
        "rules.d/10-a.toml",
        "[[rule]]\nname = 'a1'\n\n[[rule]]\nname = 'a2'\nuid = [0,\n 1]\n"
        "not.any = [ { comm = 'x' } ]\n",
    )

    rules = load_text(tmp_path, "").rules

    assert [(Path(rule.file).name, rule.line, rule.values["name"]) for rule in rules] == [
        ("10-a.toml", 1, "a1"),
        ("10-a.toml", 4, "a2"),
        ("20-b.toml", 2, "b"),
    ]
    file = f"{tmp_path}/rules.d/10-a.toml"
    assert rules[1].problem(("uid", 1), "x") == Problem(file, 7, 2, "rule[1].uid[1]", "x")
    assert rules[1].place(("uid", 1)) == (file, 7, 2)
    assert rules[1].problem((), "x") == Problem(file, 4, 3, "rule[1]", "x")
    assert rules[1].problem(("not", "any", 0, "comm"), "x") == Problem(
        file, 8, 15, "rule[1].not.any[0].comm", "x"
    )


def test_rules_of_a_text_are_read_without_a_file() -> None:
    rules, problems = read_rules("[[rule]]\nuid = 0\n[[rules]]\n", "x.toml")

    assert [rule.values for rule in rules] == [{"uid": 0}]
    assert [problem.line for problem in problems] == [3]


def test_hash_covers_names_and_bytes_of_all_files_in_order(tmp_path: Path) -> None:
    main, rule = b"[file]\n# comment\n", b"[[rule]]\n"
    write_file(tmp_path, "usr/lib/execaudit/execaudit.toml", main)
    write_file(tmp_path, "etc/execaudit/rules.d/10-a.toml", rule)
    write_file(tmp_path, "etc/execaudit/conf.d/10-masked.toml", "")

    found = load_system(tmp_path).config_hash

    by_hand = b"execaudit.toml\0%d\0%b" % (len(main), main)
    by_hand += b"rules.d/10-a.toml\0%d\0%b" % (len(rule), rule)
    assert found == hashlib.sha256(by_hand).hexdigest()


def test_effective_configuration_reads_as_the_same_values(tmp_path: Path) -> None:
    write_file(tmp_path, "a/rules.d/1.toml", "[[rule]]\nname = 'noise\u202e'\nlabels = ['l']\n")
    loaded = load_text(
        tmp_path / "a",
        '[file]\nmode = "600"\nmax_age = 90\nlabels = ["l"]\nspace_left = 0\nspace_low = 1048577\n'
        'fsync_interval = "0.25s"\n[capture]\nenv = []\n[limits]\nper_uid = "7/m burst 9"\n'
        "per_unit = '1/h'\n[[redact.pattern]]\nname = 'x'\nregex = '''\\d \"'\\s'''\n",
    )

    text = render(loaded)

    write_file(tmp_path, "b/rules.d/1.toml", "[[rule]]\nlabels = ['l']\n")
    again = load_text(tmp_path / "b", text)
    assert again.problems == ()
    assert again.config == loaded.config
    assert 'mode = "0600"  # ' + f"{tmp_path}/a/execaudit.toml:2\n" in text
    assert 'max_age = "90s"  # ' in text
    assert 'engine = "auto"  # default\n' in text
    assert f"# noise\\u202e  # {tmp_path}/a/rules.d/1.toml:1\n" in text


def test_defaults_are_those_of_trace() -> None:
    args = build_parser().parse_args(["trace"])
    capture = Capture()

    assert capture.env == DEFAULT_ENV
    assert capture.argv_bytes == args.argv_bytes
    assert capture.ring_bytes == args.ring_bytes
    assert capture.engine == args.engine
    assert capture.failure_hook == args.failure_hook


def test_choices_are_those_of_the_parts_that_obey_them() -> None:
    metadata = {each.name: each.metadata for each in fields(Capture)}

    assert metadata["failure_hook"]["kind"].words == hooks.FAILURE_CHOICES
