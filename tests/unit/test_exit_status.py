# SPDX-License-Identifier: Apache-2.0
"""Exit status and message: which of two a status means, and permissions by one status."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from execaudit.cli import main
from execaudit.config.configuration import Paths, load
from execaudit.daemon.control import read_status
from execaudit.daemon.setup import build_setup
from execaudit.errors import (
    ExecauditError,
    InvalidArgument,
    NoPermission,
    NotConfigured,
    failed_call,
)
from execaudit.records.text import dumps
from tests.log_files import exec_fields
from tests.records import make_host
from tests.unit.config_tree import write_file

NOBODY = 65534
DENIED, NOT_CONFIGURED = 4, 6


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    """A directory with a configuration that root alone can read; the test is nobody."""
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_mode & 0o005 != 0o005:
            folder.chmod(0o755)
    write_file(tmp_path, "execaudit.toml", "").chmod(0o600)
    write_file(tmp_path, "secret", "{}").chmod(0o600)
    os.seteuid(NOBODY)
    try:
        yield tmp_path
    finally:
        os.seteuid(0)


@pytest.mark.parametrize(
    "words",
    [
        ["check"],
        ["rules"],
        ["rules", "test", "--record-line", "{}/secret"],
        ["convert", "--to", "ecs", "{}/secret"],
        ["trace", "--replay", "{}/secret"],
        ["redact", "{}/secret"],
        ["search", "--file", "{}/secret"],
        ["tree", "--file", "{}/secret"],
        ["report", "--file", "{}/secret"],
        ["verify", "{}/secret"],
    ],
    ids=" ".join,
)
def test_missing_permission_is_status_4_and_named(
    place: Path, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    command = [word.format(place) for word in words]
    if words[0] in ("check", "rules", "redact"):
        command += ["--config", f"{place}/execaudit.toml"]
    assert main(command) == DENIED
    said = capsys.readouterr().err
    assert "ermission denied" in said or "not permitted" in said


@pytest.mark.parametrize("is_folder", [False, True])
def test_log_in_a_folder_that_cannot_be_read_is_named(
    place: Path, capsys: pytest.CaptureFixture[str], *, is_folder: bool
) -> None:
    os.seteuid(0)
    folder = place / "logs/host"
    write_file(place, "logs/host/a.jsonl", "").chmod(0o644 if is_folder else 0o600)
    folder.chmod(0o700 if is_folder else 0o755)
    os.seteuid(NOBODY)
    assert main(["search", "--directory", f"{place}/logs"]) == DENIED
    said = capsys.readouterr().err
    assert f"'{folder / 'a.jsonl'}': " in said or f"{folder}: " in said
    assert "Permission denied" in said


def test_page_that_cannot_be_written_is_status_4(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    os.seteuid(0)
    log = write_file(place, "a.jsonl", dumps(exec_fields(1)).decode() + "\n")
    log.chmod(0o644)
    place.chmod(0o755)
    os.seteuid(NOBODY)
    page = f"{place}/page.html"
    assert main(["report", "--file", str(log), "--html", page]) == DENIED
    assert f"Failed to write '{page}': Permission denied" in capsys.readouterr().err


def test_mistakes_are_named_as_mistakes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = str(write_file(tmp_path, "execaudit.toml", "[wrong]\n"))
    assert main(["daemon", "--config", config]) == NOT_CONFIGURED
    first, mistake = capsys.readouterr().err.splitlines()
    assert first == "execaudit: Failed to use the configuration:"
    assert mistake.startswith(f"{config}:1:2: wrong: ")


def test_status_of_a_daemon_that_did_not_start_points_to_the_journal(tmp_path: Path) -> None:
    with pytest.raises(ExecauditError, match="not running; journalctl -u execaudit says why"):
        read_status(str(tmp_path / "status.json"))


@pytest.mark.parametrize(
    ("error", "kind", "text"),
    [
        (PermissionError(13, "Permission denied"), NoPermission, "Permission denied; try as root"),
        (
            PermissionError(1, "another's file"),
            NoPermission,
            "another's file: not permitted; try",
        ),
        (FileNotFoundError(2, "No such file"), InvalidArgument, "No such file"),
    ],
    ids=str,
)
def test_failed_call_says_permission(
    error: OSError, kind: Callable[..., ExecauditError], text: str
) -> None:
    failure = failed_call("open 'x'", error, InvalidArgument)
    assert type(failure) is kind
    assert f"Failed to open 'x': {text}" in str(failure)


def test_key_by_name_is_not_looked_for_where_the_daemon_was_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    write_file(tmp_path, "key", "k" * 32)
    text = '[redact]\nhmac_key = "key"\n[journal]\nenabled = false\n'
    loaded = load(Paths.of_file(write_file(tmp_path, "execaudit.toml", text)))
    with pytest.raises(NotConfigured, match="no credentials of systemd"):
        build_setup(loaded, make_host())
