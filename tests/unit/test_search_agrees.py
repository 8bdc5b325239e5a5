# SPDX-License-Identifier: Apache-2.0
"""Searches give what a plain reading gives: every line parsed, every condition asked.

The reference knows none of the short cuts: it parses each line with json and evaluates the
condition on the record. Logs are made of golden records, ones that try to deceive, and damage.
"""

import argparse
import functools
import gzip
import json
import random
from pathlib import Path
from typing import Any

import pytest

from execaudit.errors import MALFORMED
from execaudit.formats.encoders import make_line
from execaudit.query.matches import read_matches
from execaudit.query.parallel import Search
from execaudit.query.record_values import RecordValues
from execaudit.query.scan import Question
from execaudit.records.text import decode_all, dumps
from execaudit.rules.condition_tree import evaluate
from execaudit.store.broken import Broken
from execaudit.store.completeness import Completeness
from execaudit.store.log import open_log
from execaudit.store.times import ALWAYS, SECOND_NS, Span, read_time
from tests.golden.files import golden_records
from tests.log_files import BEGIN_S, exec_fields, own_fields, rotated
from tests.search_matches import LOOKUPS, MATCHES
from tests.unit.record_samples import DAEMON_RECORDS


def _deceiving() -> list[dict[str, Any]]:
    """Return execs whose arguments and ancestors look like members of other records."""
    texts = [
        '"exe":"/usr/bin/true"',
        '","type":"lost"',
        '"uid":1000,',
        "/usr/bin/true",
        "\n{",
        "a\tb",
    ]
    ancestor = {
        "id": "x-1-1-1",
        "pid": 1000,
        "start": "2026-11-18T00:00:00.000000000Z",
        "comm": "sh",
    }
    exacts, b64 = decode_all([b"\xff", b"caf\xe9", b"e x"])
    return [
        *(exec_fields(10, argv=[text, "x"], exe="/usr/bin/other", uid=10001) for text in texts),
        exec_fields(11, ancestors=[ancestor], comm="other", pid=7),
        exec_fields(12, exe="/tmp/caf\ufffd", exe_b64="L3RtcC9jYWbp", argv=exacts, argv_b64=b64),
        exec_fields(13, unreadable=["exe", "argv"], argv=[], uid=0),
        exec_fields(14, truncated={"exe": True, "argv": [{"index": 0, "reason": "ring"}]}),
        exec_fields(15, truncated={"ancestors": True}, exe="/opt/\u00e4\u202e", labels=["web"]),
        exec_fields(16, argv=["", "a b", "secret"], uid=1000, user="alice", severity="err"),
        exec_fields(17, argv=["a", "b"], uid=100, user="alice", euid=0, privileged=True),
    ]  # fmt: skip


def _records() -> list[dict[str, Any]]:
    own = [own_fields("lost", 20, reason="ring", count=2), *DAEMON_RECORDS]
    return [*golden_records(), *_deceiving(), *own]


DAMAGE = (
    b"", b"\0" * 100, b'{"time":"2026', b"{}", b"[]", b"null", b"\xff\xfe", b'{"type":"exec"}',
    b'{"time":1,"type":"exec"}', b'{"time":"2026-11-18T00:00:00.000000000Z","type":"exec"',
    b'{"time":"2026-11-18T00:00:00.000000000Z","type":"other"}', b"[" * 5000, b"NaN",
)  # fmt: skip


@functools.cache
def _parse(line: bytes) -> Any:
    return json.loads(line)


def _reference(lines: list[bytes], words: list[str], span: Span) -> list[bytes]:
    node = read_matches(words, LOOKUPS)
    found = []
    for line in lines:
        try:
            fields = _parse(line)
            time_ns = read_time(fields["time"].encode())
            values = RecordValues(fields)
            truth = node is None or evaluate(node, values.value) is True
        except MALFORMED:
            continue
        if truth and span.has(time_ns):
            found.append(line)
    return found


def _search(
    path: Path, words: list[str], span: Span = ALWAYS, workers: int = 1, *, reverse: bool = False
) -> tuple[list[bytes], Search]:
    log = open_log(str(path))
    search = Search(
        Question(read_matches(words, LOOKUPS), span), Broken(), Completeness(span), workers
    )
    pieces = [each for piece in log.pieces(span) for each in piece.split(200_000)]
    found = [hit.line for hit in search.hits(pieces, reverse=reverse)]
    log.close()
    return found, search


@pytest.fixture(scope="module")
def damaged(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[bytes]]:
    chance = random.Random(7)  # noqa: S311
    lines = [dumps(record) for record in _records() * 2] + list(DAMAGE)
    lines += [dumps(exec_fields(30, argv=["y" * 300_000]))]
    chance.shuffle(lines)
    lines.insert(0, dumps(exec_fields(0)))
    path = tmp_path_factory.mktemp("log") / "a.jsonl"
    half = len(lines) // 2
    rotated(path, 100, suffix=".gz").write_bytes(gzip.compress(b"\n".join(lines[:half]) + b"\n"))
    path.write_bytes(b"\n".join(lines[half:]) + b"\n")
    return path, lines


def _queries(seed: int) -> list[str]:
    chance = random.Random(seed)  # noqa: S311
    words: list[str] = []
    for group in range(chance.choice((1, 1, 1, 2))):
        words += ["--any"] if group else []
        for _ in range(chance.choice((1, 1, 2, 3))):
            words += ["not"] if not chance.randrange(4) else []
            words.append(chance.choice(MATCHES))
    return words


@pytest.mark.parametrize("match", MATCHES)
def test_match_finds_what_a_plain_reading_finds(
    damaged: tuple[Path, list[bytes]], match: str
) -> None:
    path, lines = damaged
    assert _search(path, [match])[0] == _reference(lines, [match], ALWAYS)
    assert _search(path, ["not", match])[0] == _reference(lines, ["not", match], ALWAYS)


@pytest.mark.parametrize("seed", range(100))
def test_query_finds_what_a_plain_reading_finds(
    damaged: tuple[Path, list[bytes]], seed: int
) -> None:
    path, lines = damaged
    words = _queries(seed)
    assert _search(path, words)[0] == _reference(lines, words, ALWAYS), words


def test_broken_lines_are_counted_and_all_others_read(damaged: tuple[Path, list[bytes]]) -> None:
    path, lines = damaged
    found, search = _search(path, [])
    assert search.broken.lines == len(lines) - len(_reference(lines, [], ALWAYS))
    assert search.completeness.records == len(found)
    assert len(search.broken.named) == search.broken.lines


@pytest.mark.parametrize("seed", range(8))
def test_several_processes_and_reading_backwards_find_the_same(
    damaged: tuple[Path, list[bytes]], seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("execaudit.query.parallel.LEAST_BYTES", 0)
    path, lines = damaged
    words = _queries(seed)
    wanted = _reference(lines, words, ALWAYS)
    found, search = _search(path, words, workers=3)
    assert found == wanted
    backwards, again = _search(path, words, workers=2, reverse=True)
    assert backwards == wanted[::-1]
    assert search.count == again.count == len(wanted)
    assert search.completeness.records == again.completeness.records
    assert sorted(search.completeness.missing) == sorted(again.completeness.missing)


@pytest.mark.parametrize("name", ["ecs", "ocsf"])
def test_other_formats_find_the_records_of_the_same_matches(tmp_path: Path, name: str) -> None:
    records = [record for record in _records() if "b64" not in str(record)]
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"".join(make_line(record, name, 0) for record in records))
    lines = path.read_bytes().splitlines()
    native = [dumps(record) for record in records]
    for match in MATCHES:
        if name == "ocsf" and match.startswith(("argv", "start", "duration")):
            continue  # OCSF has the arguments in one text, and times in milliseconds
        wanted = _reference(native, [match], ALWAYS)
        found = _search(path, [match])[0]
        assert found == [line for line, own in zip(lines, native, strict=True) if own in wanted], (
            match
        )


def test_lines_spelled_by_others_are_found(tmp_path: Path) -> None:
    records = _records()
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"".join(json.dumps(record).encode() + b"\n" for record in records))
    for match in MATCHES:
        found = [json.loads(line) for line in _search(path, [match])[0]]
        wanted = _reference([dumps(record) for record in records], [match], ALWAYS)
        assert found == list(map(json.loads, wanted)), match


@pytest.mark.parametrize("seed", range(10))
def test_period_finds_what_a_plain_reading_finds(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311
    path = tmp_path / "a.jsonl"
    second, lines = 0.0, []
    for number in range(4):
        part = []
        for _ in range(1500):
            second += chance.random()
            part.append(dumps(exec_fields(second, argv=["x" * chance.randrange(3000)])))
        target = rotated(path, second) if number < 3 else path
        target.write_bytes(b"\n".join(part) + b"\n")
        lines += part
    begin = chance.uniform(-10, second)
    end = begin + chance.choice((0.5, 60, 1000))
    span = Span(int((BEGIN_S + begin) * SECOND_NS), int((BEGIN_S + end) * SECOND_NS))
    assert _search(path, [], span)[0] == _reference(lines, [], span)


def test_arguments_are_taken_in_any_order() -> None:
    from execaudit.query.search_arguments import add_arguments

    parser = argparse.ArgumentParser()
    add_arguments(parser)
    args = parser.parse_args(
        ["a=1", "--since", "-2h", "not", "b=2", "--any", "-n", "5", "c=3", "-b", "--", "-x=1"]
    )
    assert args.match == ["a=1", "not", "b=2", "--any", "c=3", "-x=1"]
    assert (args.since, args.lines, args.boot) == ("-2h", 5, "0")
