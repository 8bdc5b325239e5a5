# SPDX-License-Identifier: Apache-2.0
"""Commands of all kinds, and every entry of the table of programs: what is replaced."""

import re
from pathlib import Path

import pytest

from execaudit.cli import main
from execaudit.records.redact import Redactor
from execaudit.records.redaction.literals import may_show_secret
from execaudit.records.redaction.prefixes import PREFIXES
from execaudit.records.redaction.programs import PROGRAMS
from execaudit.records.redaction.texts import TEXTS, Pattern
from execaudit.records.redaction.usage import Program
from execaudit.records.secret_patterns import PATTERNS
from tests.unit.secret_lines import SECRET, read_lines, restore, split_command

_PAIRS = [line.split(" ## ") for line in read_lines("secrets_by_program.txt")]
SECRETS = [*read_lines("secret_commands.txt"), *(secret for secret, _ in _PAIRS)]
HARMLESS = [*read_lines("harmless_commands.txt"), *(harmless for _, harmless in _PAIRS)]
REDACTOR = Redactor()


@pytest.mark.parametrize("line", SECRETS)
def test_secret_goes_and_all_else_stays(line: str) -> None:
    words = split_command(line)
    clean = REDACTOR.redact(words).values
    assert SECRET not in b" ".join(clean)
    assert restore(clean) == words
    block = REDACTOR.redact_block(b"".join(word + b"\0" for word in words))
    assert block is not None
    assert block[0] == b"".join(word + b"\0" for word in clean)


@pytest.mark.parametrize("line", HARMLESS)
def test_command_without_a_secret_stays_as_it_is(line: str) -> None:
    words = split_command(line)
    assert REDACTOR.redact(words) == (words, [])


@pytest.mark.parametrize(
    ("script", "secret"),
    [
        (b"mysql <<EOF\nALTER USER x IDENTIFIED BY 'Tr0ub4dor';\nEOF\n", b"sql"),
        (b"psql <<< \"ALTER USER x PASSWORD 'Tr0ub4dor'\"", b"sql"),
        (b"cat > .env <<EOF\nA=b\nDB_PASSWORD=Tr0ub4dor\nB=c\nEOF\n", b"environment"),
        (b"cat > x.yml <<EOF\nuser: bob\npassword: Tr0ub4dor\nport: 1\nEOF\n", b"password"),
        (b"tee f <<'E'\n[client]\npassword=Tr0ub4dor\nhost=h\nE\n", b"password"),
        (b"ssh h <<E\nmysql -u root -pTr0ub4dor db\nid\nE\n", b"mysql"),
        (b"cat <<E | sudo chpasswd\nbob:Tr0ub4dor\nE\n", b"accounts"),
    ],
)
def test_here_documents_are_searched_as_what_they_are(script: bytes, secret: bytes) -> None:
    clean = Redactor().redact([b"sh", b"-c", script]).values[2]
    assert clean == script.replace(b"Tr0ub4dor", b"<redacted:" + secret + b">")


def test_every_entry_of_the_table_has_a_secret_and_a_look_alike() -> None:
    reasons = {
        found.reason for secret, _ in _PAIRS for found in REDACTOR.explain(split_command(secret))
    }
    missing = [
        (entry.name, entry.programs)
        for entry in PROGRAMS
        if entry.usage and not any(f"{usage}, {entry.source}" in reasons for usage in entry.usage)
    ]
    assert missing == []


@pytest.mark.parametrize("entry", PROGRAMS, ids=lambda entry: entry.programs.split()[0])
def test_entry_is_complete(entry: Program) -> None:
    assert entry.usage or entry.plain
    assert entry.source
    assert entry.programs.split()
    assert all("X" in usage for usage in entry.usage)
    assert len(set(entry.programs.split())) == len(entry.programs.split())


def test_no_prefix_is_named_twice() -> None:
    names = [name for prefix in PREFIXES for name in prefix.programs.split()]
    assert sorted(set(names)) == sorted(names)


@pytest.mark.parametrize("pattern", TEXTS, ids=lambda pattern: pattern.name)
def test_literals_of_each_look_are_looked_for(pattern: Pattern) -> None:
    for literal in pattern.needs:
        assert may_show_secret(b"0 " + literal + b"\0"), literal


def test_documentation_has_the_name_of_every_pattern() -> None:
    page = Path(__file__).resolve().parents[2] / "docs/redaction.md"
    table = page.read_text().partition("| name | what |")[2].partition("\n\n")[0]
    assert {pattern.name for pattern in PATTERNS} == set(re.findall(r"`([a-z0-9-]+)`", table))


def test_verb_rules_test_says_which_entry_acted(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rules", "test", "--", "ldapsearch", "-x", "-w", "hunter2"]) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert last == "redacted: argument 3, by pattern ldap: -*w X, ldapsearch(1)"
