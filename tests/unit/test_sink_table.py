# SPDX-License-Identifier: Apache-2.0
"""Which sinks a configuration opens, and which go on through a reload."""

from dataclasses import replace
from pathlib import Path

import pytest

from execaudit.config.configuration import Config
from execaudit.config.schema import File, Journal, Stdout
from execaudit.errors import NotConfigured
from execaudit.sinks.sink import Selection
from execaudit.sinks.table import Encoding, open_sinks
from tests.sinks import FinishedEntries


def find_encoder(_: Encoding) -> FinishedEntries:
    return FinishedEntries()


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return Config(
        file=File(path=str(tmp_path / "log" / "x.jsonl")),
        journal=Journal(enabled=False),
        stdout=Stdout(format="ecs", max_line_bytes=9000, labels=("web",), enabled=True),
    )


def test_sinks_that_are_on_are_opened_in_order_with_encoder_and_selection(config: Config) -> None:
    asked: list[Encoding] = []

    def note(encoding: Encoding) -> FinishedEntries:
        asked.append(encoding)
        return FinishedEntries()

    sinks, changes = open_sinks(replace(config, journal=Journal()), note)

    assert [sink.name for sink in sinks] == ["file", "journal", "stdout"]
    assert asked == [Encoding("execaudit"), Encoding("journal"), Encoding("ecs", 9000)]
    assert sinks[0].selection is None
    assert sinks[2].selection == Selection(frozenset({"web"}))
    assert changes == []
    for sink in sinks:
        sink.close()


def test_running_sinks_go_on_and_change_when_they_are_told_to(config: Config) -> None:
    before, _ = open_sinks(config, find_encoder)
    other = replace(
        config,
        file=replace(config.file, mode=0o600, min_severity="err"),
        stdout=replace(config.stdout, labels=()),
    )
    sinks, changes = open_sinks(other, find_encoder, before)
    assert sinks == before
    assert sinks[0].selection is None
    assert Path(config.file.path).stat().st_mode & 0o777 == 0o640

    for change in changes:
        change()

    assert sinks[0].selection == Selection(frozenset(), "err")
    assert sinks[1].selection is None
    assert Path(config.file.path).stat().st_mode & 0o777 == 0o600
    for sink in sinks:
        sink.close()


def test_file_in_another_place_is_another_sink(config: Config, tmp_path: Path) -> None:
    before, _ = open_sinks(config, find_encoder)
    path = str(tmp_path / "other" / "x.jsonl")
    sinks, _ = open_sinks(
        replace(config, file=replace(config.file, path=path)), find_encoder, before
    )

    assert sinks[0] is not before[0]
    assert sinks[1] is before[1]
    assert Path(path).exists()
    for sink in (*sinks, before[0]):
        sink.close()


@pytest.mark.parametrize("compress", ["none", "gzip"])
def test_configuration_that_cannot_be_used_changes_nothing(config: Config, compress: str) -> None:
    before, _ = open_sinks(config, find_encoder)
    wrong = replace(config, file=replace(config.file, group="no such group", compress=compress))

    with pytest.raises(NotConfigured, match="no such group"):
        open_sinks(wrong, find_encoder, before)

    (file, _) = before
    assert file.status()["path"] == config.file.path
    for sink in before:
        sink.close()


def test_sinks_opened_before_one_fails_are_closed(config: Config) -> None:
    def refuse(encoding: Encoding) -> FinishedEntries:
        if encoding.format == "ecs":
            raise NotConfigured(encoding.format)
        return FinishedEntries()

    with pytest.raises(NotConfigured, match="ecs"):
        open_sinks(config, refuse)

    # The lock of the file is free again.
    sinks, _ = open_sinks(config, find_encoder)
    for sink in sinks:
        sink.close()
