# SPDX-License-Identifier: Apache-2.0
"""Records as journal entries. Sent to a real journald: tests/integration/test_journald.py."""

import re
import subprocess
import uuid
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execaudit.records.journal import (
    MESSAGE_IDS,
    PRIORITIES,
    command_line,
    field_name,
    shorten,
    wire_entry,
    wire_fields,
)
from execaudit.records.lost import Lost, lost_fields
from execaudit.records.quoting import quote
from execaudit.records.words import quote_word
from tests.journald import read_field
from tests.records import make_host
from tests.unit.any_text import ANY_TEXT, assert_harmless
from tests.unit.record_samples import emitted_fields

# What records hold: no surrogates (U+FFFD stands for what is not UTF-8), and no NUL ever.
TEXT = ANY_TEXT.map(lambda text: text.replace("\0", "").encode(errors="ignore").decode())
CATALOG = Path(__file__).resolve().parents[2] / "systemd" / "execaudit.catalog"
EXEC: dict[str, Any] = {
    "time": "2026-03-01T12:34:56.789012345Z",
    "type": "exec",
    "pid": 4242,
    "uid": 1000,
    "user": "ann",
    "filename": "/usr/bin/ls",
    "argv": ["ls", "-l"],
    "ppid": 17,
    "pcomm": "bash",
    "result": "success",
}

LOST = lost_fields(Lost("ring", 0, 1, 5, 1, 2), make_host())


def parse(entry: bytes) -> list[tuple[str, bytes]]:
    """Read an entry as systemd's "Native Journal Protocol" says."""
    found = []
    at = 0
    while at < len(entry):
        name, value, at = read_field(entry, at)
        assert re.fullmatch(rb"[A-Z][A-Z0-9_]{0,63}", name)
        found.append((name.decode(), value))
    return found


def entry(**fields: Any) -> dict[str, bytes]:
    return dict(parse(wire_entry({**EXEC, **fields}, "execaudit")))


def message(**fields: Any) -> str:
    return entry(**fields)["MESSAGE"].decode()


def test_entry_has_the_fields_the_journal_knows_and_those_of_the_record() -> None:
    found = entry(auid=0, caps={"effective": "1ff"}, ns={"mnt": 7}, privileged=True)

    assert found["SYSLOG_IDENTIFIER"] == b"execaudit"
    assert found["PRIORITY"] == b"6"
    assert found["MESSAGE_ID"].decode() == MESSAGE_IDS["exec"]
    assert found["EXECAUDIT_TYPE"] == b"exec"
    assert found["EXECAUDIT_AUID"] == b"0"
    assert found["EXECAUDIT_ARGV"] == b'["ls","-l"]'
    assert found["EXECAUDIT_CMDLINE"] == b"ls -l"
    assert found["EXECAUDIT_CAPS_EFFECTIVE"] == b"1ff"
    assert found["EXECAUDIT_NS_MNT"] == b"7"
    assert found["EXECAUDIT_PRIVILEGED"] == b"true"


def test_every_field_of_every_type_has_a_valid_name_of_its_own() -> None:
    for names in emitted_fields().values():
        wire_names = {field_name(name) for name in names}
        assert len(wire_names) == len(names)
        assert all(re.fullmatch(rb"EXECAUDIT_[A-Z0-9_]{1,54}", name) for name in wire_names)


def test_name_that_no_journal_takes_is_made_one() -> None:
    assert field_name("a-b.c") == b"EXECAUDIT_A_B_C"
    assert len(field_name("x" * 100)) == 64


def test_number_of_fields_does_not_grow_with_arguments() -> None:
    few = len(parse(wire_entry(EXEC, "execaudit")))
    many = parse(wire_entry({**EXEC, "argv": ["x"] * 5000, "labels": ["l"] * 500}, "execaudit"))

    assert len(many) == few + 64


def test_labels_are_one_field_each() -> None:
    found = parse(wire_fields({"labels": ["a", "b"]}))

    assert found == [("EXECAUDIT_LABELS", b"a"), ("EXECAUDIT_LABELS", b"b")]


@pytest.mark.parametrize(("severity", "number"), list(PRIORITIES.items()))
def test_priority_is_that_of_the_severity(severity: str, number: int) -> None:
    assert entry(severity=severity)["PRIORITY"] == b"%d" % number


def test_value_with_a_newline_goes_with_its_length() -> None:
    for value in ("a\nb", "\n", "EXECAUDIT_UID=0\nEXECAUDIT_UID=0", "a\n\0\n"):
        assert entry(cwd=value)["EXECAUDIT_CWD"] == value.encode()


@given(value=TEXT, argv=st.lists(TEXT, max_size=5), filename=TEXT, comm=TEXT)
def test_whatever_the_texts_fields_stay_apart_and_the_message_harmless(
    value: str, argv: list[str], filename: str, comm: str
) -> None:
    fields = {"cwd": value, "filename": filename, "argv": argv, "pcomm": comm, "user": value}
    raw = wire_entry({**EXEC, **fields}, "execaudit")
    found = parse(raw)

    names = [name for name, _ in found]
    assert len(set(names)) == len(names)
    texts = dict(found)
    assert texts["EXECAUDIT_CWD"] == value.encode(errors="replace")
    assert len(texts["MESSAGE"]) < 4096
    assert_harmless(texts["MESSAGE"].decode())
    assert_harmless(texts["EXECAUDIT_CMDLINE"].decode())


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({}, "ann ran /usr/bin/ls -l [pid 4242, parent bash 17]"),
        ({"user": None}, "uid 1000 ran /usr/bin/ls -l [pid 4242, parent bash 17]"),
        (
            {"uid": 0, "user": "root", "auid": 1000, "auser": "ann"},
            "root (login ann) ran /usr/bin/ls -l [pid 4242, parent bash 17]",
        ),
        (
            {"result": "failure", "errno": "EACCES"},
            "ann failed to run (EACCES) /usr/bin/ls -l [pid 4242, parent bash 17]",
        ),
        ({"ppid": None}, "ann ran /usr/bin/ls -l [pid 4242]"),
        ({"filename": None}, "ann ran ls -l [pid 4242, parent bash 17]"),
        ({"argv": []}, "ann ran /usr/bin/ls [pid 4242, parent bash 17]"),
        (
            {"argv": ["ls", "a b", "\x1b[2J", ""]},
            "ann ran /usr/bin/ls 'a b' $'\\x1b[2J' '' [pid 4242, parent bash 17]",
        ),
        (
            {"argv": ["/bin/sh", "-e", "./x", "1"], "filename": "./x", "script": "./x"},
            "ann ran ./x 1 [pid 4242, parent bash 17]",
        ),
        (
            {"argv": ["ls", "\ufffd"], "argv_b64": {"1": "/w=="}},
            "ann ran /usr/bin/ls $'\\xff' [pid 4242, parent bash 17]",
        ),
    ],
)
def test_message_of_an_exec(fields: dict[str, Any], text: str) -> None:
    fields = {name: value for name, value in {**EXEC, **fields}.items() if value is not None}

    assert dict(parse(wire_entry(fields, "execaudit")))["MESSAGE"].decode() == text


def test_message_is_cut_and_the_command_line_is_not() -> None:
    argv = ["ls", *[f"/some/file/{n}" for n in range(2000)]]
    found = entry(argv=argv)

    assert len(found["MESSAGE"]) < 4096
    assert "… [pid 4242" in found["MESSAGE"].decode()
    assert found["EXECAUDIT_CMDLINE"] == " ".join(argv).encode()


def test_command_line_that_needs_quotes_is_cut_at_8_kib() -> None:
    line = command_line(["echo", "it's " * 4000])

    assert line.startswith("echo $'it\\'s it\\'s ")
    assert line.endswith("…")
    assert 8192 < len(line) < 20_000


@given(word=ANY_TEXT)
def test_word_is_quoted_as_in_the_table(word: str) -> None:
    assert quote_word(word) == quote(word)


@given(words=st.lists(TEXT, max_size=4))
def test_short_command_is_not_cut(words: list[str]) -> None:
    whole = " ".join(map(quote, words))
    if len(whole.encode(errors="replace")) < 3000:
        assert shorten(words) == command_line(words) == whole


@pytest.mark.timeout(60)  # what looks at the rest of the text for each character takes hours
@pytest.mark.parametrize(
    "argv",
    [["\x01" * (1 << 20)], ["\x01"] * (1 << 19), ["é\u202e" * (1 << 18)], ["'"] * (1 << 19)],
    ids=range(4),
)
def test_arguments_cannot_make_quoting_slow(argv: list[str]) -> None:
    assert len(command_line(argv)) < len("".join(argv))
    assert len(shorten(argv)) < len("".join(argv))


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        (LOST, "5 events lost: ring"),
        (
            {"type": "lost", "sink": "file", "count": 7, "reason": "disk_full"},
            "7 events lost in sink file: disk_full",
        ),
        (
            {"type": "exit", "comm": "ls", "pid": 7, "exit_code": 2},
            "ls ended, exit code 2 [pid 7]",
        ),
        (
            {"type": "exit", "comm": "l\ns", "pid": 7, "signal": "SIGKILL"},
            "$'l\\ns' ended, killed by SIGKILL [pid 7]",
        ),
        (
            {"type": "start", "version": "1.0", "engine": "libbpf", "kernel": "6.1"},
            "execaudit 1.0 records execs, by engine libbpf on kernel 6.1",
        ),
        (
            {
                "type": "start",
                "version": "1.0",
                "engine": "bcc",
                "kernel": "6.1",
                "failure_hook_error": "denied",
                "config_error": "x:1:1: y",
                "last_record": {},
                "gap": {"traced": True, "ended": "crash", "events": 7},
            },
            "execaudit 1.0 records execs, by engine bcc on kernel 6.1; failed ones are NOT SEEN"
            " (denied); THE CONFIGURATION HAS MISTAKES, the last good one is in force; the run"
            " before ended by a crash, 7 events since were traced",
        ),
        (
            {"type": "stop", "seen": 5, "dropped": 2, "limited": 1, "lost": 0},
            "execaudit ended: 5 seen, 2 dropped by rule, 1 over a limit, 0 lost",
        ),
        (
            {"type": "config", "old_hash": "", "config_hash": "ab" * 32},
            "Another configuration is in force: SHA-256 abababababab",
        ),
        (
            {"type": "summary", "unit": "a.service", "count": 3},
            "Over its limit, unit a.service: 3 records were kept back",
        ),
        (
            {"type": "summary", "auid": 1000, "count": 3, "cut_bytes": 9000},
            "Over its limit, auid 1000: 9000 bytes of arguments were left out of 3 records",
        ),
    ],
)
def test_message_of_other_records(fields: dict[str, Any], text: str) -> None:
    found = dict(parse(wire_entry(fields, "execaudit")))

    assert found["MESSAGE"].decode() == text
    assert found["MESSAGE_ID"].decode() == MESSAGE_IDS[fields["type"]]


def test_priority_of_losses_is_warning() -> None:
    found = dict(parse(wire_entry(LOST, "x")))

    assert found["PRIORITY"] == b"4"
    assert found["SYSLOG_IDENTIFIER"] == b"x"


def test_message_ids_are_random_uuids_each_explained_in_the_catalog() -> None:
    text = CATALOG.read_text()
    explained = re.findall(r"^-- ([0-9a-f]{32})$", text, re.MULTILINE)

    assert sorted(explained) == sorted(MESSAGE_IDS.values())
    assert all(uuid.UUID(one).version == 4 for one in explained)


def test_fields_that_the_catalog_shows_exist() -> None:
    known = {field_name(name).decode() for names in emitted_fields().values() for name in names}
    known.add("EXECAUDIT_CMDLINE")

    assert set(re.findall(r"@(\w+)@", CATALOG.read_text())) <= known


def test_catalog_is_accepted(tmp_path: Path) -> None:
    directory = tmp_path / "usr/lib/systemd/catalog"
    directory.mkdir(parents=True)
    (directory / CATALOG.name).write_bytes(CATALOG.read_bytes())
    (tmp_path / "var/lib/systemd/catalog").mkdir(parents=True)

    done = subprocess.run(
        ["journalctl", f"--root={tmp_path}", "--update-catalog"],
        check=False, capture_output=True, text=True,
    )  # fmt: skip

    assert (done.returncode, done.stderr) == (0, "")
    listed = subprocess.run(
        ["journalctl", f"--root={tmp_path}", "--list-catalog"],
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert all(one in listed.stdout for one in MESSAGE_IDS.values())
