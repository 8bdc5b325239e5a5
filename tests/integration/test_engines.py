# SPDX-License-Identifier: Apache-2.0
"""Both engines, attached at once, say the same about the same execs, field by field."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.comparing import parse_time_ns
from tests.integration.requirements import ENGINES, give_up, require_root
from tests.integration.tracing import ROOMY_RING, Record, Tracer
from tests.integration.workload import run_workload

# Each tracer numbers events from its own beginning, and finds out by itself how far the wall clock
# is ahead of the clock since boot.
OWN = {"time", "start", "seq", "duration_ns"}
CLOCK_NS = 50_000_000


@pytest.fixture(scope="module")
def both(programs: Path) -> Iterator[tuple[Tracer, Tracer]]:
    require_root()
    if set(ENGINES) != {"libbpf", "bcc"}:
        give_up("only one engine is to be tested")
    tiny = programs / "tiny"
    with Tracer("libbpf", tiny, *ROOMY_RING) as one, Tracer("bcc", tiny, *ROOMY_RING) as other:
        yield one, other
        one.stop()
        other.stop()


def take(records: list[Record], pids: set[int]) -> list[Record]:
    return [r for r in records if r.get("pid") in pids or r.get("ppid") in pids]


def without_clock(record: Record) -> Record:
    """The record without what each tracer reads from the clock or counts for itself."""
    rest = {k: v for k, v in record.items() if k not in OWN}
    if "ancestors" in record:
        rest["ancestors"] = [a | {"start": None} for a in record["ancestors"]]
    return rest


def clock_ns(record: Record) -> list[int]:
    """All times of the record in nanoseconds."""
    texts = [record[k] for k in ("time", "start") if k in record]
    texts += [a["start"] for a in record.get("ancestors", ())]
    return [*map(parse_time_ns, texts), record.get("duration_ns", 0)]


def order(record: Record) -> tuple[object, ...]:
    return record["pid"], parse_time_ns(record["time"])


def test_engines_give_the_same_records(
    both: tuple[Tracer, Tracer], programs: Path, place: Path
) -> None:
    one, other = both
    other.settle()
    other.records.clear()
    pids, records = one.during(lambda: run_workload(one, programs, place))
    other.settle()
    mine = sorted(take(records, pids), key=order)
    theirs = sorted(take(other.records, pids), key=order)
    assert len(mine) >= 50
    assert len(mine) == len(theirs)
    for a, b in zip(mine, theirs, strict=True):
        assert without_clock(a) == without_clock(b)
        assert set(a) == set(b)
        for mine_ns, theirs_ns in zip(clock_ns(a), clock_ns(b), strict=True):
            assert abs(mine_ns - theirs_ns) < CLOCK_NS


def test_engines_count_alike(both: tuple[Tracer, Tracer], programs: Path) -> None:
    one, other = both
    other.settle()
    other.records.clear()
    argv = [str(programs / "storm"), "200", "fork", str(programs / "tiny")]
    child, records = one.during(lambda: one.run(argv))
    other.settle()
    assert child.wait() == 0
    tiny = str(programs / "tiny")
    mine = [r["id"] for r in records if r.get("exe") == tiny and ":" in r["argv"][1]]
    theirs = [r["id"] for r in other.records if r.get("exe") == tiny and ":" in r["argv"][1]]
    assert len(mine) == 200
    assert sorted(mine) == sorted(theirs)
