# SPDX-License-Identifier: Apache-2.0
"""One batch through all steps: raw records in, records out, every loss accounted for.

Owns sequence numbers, chunks waiting for their record, and the counts. It reads no ring and writes
nowhere: what goes in is a buffer with offsets, what comes out is JSON lines or dicts.
"""

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from execaudit import record
from execaudit.decode import HEAD, Chunk, split, split_chunk, split_exit
from execaudit.encode import Encoder
from execaudit.exits import exit_fields
from execaudit.fields import FieldDict, exec_fields, lost_fields
from execaudit.host import Host
from execaudit.text import dumps

_CHUNKS_KEPT = 512  # twice what the largest record has
_EXECS_KEPT = 65536
_SLOT = struct.Struct(record.SLOT.format)
_NOTHING: FieldDict = {}


@dataclass(slots=True)
class Counts:
    """What went through. `seen` = records + `lost`; `shown` + `filtered` = records."""

    seen: int = 0
    shown: int = 0
    filtered: int = 0
    lost: int = 0
    undecodable: int = 0


@dataclass(slots=True)
class _Stream:
    """Events of one hook on one CPU."""

    seq: int = 0
    time_ns: int = 0
    chunk_seq: int = 0
    chunks: list[Chunk] | None = None


Keep = Callable[[FieldDict], bool]


class Pipeline:
    """Decodes, accounts, filters and encodes.

    `env_names` are environment variables to select, each with its "=". `keep` decides over the
    fields of an exec or exit record; None keeps all and takes the fast way.
    """

    def __init__(
        self, host: Host, env_names: tuple[bytes, ...] = (), keep: Keep | None = None
    ) -> None:
        self.counts = Counts()
        self._host = host
        self._env_names = env_names
        self._keep = keep
        self._encoder = Encoder(host, env_names)
        self._streams: dict[int, _Stream] = {}
        self._exec_times: dict[tuple[int, int, int], int] = {}
        self._wants_durations = False
        self._misses: dict[int, int] = {}

    def measure_durations(self) -> None:
        """Remember when programs were started, for `duration_ns` of their exit records."""
        self._wants_durations = True

    @staticmethod
    def line(fields: FieldDict) -> bytes:
        """One JSON line."""
        return dumps(fields) + b"\n"

    def lines(self, buf: bytes, offsets: list[int]) -> list[bytes]:
        """JSON lines of a batch, each with its newline."""
        if self._host.follow_clock():
            self._encoder.follow_clock()
        if self._keep is not None or self._wants_durations:
            return [dumps(fields) + b"\n" for fields in self.records(buf, offsets)]
        out: list[bytes] = []
        encode, streams, full = self._encoder.encode, self._streams, len(buf) - record.EXEC_BYTES
        quick = 0
        for at in offsets:
            if at <= full:
                head = HEAD(buf, at)
                stream = streams.get(head[7] << 3 | head[3])
                # The usual case: the next exec of its stream, complete and ordinary.
                if stream is not None and head[5] == stream.seq + 1 and head[1] < record.KIND_CHUNK:
                    line = encode(buf, at, head)
                    if line is not None:
                        stream.seq = head[5]
                        stream.time_ns = head[6]
                        quick += 1
                        out.append(line)
                        continue
            out += self._unusual_lines(buf, at)
        self.counts.seen += quick
        self.counts.shown += quick
        return out

    def _unusual_lines(self, buf: bytes, at: int) -> Iterator[bytes]:
        """Lines for one event of whatever kind: none, one, or two where others are missing."""
        return (dumps(fields) + b"\n" for fields in self.records(buf, [at]))

    def records(self, buf: bytes, offsets: list[int]) -> Iterator[FieldDict]:
        """The same as dicts, in the vocabulary of docs/record.md."""
        for at in offsets:
            missing = self._account(buf, at)
            if missing is None:
                continue
            if missing:
                yield missing
            fields = self._fields(buf, at)
            if fields is None:
                continue
            if self._keep is not None and not self._keep(fields):
                self.counts.filtered += 1
                continue
            self.counts.shown += 1
            yield fields

    def _account(self, buf: bytes, at: int) -> FieldDict | None:
        """Take note of an event: a lost record if events are missing before it, {} if none are.

        None: it is not a record of its own (a chunk, or undecodable).
        """
        if len(buf) - at < record.HEAD_BYTES:
            self.counts.undecodable += 1
            return None
        _, kind, version, hook, _, seq, time_ns, cpu, lost, lost_first_ns = HEAD(buf, at)
        if version != record.WIRE_VERSION or hook >= len(record.HOOKS) or not 1 <= kind <= 4:
            self.counts.undecodable += 1
            return None
        stream = self._streams.get(cpu << 3 | hook)
        if stream is None:
            stream = self._streams[cpu << 3 | hook] = _Stream()
        if kind == record.KIND_CHUNK:
            self._keep_chunk(stream, buf, at, seq)
            return None
        missing = seq - stream.seq - 1
        self.counts.seen += 1
        stream.seq = seq
        if missing <= 0:
            stream.time_ns = time_ns
            return _NOTHING
        first_ns = lost_first_ns if lost else stream.time_ns or time_ns
        stream.time_ns = time_ns
        return self._lost("ring", hook, cpu, missing, first_ns, time_ns)

    def _keep_chunk(self, stream: _Stream, buf: bytes, at: int, seq: int) -> None:
        chunk = split_chunk(buf, at)
        if chunk is None:
            self.counts.undecodable += 1
            return
        if stream.chunks is None or stream.chunk_seq != seq:
            stream.chunk_seq = seq
            stream.chunks = []
        if len(stream.chunks) < _CHUNKS_KEPT:
            stream.chunks.append(chunk)

    def _fields(self, buf: bytes, at: int) -> FieldDict | None:
        """All fields of the record at `at`; None (and counted) if its bytes do not make one."""
        if buf[at + 4] == record.KIND_EXIT:
            return self._exit_fields(buf, at)
        parts = split(buf, at)
        if parts is None:
            self.counts.seen -= 1
            self.counts.undecodable += 1
            return None
        chunks: list[Chunk] = []
        stream = self._streams[parts.cpu << 3 | parts.hook]
        if stream.chunks is not None:
            if stream.chunk_seq == parts.seq:
                chunks = stream.chunks
            stream.chunks = None
        if self._wants_durations and not parts.error:
            self._remember(parts.pid, parts.start_ns, parts.exec_count, parts.time_ns)
        return exec_fields(parts, chunks, self._host, self._env_names)

    def _exit_fields(self, buf: bytes, at: int) -> FieldDict | None:
        event = split_exit(buf, at)
        if event is None:
            self.counts.seen -= 1
            self.counts.undecodable += 1
            return None
        key = (event.pid, event.start_ns, event.exec_count)
        began = self._exec_times.pop(key, None)
        duration = None if began is None else event.time_ns - began
        return exit_fields(event, self._host, duration)

    def _remember(self, pid: int, start_ns: int, exec_count: int, time_ns: int) -> None:
        # A second exec ends the first image without an exit.
        self._exec_times.pop((pid, start_ns, exec_count - 1), None)
        if len(self._exec_times) >= _EXECS_KEPT:
            del self._exec_times[next(iter(self._exec_times))]
        self._exec_times[pid, start_ns, exec_count] = time_ns

    def _lost(
        self, reason: str, hook: int, cpu: int | None, count: int, first_ns: int, last_ns: int
    ) -> FieldDict:
        self.counts.seen += count
        self.counts.lost += count
        return lost_fields(self._host, reason, hook, cpu, count, first_ns, last_ns)

    def settle(
        self, slots: list[list[bytes]], misses: dict[int, int], now_ns: int
    ) -> list[FieldDict]:
        """Account for what no later record has told of.

        `slots` are the values of the map "slots" (struct slot) by hook and CPU, read *before* the
        ring was drained for the last time; `misses` the runs the kernel skipped, by hook.
        """
        out: list[FieldDict] = []
        for hook, per_cpu in enumerate(slots):
            for cpu, raw in enumerate(per_cpu):
                seq, _, _, first_ns, last_ns, *_ = _SLOT.unpack(raw)
                stream = self._streams.get(cpu << 3 | hook)
                known = stream.seq if stream else 0
                if seq <= known:
                    continue
                if stream is None:
                    stream = self._streams[cpu << 3 | hook] = _Stream()
                stream.seq = seq
                begin, end = first_ns or stream.time_ns or now_ns, last_ns or now_ns
                out.append(self._lost("ring", hook, cpu, seq - known, begin, max(begin, end)))
        for hook, count in misses.items():
            more = count - self._misses.get(hook, 0)
            if more > 0:
                self._misses[hook] = count
                out.append(self._lost("recursion", hook, None, more, now_ns, now_ns))
        if self.counts.undecodable > self._misses.get(-1, 0):
            more = self.counts.undecodable - self._misses.get(-1, 0)
            self._misses[-1] = self.counts.undecodable
            out.append(self._lost("undecodable", 0, None, more, now_ns, now_ns))
        return out
