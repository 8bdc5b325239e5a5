# SPDX-License-Identifier: Apache-2.0
"""What each sink costs per entry: CPU time of this process, side by side in rounds.

Owns the records, the sinks they go to, and the table. What receives datagrams and pipe data is
emptied outside of the times taken. A real journald works meanwhile; its own CPU is a figure too.
"""

from __future__ import annotations

import gc
import os
import socket
import statistics
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from execaudit.records.encode import Encoder
from execaudit.records.encode_journal import JournalEncoder
from execaudit.sinks.file import FileSink
from execaudit.sinks.journal import JournalSettings, JournalSink
from execaudit.sinks.live_file import FileSettings
from execaudit.sinks.stdout import StdoutSink
from execaudit.wire.decode import HEAD
from tests.journald import running_journald
from tests.records import exec_record, join, make_host

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.journald import Journald

ENTRIES = 12_800
BATCH = 256
BURST = 32  # datagrams that any receiver's queue takes
_HOST = make_host()
_SMALL = b"MESSAGE=x\nPRIORITY=6\n"

Run = tuple["Callable[[], object]", int]
"""Something to time, and how many entries it takes."""


def _records() -> tuple[bytes, list[int]]:
    """Execs as in a shell loop: one place, pids that differ."""
    return join(
        *[
            exec_record(
                b"grep", b"-rn", b"--include=*.py", b"pattern %d" % seq, b"/usr/lib/python3",
                pid=1000 + seq, tid=1000 + seq, nspid=1000 + seq, seq=seq, time_ns=10**12 + seq,
            )
            for seq in range(BATCH)
        ]
    )  # fmt: skip


class Costs:
    """The measurements, each a function that runs a share of the entries."""

    def __init__(self, stack: ExitStack, journald: Journald) -> None:
        self.directory = Path(stack.enter_context(tempfile.TemporaryDirectory(dir="/var/tmp")))
        self.memory = Path(stack.enter_context(tempfile.TemporaryDirectory(dir="/dev/shm")))
        for directory in (self.directory, self.memory):
            directory.chmod(0o750)
        buf, offsets = _records()
        heads = [HEAD(buf, at) for at in offsets]
        json_encoder = Encoder(_HOST, ())
        wire_encoder = JournalEncoder(_HOST, (), "execaudit")
        self._sources = list(zip(offsets, heads, strict=True))

        def lines() -> list[bytes]:
            return [json_encoder.encode(buf, at, head) or b"" for at, head in self._sources]

        def entries() -> list[bytes]:
            return [wire_encoder.encode(buf, at, head) or b"" for at, head in self._sources]

        self.lines, self.entries = lines(), entries()
        self.receiver = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
        path = str(self.memory / "socket")
        self.receiver.bind(path)
        self.receiver.setblocking(False)
        self.plain = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
        self.plain.connect(path)
        self.journal = JournalSink(JournalSettings(socket_path=path))
        self.real = JournalSink(JournalSettings(socket_path=journald.socket_path))
        self.journald = journald
        self.pipe = os.pipe()
        os.set_blocking(self.pipe[0], False)
        self.stdout = StdoutSink(self.pipe[1])
        self.files = {
            "file, memory": self._file(self.memory, "none"),
            "file, disk": self._file(self.directory, "none"),
            "file, disk, fsync interval": self._file(self.directory / "interval", "interval"),
            "file, disk, fsync batch": self._file(self.directory / "batch", "batch"),
        }
        closes = [self.journal.close, self.real.close, self.stdout.close]
        for close in closes + [sink.close for sink in self.files.values()]:
            stack.callback(close)
        self.all: dict[str, Callable[[], float]] = {
            "encode JSON": lambda: self._time(lines, BATCH, ENTRIES),
            "encode journal entry": lambda: self._time(entries, BATCH, ENTRIES),
            **{name: self._write_file(sink) for name, sink in self.files.items()},
            "stdout, pipe": self._write_pipe,
            "plain datagram, 20 bytes": lambda: self._send_plain([_SMALL] * BURST),
            "plain datagram, an entry": lambda: self._send_plain(self.entries[:BURST]),
            "journal": self._send_sink,
            "journal, real journald": self._send_real,
        }

    @staticmethod
    def _file(directory: Path, fsync: str) -> FileSink:
        directory.mkdir(exist_ok=True, mode=0o750)
        return FileSink(FileSettings(str(directory / "execaudit.jsonl"), fsync=fsync))

    @staticmethod
    def _time(
        work: Callable[[], object],
        count: int,
        total: int,
        after: Callable[[], object] | None = None,
    ) -> float:
        """Microseconds of this process's CPU per entry."""
        spent = 0
        for _ in range(total // count):
            start = time.process_time_ns()
            work()
            spent += time.process_time_ns() - start
            if after:
                after()
        return spent / 1000 / (total // count * count)

    def _write_file(self, sink: FileSink) -> Callable[[], float]:
        def turn() -> None:
            sink.write(self.lines)
            sink.on_timer(time.monotonic())

        return lambda: self._time(turn, BATCH, ENTRIES)

    def _write_pipe(self) -> float:
        half = self.lines[:BURST]  # fits into a pipe

        def drain() -> None:
            os.read(self.pipe[0], 1 << 20)

        return self._time(lambda: self.stdout.write(half), BURST, ENTRIES // 4, drain)

    def _empty_receiver(self) -> None:
        try:
            while True:
                self.receiver.recv(1 << 16)
        except BlockingIOError:
            return

    def _burst(self) -> int:
        """Datagrams that the receiver takes at once: the kernel's default is 10."""
        return int(Path("/proc/sys/net/unix/max_dgram_qlen").read_text())

    def _send_plain(self, entries: list[bytes]) -> float:
        entries = entries[: self._burst()]
        send = self.plain.send

        def work() -> None:
            for entry in entries:
                send(entry)

        return self._time(work, len(entries), ENTRIES // 4, self._empty_receiver)

    def _send_sink(self) -> float:
        entries = self.entries[: self._burst()]
        return self._time(
            lambda: self.journal.write(entries), len(entries), ENTRIES // 4, self._empty_receiver
        )

    def _send_real(self) -> float:
        def settle() -> None:
            while (deadline := self.real.on_timer(time.monotonic())) is not None:
                time.sleep(max(deadline - time.monotonic(), 0))

        burst = self.entries[:BURST]
        return self._time(lambda: self.real.write(burst), BURST, ENTRIES // 4, settle)

    def journald_us(self, entries: list[bytes]) -> float:
        """journald's own CPU per entry."""
        before = self.journald.cpu_us()
        for _ in range(ENTRIES // 4 // BURST):
            self.real.write(entries[:BURST])
            while (deadline := self.real.on_timer(time.monotonic())) is not None:
                time.sleep(max(deadline - time.monotonic(), 0))
        self.journald.run("true")
        return (self.journald.cpu_us() - before) / (ENTRIES // 4 // BURST * BURST)


def measure(rounds: int) -> str:
    """Measure, and lay out the table."""
    with ExitStack() as stack:
        journald = stack.enter_context(running_journald())
        costs = Costs(stack, journald)
        samples: dict[str, list[float]] = {name: [] for name in costs.all}
        own = {"our entries": costs.entries, "entries of 20 bytes": [_SMALL] * BURST}
        of_journald: dict[str, list[float]] = {name: [] for name in own}
        gc.freeze()
        for run in costs.all.values():
            run()  # caches, files, buffers
        for _ in range(rounds):
            for name, run in costs.all.items():
                samples[name].append(run())
            for name, entries in own.items():
                of_journald[name].append(costs.journald_us(entries))
        reference = statistics.median(samples["encode JSON"])
        sizes = f"{len(costs.lines[0])} bytes a line, {len(costs.entries[0])} bytes an entry"
        out = [f"{'CPU per entry (' + sizes + ')':70} us     least  by encode JSON"]
        samples |= {f"journald, {name}": values for name, values in of_journald.items()}
        for name, values in samples.items():
            middle = statistics.median(values)
            out.append(f"{name:66} {middle:6.2f} {min(values):9.2f} {middle / reference:8.2f}")
        return "\n".join(out)
