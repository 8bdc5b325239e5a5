# SPDX-License-Identifier: Apache-2.0
"""Lines in every schema: quick and long way alike, recognised again, and never too long."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execaudit.formats import ecs, ocsf
from execaudit.formats.lines import FORMATS, make_line
from execaudit.formats.template import NOTHING, Added, TemplateEncoder
from execaudit.formats.trim import MIN_LINE_BYTES, _exact_words, keep_argv
from execaudit.records.fields import FieldDict
from execaudit.records.view import Viewer
from execaudit.sinks.accounting import Mark
from execaudit.wire import record
from execaudit.wire.decode import HEAD
from tests.records import exec_record, leaf_first, make_host
from tests.unit.any_records import ENV_NAMES, EVENT, long_records, ordinary_records
from tests.unit.exec_fields import fields_of_raw

SCHEMAS = {"ecs": ecs.adapt, "ocsf": ocsf.adapt}


def quick_line(encoder: TemplateEncoder, raw: bytes, added: Added = NOTHING) -> bytes | None:
    view = Viewer().view(raw, 0, HEAD(raw, 0))
    return None if view is None else encoder.encode_view(HEAD(raw, 0), view, (raw, 0), added)


@pytest.mark.parametrize("name", SCHEMAS)
@given(records=st.lists(ordinary_records(), min_size=1, max_size=3))
def test_template_gives_the_bytes_of_the_adapter(name: str, records: list[bytes]) -> None:
    encoder = TemplateEncoder(make_host(), ENV_NAMES, SCHEMAS[name])

    for raw in [*records, *records]:  # with cold templates and with warm ones
        assert quick_line(encoder, raw) in (None, make_line(fields_of_raw(raw), name))


@pytest.mark.parametrize("name", SCHEMAS)
@pytest.mark.parametrize(
    "members",
    [
        {},
        {"uid": 1000, "euid": 0, "auid": 1000, "tty": b"pts3", "flags": record.FLAG_PRIVILEGED},
        {"flags": record.FLAG_SCRIPT, "interp": b"/bin/sh\0"},
        {"error": -2, "filename": b"./no%d\0"},
        {"env": (b"LD_PRELOAD=/x.so", b"A=1")},
        {"cwd": leaf_first(b"/\xff"), "filename": b"\xfe\0"},
        {"ancestors": ()},
        {"tid": 1001, "nspid": 1},
    ],
    ids=str,
)
def test_what_is_usual_takes_the_template(name: str, members: dict[str, Any]) -> None:
    encoder = TemplateEncoder(make_host(), ENV_NAMES, SCHEMAS[name])
    for pid, words in ((1000, (b"ls", b"\xc3\xa9", b"", b'"')), (7, (b'","', b"%s", b"x\\"))):
        raw = exec_record(*words, **{"pid": pid, **members})

        assert quick_line(encoder, raw) == make_line(fields_of_raw(raw), name)


@pytest.mark.parametrize("name", SCHEMAS)
def test_template_has_what_is_added_to_a_record(name: str) -> None:
    raw = exec_record(b"ls")
    encoder = TemplateEncoder(make_host(), (), SCHEMAS[name])

    line = quick_line(encoder, raw, (("web", "odd"), "crit", (0,)))

    fields = {
        **fields_of_raw(raw),
        "redacted": {"argv": [0]},
        "labels": ["web", "odd"],
        "severity": "crit",
    }
    assert line == make_line(fields, name)
    assert quick_line(encoder, raw) == make_line(fields_of_raw(raw), name)


@pytest.mark.parametrize("name", FORMATS)
def test_lines_are_recognised_whatever_the_arguments_are(name: str) -> None:
    form = FORMATS[name].form
    fields = fields_of_raw(exec_record(b'"type":"exit","seq":9}', cpu=3, seq=17, error=-13))
    line = make_line(fields, name)

    assert form.is_event(line)
    assert form.mark(line) == Mark(fields["time"], 3, "execve", 17)
    lost = {**EVENT, "type": "lost", "reason": "ring", "count": 3}
    assert not form.is_event(make_line(lost, name))
    assert form.mark(make_line(lost, name)) is None


@pytest.mark.parametrize("name", FORMATS)
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
    fields = fields_of_raw(exec_record(*words))

    trimmed = keep_argv(fields, room)

    block = b"".join(word + b"\0" for word in words)
    if trimmed is fields:
        assert room >= len(block)
        return
    (gap,) = trimmed["truncated"]["argv"]
    kept = _exact_words(trimmed, "argv")
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
    fields = fields_of_raw(exec_record(*words))
    # The kernel side left 100 bytes out between b and c, and told of an unreadable end.
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
