# SPDX-License-Identifier: Apache-2.0
"""`execaudit redact`: old lines and recordings lose their secrets and nothing else."""

import fcntl
import gzip
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from execaudit.cli import main
from execaudit.formats import redact_files
from execaudit.formats.encoders import make_line
from execaudit.formats.redact_lines import redact_line
from execaudit.records.recording import Recorder, open_recording, read_frame
from execaudit.records.redact import Redactor
from execaudit.sinks.line_file import Held, LineFile
from execaudit.wire import record
from tests.golden.files import FOLDER
from tests.records import block, chunks_of, exec_record, join, make_host

Capture = pytest.CaptureFixture[bytes]
GOLDEN = (FOLDER / "arguments.jsonl").read_bytes()
PLAIN = json.loads(GOLDEN.splitlines()[0])
DIRTY = {**PLAIN, "argv": ["curl", "-u", "bob:hunter2", "http://h"], "argc": 4}
CLEAN = {
    **DIRTY,
    "argv": ["curl", "-u", "bob:<redacted:curl>", "http://h"],
    "redacted": {"argv": [2]},
}
FORMATS = ["execaudit", "ecs", "ocsf"]


def run(capture: Capture, *arguments: object) -> tuple[int, bytes]:
    status = main(["redact", *map(str, arguments)])
    return status, capture.readouterr().out


@pytest.mark.parametrize("form", FORMATS)
def test_secrets_of_lines_go_whatever_the_format(
    form: str, tmp_path: Path, capsysbinary: Capture
) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(make_line(DIRTY, form) + make_line(PLAIN, form))
    status, out = run(capsysbinary, path)
    assert status == 0
    lines = [json.loads(line) for line in out.splitlines()]
    assert lines == [json.loads(make_line(fields, form)) for fields in (CLEAN, PLAIN)]


def test_lines_without_secrets_stay_byte_for_byte(capsysbinary: Capture) -> None:
    assert run(capsysbinary, FOLDER / "arguments.jsonl") == (0, GOLDEN)


def test_environment_and_exact_bytes_are_cleaned(tmp_path: Path, capsysbinary: Capture) -> None:
    path = tmp_path / "x.jsonl"
    fields = {
        **PLAIN,
        "argv": ["x", "--token=\ufffdabc"],
        "argv_b64": {"1": "LS10b2tlbj3/YWJj"},
        "env": ["DB_PASSWORD=hunter2"],
    }
    path.write_bytes(make_line(fields, "execaudit"))
    _, out = run(capsysbinary, path)
    clean = json.loads(out)
    assert clean["argv"] == ["x", "--token=<redacted:password>"]
    assert "argv_b64" not in clean
    assert clean["env"] == ["DB_PASSWORD=<redacted:environment>"]
    assert clean["redacted"] == {"argv": [1], "env": [0]}


@pytest.mark.parametrize("suffix", ["", ".gz", ".zst"])
def test_file_in_place_keeps_compression_mode_owner_and_times(
    suffix: str, tmp_path: Path, capsysbinary: Capture
) -> None:
    path = tmp_path / f"x.jsonl{suffix}"
    data = make_line(DIRTY, "execaudit") + GOLDEN
    if suffix:
        data = gzip.compress(data) if suffix == ".gz" else zstandard.compress(data)
    path.write_bytes(data)
    path.chmod(0o640)
    os.chown(path, 12, 34)
    os.utime(path, ns=(10**18, 10**18))
    assert run(capsysbinary, "--in-place", path) == (0, b"")
    status = path.stat()
    assert (status.st_mode & 0o777, status.st_uid, status.st_gid) == (0o640, 12, 34)
    assert status.st_mtime_ns == 10**18
    assert [each.name for each in tmp_path.iterdir()] == [path.name]
    data = path.read_bytes()
    if suffix == ".gz":
        data = gzip.decompress(data)
    elif suffix == ".zst":
        data = zstandard.ZstdDecompressor().stream_reader(io.BytesIO(data)).read()
    first, rest = data.split(b"\n", 1)
    assert json.loads(first) == CLEAN
    assert rest == GOLDEN


def test_file_in_place_without_secrets_is_not_touched(
    tmp_path: Path, capsysbinary: Capture
) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(GOLDEN)
    before = path.stat()
    assert run(capsysbinary, "--in-place", path) == (0, b"")
    assert path.stat().st_ino == before.st_ino
    assert path.read_bytes() == GOLDEN


def test_line_that_is_no_record_is_left_and_reported(tmp_path: Path, capsysbinary: Capture) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(b"not json\n" + make_line(DIRTY, "execaudit"))
    assert main(["redact", "--in-place", str(path)]) == 1
    assert f"{path}:1: is no record, left as it is".encode() in capsysbinary.readouterr().err
    first, second = path.read_bytes().splitlines()
    assert first == b"not json"
    assert json.loads(second) == CLEAN


def test_file_that_another_process_writes_is_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(make_line(DIRTY, "execaudit"))
    with path.open("r+b") as file:
        fcntl.lockf(file, fcntl.LOCK_EX)  # of this process: the verb runs in another one
        command = [sys.executable, "-m", "execaudit", "redact", "--in-place", str(path)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "the daemon writes to it; rotate it first" in done.stderr
    assert b"hunter2" in path.read_bytes()


def test_nobody_can_write_to_a_file_until_it_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(make_line(DIRTY, "execaudit"))
    refused: list[bool] = []

    def clean(line: bytes, redactor: Redactor) -> bytes | None:
        try:
            LineFile(str(path), 0o600, None).close()
        except Held:
            refused.append(True)
        return redact_line(line, redactor)

    monkeypatch.setattr(redact_files, "redact_line", clean)
    assert main(["redact", "--in-place", str(path)]) == 0
    assert refused == [True]
    assert b"hunter2" not in path.read_bytes()


def test_file_is_replaced_over_what_a_killed_process_left(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(make_line(DIRTY, "execaudit"))
    (tmp_path / ".x.jsonl.redacting").write_text("half")
    assert main(["redact", "--in-place", str(path)]) == 0
    assert b"hunter2" not in path.read_bytes()
    assert list(tmp_path.iterdir()) == [path]


def change_meanwhile(monkeypatch: pytest.MonkeyPatch, change: Callable[[], object]) -> None:
    """Have something happen while the first line is cleaned."""
    changes = [change]

    def clean(line: bytes, redactor: Redactor) -> bytes | None:
        if changes:
            changes.pop()()
        return redact_line(line, redactor)

    monkeypatch.setattr(redact_files, "redact_line", clean)


@pytest.mark.parametrize("stop", ["", ".gz.part", ".gz"])
@pytest.mark.parametrize("is_early", [True, False])
def test_file_that_is_compressed_is_not_called_clean(
    tmp_path: Path,
    capsysbinary: Capture,
    monkeypatch: pytest.MonkeyPatch,
    stop: str,
    *,
    is_early: bool,
) -> None:
    path = tmp_path / "x.jsonl.20261123T020406Z"
    path.write_bytes(make_line(DIRTY, "execaudit"))

    def compress() -> None:
        data = gzip.compress(path.read_bytes())
        if stop == ".gz.part":
            (tmp_path / f".{path.name}.gz.part").write_bytes(data[:30])
        else:
            Path(f"{path}.gz").write_bytes(data)
            if not stop:
                path.unlink()

    if is_early:
        compress()
    else:
        change_meanwhile(monkeypatch, compress)
    assert main(["redact", "--in-place", str(path)]) != 0
    said = capsysbinary.readouterr().err.decode()
    if stop:
        assert ("is being compressed" if "part" in stop else ".gz' was made of it") in said
    else:
        assert ("No such file" if is_early else "was moved or removed") in said
        assert not path.exists()
    assert not list(tmp_path.glob("*.redacting"))


def test_compression_that_ends_behind_the_clean_file_is_noticed(
    tmp_path: Path, capsysbinary: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x.jsonl.20261123T020406Z"
    path.write_bytes(make_line(DIRTY, "execaudit"))
    sync = redact_files._sync_directory

    def remove(folder: Path) -> None:
        sync(folder)
        Path(f"{path}.gz").write_bytes(b"")
        path.unlink()

    monkeypatch.setattr(redact_files, "_sync_directory", remove)
    assert main(["redact", "--in-place", str(path)]) != 0
    assert b".gz' was made of it; clean that" in capsysbinary.readouterr().err


def test_file_that_retention_removed_meanwhile_does_not_come_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x.jsonl.20261123T020406Z"
    path.write_bytes(make_line(DIRTY, "execaudit"))
    change_meanwhile(monkeypatch, path.unlink)
    assert main(["redact", "--in-place", str(path)]) == 2
    assert list(tmp_path.iterdir()) == []


def test_lines_of_a_pipe_are_all_cleaned(capsysbinary: Capture) -> None:
    reading, writing = os.pipe()
    os.write(writing, make_line(DIRTY, "execaudit") + make_line(PLAIN, "execaudit"))
    os.close(writing)
    _, out = run(capsysbinary, f"/dev/fd/{reading}")
    os.close(reading)
    assert [json.loads(line) for line in out.splitlines()] == [CLEAN, PLAIN]


@pytest.mark.parametrize("name", ["link", "second"])
def test_file_with_another_name_is_not_replaced(name: str, tmp_path: Path) -> None:
    path, other = tmp_path / "x.jsonl", tmp_path / name
    path.write_bytes(make_line(DIRTY, "execaudit"))
    if name == "link":
        other.symlink_to(path)
    else:
        other.hardlink_to(path)
    assert main(["redact", "--in-place", str(other)]) != 0
    assert b"hunter2" in path.read_bytes()


def test_pattern_of_the_configuration_is_used(tmp_path: Path, capsysbinary: Capture) -> None:
    config = tmp_path / "execaudit.toml"
    config.write_text(
        "[redact]\ndisable = ['curl']\n[[redact.pattern]]\nname = 'host'\nregex = 'http://h'\n"
    )
    path = tmp_path / "x.jsonl"
    path.write_bytes(make_line(DIRTY, "execaudit"))
    _, out = run(capsysbinary, "--config", config, path)
    assert json.loads(out)["argv"] == ["curl", "-u", "bob:hunter2", "<redacted:host>"]


def records_of(path: Path) -> list[bytes]:
    _, file = open_recording(str(path))
    found = []
    with file:
        while (frame := read_frame(file))[0]:
            if frame[0] == b"R":
                found.append(frame[1])
    return found


def write_recording(path: Path, *records: bytes) -> None:
    recorder = Recorder(str(path), make_host())
    recorder.batch(*join(*records))
    recorder.close()


def test_secrets_of_recordings_become_marks_of_the_same_length(
    tmp_path: Path, capsysbinary: Capture
) -> None:
    path = tmp_path / "x.recording"
    dirty = exec_record(b"mysql", b"-phunter2-hunter2-hunter2", env=[b"A_TOKEN=hunter2"])
    write_recording(path, dirty, exec_record(b"ls"))
    assert run(capsysbinary, "--in-place", path) == (0, b"")
    first, second = records_of(path)
    assert second == exec_record(b"ls")
    assert first == exec_record(b"mysql", b"-p<redacted:mysql>*******", env=[b"A_TOKEN=<redact"])


def test_secrets_in_chunks_of_recordings_go_with_them(
    tmp_path: Path, capsysbinary: Capture
) -> None:
    path = tmp_path / "x.recording"
    long = b"y" * 3 * record.CHUNK_BYTES
    secret = b"hunter2" * 3000  # longer than a chunk
    words = [b"x", long, b"--password=" + secret, b"end"]
    arguments = block(words)
    chunks = chunks_of(record.AREA_ARGV, arguments, 4096, seq=7)
    head = exec_record(*words, argv_inside=4096, chunks=len(chunks), seq=7)
    write_recording(path, *chunks, head)
    assert run(capsysbinary, "--in-place", path) == (0, b"")
    *kept, last = records_of(path)
    assert last == head
    data = b"".join(each[record.CHUNK.offset("data") :] for each in kept)[: len(arguments) - 4096]
    mark = b"<redacted:password>".ljust(len(secret), b"*")
    assert data == block([b"x", long, b"--password=" + mark, b"end"])[4096:]


def test_chunk_without_its_record_is_cleaned_by_itself(
    tmp_path: Path, capsysbinary: Capture
) -> None:
    path = tmp_path / "x.recording"
    (chunk,) = chunks_of(record.AREA_ARGV, block([b"x", b"--password=hunter2"]), 0, seq=7)
    write_recording(path, chunk)
    assert run(capsysbinary, "--in-place", path) == (0, b"")
    assert b"hunter2" not in path.read_bytes()
    assert path.stat().st_size > len(chunk)


def test_recording_that_breaks_off_is_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "x.recording"
    write_recording(path, exec_record(b"mysql", b"-phunter2"))
    data = path.read_bytes()[:-3]
    path.write_bytes(data)
    assert main(["redact", "--in-place", str(path)]) != 0
    assert path.read_bytes() == data
    assert list(tmp_path.iterdir()) == [path]


def test_line_longer_than_any_record_is_one_line(
    tmp_path: Path, capsysbinary: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redact_files, "_LINE_LIMIT", 1000)
    path = tmp_path / "x.jsonl"
    data = b"x" * 5000 + b"\n{torn\n" + b"y" * 2500
    path.write_bytes(data)
    assert main(["redact", str(path)]) == 1
    out, err = capsysbinary.readouterr()
    assert out == data
    said = err.decode()
    for number in (1, 2, 3):
        assert f"x.jsonl:{number}: is no record" in said
    assert "3 lines are no records" in said
