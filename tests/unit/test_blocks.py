# SPDX-License-Identifier: Apache-2.0
"""Blocks put together from their pieces: nothing invented, nothing missing unsaid."""

from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from execaudit.wire.blocks import (
    Block,
    Chunk,
    Hole,
    Piece,
    assemble,
    join_strings,
    split_strings,
)
from execaudit.wire.event import Gap


class Sent(NamedTuple):
    """What the kernel side sends of a text under a budget, as bpf/area.h plans it."""

    text: bytes
    block: Block
    chunks: list[Chunk]


def send(text: bytes, *, budget: int, tail_bytes: int, inline_max: int, chunk_bytes: int) -> Sent:
    head = tail = len(text)
    if len(text) > budget:
        head, tail = budget - tail_bytes, len(text) - tail_bytes
    chunks: list[Chunk] = []
    at = min(head, inline_max)
    block = Block(text[:at], len(text), head, tail)
    while True:
        if head <= at < tail:
            at = tail
        if at >= len(text):
            return Sent(text, block, chunks)
        end = min(at + chunk_bytes, head if at < head else len(text))
        chunks.append(Chunk(0, at, end - at, text[at:end]))
        at = end


STRINGS = st.lists(st.binary(max_size=12).map(lambda raw: raw.replace(b"\0", b"")))


@st.composite
def sent_blocks(draw: st.DrawFn) -> Sent:
    budget = draw(st.integers(4, 60) | st.just(1000))
    return send(
        join_strings(draw(STRINGS)),
        budget=budget,
        tail_bytes=draw(st.integers(0, budget)),
        inline_max=draw(st.integers(0, 20)),
        chunk_bytes=draw(st.integers(1, 15)),
    )


def assert_tiles(pieces: list[Piece], holes: list[Hole], total: int) -> None:
    ranges = [(piece.offset, piece.offset + len(piece.data)) for piece in pieces]
    at = 0
    for begin, end in sorted(ranges + [(hole.begin, hole.end) for hole in holes]):
        assert begin == at
        assert end > begin
        at = end
    assert at == total


@given(sent_blocks(), st.data())
def test_pieces_and_holes_tile_the_block_whatever_is_lost(sent: Sent, data: st.DataObject) -> None:
    some_fate = st.sampled_from(["sent", "sent", "lost", "unreadable"])
    fates = [data.draw(some_fate) for _ in sent.chunks]
    arrived = [
        chunk if fate == "sent" else chunk._replace(data=b"")
        for chunk, fate in zip(sent.chunks, fates, strict=True)
        if fate != "lost"
    ]

    pieces, holes = assemble(sent.block, data.draw(st.permutations(arrived)))

    assert_tiles(pieces, holes, len(sent.text))
    for piece in pieces:
        assert sent.text[piece.offset : piece.offset + len(piece.data)] == piece.data
    missing = {"budget": sent.block.tail - sent.block.head}
    for fate, reason in (("lost", "ring"), ("unreadable", "unreadable")):
        missing[reason] = sum(
            chunk.wanted for chunk, one in zip(sent.chunks, fates, strict=True) if one == fate
        )
    for reason, count in missing.items():
        assert sum(hole.end - hole.begin for hole in holes if hole.reason == reason) == count


@given(STRINGS, st.integers(0, 20), st.integers(1, 15))
def test_block_that_arrives_whole_has_its_exact_strings(
    strings: list[bytes], inline_max: int, chunk_bytes: int
) -> None:
    text = join_strings(strings)
    sent = send(
        text, budget=len(text), tail_bytes=0, inline_max=inline_max, chunk_bytes=chunk_bytes
    )

    assert split_strings(*assemble(sent.block, sent.chunks[::-1])) == (strings, [])


@given(
    inline=st.binary(max_size=30),
    total=st.integers(0, 60),
    head=st.integers(0, 70),
    tail=st.integers(0, 70),
    chunks=st.lists(
        st.builds(
            Chunk,
            area=st.just(0),
            offset=st.integers(0, 70),
            wanted=st.integers(1, 20),
            data=st.binary(max_size=20),
        )
    ),
)
def test_hostile_pieces_still_tile_the_block(
    inline: bytes, total: int, head: int, tail: int, chunks: list[Chunk]
) -> None:
    pieces, holes = assemble(Block(inline[:total], total, head, tail), chunks)

    assert_tiles(pieces, holes, total)
    strings, gaps = split_strings(pieces, holes)
    assert all(-1 <= gap.index < max(len(strings), 1) for gap in gaps)
    assert all(gap.missing_bytes for gap in gaps)


def test_chunk_sent_twice_counts_once() -> None:
    chunk = Chunk(0, 4, 4, b"efg\0")

    assert assemble(Block(b"abcd", 8, 8, 8), [chunk, chunk]) == ([Piece(0, b"abcdefg\0")], [])


def test_chunk_outside_the_block_is_ignored() -> None:
    outside = [Chunk(0, 4, 4, b"zzzz"), Chunk(0, 2, 4, b"zzzz")]

    assert assemble(Block(b"abc\0", 4, 4, 4), outside) == ([Piece(0, b"abc\0")], [])


def test_hole_of_two_causes_is_told_in_parts() -> None:
    # The budget took [40, 60); the chunks of [20, 40) and [60, 80) found the ring full.
    _, holes = assemble(Block(b"a" * 20, 100, 40, 60), [Chunk(0, 80, 20, b"b" * 20)])

    assert holes == [Hole(20, 40, "ring"), Hole(40, 60, "budget"), Hole(60, 80, "ring")]


def test_string_that_a_hole_cuts_gives_its_beginning_and_its_end() -> None:
    pieces = [Piece(0, b"one\0two"), Piece(10, b"end\0four\0")]

    strings, gaps = split_strings(pieces, [Hole(7, 10, "ring")])

    assert strings == [b"one", b"two", b"end", b"four"]
    assert gaps == [Gap(1, 3, "ring")]


def test_gap_that_begins_with_a_string_counts_from_the_end_of_the_one_before() -> None:
    # Of "one", NUL and six bytes, the text "one" is shown: seven bytes follow it.
    found = split_strings([Piece(0, b"one\0")], [Hole(4, 10, "ring")])

    assert found == ([b"one"], [Gap(0, 7, "ring")])


def test_hole_that_ends_before_a_nul_shows_the_empty_end_of_the_string() -> None:
    strings, _ = split_strings([Piece(0, b"on"), Piece(3, b"\0two\0")], [Hole(2, 3, "ring")])

    assert strings == [b"on", b"", b"two"]
