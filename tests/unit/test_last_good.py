# SPDX-License-Identifier: Apache-2.0
"""A start where the configuration has mistakes: the last good one, said loudly, or none."""

import json
from pathlib import Path

import pytest

from execaudit.config.configuration import Paths, load
from execaudit.daemon.last_good import keep, set_up
from execaudit.daemon.setup import Setup
from execaudit.errors import NotConfigured
from tests.records import make_host
from tests.unit.config_tree import write_file

RULE = '[[rule]]\naction = "drop"\ncomm = "x"\n'


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Paths:
    """The service's configuration and state directory."""
    state = tmp_path / "state"
    state.mkdir()
    monkeypatch.setenv("STATE_DIRECTORY", str(state))
    write(tmp_path, "")
    paths = Paths.of_file(tmp_path / "etc/execaudit.toml")
    monkeypatch.setattr(Paths, "of_system", lambda: paths)
    return paths


def write(place: Path, text: str) -> None:
    file = f'[file]\npath = "{place}/log.jsonl"\nspace_left = 0\nspace_low = 0\n'
    quiet = "[journal]\nenabled = false\n"
    write_file(place, "etc/execaudit.toml", f"{file}{quiet}{text}")


def close(setup: Setup) -> None:
    for sink in setup.sinks:
        sink.close()
    setup.programs.close()


def test_last_good_configuration_is_used_and_said(
    system: Paths, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_file(tmp_path, "etc/rules.d/1.toml", RULE)
    good = load(system)
    keep(system, good)
    write_file(tmp_path, "etc/rules.d/1.toml", "[[rule]]\naction = 'melt'\n")
    setup = set_up(system, make_host())
    close(setup)
    assert setup.loaded.config_hash == good.config_hash
    assert setup.loaded.config == good.config
    assert setup.rules is not None
    assert [rule.place[0] for rule in setup.rules.rules] == [f"{tmp_path}/etc/rules.d/1.toml"]
    assert "1.toml:2:1: rule[0].action: " in setup.config_error
    said = capsys.readouterr().err
    assert f"execaudit: error: {setup.config_error.splitlines()[0]}" in said
    assert f"going on with the last one that had none, {good.config_hash[:12]}" in said


def test_good_configuration_is_used_whatever_was_kept(system: Paths, tmp_path: Path) -> None:
    keep(system, load(system))
    write(tmp_path, "[capture]\nexits = true\n")
    setup = set_up(system, make_host())
    close(setup)
    assert setup.config.capture.exits
    assert setup.config_error == ""


@pytest.mark.parametrize(
    "content", ["", "{}", '{"format": 0}', '{"format": 1, "files": 7}', "[]", "[" * 100_000]
)
def test_copy_that_is_none_of_this_version_is_not_used(
    system: Paths, tmp_path: Path, content: str
) -> None:
    (tmp_path / "state" / "last-good-configuration.json").write_text(content)
    write(tmp_path, "[wrong]\n")
    with pytest.raises(NotConfigured, match="wrong"):
        set_up(system, make_host())


def test_copy_with_what_is_a_mistake_by_now_gives_the_mistakes_on_disk(
    system: Paths, tmp_path: Path
) -> None:
    keep(system, load(system))
    path = tmp_path / "state" / "last-good-configuration.json"
    content = json.loads(path.read_text())
    content["files"][0]["text"] += "[gone]\n"
    path.write_text(json.dumps(content))
    write(tmp_path, "[wrong]\n")
    with pytest.raises(NotConfigured, match="wrong"):
        set_up(system, make_host())


def test_copy_that_is_damaged_is_replaced(
    system: Paths, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "state" / "last-good-configuration.json"
    path.write_bytes(b"\xff")
    keep(system, load(system))
    assert json.loads(path.read_bytes())["files"]
    assert capsys.readouterr().err == ""


def test_daemon_by_hand_keeps_and_uses_no_copy(
    system: Paths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Paths.of_file(write_file(tmp_path, "other/execaudit.toml", ""))
    keep(other, load(other))
    monkeypatch.delenv("STATE_DIRECTORY")
    keep(system, load(system))
    assert list((tmp_path / "state").iterdir()) == []


def test_copy_is_for_the_service_alone(system: Paths, tmp_path: Path) -> None:
    keep(system, load(system))
    (copy,) = (tmp_path / "state").iterdir()
    assert copy.stat().st_mode & 0o777 == 0o600
