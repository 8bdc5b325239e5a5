# SPDX-License-Identifier: Apache-2.0
"""What knowing the host costs per exec: the pack of detections, and the baseline.

Owns the sets that `./dev bench rules` measures beside others: the pack that is shipped, and a
baseline that is empty or holds a million entries.
"""

from __future__ import annotations

import random
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from execaudit.baseline.baseline import Baseline
from execaudit.config.configuration import read_rules
from execaudit.rules.conditions import Lookups
from execaudit.rules.rule_set import compile_rules
from tests.events import exec_event
from tests.records import leaf_first

if TYPE_CHECKING:
    from collections.abc import Callable

    from execaudit.rules.rule_set import RuleSet
    from execaudit.wire.event import Event

PACK = Path(__file__).parents[2] / "packaging/config/detections.d"
ENTRIES = (0, 1_000_000)
EVENTS = 300
_HOUR = 1


def compile_pack() -> RuleSet:
    """Compile the pack of detections, all of it switched on."""
    tables = []
    for path in sorted(PACK.glob("*.toml")):
        found, problems = read_rules(path.read_text(), path.name)
        if problems:
            raise SystemExit("\n".join(map(str, problems)))
        tables += found
    made, problems = compile_rules(tables, Lookups(user=lambda _: None, group=lambda _: None))
    if made is None:
        raise SystemExit("\n".join(map(str, problems)))
    return made


def _new_program(number: int) -> Event:
    name = b"/usr/bin/tool-%d" % number
    parent = (number, number, 1, b"make")
    file = {"filename": name + b"\0", "exe": leaf_first(name), "exe_ino": number}
    return exec_event(b"tool", b"-v", ancestors=(parent,), **file)


def measure_baselines(
    measure: Callable[[int, Callable[[int], object]], float], rounds: int
) -> dict[str, dict[int, float]]:
    """Return µs for an exec of a program that the host has never run, by entries."""
    row: dict[int, float] = {}
    with tempfile.TemporaryDirectory(prefix="execaudit-bench-") as folder:
        for size in ENTRIES:
            baseline = Baseline(f"{folder}/{size}", 0, now_s=3600)
            see, chance = baseline._file.entries.see, random.Random(1)  # noqa: S311
            for _ in range(size):
                see(chance.getrandbits(63) | 1 << 63, _HOUR)
            for turn in range(rounds):
                events = [_new_program(turn * EVENTS + n + 1) for n in range(EVENTS)]
                value = measure(EVENTS, lambda n: baseline.look(events[n]))  # noqa: B023
                row[size] = min(value, row.get(size, value))
            baseline.close()
    return {"new parent, program and folder": row}
