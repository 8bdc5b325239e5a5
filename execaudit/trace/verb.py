# SPDX-License-Identifier: Apache-2.0
"""`execaudit trace`: from options to a running loop.

Owns what the options mean; the loop itself is `follow`.
"""

import argparse
import os
import select
import struct
import sys
from collections.abc import Callable

from execaudit.color import wants_color
from execaudit.config.environment import DEFAULT_ENV
from execaudit.engine.choice import open_capture
from execaudit.errors import EXIT_OK, ExecauditError, InvalidArgument, failed_call
from execaudit.kernel import libbpf
from execaudit.kernel.capture import Settings
from execaudit.records.encoder import JsonEncoder, render_line
from execaudit.records.host import Host
from execaudit.records.record import record_fields
from execaudit.records.recording import Recorder
from execaudit.records.text import FieldDict
from execaudit.table.arguments import ArgumentsStyle
from execaudit.table.glyphs import is_ascii_only
from execaudit.table.lines import Table, TableOptions
from execaudit.trace.filters import EventFilter
from execaudit.trace.follow import Keep, Lines, Output, follow, replay
from execaudit.wire.event import Event


def run(args: argparse.Namespace) -> int:
    """Trace or replay until the end; return the exit status. Raises ExecauditError."""
    keep = _build_filter(args)
    if args.replay:
        if args.record:
            raise InvalidArgument("Failed to use --record: it does not go with --replay")
        keep = _as_traced(args, keep)
        output = replay(args.replay, lambda host: _build_output(args, host, keep))
        _summarize(output)
        return EXIT_OK
    settings = Settings(
        ring_bytes=args.ring_bytes,
        argv_bytes=args.argv_bytes,
        failures=args.failure_hook if args.fails else "",
        exits=args.exits,
    )
    host = Host.this()
    with open_capture(args.engine, settings) as capture:
        output = _build_output(args, host, keep)
        output.recorder = Recorder(args.record, host) if args.record else None
        try:
            follow(capture, output)
        finally:
            if output.recorder:
                output.recorder.close()
    _summarize(output)
    return EXIT_OK


def _summarize(output: Output) -> None:
    counts, events = output.counts, output.accounting.counts
    print(
        f"execaudit: {events.seen} seen, {counts.shown} shown,"
        f" {counts.filtered} dropped by filter, {events.lost} lost",
        file=sys.stderr,
    )


def _build_output(args: argparse.Namespace, host: Host, keep: Keep | None) -> Output:
    names = tuple(os.fsencode(f"{name}=") for name in (*DEFAULT_ENV, *(args.env or ())))
    return Output(
        host,
        names,
        _write,
        _build_lines(args, host),
        keep,
        measures_durations=args.exits or bool(args.replay),  # a recording may hold exits
    )


def _build_lines(args: argparse.Namespace, host: Host) -> Lines:
    is_terminal = sys.stdout.isatty()
    wants_json = args.json or not (args.table or is_terminal)
    if not wants_json:
        table = _build_table(args, is_terminal=is_terminal)
        _write(table.header().encode() + b"\n")

        def line(fields: FieldDict) -> bytes:
            if is_terminal:  # it may have been resized
                table.width = _terminal_width()
            return _encode_line(table.line(fields))

        return _FieldLines(host, line)
    if args.max_args is None:
        return JsonEncoder(host)
    return _FieldLines(host, lambda fields: render_line(_limit_arguments(fields, args.max_args)))


class _FieldLines:
    """Makes lines of a record's fields."""

    def __init__(self, host: Host, encode_fields: Callable[[FieldDict], bytes]) -> None:
        self._host = host
        self.encode_fields = encode_fields

    def encode(self, event: Event) -> bytes:
        return self.encode_fields(record_fields(event, self._host))

    def follow_host(self) -> None:
        """Nothing is kept."""


def _build_table(args: argparse.Namespace, *, is_terminal: bool) -> Table:
    style = ArgumentsStyle(quote=args.quote, max_args=args.max_args, ascii_only=is_ascii_only())
    columns = ("time", "timestamp", "print_uid", "print_pcomm", "print_cpu")
    options = TableOptions(
        **{name: getattr(args, name) for name in columns},
        color=wants_color(args.color, is_terminal=is_terminal, environ=os.environ),
        arguments=style,
    )
    return Table(options, _terminal_width() if is_terminal else None)


def _terminal_width() -> int | None:
    """Return the columns of the terminal; None if it does not say."""
    return os.get_terminal_size(sys.stdout.fileno()).columns or None


def _encode_line(line: str) -> bytes:
    return line.encode(sys.stdout.encoding or "utf-8", "backslashreplace") + b"\n"


def _write(data: bytes | memoryview) -> int:
    """Write past Python's buffers, so that a batch is one write; return how many bytes went."""
    fd = sys.stdout.fileno()
    while True:
        try:
            return os.write(fd, data)
        except BlockingIOError:  # a process that shares the descriptor has set O_NONBLOCK
            select.select([], [fd], [])


def _limit_arguments(fields: FieldDict, limit: int) -> FieldDict:
    """Cut `argv` to `limit` elements and say so."""
    argv = fields.get("argv", ())
    if len(argv) <= limit:
        return fields
    mark = {"index": limit - 1, "missing_args": len(argv) - limit, "reason": "display"}
    truncated = dict(fields.get("truncated", {}))
    inside = [gap for gap in truncated.get("argv", ()) if gap["index"] < limit]
    truncated["argv"] = [*inside, mark]
    exact = {k: v for k, v in fields.get("argv_b64", {}).items() if int(k) < limit}
    fields = {**fields, "argv": argv[:limit], "truncated": truncated, "argv_b64": exact}
    if not exact:
        del fields["argv_b64"]
    return fields


def _build_filter(args: argparse.Namespace) -> Keep | None:
    """Return all filters as one; None where there are none."""
    options = (args.uid, args.ppid, args.name, args.line)
    tests: list[Keep] = []
    if options != (None,) * 4:
        tests.append(EventFilter(*options))
    if args.cgroupmap:
        fd = _open_map(args.cgroupmap)
        tests.append(lambda event: _is_member(fd, event.place.fields.get("cgroup_id")))
    if args.mntnsmap:
        other = _open_map(args.mntnsmap)
        tests.append(lambda event: _is_member(other, event.place.fields.get("ns", {}).get("mnt")))
    if len(tests) < 2:
        return tests[0] if tests else None
    return lambda event: all(test(event) for test in tests)


def _as_traced(args: argparse.Namespace, keep: Keep | None) -> Keep | None:
    """Return a filter that keeps, of a recording, what tracing with these options would see."""
    if args.fails and args.exits:
        return keep

    def is_seen(event: Event) -> bool:
        if event.type == "exit" and not args.exits:
            return False
        if event.error and not args.fails:
            return False
        return keep is None or keep(event)

    return is_seen


def _open_map(path: str) -> int:
    """Open a pinned hash map with 64-bit keys, as BCC's tools and inspektor-gadget pin them.

    Raises ExecauditError.
    """
    try:
        fd = libbpf.open_pinned(path)
        # struct bpf_map_info: type, id, key_size, value_size
        _, _, key_bytes, _ = struct.unpack_from("@4I", libbpf.object_info(fd, 16))
    except OSError as error:
        raise failed_call(f"open pinned map '{path}'", error, InvalidArgument) from error
    if key_bytes != 8:
        raise ExecauditError(f"Failed to use map '{path}': its keys have {key_bytes} bytes, not 8")
    return fd


def _is_member(fd: int, key: str | int | None) -> bool:
    # The value's size does not matter: no tool has one of over 64 bytes per CPU here.
    return key is not None and libbpf.lookup_map(fd, struct.pack("@Q", int(key)), 4096) is not None
