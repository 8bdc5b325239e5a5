# SPDX-License-Identifier: Apache-2.0
"""What rules cost per exec: 10, 1,000 and 10,000 of mixed kinds, 122 and 1,000 as Sigma has them.

And our own detections, and the baseline. `./dev bench rules` prints one table for each. All sizes
are measured in turn, round after round, so that a disturbance hits all alike; figures are the best
of the rounds, in µs.
"""

from __future__ import annotations

import base64
import gc
import random
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from execaudit.records.readback import event_of_record
from tests.bench.host_knowledge import compile_pack, measure_baselines
from tests.bench.mixed_rules import compile_mixed
from tests.bench.sigma_rules import SIZES as SIGMA_SIZES
from tests.bench.sigma_rules import compile_sigma_like

if TYPE_CHECKING:
    from collections.abc import Callable

    from execaudit.rules.rule_set import RuleSet
    from execaudit.wire.event import Event, Place

SIZES = (10, 1000, 10_000)
EVENTS = 2000
PLACES = 300
LONG = 20


def fields(number: int, *, all_new: bool = False) -> dict[str, Any]:
    """Make the fields of a place. Numbers give new parents; `all_new` new programs, too."""
    tool = f"tool-{number}" if all_new else "grep"
    folder = f"/home/u/src/{number}" if all_new else "/home/u/src"
    ancestors = [
        {"id": f"0123456789ab-{number + depth:x}-{number:x}-{depth}", "pid": number, "comm": comm}
        for depth, comm in enumerate(("bash", "make", "bash", "sshd", "sshd", "systemd"))
    ]
    return {
        "uid": 1000, "gid": 1000, "euid": 1000, "egid": 1000, "suid": 1000, "sgid": 1000,
        "fsuid": 1000, "fsgid": 1000, "auid": 1000, "ses": 3, "user": "u", "auser": "u",
        "comm": tool, "old_comm": "bash", "tty": "pts0", "filename": f"/usr/bin/{tool}",
        "exe": f"/usr/bin/{tool}", "arch": "x86_64", "exe_ino": "131", "exe_dev": "8:1",
        "exe_mode": "0100755", "exe_uid": 0, "exe_gid": 0, "exe_nlink": 1, "cwd": folder,
        "cgroup": "/user.slice/user-1000.slice/session-3.scope", "unit": "session-3.scope",
        "slice": "user-1000.slice", "session": "3", "ppid": number, "pcomm": "bash",
        "parent_id": ancestors[0]["id"], "ancestors": ancestors,
    }  # fmt: skip


def new_place(number: int, *, all_new: bool = False) -> Place:
    """Make a place that no rule has seen."""
    return event_of_record({"type": "exec", **fields(number, all_new=all_new)}).place


def event(place: Place, number: int) -> Event:
    """Make an exec with 100 bytes of arguments."""
    made = event_of_record({"type": "exec"})
    made.place, made.argc = place, 9
    made.argv = (
        b"grep\0-rn\0--include=*.py\0--color=auto\0def test_%06d\0execaudit\0tests\0"
        b"docs/record.md\0README.md\0" % number
    )
    return made


def measure(count: int, run: Callable[[int], object]) -> float:
    """Return µs for each of `count` runs."""
    begin = time.perf_counter_ns()
    for number in range(count):
        run(number)
    return (time.perf_counter_ns() - begin) / count / 1000


def long_texts(turn: int) -> dict[str, list[bytes]]:
    """Make arguments of 60 KB: paths, a program as text, and random letters."""
    source = Path(__file__).with_name("comparison.py").read_bytes() * 8
    chance = random.Random(turn)  # noqa: S311 - not for secrets
    return {
        "paths": [
            b"cc\0" + b"".join(
                b"-I/usr/include/dir%d/%d/%d\0" % (turn, number, index) for index in range(2200)
            )
            for number in range(LONG)
        ],
        "source": [b"python3\0-c\0# %d%d\n" % (turn, number) + source[:60_000] + b"\0"
                   for number in range(LONG)],
        "base64": [b"sh\0-c\0" + base64.b64encode(chance.randbytes(45_000)) + b"\0"
                   for _ in range(LONG)],
    }  # fmt: skip


def long_events(place: Place, texts: list[bytes]) -> list[Event]:
    """Make an exec for each of these arguments."""
    made = [event(place, 0) for _ in texts]
    for each, text in zip(made, texts, strict=True):
        each.argv = text
    return made


def figures(rules: RuleSet, turn: int) -> dict[str, float]:
    """Measure one set once."""
    known = new_place(1)
    usual = [event(known, number) for number in range(40)]
    fresh = [event(known, turn * EVENTS + number) for number in range(EVENTS)]
    parents = [event(new_place(turn * PLACES + number), 1) for number in range(PLACES)]
    programs = [
        event(new_place(turn * PLACES + number, all_new=True), 1) for number in range(PLACES)
    ]
    long = {name: long_events(known, text) for name, text in long_texts(turn).items()}
    settled = event(new_place(1), 1)
    settled.place.type = "exit"
    decide = rules.decide
    return {
        "place settles it": measure(EVENTS, lambda _: decide(settled)),
        "place known, arguments known": measure(EVENTS, lambda n: decide(usual[n % 40])),
        "place known, arguments new": measure(EVENTS, lambda n: decide(fresh[n])),
        **{
            f"place known, 60 KB of {name}": measure(LONG, lambda n: decide(events[n]))  # noqa: B023
            for name, events in long.items()
        },
        "new parent": measure(PLACES, lambda n: decide(parents[n])),
        "new parent, program and folder": measure(PLACES, lambda n: decide(programs[n])),
    }


def measure_rules(*, rounds: int, quick: bool = False) -> str:
    """Measure all sizes of either kind, return the tables."""
    mixed = {size: compile_mixed(size) for size in (SIZES[:2] if quick else SIZES)}
    sigma = {size: compile_sigma_like(size) for size in SIGMA_SIZES}
    pack = compile_pack()
    detections = {len(pack.rules): pack}
    gc.freeze()
    kinds = {"mixed rules, µs": mixed, "as Sigma's, µs": sigma, "detections, µs": detections}
    texts = [_table(title, "rules", _best(sets, rounds)) for title, sets in kinds.items()]
    baselines = measure_baselines(measure, rounds)
    return "\n".join([*texts, _table("baseline, µs", "known", baselines)])


def _best(sets: dict[int, RuleSet], rounds: int) -> dict[str, dict[int, float]]:
    best: dict[str, dict[int, float]] = {}
    for turn in range(rounds):
        for size, rules in sets.items():
            for name, value in figures(rules, turn).items():
                row = best.setdefault(name, {})
                row[size] = min(value, row.get(size, value))
    return best


def _table(title: str, unit: str, best: dict[str, dict[int, float]]) -> str:
    sizes = next(iter(best.values()))
    lines = [f"{title:34}" + "".join(f"{size:>9} {unit}" for size in sizes) + "     ratios"]
    for name, row in best.items():
        first, *others = row.values()
        ratios = " ".join(f"{value / first:6.2f}" for value in others)
        lines.append(f"{name:34}" + "".join(f"{each:15.2f}" for each in row.values())
                     + f"  {ratios}")  # fmt: skip
    return "\n".join(lines) + "\n"
