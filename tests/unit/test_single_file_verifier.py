# SPDX-License-Identifier: Apache-2.0
"""The verifier in one file: short, alone, of use from a shell. The attacks are tried on it too."""

import ast
import hashlib
import subprocess
import sys
from pathlib import Path

import pytest

from tests.log_files import lines_of, own_fields
from tests.sealed_logs import SINGLE_FILE, SealedHost, load_single_file

SOURCE = SINGLE_FILE.read_text()


def run(*words: object) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-I", "-S", str(SINGLE_FILE), *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def seal(**members: object) -> dict[str, object]:
    """Return a seal that covers no lines and has no proof."""
    nothing = hashlib.blake2b(digest_size=32).hexdigest()
    base = {"chain": "0" * 16, "epoch": 0, "reason": "interval", "hash": nothing}
    return own_fields("seal", 1, **{**base, "covers": {"lines": 0}, **members})


@pytest.fixture
def host(tmp_path: Path) -> SealedHost:
    host = SealedHost(tmp_path)
    host.start()
    host.write()
    host.running.rotate()
    host.stop()
    return host


def test_file_has_three_hundred_lines_at_most() -> None:
    assert len(SOURCE.splitlines()) <= 300


def test_file_imports_the_standard_library_alone() -> None:
    names = {
        alias.name.partition(".")[0]
        for node in ast.walk(ast.parse(SOURCE))
        if isinstance(node, ast.Import)
        for alias in node.names
    }
    froms = {
        str(node.module).partition(".")[0]
        for node in ast.walk(ast.parse(SOURCE))
        if isinstance(node, ast.ImportFrom)
    }

    assert names | froms <= sys.stdlib_module_names


def test_verdict_is_the_exit_status(host: SealedHost, tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text(f"{host.key}\n")

    whole = run("--key", key, *host.files())
    assert (whole.returncode, whole.stdout.splitlines()[0]) == (0, "whole (5 seals)")
    assert run(*host.files()).returncode == 2
    host.tamper(lambda lines: [lines[0].replace(b"start", b"stack"), *lines[1:]], host.files()[0])
    altered = run("--key", str(host.key), *host.files())
    assert altered.returncode == 1
    assert "ALTERED: lines were edited before the seal of epoch 0" in altered.stdout


def test_expected_seal_is_looked_for(host: SealedHost) -> None:
    words = ["--key", str(host.key), "--expect"]

    assert run(*words, "4", *host.files()).returncode == 0
    assert run(*words, "5", *host.files()).returncode == 1
    assert run(*words, "4:0123", *host.files()).returncode == 1


def test_mistakes_end_without_a_verdict(host: SealedHost) -> None:
    assert run().returncode == 2
    assert run("--key", host.folder / "none", host.path).returncode == 2
    assert run("--expect", "none", host.path).returncode == 2
    assert run(host.path, "--key").returncode == 2
    assert run("--key", "secret:12", host.path).returncode == 2
    missing = run("--key", str(host.key), host.folder / "none.jsonl")
    assert missing.returncode == 2
    assert "none.jsonl" in missing.stdout


def test_text_of_a_seal_cannot_add_lines_to_the_verdict(tmp_path: Path) -> None:
    path = tmp_path / "a\x1b[2J.jsonl"
    path.write_bytes(lines_of(seal(), seal(chain="1" * 16, host="h\nwhole (5 seals)")))

    done = run(path)
    assert done.returncode == 1
    assert done.stdout.splitlines().count("whole (5 seals)") == 0
    assert "\x1b" not in done.stdout


@pytest.mark.parametrize(
    "members",
    [
        {"epoch": -1}, {"epoch": True}, {"covers": []}, {"covers": {"lines": "1"}}, {"chain": []},
        {"removed": {"before": "1"}}, {"removed": [1]}, {"hash": None}, {"time": "2026-13-01"},
    ],
)  # fmt: skip
def test_line_with_members_of_other_types_is_no_seal(
    members: dict[str, object], tmp_path: Path
) -> None:
    path = tmp_path / "execaudit.jsonl"
    path.write_bytes(lines_of(seal(), seal(**{"epoch": 1, **members})))

    done = run(path)
    assert done.stdout.startswith("cannot tell (1 seals)")
    assert "1 lines at the end are not sealed" in done.stdout


def test_last_line_may_be_anything(tmp_path: Path) -> None:
    path = tmp_path / "execaudit.jsonl"
    for line in (b'{"time":"2026-13-01"}\n', b'{"time":"\xff"}\n', b"[" * 100_000):
        path.write_bytes(lines_of(seal()) + line)
        assert run(path).returncode == 2
        assert "(1 seals)" in run(path).stdout


def test_forged_seals_of_far_epochs_cost_the_way_there_once(
    host: SealedHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    verifier, steps = load_single_file(), 0
    key = verifier.Key(str(host.key))
    original = verifier.blake2b

    def count(*words: bytes) -> object:
        nonlocal steps
        steps += 1
        return original(*words)

    monkeypatch.setattr(verifier, "blake2b", count)
    for number in range(20):
        for epoch in (200_000 - number, 1):
            assert key.check(seal(epoch=epoch, mac="0")) is False
    assert steps < 200_000 + 20 * 65_536


def test_log_that_is_rotated_between_two_readings_is_whole(
    host: SealedHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    host.start()
    single = load_single_file()
    in_order = single.in_order

    def rotate(paths: list[str]) -> list[str]:
        ordered: list[str] = in_order(paths)
        host.running.rotate()
        host.write()
        return ordered

    monkeypatch.setattr(single, "in_order", rotate)
    log, worst = single.judge(list(map(str, host.files())), [single.Key(str(host.key))], [])
    host.stop()
    assert (worst, log.found) == (0, [])
