# SPDX-License-Identifier: Apache-2.0
"""Both engines, attached at once, say the same about the same execs, field by field."""

import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from execaudit.engine import libbpf_engine
from execaudit.engine.choice import open_capture
from execaudit.errors import NotImplementedByKernel
from execaudit.kernel import hooks, libbpf
from execaudit.kernel.btf import Btf
from execaudit.kernel.capture import Settings
from execaudit.kernel.ring import Ring
from tests.integration.comparing import parse_time_ns
from tests.integration.requirements import ENGINES, give_up, require_root
from tests.integration.tracing import ROOMY_RING, Record, Tracer
from tests.integration.workload import run_workload

# Each tracer numbers events from its own beginning, and finds out by itself how far the wall clock
# is ahead of the clock since boot.
OWN = {"time", "start", "seq", "duration_ns"}
CLOCK_NS = 1_000_000_000  # between two programs, on a machine that is busy
ENOTSUPP = 524  # of the kernel's own (include/linux/errno.h)


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


@pytest.mark.parametrize("is_refused", [False, True])
def test_programs_load_where_the_kernel_refuses_casts(
    is_refused: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without its JIT compiler a kernel that has casts refuses the programs that use them."""
    require_root()
    load = libbpf.object_load
    refused: list[int] = []

    def refuse_once(handle: int) -> int:
        if is_refused and not refused:
            refused.append(handle)
            return -ENOTSUPP
        return int(load(handle))

    monkeypatch.setattr(libbpf, "object_load", refuse_once)
    with open_capture("libbpf", Settings()) as capture:
        ring = Ring(capture.maps["events"], capture.settings.ring_bytes)
        capture.attach()
        subprocess.run(["/bin/true", "--refused"], check=True)
        buf, offsets = ring.read()
        ring.close()
    assert offsets
    assert b"/bin/true\0--refused\0" in buf
    assert bool(refused) is is_refused


def test_refusal_names_the_map_that_the_kernel_refused() -> None:
    require_root()
    with pytest.raises(NotImplementedByKernel, match=r"the kernel said: libbpf: map 'scratch': "):
        libbpf_engine.load(hooks.SUCCESS, {"scratch": 0})


def test_programs_without_casts_are_others(monkeypatch: pytest.MonkeyPatch) -> None:
    require_root()
    with Btf() as btf:
        has_casts = bool(btf.find("bpf_rdonly_cast", libbpf.BTF_KIND_FUNC))
    with open_capture("libbpf", Settings()) as capture:
        assert not [name for name in capture.maps if "." in name]  # such as the map of constants
        usual = instruction_bytes(capture.programs["on_exec"])
    load = libbpf.object_load
    answers = iter([-ENOTSUPP])
    monkeypatch.setattr(libbpf, "object_load", lambda handle: next(answers, None) or load(handle))
    with open_capture("libbpf", Settings()) as capture:
        assert (instruction_bytes(capture.programs["on_exec"]) != usual) is has_casts


def instruction_bytes(program: int) -> int:
    """xlated_prog_len of struct bpf_prog_info."""
    return int(struct.unpack_from("@I", libbpf.object_info(program, 64), 20)[0])
