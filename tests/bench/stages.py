# SPDX-License-Identifier: Apache-2.0
"""What each step inside the daemon costs per event: CPU time over replayed recordings.

Owns the steps and how they are told apart. The daemon's steps are fused for speed, so no clock is
put between them: the same events go through chains of which each has one step more than another,
and a step costs the difference, round by round. Sinks are the real ones; the journal's a journald
of the benchmark's own, and nothing waits for it that would count.
"""

from __future__ import annotations

import contextlib
import gc
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from execaudit.daemon.build import env_names
from execaudit.daemon.collapse import Collapser
from execaudit.daemon.outlets import Outlet
from execaudit.daemon.stage import Stage
from execaudit.records.pipeline import Pipeline

from execaudit.config.configuration import Config
from execaudit.records.redact import Redactor
from execaudit.sinks.file import FileSink
from execaudit.sinks.journal import JournalSettings, JournalSink
from execaudit.sinks.live_file import FileSettings
from execaudit.sinks.stdout import StdoutSink
from tests.bench import workloads
from tests.bench.mixed_rules import compile_mixed
from tests.bench.recorded import record_and_load
from tests.bench.report import Spread
from tests.bench.workloads import SHARED_MEMORY
from tests.journald import running_journald

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from execaudit.daemon.build import Sink

    from execaudit.rules.rule_set import RuleSet
    from tests.bench.recorded import Recorded

_UNROTATED = 1 << 40
_EVENTS = 1_000_000
_ROUNDS_LIMIT = 40  # of recordings that are short
_QUICK_ROUNDS = 3
_PAUSE_S = 0.001

STEPS = {
    "read": ("ring", None),
    "decode and account": ("decode", "ring"),
    "redact and collapse": ("judge", "decode"),
    "enrich (JSON)": ("JSON", "JSON, warm"),
    "encode JSON": ("JSON, warm", "judge"),
    "write file": ("file", "JSON"),
    "enrich (journal)": ("entry", "entry, warm"),
    "encode journal entry": ("entry, warm", "judge"),
    "send to journald": ("journal", "entry"),
    "rules: 10": ("10 rules", "judge"),
    "rules: 1000": ("1000 rules", "judge"),
}
"""Step to the chain that has it, and the one that lacks only it."""
TOTALS = {
    "all, with the file": "file",
    "all, with the journal": "journal",
    "all, with both": "both",
}


class _Taker:
    """An encoder that takes every record and makes nothing of it."""

    def encode(self, _buf: bytes, _at: int, _head: tuple[int, ...], /) -> bytes:
        return b""

    def encode_exit(
        self, _buf: bytes, _at: int, _head: tuple[int, ...], _duration_ns: int | None, /
    ) -> bytes:
        return b""

    def follow_host(self) -> None:
        """Nothing depends on it."""


@dataclass(frozen=True, slots=True)
class Chain:
    """Steps to go through. `outlets` are formats; `sinks` go with them."""

    name: str
    outlets: tuple[str, ...] = ()
    sinks: tuple[str, ...] = ()
    rules: int = 0
    has_stage: bool = True
    has_decoder: bool = True
    is_warm: bool = False  # the caches hold all that the events need


CHAINS = (
    Chain("ring", has_stage=False, has_decoder=False),
    Chain("decode", has_stage=False),
    Chain("judge"),
    Chain("10 rules", rules=10),
    Chain("1000 rules", rules=1000),
    Chain("JSON, warm", ("execaudit",), is_warm=True),
    Chain("JSON", ("execaudit",)),
    Chain("file", ("execaudit",), ("file",)),
    Chain("entry, warm", ("journal",), is_warm=True),
    Chain("entry", ("journal",)),
    Chain("journal", ("journal",), ("journal",)),
    Chain("both", ("execaudit", "journal"), ("file", "journal")),
)


class Sinks:
    """The daemon's sinks, as they are by default."""

    def __init__(self, directory: Path, journal_socket: str, null_fd: int) -> None:
        directory.mkdir(mode=0o750, exist_ok=True)
        settings = FileSettings(str(directory / "execaudit.jsonl"), max_file_bytes=_UNROTATED)
        self.path = Path(settings.path)
        self.by_name: dict[str, Sink] = {
            "file": FileSink(settings),
            "journal": JournalSink(JournalSettings(socket_path=journal_socket)),
            "stdout": StdoutSink(null_fd),
        }

    def wait(self) -> None:
        """Sleep until nothing waits for journald; that costs as little as it does the daemon."""
        journal = self.by_name["journal"]
        while (deadline := journal.on_timer(time.monotonic())) is not None:
            time.sleep(max(deadline - time.monotonic(), _PAUSE_S))

    def lost(self) -> int:
        """Count what did not get through: the figures hold only where that is nothing."""
        return sum(sink.counters.lost for sink in self.by_name.values())

    def empty(self) -> None:
        """Have the file take no more memory."""
        self.path.write_bytes(b"")

    def close(self) -> None:
        """Close all."""
        for sink in self.by_name.values():
            sink.close()


@contextlib.contextmanager
def open_sinks() -> Iterator[Sinks]:
    """Open the sinks, the file in memory."""
    with contextlib.ExitStack() as stack:
        scratch = stack.enter_context(
            tempfile.TemporaryDirectory(prefix="execaudit-", dir=SHARED_MEMORY)
        )
        journald = stack.enter_context(running_journald())
        null = stack.enter_context(Path("/dev/null").open("wb"))
        sinks = Sinks(Path(scratch) / "log", journald.socket_path, null.fileno())
        stack.callback(sinks.close)
        yield sinks


def run_chain(
    chain: Chain, recorded: Recorded, sinks: Sinks, rules: RuleSet | None = None
) -> float:
    """Replay all events once; CPU time of this process in µs per event."""
    stage = _make_stage(chain, recorded, rules) if chain.has_stage else None
    if chain.is_warm:
        _replay(chain, recorded, sinks, stage)
    begin = time.process_time_ns()
    _replay(chain, recorded, sinks, stage)
    return (time.process_time_ns() - begin) / 1000 / recorded.count


def _make_stage(chain: Chain, recorded: Recorded, rules: RuleSet | None) -> Stage:
    return Stage(
        recorded.host,
        env_names(Config()),
        [Outlet(form, None) for form in chain.outlets],
        rules=rules,
        redactor=Redactor(),
        collapser=Collapser(),
    )


def _replay(chain: Chain, recorded: Recorded, sinks: Sinks, stage: Stage | None) -> None:
    ring = recorded.rewind()
    names = env_names(Config())
    pipeline = Pipeline(
        recorded.host,
        names,
        encoder=stage or _Taker(),
        finish=stage.finish if stage else lambda _: b"",
    )
    targets = [sinks.by_name[name] for name in chain.sinks]
    while True:
        buf, offsets = ring.read()
        if not buf:
            break
        if not chain.has_decoder:
            continue
        pipeline.lines(buf, offsets)
        if stage is None:
            continue
        for at, outlet in enumerate(stage.outlets):
            batch, outlet.batch = outlet.batch, []
            if targets:
                targets[at].write(batch)
        if "journal" in chain.sinks:
            sinks.wait()
    if ring.position != recorded.bytes:
        raise RuntimeError("not all events were replayed: the figures mean nothing")


Samples = dict[str, list[float]]
"""By chain, µs per event of each round."""


def measure_stages(*, rounds: int | None, quick: bool) -> dict[str, dict[str, Spread | None]]:
    """Record workloads and replay them; figures of each step by workload.

    Without `rounds` as many as it takes for a million events, or a few where it is to be quick.
    """
    figures = {}
    for workload in workloads.recorded_workloads(quick=quick):
        print(f"bench: recording and replaying: {workload.name}", file=sys.stderr)
        recorded = record_and_load(workload)
        turns = rounds or (_QUICK_ROUNDS if quick else -(-_EVENTS // recorded.count))
        try:
            samples = measure(recorded, min(turns, _ROUNDS_LIMIT))
        finally:
            recorded.close()
        figures[f"{workload.name}, {recorded.count} events"] = step_figures(samples)
    return figures


def measure(recorded: Recorded, rounds: int, chains: Sequence[Chain] = CHAINS) -> Samples:
    """Replay through every chain in turn, round after round."""
    samples: Samples = {chain.name: [] for chain in chains}
    rules = {count: compile_mixed(count) for count in {chain.rules for chain in chains} if count}
    gc.collect()
    gc.freeze()
    for _ in range(rounds):
        # A journal that is full costs journald, and by that us, far more.
        with open_sinks() as sinks:
            for chain in chains:
                us = run_chain(chain, recorded, sinks, rules.get(chain.rules))
                samples[chain.name].append(us)
                sinks.empty()
            if sinks.lost():
                raise RuntimeError(f"a sink lost {sinks.lost()} records: the figures mean nothing")
    return samples


def step_figures(samples: Samples) -> dict[str, Spread | None]:
    """Give µs of each step and of the totals; a step is the difference within a round."""
    figures: dict[str, Spread | None] = {}
    for step, (with_, without) in STEPS.items():
        bases = samples[without] if without else [0.0] * len(samples[with_])
        pairs = zip(samples[with_], bases, strict=True)
        figures[step] = Spread.of(one - other for one, other in pairs)
    for total, chain in TOTALS.items():
        figures[total] = Spread.of(samples[chain])
    return figures
