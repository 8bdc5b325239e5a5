# SPDX-License-Identifier: Apache-2.0
"""Trees are those of the processes that there were, whatever the log looks like."""

import gzip
import itertools
import json
import random
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from execaudit.cli.command_line import main
from execaudit.formats.encoders import make_line
from execaudit.records.text import dumps
from tests.log_files import rotated
from tests.process_world import DEPTH, One, World

if TYPE_CHECKING:
    from collections.abc import Callable

SEEDS = range(6)
_DAMAGE = (b"", b"\0\0\0", b'{"time":"2026', b"[]", b"{}", b'{"type":"exec"}', b"[" * 3000)

Shown = dict[str, dict[str, Any]]


@pytest.fixture(scope="module", params=SEEDS)
def world(request: pytest.FixtureRequest) -> World:
    return World(request.param, 700)


@pytest.fixture
def log(world: World, tmp_path: Path) -> Path:
    """A log of the world's records, damaged, its first half compressed."""
    chance = random.Random(3)  # noqa: S311
    lines = [dumps(record) for record in world.records]
    for _ in range(20):
        lines.insert(chance.randrange(1, len(lines)), chance.choice(_DAMAGE))
    half = len(lines) // 2
    path = tmp_path / "a.jsonl"
    rotated(path, 100, suffix=".gz").write_bytes(gzip.compress(b"\n".join(lines[:half]) + b"\n"))
    path.write_bytes(b"\n".join(lines[half:]) + b"\n")
    return path


def ask(capfd: pytest.CaptureFixture[str], path: Path, *words: str) -> Shown:
    """Return what `tree --json` shows, by process, with the parent's identity."""
    main(["tree", "--file", str(path), "--json", "-q", *words])
    shown: Shown = {}

    def take(node: dict[str, Any], parent: str | None) -> None:
        assert node["process"] not in shown
        shown[node["process"]] = {**node, "parent": parent}
        for child in node["children"]:
            take(child, node["process"])

    for line in capfd.readouterr().out.splitlines():
        take(json.loads(line), None)
    return shown


def recorded(one: One) -> list[dict[str, Any]]:
    return [each for each in one.records if each["type"] == "exec"]


def below(world: World, roots: list[One]) -> dict[str, str | None]:
    """Return what is below some processes, by the truth: each with its parent."""
    found: dict[str, str | None] = {}
    for one in world.processes:
        chain = [one, *one.above()]
        if not recorded(one) or not any(root is each for root in roots for each in chain):
            continue
        top = max(index for index, each in enumerate(chain) if any(each is r for r in roots))
        for index, each in enumerate(chain[: top + 1]):
            found[each.key] = chain[index + 1].key if index < top else None
    return found


def unbridged(world: World) -> bool:
    """Return True where more forks without a record hang together than a record names."""
    return any(
        recorded(one) and not any(map(recorded, one.above()[:DEPTH])) and len(one.above()) > DEPTH
        for one in world.processes
    )


def test_everything_below_a_process_is_shown(
    capfd: pytest.CaptureFixture[str], world: World, log: Path
) -> None:
    assert not unbridged(world)
    chance = random.Random(1)  # noqa: S311
    for one in chance.sample(world.processes, 40):
        shown = ask(capfd, log, one.key)
        assert {key: node["parent"] for key, node in shown.items()} == below(world, [one])
        for process in world.processes:
            if process.key in shown:
                node = shown[process.key]
                assert node["records"] == recorded(process)
                assert node.get("exit") == next(
                    (each for each in process.records if each["type"] == "exit"), None
                )


def test_all_processes_of_a_number_are_shown(
    capfd: pytest.CaptureFixture[str], world: World, log: Path
) -> None:
    for pid in (1, 2, 7, 30, 59):
        shown = ask(capfd, log, str(pid))
        wanted = below(world, [one for one in world.processes if one.pid == pid])
        assert {key: node["parent"] for key, node in shown.items()} == wanted


def test_without_words_all_processes_are_shown(
    capfd: pytest.CaptureFixture[str], world: World, log: Path
) -> None:
    shown = ask(capfd, log)
    assert {key: node["parent"] for key, node in shown.items()} == below(world, world.processes[:1])


@pytest.mark.parametrize("match", ["user=alice", "comm=make", "comm~q.o", "result=failure"])
def test_all_below_what_matches_is_shown(
    capfd: pytest.CaptureFixture[str], world: World, log: Path, match: str
) -> None:
    tests: dict[str, Callable[[dict[str, Any]], bool]] = {
        "user=alice": lambda r: bool(r.get("user") == "alice"),
        "comm=make": lambda r: bool(r["comm"] == "make"),
        "comm~q.o": lambda r: bool(r["comm"] == 'q"o'),
        "result=failure": lambda r: "errno" in r,
    }
    known: dict[str, list[dict[str, Any]]] = {}
    for record in world.records:
        if record["type"] != "exec":
            continue
        key = record["id"].rpartition("-")[0]
        above = [each["id"].rpartition("-")[0] for each in record.get("ancestors", ())]
        nearest = next((index for index, each in enumerate(above) if each in known), None)
        if key in known or nearest is not None or tests[match](record):
            for each in above[:nearest] if nearest is not None and key not in known else ():
                known.setdefault(each, [])
            known.setdefault(key, []).append(record)
    shown = ask(capfd, log, match)
    assert {key: node["records"] for key, node in shown.items()} == known


def test_what_led_to_a_process_is_shown(
    capfd: pytest.CaptureFixture[str], world: World, log: Path
) -> None:
    chance = random.Random(2)  # noqa: S311
    for one in chance.sample([each for each in world.processes if recorded(each)], 30):
        chain = [one, *one.above()]
        shown = ask(capfd, log, "--up", one.key)
        parents = {each.key: up.key for each, up in itertools.pairwise(chain)}
        assert {key: node["parent"] for key, node in shown.items()} == {
            **parents, chain[-1].key: None,
        }  # fmt: skip
        assert [shown[each.key]["records"] for each in chain] == list(map(recorded, chain))


@pytest.mark.parametrize("name", ["ecs", "spelled"])
def test_lines_of_other_spelling_make_the_same_trees(
    capfd: pytest.CaptureFixture[str], world: World, log: Path, tmp_path: Path, name: str
) -> None:
    path = tmp_path / "other.jsonl"
    makers: dict[str, Callable[[dict[str, Any]], bytes]] = {
        "ecs": lambda record: make_line(record, "ecs", 0),
        "spelled": lambda record: json.dumps(dict(reversed(record.items()))).encode() + b"\n",
    }
    path.write_bytes(b"".join(makers[name](record) for record in world.records))
    for one in world.processes[1:30]:
        wanted = ask(capfd, log, one.key)
        shown = ask(capfd, path, one.key)
        assert {key: node["parent"] for key, node in shown.items()} == {
            key: node["parent"] for key, node in wanted.items()
        }
