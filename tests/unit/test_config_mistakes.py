# SPDX-License-Identifier: Apache-2.0
"""Every kind of mistake in a configuration file, and the exact line that says so."""

from pathlib import Path

import pytest

from execaudit.rules.rule_set import find_problems
from tests.unit.config_tree import load_text, name_of, shown_problems, write_file

LOG = "/var/log/execaudit/execaudit.jsonl"


WRONG_VALUES = [
    ("file.enabled", "true or false", ['"yes"', "1"]),
    ("capture.failures", '"collapsed", "all" or "none"', ["false"]),
    (
        "journal.min_severity",
        '"debug", "info", "notice", "warning", "err", "crit", "alert", "emerg" or "" (any);'
        ' did you mean "warning"?',
        ['"Warn"'],
    ),
    (
        "file.disk_full_action",
        '"warn", "rotate-oldest" or "drop-new"; did you mean "rotate-oldest"?',
        ['"rotate_oldest"'],
    ),
    ("capture.ring_bytes", "a power of two from 64K to 512M", ['"5M"', "32768"]),
    ("capture.argv_bytes", "a size from 1K to 1M", ['"2M"', "true", "65536.0"]),
    ("file.max_file_bytes", "a size from 64K to 1T, or 0 (no limit)", ['"100MB"']),
    ("file.space_left", "a size from 1M to 1024T, or 0 (off)", ["-1"]),
    ("file.max_age", "a duration from 1m to 366d, or 0 (never)", ['"5q"']),
    ("file.fsync_interval", "a duration from 10ms to 1h", ["0"]),
    ("status.interval", "a duration from 1s to 1h", ["nan", "1979-05-27"]),
    ("file.num_logs", "a number from 1 to 100000, or 0 (no limit)", ["100001", '"10"']),
    (
        "file.mode",
        'octal digits in quotes, from "0600" to "0644": writable by the owner alone',
        ["640", '"0660"', '"0440"', '"0888"'],
    ),
    ("file.path", "the absolute path of a file", ['"log/x"', '"/x/"', '""', '"/a\\u0000b"']),
    (
        "status.metrics",
        'the absolute path of a file that ends in ".prom", or "" (none)',
        ['"/m.txt"'],
    ),
    (
        "redact.hmac_key",
        'the name of a systemd credential or the absolute path of a file, or "" (none)',
        ['"a/b"'],
    ),
    ("file.group", 'the name of a group, or "" (the service\'s own)', ['"a b"', "4"]),
    ("journal.fields", '"all", "usual" or a list of fields of a record', ['"few"', "true"]),
    ("journal.fields", 'fields of a record, not "cmd"; did you mean "cwd"?', ['["cmd"]']),
    ("journal.identifier", "1 to 128 printable ASCII characters, no blanks", ['"a b"']),
    ("capture.env", "a list of names of environment variables", ['"PATH"']),
    (
        "limits.per_uid",
        'a rate such as "100/s", "600/m" or "100/s burst 1000" (up to 1000000), or "" (none)',
        ['"100/d"'],
    ),
    (
        "limits.per_unit",
        'a rate such as "100/s", "600/m" or "100/s burst 1000" (up to 1000000), or "" (none)',
        ['"1000001/s"', "100"],
    ),
    ("redact.pattern", "[[tables]]", ["3"]),
]
"""Key, what is expected, and values that are not that."""

VALUES = [
    ('engine = "bcc"', '1:1: engine: is in no section, expected "capture.engine"'),
    (
        "labels = []",
        '1:1: labels: is in no section, expected "file.labels", "journal.labels" or'
        ' "stdout.labels"',
    ),
    ("[journl]", '1:2: journl: is an unknown section; did you mean "journal"?'),
    (
        "[xyz]",
        "1:2: xyz: is an unknown section, expected capture, file, journal, stdout, seal,"
        " baseline, redact, limits or status",
    ),
    (
        '[x."a\\tb"]',
        "1:2: x: is an unknown section, expected capture, file, journal, stdout,"
        " seal, baseline, redact, limits or status",
    ),
    ("[[rule]]", "1:3: rule: is for rules, expected in a file in rules.d"),
    ("file = 3", "1:1: file: is 3, expected one section that begins with [file]"),
    ("[[file]]", "1:3: file: is a list, expected one section that begins with [file]"),
    (
        "[capture]\nring_byte = 1",
        '2:1: capture.ring_byte: is an unknown key; did you mean "ring_bytes"?',
    ),
    (
        "[stdout]\npath = '/x'",
        '2:1: stdout.path: is an unknown key; did you mean "file.path", "baseline.path" or'
        ' "status.path"?',
    ),
    (
        "[stdout]\n'a b\\' = 1",
        '2:1: stdout."a b\\\\": is an unknown key,'
        " expected enabled, format, max_line_bytes, labels or min_severity",
    ),
    (
        '[capture]\nengine = "libpf"',
        '2:1: capture.engine: is "libpf", expected "auto", "libbpf" or "bcc"; did you mean'
        ' "libbpf"?',
    ),
    (
        '[capture]\nengine = ""',
        '2:1: capture.engine: is "", expected "auto", "libbpf" or "bcc"',
    ),
    (
        f"[file]\nspace_left = 0x{'f' * 5000}",
        f"2:1: file.space_left: is 0x{'f' * 57}…, expected a size from 1M to 1024T, or 0 (off)",
    ),
    (
        f"[status]\ninterval = 0x{'f' * 400}",
        f"2:1: status.interval: is 0x{'f' * 57}…, expected a duration from 1s to 1h",
    ),
    (
        f'[file]\npath = "/{"x" * 4096}"',
        f'2:1: file.path: is "/{"x" * 57}…, expected the absolute path of a file',
    ),
    (
        '[capture]\nenv = ["A", "LC_*"]',
        '2:13: capture.env[1]: is "LC_*", expected the name of an environment variable such as'
        " LD_PRELOAD (no patterns)",
    ),
    (
        '[file]\nlabels = [\n  "a b",\n]',
        '3:3: file.labels[0]: is "a b", expected a label: up to 64 letters, digits, "_", ".", ":"'
        ' and "-"',
    ),
    (
        "[redact]\ndisable = [[]]",
        '2:12: redact.disable[0]: is [], expected a name: up to 64 letters, digits, "_" and "-"',
    ),
    (
        "[[redact.pattern]]\nname = 'x'\nregex = '(['",
        '3:1: redact.pattern[0].regex: is "([", expected a regular expression: unterminated'
        " character set at position 1",
    ),
    (
        "[[redact.pattern]]\nname = 'x'\nregex = 'a{99999999999}'",
        '3:1: redact.pattern[0].regex: is "a{99999999999}", expected a regular expression: the'
        " repetition number is too large",
    ),
    (
        "[[redact.pattern]]\nname = 'x'\nregex = 'a*'",
        '3:1: redact.pattern[0].regex: is "a*", expected a regular expression that does not match'
        " the empty text",
    ),
    (
        "[[redact.pattern]]\nregex = 'a'",
        '1:10: redact.pattern[0].name: is missing, expected a name: up to 64 letters, digits, "_"'
        ' and "-"',
    ),
    (
        "[[redact.pattern]]\nregex = 'a'\nname = 'x'\nregx = 'b'",
        '4:1: redact.pattern[0].regx: is an unknown key; did you mean "regex"?',
    ),
    (
        "redact.pattern = [ { name = 'x', regex = 'a' },\n { name = 'x', regex = 'b' } ]",
        '2:4: redact.pattern[1].name: is "x", expected a name of its own (used before, in line 1)',
    ),
]
VALUES += [
    ("[{}]\n{} = {}".format(*key.split("."), value), f"2:1: {key}: is {value}, expected {expected}")
    for key, expected, values in WRONG_VALUES
    for value in values
]


SYNTAX = [
    (
        "[capture]\nengine = auto",
        "2:10: capture.engine: is not TOML: Invalid value, expected a text in quotes, a number,"
        ' true, false, or a list in "[" and "]"',
    ),
    (
        '[capture]\nengine = "auto',
        "2:15: capture.engine: is not TOML: Unterminated string, expected the closing quote",
    ),
    (
        '[capture]\nengine = "auto\n',
        "2:15: capture.engine: is not TOML: Illegal character '\\n', expected the closing quote in"
        " the same line",
    ),
    (
        '[[redact.pattern]]\nregex = "\\d"',
        "2:12: redact.pattern[0].regex: is not TOML: Unescaped '\\' in a string, expected \\\\, or"
        " single quotes, which take \\ as it is",
    ),
    (
        "[capture]\nengine",
        "2:7: is not TOML: Expected '=' after a key in a key/value pair, expected KEY = VALUE, or"
        " a [section]",
    ),
    (
        "[capture]\nengine: auto",
        "2:7: is not TOML: Expected '=' after a key in a key/value pair, expected KEY = VALUE, or"
        " a [section]",
    ),
    (
        "[capture\nexits = true",
        "1:9: is not TOML: Expected ']' at the end of a table declaration, expected the closing"
        " bracket of the [section]",
    ),
    (
        "[capture]\nexits = true false",
        "2:14: capture.exits: is not TOML: Expected newline or end of document after a statement,"
        " expected nothing more in this line",
    ),
    (
        "[capture]\nenv = [ 'A'\nexits = true",
        "3:1: is not TOML: Unclosed array, expected a comma or the closing ]",
    ),
    (
        "; comment",
        "1:1: is not TOML: Invalid statement, expected KEY = VALUE, a [section] or a # comment",
    ),
    (
        "# \x1b[31m",
        "1:3: is not TOML: Found invalid character '\\x1b', expected no control characters in texts"
        " and comments",
    ),
    (
        "[capture]\nexits = true\nexits = false",
        "3:1: capture.exits: is given a second time, expected once (first in line 2)",
    ),
    (
        "[capture]\nexits = true\n\n[file]\n[capture]",
        "5:2: capture: is given a second time, expected once (first in line 1)",
    ),
    (f"a = {'[' * 2000}", "1:1: is nested too deeply, expected a few levels"),
    (
        f"[file]\nnum_logs = {'9' * 5000}",
        "2:12: file.num_logs: is not TOML: a number has too many digits, expected at most 4300",
    ),
    (b"\xef\xbb\xbf[file]", "1:1: begins with a byte order mark, expected UTF-8 without"),
    ("[file]\ngroup = 'é\xff'".encode("latin-1"), "2:10: has byte 0xe9 here, expected UTF-8"),
]


CONTRADICTIONS = [
    (
        "[file]\nenabled = false\n[journal]\nenabled = false",
        "2:1: file.enabled: is false, as journal.enabled and stdout.enabled are: records would go"
        " nowhere, expected one of them true",
    ),
    (
        '[file]\nspace_low = "600M"',
        "2:1: file.space_low: is 600M, expected less than file.space_left (500M)",
    ),
    (
        '[file]\nspace_left = "50M"',
        "2:1: file.space_left: is 50M, expected more than file.space_low (100M)",
    ),
    (
        '[file]\nspace_left = "1G"\nspace_low = "1G"',
        "3:1: file.space_low: is 1G, expected less than file.space_left (1G)",
    ),
    (
        '[file]\nkeep_bytes = "10M"',
        "2:1: file.keep_bytes: is 10M, expected at least file.max_file_bytes (100M)",
    ),
    (
        '[file]\nmax_file_bytes = "3G"',
        "2:1: file.max_file_bytes: is 3G, expected at most file.keep_bytes (2G)",
    ),
    (
        '[file]\nmax_file_bytes = 0\nkeep_bytes = "1M"\n[capture]\nring_bytes = "64K"',
        "5:1: capture.ring_bytes: is 64K, expected at least twice capture.argv_bytes (64K)",
    ),
    (
        '[capture]\nargv_bytes = "1M"\nring_bytes = "1M"',
        "3:1: capture.ring_bytes: is 1M, expected at least twice capture.argv_bytes (1M)",
    ),
    (
        f'[status]\npath = "{LOG}"',
        f'2:1: status.path: is "{LOG}", expected another file than file.path',
    ),
    (
        '[file]\npath = "/run/execaudit/status.json"',
        '2:1: file.path: is "/run/execaudit/status.json", expected another file than status.path',
    ),
    (
        f'[seal]\nstate = "{LOG}"',
        f'2:1: seal.state: is "{LOG}", expected another file than file.path',
    ),
    (
        '[baseline]\nenabled = true\npath = "/var/lib/execaudit/seal.state"',
        '3:1: baseline.path: is "/var/lib/execaudit/seal.state", expected another file than'
        " seal.state",
    ),
    (
        '[journal]\nlabels = ["x"]',
        '2:11: journal.labels[0]: is "x", expected a label that a rule gives',
    ),
]


@pytest.mark.parametrize(("text", "expected"), [*VALUES, *SYNTAX, *CONTRADICTIONS], ids=name_of)
def test_mistake_is_told_with_its_place(text: str | bytes, expected: str, tmp_path: Path) -> None:
    loaded = load_text(tmp_path, text)

    assert shown_problems(loaded, tmp_path) == [f"execaudit.toml:{expected}"]


def test_all_mistakes_of_all_files_are_told_in_order(tmp_path: Path) -> None:
    write_file(tmp_path, "conf.d/10-a.toml", "[journal]\nenabled = 1\n")
    write_file(tmp_path, "conf.d/20-b.toml", "[journal\n")
    write_file(tmp_path, "conf.d/30-c.toml", "[stdout]\nenabled = 0\n")
    write_file(tmp_path, "rules.d/10-r.toml", "[[rule]]\n[[rules]]\n")

    loaded = load_text(
        tmp_path, "[file]\nmode = 1\n[journal]\nenabled = 0\n[file.x]\n[capture]\nexits = 3\n"
    )

    assert [line.partition(": is")[0] for line in shown_problems(loaded, tmp_path)] == [
        "execaudit.toml:2:1: file.mode",
        "execaudit.toml:4:1: journal.enabled",
        "execaudit.toml:5:7: file.x",
        "execaudit.toml:7:1: capture.exits",
        "conf.d/10-a.toml:2:1: journal.enabled",
        "conf.d/20-b.toml:1:9",
        "conf.d/30-c.toml:2:1: stdout.enabled",
        "rules.d/10-r.toml:2:3: rules",
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "[[rules]]",
            "1:3: rules: is unknown in a rules file, expected [[rule]] and below it the keys of a"
            " rule",
        ),
        (
            "[capture]",
            "1:2: capture: is a section of the configuration, expected in execaudit.toml or in"
            " conf.d",
        ),
        ("rule = 3", "1:1: rule: is 3, expected tables that begin with [[rule]]"),
        ("[rule]\nuid = 0", "1:2: rule: is { uid = 0 }, expected tables that begin with [[rule]]"),
        ("rule = [ {}, 'x' ]", '1:14: rule[1]: is "x", expected a table'),
        (
            f"[[rule]]\nuid = 0\n[[rule]]\n{'not.' * 3000}uid = 0",
            "1:3: rule: is nested too deeply, expected a few levels",
        ),
        (
            "[[rule]]\nuid = root",
            "2:7: rule[0].uid: is not TOML: Invalid value, expected a text in quotes, a number,"
            ' true, false, or a list in "[" and "]"',
        ),
    ],
    ids=name_of,
)
def test_mistake_in_a_rules_file_is_told(text: str, expected: str, tmp_path: Path) -> None:
    write_file(tmp_path, "rules.d/10-x.toml", text)

    loaded = load_text(tmp_path, "")

    assert shown_problems(loaded, tmp_path) == [f"rules.d/10-x.toml:{expected}"]


def test_name_of_a_rule_that_is_no_text_is_told(tmp_path: Path) -> None:
    text = "[[rule]]\naction = 'drop'\nuid = 0\nname = ['a']\n[[rule]]\nname = {}\n"
    write_file(tmp_path, "rules.d/10-x.toml", "disable = ['', 'b']\n" + text)

    loaded = load_text(tmp_path, "")

    assert len(loaded.rules) == 2
    first, second, *_ = find_problems(loaded)
    assert (first.key, first.line) == ("rule[0].name", 5)
    assert first.text == 'is ["a"], expected up to 100 printable characters, or "" (none)'
    assert (second.key, second.line) == ("rule[1].name", 7)


def test_label_near_one_that_a_rule_gives_is_suggested(tmp_path: Path) -> None:
    write_file(tmp_path, "rules.d/10-x.toml", "[[rule]]\nlabels = ['security', 'web']\n")

    loaded = load_text(tmp_path, "[journal]\nlabels = ['web', 'securty']\n")

    assert shown_problems(loaded, tmp_path) == [
        'execaudit.toml:2:18: journal.labels[1]: is "securty", expected a label that a rule gives;'
        ' did you mean "security"?'
    ]


def test_labels_are_not_judged_while_rules_cannot_be_read(tmp_path: Path) -> None:
    write_file(tmp_path, "rules.d/10-x.toml", "[[rule]\n")

    loaded = load_text(tmp_path, "[journal]\nlabels = ['web']\n")

    assert [problem.file for problem in loaded.problems] == [f"{tmp_path}/rules.d/10-x.toml"]
