# SPDX-License-Identifier: Apache-2.0
"""Blocks put together from their pieces: nothing invented, nothing missing unsaid."""

from typing import NamedTuple

from execaudit.wire.area import Gap, Piece, assemble, split_strings
from hypothesis import given
from hypothesis import strategies as st

from execaudit.wire.decode import Chunk
from tests.records import block


class Sent(NamedTuple):
    """What the kernel side sends of a block under a budget, as bpf/area.h plans it."""

    text: bytes
    inline: bytes
    head: int
    tail: int
    chunks: list[Chunk]


def send(text: bytes, *, budget: int, tail_bytes: int, inline_max: int, chunk_bytes: int) -> Sent:
    head = tail = len(text)
    if len(text) > budget:
        head, tail = budget - tail_bytes, len(text) - tail_bytes
    chunks: list[Chunk] = []
    at = min(head, inline_max)
    inline = text[:at]
    while True:
        if head <= at < tail:
            at = tail
        if at >= len(text):
            return Sent(text, inline, head, tail, chunks)
        end = min(at + chunk_bytes, head if at < head else len(text))
        chunks.append(Chunk(0, at, end - at, text[at:end]))
        at = end


@st.composite
def sent_blocks(draw: st.DrawFn) -> Sent:
    text = block(draw(st.lists(st.binary(max_size=12).map(lambda b: b.replace(b"\0", b"")))))
    budget = draw(st.integers(4, 60))
    return send(
        text,
        budget=budget,
        tail_bytes=draw(st.integers(0, budget)),
        inline_max=draw(st.integers(0, 20)),
        chunk_bytes=draw(st.integers(1, 15)),
    )


def ranges(pieces: list[Piece], gaps: list[Gap]) -> list[tuple[int, int]]:
    return sorted(
        [(p.offset, p.offset + len(p.data)) for p in pieces] + [(g.begin, g.end) for g in gaps]
    )


def assert_tiles(pieces: list[Piece], gaps: list[Gap], total: int) -> None:
    at = 0
    for begin, end in ranges(pieces, gaps):
        assert begin == at
        assert end > begin
        at = end
    assert at == total


@given(sent_blocks(), st.data())
def test_pieces_and_gaps_tile_the_block_whatever_is_lost(sent: Sent, data: st.DataObject) -> None:
    fates = data.draw(
        st.lists(
            st.sampled_from(["sent", "sent", "lost", "unreadable"]),
            min_size=len(sent.chunks),
            max_size=len(sent.chunks),
        )
    )
    arrived = [
        chunk if fate == "sent" else chunk._replace(data=b"")
        for chunk, fate in zip(sent.chunks, fates, strict=True)
        if fate != "lost"
    ]
    disorder = data.draw(st.integers(1, 96))
    arrived.sort(key=lambda chunk: chunk.offset * disorder % 97)

    pieces, gaps = assemble(sent.inline, len(sent.text), sent.head, sent.tail, arrived)

    assert_tiles(pieces, gaps, len(sent.text))
    for piece in pieces:
        assert sent.text[piece.offset : piece.offset + len(piece.data)] == piece.data
    kept = len(sent.inline) + sum(len(chunk.data) for chunk in arrived)
    assert sum(len(piece.data) for piece in pieces) == kept
    missing = {"budget": sent.tail - sent.head}
    for fate, reason in (("lost", "ring"), ("unreadable", "unreadable")):
        missing[reason] = sum(
            chunk.wanted for chunk, one in zip(sent.chunks, fates, strict=True) if one == fate
        )
    for reason, count in missing.items():
        assert sum(gap.end - gap.begin for gap in gaps if gap.reason == reason) == count


@given(sent_blocks())
def test_block_within_the_budget_that_arrives_whole_has_its_exact_strings(sent: Sent) -> None:
    if sent.head != sent.tail:
        return

    pieces, gaps = assemble(sent.inline, len(sent.text), sent.head, sent.tail, sent.chunks)

    assert gaps == []
    assert split_strings(pieces, gaps) == (sent.text.split(b"\0")[:-1], [])


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
    pieces, gaps = assemble(inline[:total], total, head, tail, chunks)

    assert_tiles(pieces, gaps, total)
    strings, marks = split_strings(pieces, gaps)
    assert all(-1 <= mark["index"] < max(len(strings), 1) for mark in marks)
    assert all(mark["missing_bytes"] > 0 for mark in marks)


def test_neighbours_are_joined_in_whatever_order_they_come() -> None:
    text = bytes(at % 256 for at in range(1000))
    chunks = [Chunk(0, at, 10, text[at : at + 10]) for at in range(50, 1000, 10)]
    chunks.sort(key=lambda chunk: chunk.offset * 7 % 97)

    assert assemble(text[:50], 1000, 1000, 1000, chunks) == ([Piece(0, text)], [])


def test_chunk_sent_twice_counts_once() -> None:
    chunk = Chunk(0, 4, 4, b"efg\0")

    assert assemble(b"abcd", 8, 8, 8, [chunk, chunk]) == ([Piece(0, b"abcdefg\0")], [])


def test_chunk_outside_the_block_is_ignored() -> None:
    pieces, gaps = assemble(b"abc\0", 4, 4, 4, [Chunk(0, 4, 4, b"zzzz"), Chunk(0, 2, 4, b"zzzz")])

    assert (pieces, gaps) == ([Piece(0, b"abc\0")], [])


def test_empty_block_has_nothing() -> None:
    assert assemble(b"", 0, 0, 0, []) == ([], [])
    assert split_strings([], []) == ([], [])


def test_block_of_which_nothing_arrived_is_one_gap() -> None:
    pieces, gaps = assemble(b"", 100, 100, 100, [])

    assert (pieces, gaps) == ([], [Gap(0, 100, "ring")])
    assert split_strings(pieces, gaps) == (
        [],
        [{"index": -1, "missing_bytes": 100, "reason": "ring"}],
    )


def test_gap_of_two_causes_is_told_in_two_parts() -> None:
    # The budget took [40, 60); the chunks of [20, 40) and [60, 80) found the ring full.
    pieces, gaps = assemble(b"a" * 20, 100, 40, 60, [Chunk(0, 80, 20, b"b" * 20)])

    assert gaps == [Gap(20, 40, "ring"), Gap(40, 60, "budget"), Gap(60, 80, "ring")]
    assert [piece.offset for piece in pieces] == [0, 80]


def test_string_that_a_gap_cuts_gives_its_beginning_and_its_end() -> None:
    strings, marks = split_strings(
        [Piece(0, b"one\0two"), Piece(10, b"end\0four\0")], [Gap(7, 10, "ring")]
    )

    assert strings == [b"one", b"two", b"end", b"four"]
    assert marks == [{"index": 1, "missing_bytes": 3, "reason": "ring"}]


def test_gap_that_begins_with_a_string_counts_from_the_end_of_the_one_before() -> None:
    strings, marks = split_strings([Piece(0, b"one\0")], [Gap(4, 10, "ring")])

    # Of "one", NUL and six bytes, the text "one" is shown: seven bytes follow it.
    assert strings == [b"one"]
    assert marks == [{"index": 0, "missing_bytes": 7, "reason": "ring"}]


def test_gap_that_ends_before_a_nul_shows_the_empty_end_of_the_string() -> None:
    strings, _ = split_strings([Piece(0, b"on"), Piece(3, b"\0two\0")], [Gap(2, 3, "ring")])

    assert strings == [b"on", b"", b"two"]
