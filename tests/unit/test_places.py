# SPDX-License-Identifier: Apache-2.0
"""What repeats between execs is one object, and never one for two different things."""

import struct
import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execaudit.records import place as place_module
from execaudit.records.place import PlaceDescriber
from execaudit.records.vocabulary import EVENT_FLAGS
from execaudit.wire import record
from execaudit.wire.decoder import EXIT_PLACE_FLAGS, PLACE_FLAGS, Decoder
from execaudit.wire.event import Place
from execaudit.wire.places import core_of
from tests.records import INIT, PARENT, chunk_record, exec_record, exit_record, join, make_host

# Another value for every member and string of a place.
OTHERS: list[dict[str, Any]] = [
    {name: b"?" if name in ("comm", "old_comm", "tty") else 78}
    for name, _ in record.EXEC.members
    if record.EXEC.offset("uid") <= record.EXEC.offset(name) < record.EXEC.offset("ancestors")
    and name != "script_bytes"
] + [
    {"filename": b"/other\0"}, {"interp": b"/bin/sh\0"}, {"exe": b"other\0"}, {"cwd": b"other\0"},
    {"root": b"other\0"}, {"cgroup": b"other\0"}, {"script": b"other\0"},
    {"ancestors": (PARENT,)}, {"ancestors": (INIT, PARENT)}, {"ancestors": ()},
]  # fmt: skip
OF_EVENT: list[dict[str, Any]] = [
    {"pid": 5}, {"tid": 5}, {"nspid": 5}, {"seq": 2}, {"time_ns": 9}, {"start_ns": 9},
    {"exec_count": 9}, {"argc": 9}, {"error": -2}, {"hook": 3}, {"lost_first_ns": 3},
    {"env": (b"A=1",)}, {"chunks": 3}, {"argv_block": b"other\0"}, {"argv_inside": 0},
    {"flags": record.FLAG_PRIVILEGED | record.FLAG_BAD_ARGV | record.FLAG_BAD_START},
]  # fmt: skip


def place_of(decoder: Decoder, raw: bytes) -> Place:
    (event,) = decoder.decode(*join(raw))
    return event.place


@pytest.mark.parametrize("members", OF_EVENT, ids=str)
def test_place_is_the_same_whatever_an_event_has_of_its_own(members: dict[str, Any]) -> None:
    decoder = Decoder()
    place = place_of(decoder, exec_record(b"x"))

    assert place_of(decoder, exec_record(b"x", **members)) is place
    assert place_of(decoder, exec_record(b"x", cpu=3, **members)) is place


@pytest.mark.parametrize("members", OTHERS, ids=str)
def test_place_is_another_where_any_of_its_bytes_differs(members: dict[str, Any]) -> None:
    decoder = Decoder()
    place = place_of(decoder, exec_record(b"x"))
    other = place_of(decoder, exec_record(b"x", **members))

    assert other is not place
    is_about_parents = members.get("ancestors") == (INIT, PARENT) or "origin_" in str(members)
    assert (core_of(other) == core_of(place)) == is_about_parents
    assert place_of(decoder, exec_record(b"x")) is place


@pytest.mark.parametrize("flag", [1 << bit for bit in range(64) if PLACE_FLAGS & 1 << bit])
def test_place_is_another_where_something_of_it_was_cut_or_unreadable(flag: int) -> None:
    decoder = Decoder()
    place = place_of(decoder, exec_record(b"x"))
    other = place_of(decoder, exec_record(b"x", flags=flag | record.FLAG_PRIVILEGED))

    assert (place.flags, other.flags) == (0, flag)
    assert core_of(other) != core_of(place)
    assert place_of(decoder, exec_record(b"x", flags=flag)) is other


def test_place_of_an_exit_is_that_of_its_parent_user_name_and_flags() -> None:
    decoder = Decoder()
    place = place_of(decoder, exit_record())
    same = exit_record(pid=5, seq=2, time_ns=9, start_ns=9, exec_count=9, status=9, cpu=2)
    others: list[dict[str, Any]] = [
        {"ppid": 5}, {"parent_start_ns": 5}, {"parent_exec_count": 5}, {"uid": 5}, {"comm": b"?"},
        {"flags": record.FLAG_BAD_IDS}, {"flags": record.FLAG_BAD_START},
    ]  # fmt: skip

    assert place_of(decoder, same) is place
    found = {id(place_of(decoder, exit_record(**other))) for other in others}
    assert len(found - {id(place)}) == len(others)


def test_every_flag_belongs_to_a_place_or_is_of_the_event() -> None:
    names = {name for name in vars(record) if name.startswith("FLAG_")}
    of_event = {vars(record)[name] for name in names if not PLACE_FLAGS & vars(record)[name]}
    of_blocks = {record.FLAG_CUT_ARGV, record.FLAG_BAD_ARGV, record.FLAG_BAD_ENV}

    assert of_event == {*EVENT_FLAGS.values(), *of_blocks, record.FLAG_BAD_START}
    assert EXIT_PLACE_FLAGS == record.FLAG_BAD_IDS | record.FLAG_BAD_START


STRINGS = st.lists(st.binary(max_size=3).map(lambda raw: raw.replace(b"\0", b"") + b"\0"),
                   min_size=6, max_size=6)  # fmt: skip
_NAMES = ("filename", "interp", "exe", "cwd", "root", "cgroup")


@given(st.lists(STRINGS, min_size=2, max_size=6), st.data())
def test_places_are_the_same_object_exactly_where_their_strings_are(
    every: list[list[bytes]], data: st.DataObject
) -> None:
    decoder = Decoder()
    seen: dict[int, list[bytes]] = {}
    for strings in data.draw(st.permutations(every * 2)):
        members: dict[str, Any] = dict(zip(_NAMES, strings, strict=True))
        place = place_of(decoder, exec_record(b"x", **members))
        found = [place.filename + b"\0", place.interp + b"\0", place.exe[48:], place.cwd,
                 place.root, place.cgroup[8:]]  # fmt: skip
        assert found == strings
        assert seen.setdefault(id(place), strings) == strings

    assert len(seen) == len({tuple(strings) for strings in every})


def test_same_bytes_with_other_lengths_are_another_place() -> None:
    decoder = Decoder()
    raw = exec_record(b"x", filename=b"/abc\0", interp=b"/s\0")
    place = place_of(decoder, raw)
    moved = bytearray(raw)
    struct.pack_into("@2H", moved, record.EXEC.offset("filename_bytes"), 3, 5)

    other = place_of(decoder, bytes(moved))

    assert other is not place
    assert (other.filename, other.interp) == (b"/a", b"c\0/s")


def test_fields_are_made_when_they_are_first_asked_for_and_once() -> None:
    made: list[Place] = []

    def describe(place: Place) -> dict[str, Any]:
        made.append(place)
        return {"n": len(made)}

    decoder = Decoder((), describe)
    place = place_of(decoder, exec_record(b"x"))
    assert not made

    assert [place.fields, place_of(decoder, exec_record(b"y")).fields] == [{"n": 1}] * 2
    decoder.forget_places()
    assert place_of(decoder, exec_record(b"x")).fields == {"n": 2}
    assert not hasattr(place, "shell")


def test_chunks_before_a_record_do_not_make_its_place_another() -> None:
    decoder = Decoder()
    place = place_of(decoder, exec_record(b"abc"))
    chunk = chunk_record(record.AREA_ARGV, 1, b"bc\0")

    (event,) = decoder.decode(*join(chunk, exec_record(b"abc", argv_inside=1, chunks=1)))

    assert (event.argv, event.place) == (b"abc\0", place)


@pytest.mark.parametrize("length", [1, 4000])
def test_places_that_never_repeat_take_bounded_memory(length: int) -> None:
    # Any user can run programs under thousands of different names of 4,000 bytes.
    decoder = Decoder((), PlaceDescriber(make_host()))
    tracemalloc.start()
    try:
        for number in range(4000):
            name = b"%05d" % number + b"x" * length
            assert (
                place_of(
                    decoder,
                    exec_record(
                        b"x",
                        filename=name + b"\0",
                        exe=name + b"\0",
                        cwd=name + b"\0",
                        comm=b"%d" % number,
                        uid=number,
                    ),
                ).fields["uid"]
                == number
            )
            assert place_of(decoder, exit_record(ppid=number)).ppid == number
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert held < 8 << 20


def test_description_follows_the_clock_and_new_names() -> None:
    host = make_host()
    describe = PlaceDescriber(host)
    place = place_of(Decoder(), exec_record(b"x", uid=5))
    before = describe(place)

    host.wall_offset_ns += 3600 * 10**9
    host.learn({5: "eve"})
    describe.follow_host()
    after = describe(place)

    assert (before.get("user"), after["user"]) == (None, "eve")
    assert before["ancestors"][0]["start"] != after["ancestors"][0]["start"]


def test_described_parts_that_never_repeat_take_bounded_memory_and_stay_right(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(place_module, "_PARTS_BYTES", 10_000)
    describe = PlaceDescriber(make_host())
    for number in range(100):
        fields = describe(place_of(Decoder(), exec_record(b"x", uid=number, ns_mnt=number)))
        assert (fields["uid"], fields["ns"]["mnt"]) == (number, number)

    assert len(describe._cred) < 20
