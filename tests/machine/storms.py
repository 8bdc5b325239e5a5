# SPDX-License-Identifier: Apache-2.0
"""Storms of execs in a container, and how many of them the service recorded and where.

Owns the programs that make them, compiled on this side. It must not know what goes wrong meanwhile.
"""

import re
import subprocess
from collections import Counter
from pathlib import Path

from tests.integration.building import build_programs
from tests.machine.service import Service, wait_until

PLACE = "/opt/storms"
_STORM_S = 120.0


def prepare(service: Service, scratch: Path) -> None:
    """Compile the programs in `scratch` and copy them into the container."""
    programs = build_programs(scratch)
    for name in ("storm", "tiny"):
        service.container.copy(programs / name, f"{PLACE}/{name}", mode=0o755)


def begin(service: Service, count: int, name: str) -> "subprocess.Popen[bytes]":
    """Begin to execute a program of this name `count` times, on all processors at full speed."""
    program = f"{PLACE}/{name}"
    service.run("ln", "-f", f"{PLACE}/tiny", program)
    inside = service.container.inside(f"{PLACE}/storm", str(count), "vfork", program)
    return subprocess.Popen(inside, stdout=subprocess.PIPE)


def end(running: "subprocess.Popen[bytes]", count: int) -> None:
    """Wait for the end of a storm, none of whose execs may have failed."""
    said, _ = running.communicate(timeout=_STORM_S)
    assert said == b"%d 0\n" % count


def storm(service: Service, count: int, name: str) -> None:
    """Begin a storm and wait for its end."""
    end(begin(service, count, name), count)


def in_journal(service: Service, *names: str) -> int:
    """How many execs of these programs the journal has, none of them twice."""
    service.run("journalctl", "--sync")
    fields = [f"EXECAUDIT_COMM={name}" for name in names]
    text = service.run("journalctl", "--quiet", "--output=cat", *fields).stdout
    found = re.findall(rf" ({PLACE}/\S+ \d+:\d+) \[pid", text)
    assert len(found) == len(set(found))
    return len(found)


def in_file(service: Service, name: str) -> int:
    """How many execs of this program all generations of the log file have, none of them twice."""
    found = numbers(service, name)
    assert found.total() == len(found)
    return len(found)


def numbers(service: Service, name: str) -> Counter[str]:
    """How often the log file has each exec of this program."""
    return Counter(r["argv"][1] for r in service.records(name) if r.get("comm") == name)


def lost(service: Service, sink: str = "") -> int:
    """Events that the running daemon lost: on the way to it, or on the way to a sink."""
    status = service.status()
    count: int = status["sinks"][sink]["lost"] if sink else status["events"]["lost"]
    return count


def wait_for_room(service: Service) -> None:
    """Wait until an exec is recorded: others may find the ring full behind a storm."""
    words: list[str] = []

    def is_recorded() -> bool:
        words.append(service.mark())
        return any(service.records(word) for word in words)

    wait_until(is_recorded, "an exec that is recorded")


def lost_records(service: Service) -> int:
    """Return how many events `lost` records count, those of sinks aside."""
    return sum(record["count"] for record in service.of_type("lost") if "sink" not in record)


def wait_for_journal(service: Service) -> None:
    """Wait until nothing waits for journald any more, as entries do where the machine is busy."""
    wait_until(
        lambda: service.status()["sinks"]["journal"]["queue_depth"] == 0, "the journal's queue"
    )
