# SPDX-License-Identifier: Apache-2.0
"""A daemon's flow over a capture, sinks and a checkpoint that live in memory."""

import json
import mmap
import os
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any, cast

from execaudit.config.configuration import Config, Loaded
from execaudit.daemon.flow import Flow
from execaudit.daemon.handover.checkpoint import Checkpoint, CheckpointFile
from execaudit.daemon.limits import Limit, Limits, Rate
from execaudit.daemon.setup import Setup
from execaudit.formats.encoders import AnyEncoder, make_encoder
from execaudit.kernel.capture import Capture, Settings
from execaudit.records.host import Host
from execaudit.records.redact import Redactor
from execaudit.sinks.sink import Selection, Sink, Trouble
from tests.records import make_host, slots
from tests.rule_tables import compile_all

PAGE = mmap.PAGESIZE
_POSITION = struct.Struct("@Q")


class FakeCapture:
    """A ring of a file, and the counters of a kernel side that has seen what is written there."""

    engine, reason = "libbpf", "it is fake"
    failure_hook, failure_hook_error = None, ""

    def __init__(self, *, exits: bool = False) -> None:
        self.settings = Settings(ring_bytes=64 << 10, exits=exits)
        fd = os.memfd_create("ring", os.MFD_CLOEXEC)
        os.ftruncate(fd, 2 * PAGE + self.settings.ring_bytes)
        self.maps = {"events": fd}
        self.rules: dict[tuple[int, int, int], int] = {}
        self.hits: dict[int, int] = {}
        self.counters = slots()
        self.missed: dict[int, int] = {}
        self.dropped_count = 0
        self.is_detached = self.is_closed = False

    def write(self, *records: bytes) -> None:
        """Have records come in."""
        at, size = self.produced, self.settings.ring_bytes
        for raw in records:
            framed = struct.pack("@II", len(raw), 0) + raw + bytes(-len(raw) % 8)
            for index in range(0, len(framed), 8):
                os.pwrite(
                    self.maps["events"],
                    framed[index : index + 8],
                    2 * PAGE + (at + index) % size,
                )
            at += len(framed)
        os.pwrite(self.maps["events"], _POSITION.pack(at), PAGE)

    @property
    def produced(self) -> int:
        """How far records go."""
        return int.from_bytes(os.pread(self.maps["events"], 8, PAGE), "little")

    @property
    def freed(self) -> int:
        """What lies before may be written over."""
        return int.from_bytes(os.pread(self.maps["events"], 8, 0), "little")

    def slots(self) -> list[list[bytes]]:
        return self.counters

    def misses(self) -> dict[int, int]:
        return self.missed

    def dropped(self) -> int:
        return self.dropped_count

    def set_rules(self, keys: Mapping[tuple[int, int, int], int]) -> dict[int, int]:
        hits, self.hits, self.rules = self.hits, {}, dict(keys)
        return hits

    def seen(self) -> int:
        return 0

    def attach(self) -> None:
        """Nothing has to be done: records come in by `write`."""

    def mute(self) -> None:
        """Nothing has to be done either."""

    def follow_modules(self) -> None:
        """Do nothing: no file system is of concern."""

    def take(self) -> "FakeCapture":
        return self

    def detach(self) -> None:
        self.is_detached = True

    def close(self) -> None:
        if not self.is_closed:
            os.close(self.maps["events"])
        self.is_closed = True

    def as_capture(self) -> Capture:
        """Return it as what it stands for."""
        return cast("Capture", self)


class EncodingSink(Sink):
    """Encodes what it is given, and drops it."""

    name = "file"

    def __init__(self, encoder: AnyEncoder) -> None:
        super().__init__("nothing", 1 << 20, encoder, None, None)

    def _write(self, entries: list[bytes]) -> tuple[int, Trouble | None]:
        return len(entries), None

    def _reopen(self) -> Trouble | None:
        return None

    def _wait_writable(self, seconds: float) -> bool:
        del seconds
        return False

    def _close(self) -> None:
        """Nothing is open."""


class ListSink(EncodingSink):
    """Keeps what it writes. While `is_blocked`, what it is given waits."""

    def __init__(
        self, encoder: AnyEncoder, name: str = "file", selection: Selection | None = None
    ) -> None:
        super().__init__(encoder)
        self.name, self.selection = name, selection
        self.written: list[bytes] = []
        self.is_blocked = False
        self.is_closed = False

    def records(self) -> list[dict[str, Any]]:
        """Return what was written, read back."""
        return [json.loads(entry) for entry in self.written]

    def _write(self, entries: list[bytes]) -> tuple[int, Trouble | None]:
        if self.is_blocked:
            return 0, Trouble("blocked", 0.0, 0.0, waits=True)
        self.written += entries
        self.counters.written += len(entries)
        return len(entries), None

    def _close(self) -> None:
        self.is_closed = True


class ListFile:
    """Keeps the checkpoints."""

    def __init__(self) -> None:
        self.batches: list[int] = []
        self.checkpoints: list[Checkpoint] = []

    @property
    def last(self) -> Checkpoint:
        """The newest."""
        return self.checkpoints[-1]

    def begin_batch(self, position: int) -> None:
        self.batches.append(position)

    def commit(self, checkpoint: Checkpoint) -> None:
        self.checkpoints.append(checkpoint)

    def close(self) -> None:
        """Nothing is kept anywhere else."""

    def as_file(self) -> CheckpointFile:
        """Return it as what it stands for."""
        return cast("CheckpointFile", self)


def make_sink(
    host: Host,
    name: str = "file",
    selection: Selection | None = None,
    *,
    schema: str = "execaudit",
) -> ListSink:
    """Return a sink of native lines, or lines of another schema."""
    return ListSink(make_encoder(schema, host, "execaudit"), name, selection)


def make_setup(
    *sinks: Sink,
    rules: Iterable[Mapping[str, Any]] = (),
    rate: Rate | None = None,
    env: tuple[str, ...] = ("LD_PRELOAD",),
    collapses: bool = True,
    config_hash: str = "old",
) -> Setup:
    """Return what a configuration would give."""
    config = Config()
    failures = "collapsed" if collapses else "all"
    config = replace(config, capture=replace(config.capture, env=env, failures=failures))
    compiled = compile_all(*rules) if rules else None
    return Setup(
        loaded=Loaded(config, (), (), config_hash, (), 0, {}),
        rules=compiled,
        limits=Limits({name: Limit(rate) for name in ("uid", "unit")}) if rate else None,
        redactor=Redactor(),
        encoders=[cast("AnyEncoder", sink.encoder) for sink in sinks],
        sinks=list(sinks),
        changes=[],
    )


@contextmanager
def running(setup: Setup, host: Host, *, exits: bool = False) -> Iterator[tuple[Flow, FakeCapture]]:
    """Give a flow over a capture in which nothing has happened."""
    capture = FakeCapture(exits=exits)
    try:
        yield Flow(host, setup, capture.as_capture()), capture
    finally:
        capture.close()


class Bench:
    """A flow, and its one sink."""

    def __init__(self, flow: Flow, capture: FakeCapture, sink: ListSink) -> None:
        self.flow, self.capture, self.sink = flow, capture, sink

    def feed(self, *records: bytes) -> list[dict[str, Any]]:
        """Take a batch; return what was written by it."""
        before = len(self.sink.written)
        self.capture.write(*records)
        self.flow.drain()
        return self.sink.records()[before:]


def made_benches() -> Iterator[Callable[..., Bench]]:
    """Give what makes a bench of a schema and options of `make_setup`; close all at the end."""
    host = make_host()
    with ExitStack() as stack:

        def make(schema: str = "execaudit", *, exits: bool = False, **options: Any) -> Bench:
            sink = make_sink(host, schema=schema)
            context = running(make_setup(sink, **options), host, exits=exits)
            return Bench(*stack.enter_context(context), sink)

        yield make
