# SPDX-License-Identifier: Apache-2.0
"""Configuration files that are no TOML, and the exact line that tells of it."""

from pathlib import Path

import pytest

from tests.unit.config_tree import load_text, name_of, shown_problems

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


@pytest.mark.parametrize(("text", "expected"), SYNTAX, ids=name_of)
def test_syntax_error_is_told_with_its_place(
    text: str | bytes, expected: str, tmp_path: Path
) -> None:
    loaded = load_text(tmp_path, text)

    assert shown_problems(loaded, tmp_path) == [f"execaudit.toml:{expected}"]
