# SPDX-License-Identifier: Apache-2.0
"""What each step inside the daemon costs per event: CPU time over replayed recordings.

Owns the steps and how they are told apart. No clock is put between them: the same events go through
chains of which each has one step more than another, and a step costs the difference, round by
round. Sinks are the real ones; the journal's a journald of the benchmark's own, and nothing waits
for it that would count.
"""

from __future__ import annotations

import contextlib
import gc
import os
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from execaudit.baseline.baseline import Baseline
from execaudit.config.configuration import Config
from execaudit.config.schema import File, Journal
from execaudit.config.seal import Seal
from execaudit.daemon.setup import env_names
from execaudit.evidence.chain import Chain as SealChain
from execaudit.evidence.setup import make_state
from execaudit.evidence.state import StateFile
from execaudit.formats.encoders import make_encoder
from execaudit.records.accounting import Accounting
from execaudit.records.host import Host
from execaudit.records.place import PlaceDescriber
from execaudit.records.service_records import seal_head
from execaudit.sinks.file import FileSink
from execaudit.sinks.journal import JournalSink
from execaudit.sinks.stdout import StdoutSink
from execaudit.wire.decoder import Decoder
from tests.bench import workloads
from tests.bench.mixed_rules import compile_mixed
from tests.bench.recorded import record_and_load
from tests.bench.report import Spread
from tests.bench.workloads import SHARED_MEMORY
from tests.flows import EncodingSink, make_setup, running
from tests.journald import running_journald

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from execaudit.daemon.flow import Flow
    from execaudit.rules.rule_set import RuleSet
    from execaudit.sinks.sink import Sink
    from execaudit.wire.event import Event
    from tests.bench.recorded import Recorded

_UNROTATED = 1 << 40
_EVENTS = 1_000_000
_ROUNDS_LIMIT = 40  # of recordings that are short
_QUICK_ROUNDS = 3
_PAUSE_S = 0.001

STEPS = {
    "read": ("ring", None),
    "decode": ("decode", "ring"),
    "account": ("account", "decode"),
    "collapse and redact": ("redact", "account"),
    "encode JSON": ("JSON", "redact"),
    "write file": ("file", "JSON"),
    "seal": ("sealed", "file"),
    "encode journal entry": ("entry", "redact"),
    "send to journald": ("journal", "entry"),
    "rules: 10": ("10 rules", "redact"),
    "rules: 1000": ("1000 rules", "redact"),
    "baseline that knows all": ("baseline", "redact"),
}
"""Step to the chain that has it, and the one that lacks only it."""
TOTALS = {
    "all, with the file": "file",
    "all, with the journal": "journal",
    "all, with both": "both",
}


@dataclass(frozen=True, slots=True)
class Chain:
    """Steps to go through. `formats` are what is encoded; `sinks` go with them."""

    name: str
    formats: tuple[str, ...] = ()
    sinks: tuple[str, ...] = ()
    rules: int = 0
    keeps_baseline: bool = False


CHAINS = (
    Chain("ring"),
    Chain("decode"),
    Chain("account"),
    Chain("redact"),
    Chain("10 rules", rules=10),
    Chain("1000 rules", rules=1000),
    Chain("baseline", keeps_baseline=True),
    Chain("JSON", ("execaudit",)),
    Chain("file", ("execaudit",), ("file",)),
    Chain("sealed", ("execaudit",), ("sealed",)),
    Chain("entry", ("journal",)),
    Chain("journal", ("journal",), ("journal",)),
    Chain("both", ("execaudit", "journal"), ("file", "journal")),
)


class _Unset:
    """Stands for an encoder until a chain gives the sink its own."""

    format = "execaudit"

    def encode(self, _: Event, /) -> bytes:
        return b""

    def encode_fields(self, _: dict[str, Any], /) -> bytes:
        return b""


def _open_sealed(directory: Path) -> FileSink:
    """Open a file whose lines are sealed, as `execaudit seal setup` has it by default."""
    directory.mkdir(mode=0o750, exist_ok=True)
    path = directory / "execaudit.jsonl"
    sink = FileSink(File(path=str(path), max_file_bytes=_UNROTATED), _Unset())
    state = directory / "seal.state"
    make_state(str(state), is_public=False, owner=(os.geteuid(), os.getegid()))
    host = Host.this()
    sink.use_chain(SealChain(StateFile(str(state)), lambda: seal_head(host, {})), Seal())
    return sink


class Sinks:
    """The daemon's sinks, as they are by default."""

    def __init__(self, directory: Path, journal_socket: str, null_fd: int) -> None:
        directory.mkdir(mode=0o750, exist_ok=True)
        self.path = directory / "execaudit.jsonl"
        self.baseline = Baseline(str(directory / "baseline"), 0)
        file = File(path=str(self.path), max_file_bytes=_UNROTATED)
        self.by_name: dict[str, Sink] = {
            "file": FileSink(file, _Unset()),
            "sealed": _open_sealed(directory.with_name("sealed")),
            "journal": JournalSink(Journal(), _Unset(), socket_path=journal_socket),
            "stdout": StdoutSink(_Unset(), fd=null_fd),
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
        """Have the files take no more memory."""
        self.path.write_bytes(b"")
        sealed = self.by_name["sealed"]
        if isinstance(sealed, FileSink):
            sealed.rotate()
            sealed.prune(0)

    def close(self) -> None:
        """Close all."""
        self.baseline.close()
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
    if chain.name in ("ring", "decode", "account"):
        begin = time.process_time_ns()
        _replay_part(chain.name, recorded)
    else:
        used = [_find_sink(sinks, recorded, chain, at) for at in range(len(chain.formats))]
        setup = make_setup(*used)
        setup.rules = rules
        if chain.keeps_baseline:
            setup.baseline = sinks.baseline
            with running(setup, recorded.host) as (flow, _):  # it learns all there is
                _replay(flow, recorded, None)
        with running(setup, recorded.host) as (flow, _):
            begin = time.process_time_ns()
            _replay(flow, recorded, sinks if "journal" in chain.sinks else None)
    return (time.process_time_ns() - begin) / 1000 / recorded.count


def _find_sink(sinks: Sinks, recorded: Recorded, chain: Chain, at: int) -> Sink:
    """Give the sink of a chain, with an encoder that knows nothing yet."""
    encoder = make_encoder(chain.formats[at], recorded.host, "execaudit")
    if not chain.sinks:
        return EncodingSink(encoder)
    sink = sinks.by_name[chain.sinks[at]]
    sink.encoder = encoder
    return sink


def _replay_part(name: str, recorded: Recorded) -> None:
    """Go the first steps only."""
    ring = recorded.rewind()
    decoder = Decoder(env_names(Config()), PlaceDescriber(recorded.host))
    accounting = Accounting()
    while True:
        buf, offsets = ring.read()
        if not buf:
            return
        if name == "decode":
            for _ in decoder.decode(buf, offsets):
                pass
        elif name == "account":
            for _ in accounting.admit(decoder.decode(buf, offsets)):
                pass


def _replay(flow: Flow, recorded: Recorded, sinks: Sinks | None) -> None:
    """Go all steps, batch by batch; wait for the journal where it is among `sinks`."""
    ring = recorded.rewind()
    while True:
        buf, offsets = ring.read()
        if not buf:
            break
        flow._take(buf, offsets)
        flow.flush()
        if sinks is not None:
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
