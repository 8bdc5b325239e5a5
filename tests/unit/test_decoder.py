# SPDX-License-Identifier: Apache-2.0
"""Raw records become events: every slice at its place, and nothing made of damaged bytes."""

import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execaudit.wire import chunks as chunks_module
from execaudit.wire import record
from execaudit.wire.chunks import split_chunk
from execaudit.wire.decoder import Decoder
from execaudit.wire.event import Gap
from tests.records import (
    chunk_record,
    chunks_of,
    exec_record,
    exit_record,
    join,
    leaf_first,
)
from tests.unit.exec_fields import decode, event_of

TEXT = bytes(97 + at % 26 for at in range(70000)) + b"\0"
WHOLE = TEXT
CUT = TEXT[:4096] + b"\0"


def in_chunks(seq: int = 1, **members: Any) -> list[bytes]:
    """Return the records of an exec whose one argument is TEXT, the exec last."""
    chunks = chunks_of(record.AREA_ARGV, TEXT, 4096, seq=seq, **members)
    event = exec_record(
        argv_block=TEXT, argv_inside=4096, chunks=len(chunks), argc=1, seq=seq, **members
    )
    return [*chunks, event]


class TestExec:
    def test_every_string_is_sliced_at_its_place(self) -> None:
        event = event_of(
            b"sh", b"-c", env=(b"SUDO_USER=a",), filename=b"./s\0", interp=b"/bin/sh\0",
            exe=leaf_first(b"/usr/bin/dash"), cwd=leaf_first(b"/tmp"),
            root=leaf_first(b"/srv/jail"), cgroup=leaf_first(b"/a/b"), cgroup_id=1 << 63,
            comm=b"sh", uid=7,
        )  # fmt: skip
        place = event.place

        assert (place.filename, place.interp) == (b"./s", b"/bin/sh")
        assert (place.cwd, place.root) == (b"tmp\0", b"jail\0srv\0")
        assert place.exe.endswith(b"dash\0bin\0usr\0")
        assert place.cgroup == struct.pack("@Q", 1 << 63) + b"b\0a\0"
        assert (place.type, place.uid, place.ppid, place.comm) == ("exec", 7, 900, b"sh")
        assert (event.env, event.argv) == (b"SUDO_USER=a\0", b"sh\0-c\0")

    def test_numbers_are_those_of_the_record(self) -> None:
        members: dict[str, Any] = {
            "time_ns": 11, "hook": 3, "cpu": 12, "seq": 13, "flags": 1, "error": -2, "argc": 15,
            "pid": 16, "tid": 17, "start_ns": 18, "exec_count": 19, "nspid": 20,
            "lost_first_ns": 21,
        }  # fmt: skip

        event = event_of(b"x", **members)

        assert {name: getattr(event, name) for name in members} == members

    @pytest.mark.parametrize("count", range(record.ANCESTORS + 1))
    def test_ancestors_are_as_many_as_counted(self, count: int) -> None:
        ancestors = [(at, at + 1, at + 2, b"p") for at in range(count)]

        event = event_of(b"x", ancestors=ancestors)

        assert len(event.place.ancestors) == count * record.ANCESTOR.size

    @pytest.mark.parametrize(
        "members",
        [{"flags": record.FLAG_PRIVILEGED}, {"flags": record.FLAG_BAD_START}, {"error": -2},
         {"hook": 3}, {"tid": 7}, {"nspid": 7}, {"env": (b"LD_PRELOAD=",)}, {"argv_inside": 0},
         {"env": (b"A=1",), "env_inside": 0}, {"flags": record.FLAG_BAD_ENV}],
        ids=str,
    )  # fmt: skip
    def test_exec_with_anything_of_its_own_is_not_plain(self, members: dict[str, Any]) -> None:
        assert event_of(b"x", flags=record.FLAG_SCRIPT, env=(b"A=1",)).is_plain
        assert not event_of(b"x", **members).is_plain
        assert not event_of().is_plain

    @pytest.mark.parametrize("env", [(b"A=1", b"=x", b"B=", b"AA=2", b"A=3"), ()])
    @pytest.mark.parametrize("names", [(), (b"=",), (b"A=", b"B="), (b"A=", b"A=")])
    def test_chosen_variables_are_those_of_these_names(
        self, names: tuple[bytes, ...], env: tuple[bytes, ...]
    ) -> None:
        decoder = Decoder((b"other=",))
        raw = join(exec_record(b"x", env=env))
        list(decoder.decode(*raw))

        decoder.select_env(names)
        found = [event.env for event in (*decoder.decode(*raw), *decoder.decode(*raw))]

        assert found == [b"".join(each + b"\0" for each in env if each.startswith(names))] * 2

    @pytest.mark.parametrize("member", ["argv_block", "env_block"])
    def test_block_without_its_last_nul_is_read_to_its_end(self, member: str) -> None:
        members: dict[str, Any] = {"argv_block": b"x\0", member: b"LD_PRELOAD=x"}
        event = event_of(**members)

        found = event.argv if member == "argv_block" else event.env
        assert found == b"LD_PRELOAD=x\0"

    def test_environments_that_never_repeat_take_bounded_memory(self) -> None:
        decoder = Decoder((b"A=",))
        for number in range(3000):
            (event,) = decoder.decode(*join(exec_record(b"x", env=(b"A=%d" % number, b"B" * 999))))
            assert event.env == b"A=%d\0" % number

        assert sum(map(len, decoder._environments)) < 1 << 20


class TestDamage:
    @pytest.mark.parametrize(
        "raw", [exec_record(b"x", b"y"), exec_record(b"x", error=-2), exit_record()],
        ids=["exec", "failure", "exit"],
    )  # fmt: skip
    def test_record_that_breaks_off_is_damaged(self, raw: bytes) -> None:
        for size in (0, 1, record.HEAD.size, len(raw) // 2, record.EXEC.size - 1, len(raw) - 1):
            (event,) = Decoder().decode(raw[: min(size, len(raw) - 1)], [0])
            assert event.type == "damaged"
            assert event.seq == (1 if size >= record.HEAD.size else 0)

    @pytest.mark.parametrize(
        "damage",
        [
            {"ancestor_count": record.ANCESTORS + 1},
            {"ancestor_count": 0xFFFF},
            {"size": 0},
            {"size": 0xFFFFFFFF},
            {"argv_inline": 0xFFFFFFFF},
            {"env_inline": 1},
            {"filename_bytes": 0},
            {"cgroup_bytes": 0xFFFF},
            {"argv_bytes": 1},  # less than the record itself carries
            {"env": (b"A=1",), "env_bytes": 2},
        ],
        ids=str,
    )
    def test_record_whose_lengths_disagree_keeps_its_place_in_the_sequence(
        self, damage: dict[str, Any]
    ) -> None:
        head = {"cpu": 3, "hook": 2, "seq": 17, "time_ns": 5, "lost_first_ns": 4}

        event = event_of(b"x", b"y", **{**head, **damage})

        assert event.type == "damaged"
        assert {name: getattr(event, name) for name in head} == head

    @pytest.mark.parametrize("make", [exec_record, exit_record])
    @pytest.mark.parametrize(
        "damage",
        [{"version": record.WIRE_VERSION + 1}, {"version": 0}, {"hook": len(record.HOOKS)},
         {"hook": 255}, {"cpu": 8192}, {"kind": 0}, {"kind": 5}],
        ids=str,
    )  # fmt: skip
    def test_record_without_a_sound_header_belongs_nowhere(
        self, make: Any, damage: dict[str, Any]
    ) -> None:
        (event,) = decode(make(**damage))

        assert (event.type, event.seq, event.cpu, event.hook) == ("damaged", 0, 0, 0)

    def test_largest_processor_number_of_any_kernel_is_taken(self) -> None:
        assert event_of(b"x", cpu=8191).cpu == 8191

    @given(st.data())
    def test_any_lengths_are_refused_or_tile_the_record(self, data: st.DataObject) -> None:
        raw = bytearray(exec_record(b"x" * 50, b"y", env=(b"A=1",), interp=b"/bin/sh\0"))
        at = record.EXEC.offset("filename_bytes")
        before = struct.unpack_from("@6H", raw, at)
        any_lengths = st.lists(st.integers(0, 60), min_size=6, max_size=6)
        lengths = data.draw(any_lengths | st.permutations(before))
        struct.pack_into("@6H", raw, at, *lengths)

        (event,) = decode(bytes(raw))

        assert (event.type == "exec") == (sum(lengths) == sum(before))
        if event.type == "exec":
            place = event.place
            sizes = [len(place.filename) + 1, len(place.interp) + 1, len(place.exe) - 48,
                     len(place.cwd), len(place.root), len(place.cgroup) - 8]  # fmt: skip
            assert [max(1, size) for size in sizes] == [max(1, size) for size in lengths]


class TestExit:
    def test_exit_is_taken_apart(self) -> None:
        members: dict[str, Any] = {
            "time_ns": 1, "cpu": 2, "seq": 3, "flags": 4, "start_ns": 5, "pid": 7,
            "exec_count": 8, "status": 11, "hook": 1,
        }  # fmt: skip

        (event,) = decode(exit_record(**members, ppid=9, uid=12, comm=b"sleep"))

        assert {name: getattr(event, name) for name in members} == members
        place = event.place
        assert (place.type, place.ppid, place.uid, place.comm) == ("exit", 9, 12, b"sleep")
        assert (event.duration_ns, event.is_plain) == (None, False)

    def test_exit_of_another_size_is_damaged(self) -> None:
        assert [each.type for each in decode(exit_record(size=8))] == ["damaged"]


class TestChunks:
    def test_arguments_are_whole_again_even_if_chunks_came_a_batch_before(self) -> None:
        decoder = Decoder()
        *chunks, raw = in_chunks()

        assert list(decoder.decode(*join(*chunks))) == []
        (event,) = decoder.decode(*join(raw))

        assert (event.argv, event.argv_gaps) == (WHOLE, ())

    def test_chunks_of_two_processors_are_not_mixed(self) -> None:
        pairs = zip(in_chunks(cpu=0), in_chunks(cpu=1), strict=True)

        events = decode(*[raw for pair in pairs for raw in pair])

        assert [event.argv for event in events] == [WHOLE] * 2

    def test_chunks_of_a_lost_record_do_not_join_the_next(self) -> None:
        *chunks, _ = in_chunks(seq=1)

        (event,) = decode(*chunks, in_chunks(seq=2)[-1])

        assert event.argv == CUT
        assert event.argv_gaps == (Gap(0, len(TEXT) - 4096, "ring"),)

    def test_chunks_of_the_environment_are_no_arguments(self) -> None:
        chunk = chunk_record(record.AREA_ENV, 500, b"b" * 500)

        event = event_of(argv_block=b"a" * 999 + b"\0", argv_inside=500, chunks=(chunk,))

        assert event.argv == b"a" * 500 + b"\0"

    def test_chunks_of_a_lost_record_are_dropped_at_an_ordinary_exec(self) -> None:
        decoder = Decoder()
        *chunks, _ = in_chunks(seq=2)
        decoder.position = 77

        list(decoder.decode(*join(*chunks)))
        assert decoder.waits_from == 77
        list(decoder.decode(*join(exec_record(b"x", seq=3))))

        assert decoder.waits_from is None

    @pytest.mark.parametrize(("seq", "is_kept"), [(1, True), (2, False), (3, False)])
    def test_chunks_are_dropped_when_their_record_will_not_come(
        self, seq: int, is_kept: bool
    ) -> None:
        decoder = Decoder()
        *chunks, raw = in_chunks(seq=2, cpu=1, hook=2)
        list(decoder.decode(*join(*chunks)))

        decoder.drop_chunks(1 << 3 | 2, seq)
        (event,) = decoder.decode(*join(raw))

        assert (event.argv == WHOLE) == is_kept
        assert decoder.waits_from is None

    def test_no_chunk_of_another_kernel_side_is_kept(self) -> None:
        decoder = Decoder()
        *chunks, raw = in_chunks()
        list(decoder.decode(*join(*chunks)))

        decoder.drop_all_chunks()

        assert [event.argv for event in decoder.decode(*join(raw))] == [CUT]

    def test_chunks_that_wait_are_bounded_over_all_processors(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(chunks_module, "_CHUNKS_LIMIT", 10)
        decoder = Decoder()

        for cpu in range(20):
            decoder.position = cpu
            list(decoder.decode(*join(*in_chunks(cpu=cpu)[:-1])))
            assert decoder._chunks.count <= 10
        assert decoder.waits_from == 18
        oldest, newest = decoder.decode(*join(in_chunks(cpu=0)[-1], in_chunks(cpu=19)[-1]))

        assert (oldest.argv, newest.argv) == (CUT, WHOLE)

    def test_flood_of_chunks_for_one_record_is_bounded(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(chunks_module, "_CHUNKS_LIMIT", 10)
        decoder = Decoder()

        for _ in range(100):
            list(decoder.decode(*join(chunk_record(record.AREA_ARGV, 0, b"x"))))

        assert decoder._chunks.count <= 10

    @pytest.mark.parametrize("count", [3, record.CHUNK_SMALL, record.CHUNK_SMALL + 1])
    def test_chunk_carries_its_data_and_is_refused_where_it_breaks_off(self, count: int) -> None:
        raw = chunk_record(record.AREA_ENV, 4096, b"x" * count)

        assert split_chunk(raw, 0) == (record.AREA_ENV, 4096, count, b"x" * count)
        assert split_chunk(raw[:-1], 0) is None
        assert split_chunk(raw[:60], 0) is None

    def test_chunk_that_was_unreadable_has_no_data(self) -> None:
        chunk = split_chunk(chunk_record(record.AREA_ARGV, 4096, b"", wanted=100), 0)

        assert chunk == (record.AREA_ARGV, 4096, 100, b"")

    @pytest.mark.parametrize(
        ("count", "damage"),
        [
            (3, {"got": record.CHUNK_BYTES + 1}),
            (3, {"wanted": record.CHUNK_BYTES + 1}),
            (3, {"got": record.CHUNK_SMALL + 1, "wanted": record.CHUNK_SMALL + 1}),
            (3, {"wanted": record.CHUNK_SMALL + 1, "got": 0}),
            (3, {"size": max(record.CHUNK_SIZES)}),  # more than there is
            (3, {"size": min(record.CHUNK_SIZES) - 1}),
            (3, {"wanted": 0}),
            (3, {"got": 4}),  # more than wanted
            (3, {"offset": 0xFFFFFFFF}),
            (3, {"area": 2}),
            (3, {"version": 9}),
            (3, {"hook": 6}),
            (3, {"cpu": 8192}),
            (record.CHUNK_BYTES, {"wanted": record.CHUNK_BYTES + 1, "got": 0}),
            (record.CHUNK_BYTES, {"size": 1}),
        ],
        ids=str,
    )
    def test_chunk_whose_members_disagree_is_damaged(
        self, count: int, damage: dict[str, Any]
    ) -> None:
        (event,) = decode(chunk_record(record.AREA_ARGV, 0, bytes(count), **damage))

        assert (event.type, event.seq) == ("damaged", 0)
