# SPDX-License-Identifier: Apache-2.0
"""Encoders of all formats: events of one kind share a template, and nothing else does."""

import json
import tracemalloc
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from execaudit.formats.encoders import RENDERS, make_encoder
from execaudit.records.host import Host
from execaudit.records.journal import wire_entry
from execaudit.records.place import PlaceDescriber
from execaudit.records.record import record_fields
from execaudit.records.text import FieldDict
from execaudit.wire import record
from execaudit.wire.decoder import Decoder
from tests.events import ENV_NAMES, decode
from tests.records import exec_record, exit_record, join, make_host

RENDER: dict[str, Callable[[FieldDict], bytes]] = {
    **RENDERS,
    "journal": partial(wire_entry, identifier="execaudit"),
}
every_format = pytest.mark.parametrize("name", RENDER)


def make(name: str, host: Host, limit: int = 0) -> Any:
    return make_encoder(name, host, "execaudit", limit)


def assert_exact(name: str, host: Host, encoder: Any, *records: bytes) -> None:
    """Check each record twice: a template is made for it, then it is filled into one."""
    for event in decode(*records, *records, host=host):
        assert encoder.encode(event) == RENDER[name](record_fields(event, host))


@every_format
def test_event_like_one_before_is_filled_into_its_template(name: str) -> None:
    host = make_host()
    encoder = make(name, host)
    render = encoder._render
    rendered: list[FieldDict] = []

    def count(fields: FieldDict) -> bytes:
        rendered.append(fields)
        return bytes(render(fields))

    encoder._render = count
    unlike = (
        exec_record(b"ls"), exec_record(b"ls", error=-2), exit_record(),
        exec_record(b"ls", comm=b"cat"), exec_record(b"ls", b"x", env=(b"LD_PRELOAD=a",)),
    )  # fmt: skip
    like = exec_record(
        b"grep", "é".encode(), b"'", b"\n", seq=9, cpu=3, time_ns=10**12, pid=7, tid=7, nspid=7,
        start_ns=10**11, ancestors=((5, 4, 3, b"sh"), (1, 1, 1, b"init")),
    )  # fmt: skip

    assert_exact(name, host, encoder, *unlike)
    assert len(rendered) == len(unlike)
    assert_exact(name, host, encoder, like, exit_record(pid=8, ppid=4, uid=1000))

    assert len(rendered) == len(unlike)


@every_format
def test_event_that_no_other_is_like_is_rendered_by_itself(name: str) -> None:
    host = make_host()
    words = b"x" * 100
    assert_exact(
        name, host, make(name, host),
        exec_record(b"\xff"), exec_record(b"ls", comm=b"\xff"), exec_record(b"ls", cwd=b"\xff\0"),
        exec_record(b"ls", filename=b"\xff\0"), exec_record(b"ls", env=(b"LD_PRELOAD=\xff",)),
        exec_record(b"ls", ancestors=((1, 2, 3, b"\xff"),)), exec_record(b"ls", ancestors=()),
        exec_record(b"ls", origin_pid=3, origin_start_ns=4, origin_exec_count=5),
        exec_record(b"ls", origin_pid=6, origin_start_ns=7, origin_exec_count=8),
        exec_record(b"ls", ancestors=((1, 2, 3, b'"\\%s'),)), exec_record(words, argv_inside=50),
        exec_record(b"ls", flags=record.FLAG_BAD_IDS), exec_record(flags=record.FLAG_BAD_ARGV),
        exec_record(b"ls", flags=record.FLAG_BAD_START), exec_record(*[words] * 50),
        exec_record(b"ls", flags=record.FLAG_BAD_FILENAME),
        exec_record(
            b"sh", b"-e", b"x", filename=b"x\0", interp=b"/bin/sh\0", flags=record.FLAG_SCRIPT
        ),
        exit_record(flags=record.FLAG_BAD_START | record.FLAG_BAD_IDS), exit_record(comm=b"\xff"),
    )  # fmt: skip


@every_format
def test_text_of_the_host_is_encoded_like_any_other(name: str) -> None:
    host = make_host(name='a%d"\\\x7f\u202e', users={1000: 'a%b"\\\u202e'})

    assert_exact(name, host, make(name, host), exec_record(b"x", uid=1000, euid=0))


@every_format
def test_another_clock_name_or_user_is_in_what_follows(name: str) -> None:
    host = make_host()
    encoder = make(name, host)
    decoder = Decoder(ENV_NAMES, describe := PlaceDescriber(host))
    raw = exec_record(b"x", uid=1000)
    for change in ({"wall_offset_ns": 10**18}, {"name": "other"}, {"users": {1000: "bea"}}):
        (event,) = decoder.decode(*join(raw))
        encoder.encode(event)
        for member, value in change.items():
            setattr(host, member if member != "users" else "_users", value)
        describe.follow_host()
        decoder.forget_places()
        encoder.follow_host()
        (event,) = decoder.decode(*join(raw))

        line = encoder.encode(event)

        assert line == RENDER[name](record_fields(event, host))


@every_format
def test_memory_of_places_that_never_repeat_is_bounded(name: str) -> None:
    # Any user can run programs under thousands of different names of 4,000 bytes.
    host = make_host()
    encoder = make(name, host)
    decoder = Decoder(ENV_NAMES, PlaceDescriber(host))
    tracemalloc.start()
    try:
        for number in range(3000):
            long = b"%05d" % number + b"x" * 4000
            (event,) = decoder.decode(*join(exec_record(
                b"x", filename=long + b"\0", exe=long + b"\0", cwd=long + b"\0", error=-number,
            )))  # fmt: skip
            line = encoder.encode(event)
            assert number % 500 or line == RENDER[name](record_fields(event, host))
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert kept < 16 << 20


def test_sequence_number_that_ocsf_has_no_type_for_stays_as_text() -> None:
    host = make_host()
    encoder = make("ocsf", host)
    small, large = 2**31 - 1, 2**31

    documents = [
        json.loads(encoder.encode(event))
        for event in decode(exec_record(b"x", seq=small), exec_record(b"x", seq=large), host=host)
    ]

    assert documents[0]["metadata"]["sequence"] == small
    assert "sequence" not in documents[1]["metadata"]
    assert documents[1]["unmapped"]["seq"] == str(large)


@pytest.mark.parametrize("name", RENDERS)
def test_line_is_trimmed_to_the_bound_of_its_sink_and_says_so(name: str) -> None:
    host = make_host()
    encoder, whole = make(name, host, 8 << 10), make(name, host)
    short, long = decode(exec_record(b"ls"), exec_record(b"ls", b"y" * 9000), host=host)
    fields = {**record_fields(long, host), "type": "other"}

    assert encoder.format == name
    assert encoder.encode(short) == whole.encode(short)
    for line in (encoder.encode(long), encoder.encode_fields(fields)):
        assert len(line) <= 8 << 10 < len(whole.encode(long))
        assert b'"reason":"line"' in line
        assert json.loads(line)
