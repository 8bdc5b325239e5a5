# SPDX-License-Identifier: Apache-2.0
"""`execaudit convert`: every record comes out, what is none is named and counted."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
import zstandard
from hypothesis import given

from execaudit.cli import main
from execaudit.formats.encoders import make_line
from execaudit.formats.entries import entry_fields
from execaudit.records.journal import wire_entry
from execaudit.sinks.compression import find_compressor
from tests.events import fields_of
from tests.golden.files import FOLDER, golden_records
from tests.journald import read_field
from tests.schemas import check_ecs
from tests.unit.any_records import ordinary_records
from tests.unit.record_samples import DAEMON_RECORDS

Capture = pytest.CaptureFixture[bytes]


MARKED = {
    "labels": ["a", "b"], "severity": "err", "rule": ["a", "b"],
    "technique": ["T1059.004", "T1105"],
}  # fmt: skip


@pytest.mark.parametrize("to", ["execaudit", "ecs", "ocsf"])
def test_every_record_of_plain_and_rotated_files_comes_out(
    to: str, tmp_path: Path, capsysbinary: Capture
) -> None:
    names = [FOLDER / "arguments.jsonl", FOLDER / "failures.jsonl"]
    rotated = tmp_path / "execaudit.jsonl.20261123T020406Z.gz"
    rotated.write_bytes(gzip.compress(names[1].read_bytes()))

    assert main(["convert", "--to", to, str(names[0]), str(rotated)]) == 0

    records = [json.loads(x) for name in names for x in name.read_bytes().splitlines()]
    assert capsysbinary.readouterr().out == b"".join(make_line(each, to) for each in records)


def test_records_of_files_compressed_with_zstd_come_out(
    tmp_path: Path, capsysbinary: Capture
) -> None:
    plain = (FOLDER / "arguments.jsonl").read_bytes()
    frames = []
    for line in plain.splitlines(keepends=True):  # as cat(1) would join files of the daemon
        stream = find_compressor("zstd")()
        frames.append(stream.compress(line) + stream.flush())
    path = tmp_path / "execaudit.jsonl.20261123T020406Z.zst"
    path.write_bytes(b"".join(frames))

    assert main(["convert", "--to", "execaudit", str(path)]) == 0

    assert capsysbinary.readouterr().out == plain


def test_zstd_file_that_is_damaged_is_reported(tmp_path: Path, capsysbinary: Capture) -> None:
    path = tmp_path / "x.zst"
    path.write_bytes(zstandard.compress((FOLDER / "arguments.jsonl").read_bytes())[:-20])
    odd = tmp_path / "odd.zst"
    odd.write_bytes(b"not compressed\n")

    assert main(["convert", "--to", "ecs", str(path), str(odd)]) == 1

    said = capsysbinary.readouterr().err.decode()
    assert "x.zst" in said
    assert "cannot be read: Compressed file ended before the end of its last frame" in said
    assert "odd.zst: cannot be read: " in said


@pytest.mark.parametrize("to", ["execaudit", "ecs", "ocsf"])
def test_lines_are_bounded_where_asked_for(to: str, tmp_path: Path, capsysbinary: Capture) -> None:
    record = {**golden_records()[0], "argv": ["x", *["y" * 1000] * 40, "end"]}
    path = tmp_path / "x.jsonl"
    path.write_bytes(json.dumps(record).encode() + b"\n")

    assert main(["convert", "--to", to, "--max-line-bytes", "16K", str(path)]) == 0

    line = capsysbinary.readouterr().out
    assert line == make_line(record, to, 16 << 10)
    assert len(line) <= 16 << 10
    assert b'"reason":"line"' in line


@pytest.mark.parametrize("size", ["1K", "2048M", "x"])
def test_bounds_that_no_sink_takes_are_refused(size: str) -> None:
    assert main(["convert", "--to", "ecs", "--max-line-bytes", size, "-"]) == 2


def test_native_lines_come_out_as_they_went_in(capsysbinary: Capture) -> None:
    path = FOLDER / "truncated.jsonl"

    assert main(["convert", "--to", "execaudit", str(path)]) == 0

    assert capsysbinary.readouterr().out == path.read_bytes()


BAD = {
    b"torn {": "is not JSON: Expecting value at column 1",
    b"[1]": "is not a JSON object",
    b'{"a":NaN}': "is not JSON: NaN",
    b"\xff": "is not JSON: not UTF-8",
    b'{"time":"x","type":"exec","host":"h"}': "is not a record: it has no boot",
    b'{"time":"x","type":"exec","host":"h","boot":"b","argv":7}': "is not a record",
    b'{"@timestamp":"x"}': "is in another format already",
    b"[" * 100_000: "nested too deeply",
    b'{"time":"x","type":"\\ud800","host":"h","boot":"b"}': "is not a record",
}


def test_bad_lines_are_named_and_counted_and_the_rest_converted(
    tmp_path: Path, capsysbinary: Capture
) -> None:
    good = (FOLDER / "arguments.jsonl").read_bytes().splitlines()[0]
    path = tmp_path / "odd\x1b[0m.jsonl"
    path.write_bytes(b"\n".join([good, *BAD, good]))

    assert main(["convert", "--to", "ecs", str(path)]) == 1

    out, err = capsysbinary.readouterr()
    assert out.count(b"\n") == 2
    for line in out.splitlines():
        check_ecs(json.loads(line))
    said = err.decode()
    assert "\x1b" not in said
    for number, problem in enumerate(BAD.values(), 2):
        assert f".jsonl:{number}: " in said
        assert problem in said
    assert said.endswith(f"execaudit: {len(BAD)} not converted, 2 converted\n")


@pytest.mark.parametrize(
    ("member", "value", "to"),
    [
        ("time", "202v-11-28T17:38:16.000000000Z", "ocsf"),
        ("caps", {"permitted": "1ffv", "effective": "0"}, "ecs"),
        ("argv", 7, "ecs"),
    ],
)
def test_member_that_cannot_be_converted_is_named(
    member: str, value: object, to: str, tmp_path: Path, capsysbinary: Capture
) -> None:
    fields = json.loads((FOLDER / "arguments.jsonl").read_bytes().splitlines()[0])
    path = tmp_path / "x.jsonl"
    path.write_text(json.dumps({**fields, member: value}))

    assert main(["convert", "--to", to, str(path)]) == 1

    said = capsysbinary.readouterr().err.decode()
    assert f"x.jsonl:1: is not a record: '{member}' has a value that no record has\n" in said


@pytest.mark.parametrize("verb", [["convert", "--to", "ecs"], ["redact"]])
def test_file_that_is_emptied_while_it_is_read_is_reported(
    verb: list[str], tmp_path: Path, capsysbinary: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes((FOLDER / "arguments.jsonl").read_bytes() * 50)

    def load(text: Any, **options: Any) -> Any:
        path.write_bytes(b"")
        return loads(text, **options)

    loads = json.loads
    monkeypatch.setattr(json, "loads", load)

    assert main([*verb, str(path)]) == 1

    assert b"was emptied while it was read" in capsysbinary.readouterr().err


def test_half_line_that_is_being_written_is_no_mistake(
    tmp_path: Path, capsysbinary: Capture
) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes((FOLDER / "arguments.jsonl").read_bytes() + b'{"time":"2026')

    assert main(["convert", "--to", "ecs", str(path)]) == 0

    assert capsysbinary.readouterr().err == b""


def test_file_that_ends_too_early_is_reported(tmp_path: Path, capsysbinary: Capture) -> None:
    path = tmp_path / "x.jsonl.gz"
    path.write_bytes(gzip.compress((FOLDER / "arguments.jsonl").read_bytes() * 50)[:-20])

    assert main(["convert", "--to", "ocsf", str(path), str(tmp_path / "none")]) == 1

    out, err = capsysbinary.readouterr()
    said = err.decode()
    assert "cannot be read: Compressed file ended" in said
    assert "/none: cannot be read: No such file" in said
    assert out


@pytest.mark.parametrize(
    "options",
    [
        [],
        ["--directory", "/tmp", "-"],
        ["--namespace", "x", "-"],
        ["--untrusted", "-"],
        ["--journal", "EXECAUDIT_AUID"],
    ],
)
def test_wrong_options_are_refused(options: list[str]) -> None:
    assert main(["convert", "--to", "ecs", *options]) == 2


def entry_of(fields: dict[str, Any]) -> dict[str, Any]:
    """Return what python3-systemd gives of the entry of a record."""
    wire, at = wire_entry(fields, "execaudit"), 0
    found: dict[str, list[str]] = {}
    while at < len(wire):
        name, value, at = read_field(wire, at)
        found.setdefault(name.decode(), []).append(value.decode())
    return {name: values if len(values) > 1 else values[0] for name, values in found.items()}


@pytest.mark.parametrize("fields", DAEMON_RECORDS, ids=lambda fields: fields["type"])
def test_record_of_the_daemon_comes_back_from_its_entry(fields: dict[str, Any]) -> None:
    assert entry_fields(entry_of(fields)) == fields


def test_golden_records_come_back_from_their_entries() -> None:
    for fields in golden_records():
        for added in ({}, {"labels": ["a"], "rule": ["a"]}, MARKED):
            assert entry_fields(entry_of({**fields, **added})) == {**fields, **added}


@given(ordinary_records())
def test_any_exec_comes_back_from_its_entry(raw: bytes) -> None:
    fields = fields_of(raw)

    assert entry_fields(entry_of(fields)) == fields


@pytest.mark.parametrize(
    "members",
    [
        {"EXECAUDIT_TYPE": "other"},
        {"EXECAUDIT_PID": "x"},
        {"EXECAUDIT_ARGV": "["},
        {"EXECAUDIT_WHAT": "1"},
        {"EXECAUDIT_COMM": ["a", "b"]},
        {"EXECAUDIT_COMM": b"\xff"},
    ],
    ids=str,
)
def test_entry_that_is_no_record_is_refused(members: dict[str, Any]) -> None:
    entry = {**entry_of(golden_records()[0]), **members}

    with pytest.raises(ValueError, match=r"."):
        entry_fields(entry)


def test_journal_with_a_bad_entry_gives_the_others(
    monkeypatch: pytest.MonkeyPatch, capsysbinary: Capture
) -> None:
    good = entry_of(golden_records()[0])
    monkeypatch.setattr(
        "execaudit.formats.convert.read_entries",
        lambda *_: [{**good, "EXECAUDIT_PID": "x", "__CURSOR": "s=1"}, good],
    )

    assert main(["convert", "--to", "execaudit", "--journal"]) == 1

    out, err = capsysbinary.readouterr()
    assert [json.loads(line) for line in out.splitlines()] == [golden_records()[0]]
    assert b"journal entry s=1: " in err
