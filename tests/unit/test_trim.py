# SPDX-License-Identifier: Apache-2.0
"""Records trimmed to fit into a line: never too long, and exact about what is missing."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execaudit.formats.encoders import RENDERS, make_line
from execaudit.formats.trim import MIN_LINE_BYTES, keep_argv
from execaudit.records.text import FieldDict, exact_strings
from tests.events import fields_of
from tests.records import exec_record
from tests.unit.any_records import long_records


@pytest.mark.parametrize("name", RENDERS)
@given(fields=long_records(), limit=st.integers(MIN_LINE_BYTES, 40_000))
def test_trimmed_line_is_json_and_never_longer(name: str, fields: FieldDict, limit: int) -> None:
    line = make_line(fields, name, limit)

    assert len(line) <= limit
    json.loads(line)
    whole = make_line(fields, name)
    assert (line == whole) == (len(whole) <= limit)


@given(
    words=st.lists(st.binary(max_size=9).map(lambda raw: raw.replace(b"\0", b"")), max_size=12),
    room=st.integers(0, 60),
)
def test_arguments_kept_and_missing_bytes_make_the_whole(words: list[bytes], room: int) -> None:
    fields = fields_of(exec_record(*words))

    trimmed = keep_argv(fields, room)

    block = b"".join(word + b"\0" for word in words)
    if trimmed is fields:
        assert room >= len(block)
        return
    (gap,) = trimmed["truncated"]["argv"]
    kept = exact_strings(trimmed, "argv")
    head, tail = kept[: gap["index"] + 1], kept[gap["index"] + 1 :]
    begin = b"\0".join(head)
    end = b"".join(word + b"\0" for word in tail)
    assert block.startswith(begin)
    assert block.endswith(end)
    assert gap["reason"] == "line"
    assert len(begin) + gap["missing_bytes"] + len(end) == len(block)
    assert len(begin) + len(end) <= room + 6
    assert trimmed["argc"] == fields["argc"]


def test_gap_that_was_there_becomes_part_of_the_new_one() -> None:
    words = [b"a" * 10, b"b" * 10, b"c" * 10, b"d" * 10]
    fields = fields_of(exec_record(*words))
    # The kernel side left 100 bytes out between b and c, and reported an unreadable end.
    fields["truncated"] = {
        "argv": [
            {"index": 1, "missing_bytes": 100, "reason": "budget"},
            {"index": 3, "reason": "unreadable"},
        ]
    }
    fields["redacted"] = {"argv": [0, 2, 3]}

    trimmed = keep_argv(fields, 16)

    assert trimmed["argv"] == ["a" * 10, "b", "ddd"]
    assert trimmed["truncated"]["argv"] == [
        {"index": 1, "missing_bytes": 44 - 16 + 100 - 1, "reason": "line"},
        {"index": 2, "reason": "unreadable"},
    ]
    assert trimmed["redacted"] == {"argv": [0, 2]}
