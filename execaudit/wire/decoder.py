# SPDX-License-Identifier: Apache-2.0
"""The one decoder: raw records of the kernel side become Events.

Owns the checks of a record's bytes, the table of places, and the chunks that wait for their record.
It interprets nothing and counts nothing. Bytes that are no record become an Event of type
"damaged", which the accounting counts.
"""

import struct
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from execaudit.wire import record
from execaudit.wire.blocks import Block, Chunk, assemble, join_strings, split_strings
from execaudit.wire.chunks import ChunkTable, split_chunk
from execaudit.wire.event import Event, Gap, Place
from execaudit.wire.places import PlaceTable

_CPUS = 8192  # the most a kernel is built for (NR_CPUS)
_HOOKS = len(record.HOOKS)
_KIND_AT = record.HEAD.offset("kind")
_HEAD_BYTES = record.HEAD_BYTES
_EXEC_BYTES = record.EXEC_BYTES

_HEAD = "@IxBBxQQI4xQ"  # size, version, hook, seq, time_ns, cpu, lost_first_ns
_HEADER = struct.Struct(_HEAD).unpack_from
# Then flags, error, argc, pid, tid, start_ns, exec_count, nspid, and bytes of either block: in all,
# and in the record.
_EXEC = struct.Struct(_HEAD + "QiIIIQIIII8xII").unpack_from
# Then flags, start_ns, pid, exec_count, status.
_EXIT = struct.Struct(_HEAD + "QQ8xII8xI").unpack_from
_BUDGETS = struct.Struct("@8xII8xII").unpack_from
_BUDGETS_AT = record.EXEC.offset("argv_bytes")

_EVENT_FLAGS = record.FLAGS_OF_ONE_EXEC
PLACE_FLAGS = ~_EVENT_FLAGS & 0xFFFFFFFFFFFFFFFF
EXIT_PLACE_FLAGS = record.FLAG_BAD_IDS | record.FLAG_BAD_START
_BLOCK_FLAGS = record.FLAG_CUT_ARGV | record.FLAG_BAD_ARGV | record.FLAG_BAD_ENV
_ENVIRONMENTS_BYTES = 512 << 10

_new = Event.__new__
_NO_GAPS: tuple[Gap, ...] = ()


class Decoder:
    """Decodes the records of one kernel side.

    Attributes:
        position: of the current batch in the ring, to be set before each.

    """

    def __init__(
        self,
        env_names: tuple[bytes, ...] = (),
        describe: Callable[[Place], dict[str, Any]] | None = None,
    ) -> None:
        """Take the environment variables to select, each with its "=".

        `describe` makes the fields of a place when they are first asked for.
        """
        self.position = 0
        self._env_names = env_names
        self._environments: dict[bytes, bytes] = {}
        self._environments_bytes = 0
        self._places = PlaceTable(describe or (lambda _: {}))
        self._chunks = ChunkTable()

    def select_env(self, names: tuple[bytes, ...]) -> None:
        """Select other environment variables from now on, each with its "="."""
        self._env_names = names
        self._environments.clear()
        self._environments_bytes = 0

    def forget_places(self) -> None:
        """Forget all places: what was made of them holds no longer."""
        self._places.clear()

    # -- chunks -------------------------------------------------------------------------------

    @property
    def waits_from(self) -> int | None:
        """Position of the first batch with chunks whose record has not come; None without any."""
        return self._chunks.waits_from

    def drop_chunks(self, stream: int, seq: int) -> None:
        """Drop the chunks of a stream that wait for a record up to `seq`, which will not come."""
        self._chunks.drop(stream, seq)

    def drop_all_chunks(self) -> None:
        """Drop all chunks: nothing more comes from this kernel side."""
        self._chunks = ChunkTable()

    # -- records ------------------------------------------------------------------------------

    def decode(self, buf: bytes, offsets: list[int]) -> Iterator[Event]:
        """Yield the events of a batch: raw records that begin at `offsets` in `buf`."""
        size = len(buf)
        exec_end, exit_end = size - _EXEC_BYTES, size - record.EXIT_BYTES
        for at in offsets:
            kind = buf[at + _KIND_AT] if at + _HEAD_BYTES <= size else 0
            if kind in (record.KIND_EXEC, record.KIND_FAILURE) and at <= exec_end:
                event = self._decode_exec(buf, at)
            elif kind == record.KIND_EXIT and at <= exit_end:
                event = self._decode_exit(buf, at)
            elif kind == record.KIND_CHUNK and self._keep_chunk(buf, at):
                continue
            else:
                event = None
            yield _damaged(buf, at) if event is None else event

    def _decode_exec(self, buf: bytes, at: int) -> Event | None:
        """Return an exec, None where lengths disagree."""
        event = _new(Event)
        (
            size, version, event.hook, event.seq, event.time_ns, event.cpu, event.lost_first_ns,
            event.flags, event.error, event.argc, event.pid, event.tid, event.start_ns,
            event.exec_count, event.nspid, argv_bytes, argv_inline, env_bytes, env_inline,
        ) = _EXEC(buf, at)  # fmt: skip
        hook, cpu, flags, pid = event.hook, event.cpu, event.flags, event.pid
        end = at + size
        argv_at = end - argv_inline
        env_at = argv_at - env_inline
        if (
            end > len(buf)
            or env_at < at + _EXEC_BYTES
            or version != record.WIRE_VERSION
            or cpu >= _CPUS
            or hook >= _HOOKS
            or argv_inline > argv_bytes
            or env_inline > env_bytes
        ):
            return None
        place = self._places.find(buf, at, env_at, cpu, flags & PLACE_FLAGS)
        if place is None:
            return None
        event.type, event.place = "exec", place
        event.path_search = event.labels = event.redacted_argv = event.redacted_env = ()
        event.technique = event.rule = ()
        event.severity = ""
        event.first_seen = 0
        event.is_plain = not (
            flags & _EVENT_FLAGS or event.error or hook or event.tid != pid or event.nspid != pid
        )
        argv = buf[argv_at:end]
        is_whole = argv_inline == argv_bytes and env_inline == env_bytes
        if is_whole and not flags & _BLOCK_FLAGS and not (argv and argv[-1]):
            event.argv = argv
            event.argv_gaps = event.env_gaps = _NO_GAPS
            event.env = self._select(buf[env_at:argv_at]) if env_inline and self._env_names else b""
            if event.env or not argv:
                event.is_plain = False
            if self._chunks.count:
                self._chunks.take(cpu << 3 | hook)
            return event
        budgets = _BUDGETS(buf, at + _BUDGETS_AT)
        env = Block(buf[env_at:argv_at], env_bytes, *budgets[2:])
        self._assemble(event, Block(argv, argv_bytes, *budgets[:2]), env)
        return event

    def _assemble(self, event: Event, argv: Block, env: Block) -> None:
        """Fill in the blocks of a record whose blocks are cut, in chunks or unreadable."""
        chunks = self._chunks.take(event.cpu << 3 | event.hook, event.seq)
        event.argv, event.argv_gaps = _assemble_argv(event, argv, chunks)
        event.env, event.env_gaps = self._assemble_env(event, env, chunks)
        if event.env or event.env is None or event.env_gaps or event.argv_gaps or not event.argv:
            event.is_plain = False

    def _assemble_env(
        self, event: Event, block: Block, chunks: list[Chunk]
    ) -> tuple[bytes | None, tuple[Gap, ...]]:
        if not block.total:
            return None if event.flags & record.FLAG_BAD_ENV else b"", _NO_GAPS
        of_env = [chunk for chunk in chunks if chunk.area == record.AREA_ENV]
        strings, gaps = split_strings(*assemble(block, of_env))
        # What follows a gap may be the end of any variable's value, and look like a variable.
        after_gaps = {gap.index + 1 for gap in gaps}
        variables = [entry for index, entry in enumerate(strings) if index not in after_gaps]
        if gaps and event.flags & record.FLAG_BAD_ENV:
            gaps[0] = replace(gaps[0], reason="unreadable")
        chosen = [entry for entry in variables if entry.startswith(self._env_names)]
        return join_strings(chosen), tuple(gaps)

    def _select(self, block: bytes) -> bytes:
        """Return the variables of a whole environment block that are to be recorded."""
        chosen = self._environments.get(block)
        if chosen is not None:
            return chosen
        chosen = b""
        for name in self._env_names:
            if name in block:
                entries = block.removesuffix(b"\0").split(b"\0")
                chosen = join_strings(each for each in entries if each.startswith(self._env_names))
                break
        self._environments_bytes += len(block) + len(chosen)
        if self._environments_bytes > _ENVIRONMENTS_BYTES:
            self._environments.clear()
            self._environments_bytes = len(block) + len(chosen)
        self._environments[block] = chosen
        return chosen

    def _decode_exit(self, buf: bytes, at: int) -> Event | None:
        """Return the end of a process, None where it is too short or of another version."""
        event = _new(Event)
        (
            size, version, event.hook, event.seq, event.time_ns, event.cpu, event.lost_first_ns,
            flags, event.start_ns, event.pid, event.exec_count, event.status,
        ) = _EXIT(buf, at)  # fmt: skip
        if (
            size != record.EXIT_BYTES
            or version != record.WIRE_VERSION
            or event.cpu >= _CPUS
            or event.hook >= _HOOKS
        ):
            return None
        event.type = "exit"
        event.place = self._places.find_exit(buf, at, flags & EXIT_PLACE_FLAGS)
        event.flags = flags
        event.tid = event.nspid = event.pid
        event.error = event.argc = 0
        event.argv = event.env = b""
        event.argv_gaps = event.env_gaps = _NO_GAPS
        event.path_search = event.labels = event.redacted_argv = event.redacted_env = ()
        event.technique = event.rule = ()
        event.severity = ""
        event.first_seen = 0
        event.duration_ns = None
        event.is_plain = False
        return event

    def _keep_chunk(self, buf: bytes, at: int) -> bool:
        """Keep a chunk for its record; False where it is none."""
        _, version, hook, seq, _, cpu, _ = _HEADER(buf, at)
        chunk = split_chunk(buf, at)
        if chunk is None or version != record.WIRE_VERSION or cpu >= _CPUS or hook >= _HOOKS:
            return False
        self._chunks.keep(cpu << 3 | hook, seq, chunk, self.position)
        return True


def _assemble_argv(
    event: Event, block: Block, chunks: list[Chunk]
) -> tuple[bytes | None, tuple[Gap, ...]]:
    of_argv = [chunk for chunk in chunks if chunk.area == record.AREA_ARGV]
    strings, gaps = split_strings(*assemble(block, of_argv))
    is_unreadable = bool(event.flags & record.FLAG_BAD_ARGV)
    if is_unreadable and not strings:
        return None, _NO_GAPS
    if event.error and event.flags & (record.FLAG_CUT_ARGV | record.FLAG_BAD_ARGV):
        # The kernel side stopped reading arguments one by one: how many follow nobody knows.
        gaps.append(Gap(len(strings) - 1, None, "unreadable" if is_unreadable else "budget"))
    elif is_unreadable and gaps:
        gaps[0] = replace(gaps[0], reason="unreadable")
    return join_strings(strings), tuple(gaps)


def _damaged(buf: bytes, at: int) -> Event:
    """Return what stands for bytes that are no record; `seq` is 0 where it has no sound header."""
    event = _new(Event)
    event.type = "damaged"
    event.hook = event.cpu = event.seq = event.time_ns = event.lost_first_ns = 0
    if len(buf) - at >= _HEAD_BYTES:
        _, version, hook, seq, time_ns, cpu, lost_first_ns = _HEADER(buf, at)
        kind = buf[at + _KIND_AT]
        is_record = kind in (record.KIND_EXEC, record.KIND_FAILURE, record.KIND_EXIT)
        if is_record and version == record.WIRE_VERSION and cpu < _CPUS and hook < _HOOKS:
            event.hook, event.cpu, event.seq = hook, cpu, seq
            event.time_ns, event.lost_first_ns = time_ns, lost_first_ns
    return event
