# SPDX-License-Identifier: Apache-2.0
"""One batch through all steps: raw records in, records out, every loss accounted for.

Owns sequence numbers, chunks waiting for their record, and the counts. It reads no ring and writes
nowhere: what goes in is a buffer with offsets, what comes out is JSON lines or dicts.
"""

import struct
from collections.abc import Callable, Iterator, Sequence

from execaudit.records.durations import Durations
from execaudit.records.encode import Encoder
from execaudit.records.encoder import RecordEncoder
from execaudit.records.exits import exit_fields
from execaudit.records.fields import FieldDict, exec_fields
from execaudit.records.host import Host
from execaudit.records.lost import lost_fields
from execaudit.records.streams import (
    SLOT_COUNTERS,
    Counts,
    Duplicates,
    Stream,
    Waiting,
    not_come,
    sound_head,
)
from execaudit.records.text import dumps
from execaudit.wire import record
from execaudit.wire.decode import HEAD, Chunk, split, split_chunk, split_exit
from execaudit.wire.whole import put_together

_NOTHING: FieldDict = {}
_IMAGE_AT = record.EXEC.offset("pid")
_IMAGE = struct.Struct("@IIQI").unpack_from  # pid, tid, start_ns, exec_count
_ENDED_AT = record.EXIT.offset("start_ns")
_ENDED = struct.Struct("@Q8xII").unpack_from  # start_ns, pid, exec_count


Keep = Callable[[FieldDict], bool]
Finish = Callable[[FieldDict], bytes]


class Pipeline:
    """Decodes, accounts, filters and encodes.

    `encoder` and `finish` make bytes of a record, the quick way and from its fields; without them
    it is JSON lines.

    `env_names` are environment variables to select, each with its "=". `keep` decides over the
    fields of an exec or exit record; None keeps all. An `encoder` given with it decides the same
    from raw bytes, and gives b"" for what is dropped; without one all records go the long way.
    """

    def __init__(
        self,
        host: Host,
        env_names: tuple[bytes, ...] = (),
        keep: Keep | None = None,
        encoder: RecordEncoder | None = None,
        finish: Finish | None = None,
    ) -> None:
        self.counts = Counts()
        self.position = 0  # of the batch in the ring, set before each
        self._duplicates: Duplicates | None = None
        self._host = host
        self._env_names = env_names
        self._keep = keep
        self._is_quick = keep is None or encoder is not None
        self._encoder = encoder or Encoder(host, env_names)
        self._finish = finish or self.line
        self._streams: dict[int, Stream] = {}
        self._durations = Durations()
        self._wants_durations = False
        self._followed = (host.wall_offset_ns, host.names_version)
        self._waiting = Waiting()
        self._misses: dict[int, int] = {}
        self._since_ns = 0  # the first event, then the last time that misses were read
        self._untold = 0  # undecodable events that no lost record has told of
        self._faceless = 0  # of these, those that will be missed by their sequence

    def measure_durations(self) -> None:
        """Remember when programs were started, for `duration_ns` of their exit records."""
        self._wants_durations = True

    def select_env(self, names: tuple[bytes, ...]) -> None:
        """Select other environment variables from now on."""
        self._env_names = names

    def use(self, encoder: RecordEncoder) -> None:
        """Have another encoder make the bytes from the next batch on."""
        self._encoder = encoder

    @staticmethod
    def line(fields: FieldDict) -> bytes:
        """One JSON line."""
        return dumps(fields) + b"\n"

    def lines(self, buf: bytes, offsets: list[int]) -> list[bytes]:
        """JSON lines of a batch, each with its newline."""
        self.follow_host()
        if not self._is_quick:
            return [self._finish(fields) for fields in self._records(buf, offsets)]
        out: list[bytes] = []
        encode, streams, size = self._encoder.encode, self._streams, len(buf)
        last_exec, last_exit = size - record.EXEC_BYTES, size - record.EXIT_BYTES
        wants_durations = self._wants_durations
        quick = 0
        for at in offsets:
            if at <= last_exit:
                head = HEAD(buf, at)
                stream = streams.get(head[7] << 3 | head[3])
                # The usual case: the next event of its stream, complete and ordinary.
                if stream is not None and head[5] == stream.seq + 1:
                    kind = head[1]
                    if kind == record.KIND_EXIT:
                        line = self._encode_exit(buf, at, head) if stream.chunks is None else None
                    elif 0 < kind < record.KIND_CHUNK and at <= last_exec:
                        if stream.chunks is None:
                            line = encode(buf, at, head)
                        else:
                            line = self._encode_whole(buf, at, head, stream.chunks)
                        if wants_durations and kind == record.KIND_EXEC and line is not None:
                            pid, _, start_ns, exec_count = _IMAGE(buf, at + _IMAGE_AT)
                            self._durations.begin(pid, start_ns, exec_count, head[6])
                    elif kind == record.KIND_CHUNK and head[2] == record.WIRE_VERSION:
                        self._keep_chunk(head[7] << 3 | head[3], buf, at, head[5])
                        continue
                    else:
                        line = None
                    if line is not None:
                        stream.seq = head[5]
                        stream.time_ns = head[6]
                        quick += 1
                        out.append(line)
                        continue
            out += self._unusual_lines(buf, at)
        dropped = 0 if self._keep is None else out.count(b"")
        self.counts.seen += quick
        self.counts.filtered += dropped
        self.counts.shown += quick - dropped
        return out

    def _encode_whole(
        self, buf: bytes, at: int, head: tuple[int, ...], chunks: list[Chunk]
    ) -> bytes | None:
        """The same for a record of which chunks have come, if that is all of them."""
        key = head[7] << 3 | head[3]
        if self._streams[key].chunk_seq != head[5]:
            return None
        whole = put_together(buf, at, chunks)
        if whole is None:
            return None
        line = self._encoder.encode(whole, 0, (len(whole), *head[1:]))
        if line is not None:
            self._waiting.take(key)
        return line

    def _encode_exit(self, buf: bytes, at: int, head: tuple[int, ...]) -> bytes | None:
        if not self._wants_durations:
            return self._encoder.encode_exit(buf, at, head, None)
        start_ns, pid, exec_count = _ENDED(buf, at + _ENDED_AT)
        duration_ns = self._durations.of(pid, start_ns, exec_count, head[6])
        line = self._encoder.encode_exit(buf, at, head, duration_ns)
        if line is not None and duration_ns is not None:
            self._durations.forget(pid, start_ns)
        return line

    def _unusual_lines(self, buf: bytes, at: int) -> Iterator[bytes]:
        """Lines for one event of whatever kind: none, one, or two where others are missing."""
        return map(self._finish, self._records(buf, [at]))

    def records(self, buf: bytes, offsets: list[int]) -> Iterator[FieldDict]:
        """The same as dicts, in the vocabulary of docs/record.md."""
        self.follow_host()
        return self._records(buf, offsets)

    def follow_host(self) -> None:
        """Take over a step of the clock and names of users; each batch does so by itself."""
        self._host.follow()
        # Of a replay the host follows the steps of the recording by itself.
        current = (self._host.wall_offset_ns, self._host.names_version)
        if current != self._followed:
            self._followed = current
            self._encoder.follow_host()

    def _records(self, buf: bytes, offsets: list[int]) -> Iterator[FieldDict]:
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
        head = sound_head(buf, at)
        if head is None:
            self._note_faceless()
            return None
        _, kind, _, hook, _, seq, time_ns, cpu, lost, lost_first_ns = head
        stream = self._streams.get(cpu << 3 | hook)
        if stream is None:
            stream = self._streams[cpu << 3 | hook] = Stream()
            self._since_ns = self._since_ns or time_ns
        elif self._duplicates is not None:
            is_record = kind != record.KIND_CHUNK
            if self._duplicates.covers(cpu << 3 | hook, seq, is_record=is_record):
                return None
        if kind == record.KIND_CHUNK:
            self._keep_chunk(cpu << 3 | hook, buf, at, seq)
            return None
        if stream.chunk_seq != seq:
            self._waiting.take(cpu << 3 | hook)  # of a record that did not arrive
        missing = seq - stream.seq - 1
        before_ns, stream.time_ns = stream.time_ns, time_ns
        stream.seq = max(seq, stream.seq)
        self.counts.seen += 1
        if missing <= 0:
            return _NOTHING
        first_ns = max(before_ns, lost_first_ns if lost else 0) or time_ns
        reason = "ring"
        if self._faceless >= missing:
            reason = "undecodable"
            self._faceless -= missing
            self._untold -= missing
        else:
            stream.lost += missing
        return self._lost(reason, hook, cpu, missing, min(first_ns, time_ns), time_ns)

    def skip(self, buf: bytes, at: int) -> list[FieldDict]:
        """Take note of an event that is neither recorded nor counted; what is lost before it."""
        missing = self._account(buf, at)
        self.counts.seen -= missing is not None
        return [missing] if missing else []

    def _note_faceless(self) -> None:
        """Count an event of which not even the header tells where it belongs."""
        self.counts.undecodable += 1
        self._untold += 1
        self._faceless += 1

    def _note_undecodable(self) -> None:
        """Count an event that has its place in the sequence, but cannot be shown."""
        self.counts.seen -= 1
        self.counts.undecodable += 1
        self._untold += 1

    def _keep_chunk(self, key: int, buf: bytes, at: int, seq: int) -> None:
        chunk = split_chunk(buf, at)
        if chunk is None:
            self.counts.undecodable += 1
            return
        self._waiting.keep(key, self._streams[key], seq, chunk, self.position)

    def _fields(self, buf: bytes, at: int) -> FieldDict | None:
        """All fields of the record at `at`; None (and counted) if its bytes do not make one."""
        if buf[at + 4] == record.KIND_EXIT:
            return self._exit_fields(buf, at)
        parts = split(buf, at)
        if parts is None:
            self._note_undecodable()
            return None
        chunks = self._waiting.take(parts.cpu << 3 | parts.hook)
        if self._wants_durations and not parts.error:
            self._durations.begin(parts.pid, parts.start_ns, parts.exec_count, parts.time_ns)
        return exec_fields(parts, chunks, self._host, self._env_names)

    def _exit_fields(self, buf: bytes, at: int) -> FieldDict | None:
        event = split_exit(buf, at)
        if event is None:
            self._note_undecodable()
            return None
        image = (event.pid, event.start_ns, event.exec_count)
        duration = self._durations.of(*image, event.time_ns)
        if duration is not None:
            self._durations.forget(*image[:2])
        return exit_fields(event, self._host, duration)

    def _lost(
        self,
        reason: str,
        hook: int | None,
        cpu: int | None,
        count: int,
        first_ns: int,
        last_ns: int,
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
        out = [
            self._settle_slot(hook, cpu, raw, now_ns)
            for hook, per_cpu in enumerate(slots)
            for cpu, raw in enumerate(per_cpu)
        ]
        since_ns = min(self._since_ns or now_ns, now_ns)
        self._since_ns = now_ns
        for hook, count in misses.items():
            more = count - self._misses.get(hook, 0)
            if more > 0:
                self._misses[hook] = count
                out.append(self._lost("recursion", hook, None, more, since_ns, now_ns))
        if self._untold:
            out.append(self._lost("undecodable", None, None, self._untold, since_ns, now_ns))
            self._untold = self._faceless = 0
        return [fields for fields in out if fields]

    def _settle_slot(self, hook: int, cpu: int, raw: bytes, now_ns: int) -> FieldDict:
        """Lost events behind the last record of a stream; {} if there are none.

        Not by sequence number: an event that has one may be on its way into the ring.
        """
        _, lost, _, first_ns, last_ns = SLOT_COUNTERS(raw)
        key = cpu << 3 | hook
        stream = self._streams.get(key)
        more = lost - (stream.lost if stream else 0)
        if more <= 0:
            return _NOTHING
        if stream is None:
            stream = self._streams[key] = Stream()
        stream.lost = lost
        stream.seq += more
        if stream.chunk_seq <= stream.seq:
            self._waiting.take(key)
        begin_ns = max(stream.time_ns, first_ns) or now_ns
        stream.time_ns = max(begin_ns, last_ns or now_ns)
        return self._lost("ring", hook, cpu, more, begin_ns, stream.time_ns)

    # -- one process after the other ----------------------------------------------------------

    @property
    def waits_from(self) -> int | None:
        """Position of the first batch with chunks whose record has not come; None without any."""
        return self._waiting.since

    def standing(self) -> tuple[list[tuple[int, int, int, int]], dict[int, int]]:
        """What `resume` takes: (key, seq, time_ns, lost) of each stream, and misses by hook."""
        streams = self._streams.items()
        return [(key, s.seq, s.time_ns, s.lost) for key, s in streams], self._misses

    def resume(
        self,
        streams: Sequence[tuple[int, int, int, int]],
        misses: dict[int, int],
        duplicates: Duplicates,
    ) -> None:
        """Go on where another process ended, with the same kernel side."""
        self._streams = {key: Stream(seq, at_ns, lost) for key, seq, at_ns, lost in streams}
        self._misses = dict(misses)
        self._duplicates = duplicates
        self._since_ns = max((at_ns for _, _, at_ns, _ in streams), default=0)

    def has_all(self, slots: list[list[bytes]]) -> bool:
        """Whether every number that was taken has come, or is known to be lost."""
        return not not_come(self._streams, slots)

    def lose(self, reason: str, count: int, first_ns: int, last_ns: int) -> FieldDict:
        """Account for events that this kernel side did not see at all; their `lost` record."""
        return self._lost(reason, None, None, count, first_ns, last_ns)

    def close(
        self, slots: list[list[bytes]], misses: dict[int, int], now_ns: int
    ) -> list[FieldDict]:
        """Settle for good: nothing more comes from this kernel side, and another may follow.

        Every number that was taken and did not come is lost, whatever the kernel says.
        """
        out = self.settle(slots, misses, now_ns)
        for hook, cpu, more, since_ns in not_come(self._streams, slots):
            out.append(self._lost("ring", hook, cpu, more, min(since_ns or now_ns, now_ns), now_ns))
        self._waiting = Waiting()
        self._streams, self._misses, self._duplicates = {}, {}, None
        return out
