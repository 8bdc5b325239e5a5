# SPDX-License-Identifier: Apache-2.0
"""The verifier in one file: short, alone, of use from a shell. The attacks are tried on it too."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tests.sealed_logs import SINGLE_FILE, SealedHost

SOURCE = SINGLE_FILE.read_text()


def run(*words: object) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-I", "-S", str(SINGLE_FILE), *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


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
    assert run("--key", "secret:12", host.path).returncode == 2
    missing = run("--key", str(host.key), host.folder / "none.jsonl")
    assert missing.returncode == 2
    assert "none.jsonl" in missing.stdout
