# SPDX-License-Identifier: Apache-2.0
"""Reports count what a plain reading counts: every line parsed, every sum made by itself."""

import gzip
import itertools
import json
import random
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from execaudit.cli.command_line import main
from execaudit.formats.encoders import make_line
from execaudit.records.text import dumps
from execaudit.report.usual_lines import usual_key
from execaudit.store.times import read_time
from tests.golden.files import FOLDER
from tests.log_files import rotated, time_text
from tests.report_records import as_encoded, random_records

if TYPE_CHECKING:
    from collections.abc import Callable

_DAMAGE = (
    b"", b"\0" * 30, b'{"time":"2026', b"{}", b"[]", b"\xff\xfe", b'{"type":"exec"}', b"NaN",
    b'{"time":1,"type":"exec"}', b'{"time":"2026-11-18T00:00:00.000000000Z","type":"exec"',
    b'{"time":"2026-11-18T00:00:00.000000000Z","type":"exec","host":7}', b"[" * 5000,
)  # fmt: skip

Records = list[dict[str, Any]]


def write(path: Path, lines: list[bytes], second: float) -> None:
    """Write a log, the first third compressed, the second rotated."""
    third = len(lines) // 3
    rotated(path, second / 3, suffix=".gz").write_bytes(
        gzip.compress(b"\n".join(lines[:third]) + b"\n")
    )
    rotated(path, second).write_bytes(b"\n".join(lines[third : 2 * third]) + b"\n")
    path.write_bytes(b"\n".join(lines[2 * third :]) + b"\n")


def damaged(records: Records, seed: int = 1) -> list[bytes]:
    chance = random.Random(seed)  # noqa: S311
    lines = [dumps(record) for record in records]
    for _ in range(len(lines) // 20):
        lines.insert(chance.randrange(1, len(lines)), chance.choice(_DAMAGE))
    return lines


def ask(capfd: pytest.CaptureFixture[str], path: Path, *words: str) -> dict[str, Any]:
    main(["report", "--file", str(path), "--json", "-n", "0", "-q", *words])
    found: dict[str, Any] = json.loads(capfd.readouterr().out)
    return found


def execs_of(records: Records) -> Records:
    return [record for record in records if record["type"] == "exec"]


def program(record: dict[str, Any]) -> str:
    return str(record["filename"] if "errno" in record else record["exe"])


def user(record: dict[str, Any]) -> str:
    return str(record.get("user", record["uid"]))


def sums(records: Records, name: str) -> dict[Any, tuple[int, int]]:
    """Return execs and failures by a value of the reference."""
    values: dict[str, Callable[[dict[str, Any]], Any]] = {
        "user": user, "program": program, "unit": lambda r: r.get("unit"),
        "container": lambda r: r.get("container"), "terminal": lambda r: r.get("tty"),
        "host": lambda r: r["host"], "parent": lambda r: r.get("pcomm"),
    }  # fmt: skip
    everything = Counter(values[name](record) for record in execs_of(records))
    failed = Counter(values[name](record) for record in execs_of(records) if "errno" in record)
    return {each: (everything[each], failed[each]) for each in everything if each is not None}


def check(found: dict[str, Any], records: Records) -> None:
    """Hold a report to a plain reading of these records."""
    execs = execs_of(records)
    assert found["execs"] == len(execs)
    assert found["failed"] == sum("errno" in record for record in execs)
    assert found["exits"] == sum(record["type"] == "exit" for record in records)
    for name in ("user", "program", "unit", "container", "terminal", "host", "parent"):
        shown = {row["value"]: (row["execs"], row["failed"]) for row in found[f"by_{name}"]}
        assert shown == sums(records, name), name
        assert found["different"][name] == len(shown)
    errnos = Counter(record["errno"] for record in execs if "errno" in record)
    assert {row["value"]: row["execs"] for row in found["failures"]} == errnos
    failed = Counter((r["filename"], r["errno"]) for r in execs if "errno" in r)
    of_failed = {(row["program"], row["errno"]): row["execs"] for row in found["failed_programs"]}
    assert of_failed == failed
    gained = Counter((user(r), r["exe"]) for r in execs if "privileged" in r)
    assert {(row["user"], row["program"]): row["execs"] for row in found["privilege"]} == gained
    pairs = Counter((r["pcomm"], r["exe"]) for r in execs if "pcomm" in r and "errno" not in r)
    of_pairs = {(row["parent"], row["program"]): row["execs"] for row in found["pairs"]}
    assert of_pairs == pairs
    rare = {(row["parent"], row["program"]): row["execs"] for row in found["rare_pairs"]}
    assert rare == {pair: count for pair, count in pairs.items() if count <= 3}
    labels = Counter(label for r in execs for label in r.get("labels", ()))
    assert {row["value"]: row["execs"] for row in found["labels"]} == labels
    severities = Counter(r["severity"] for r in execs if "severity" in r)
    assert {row["value"]: row["execs"] for row in found["severities"]} == severities
    minutes = Counter(r["time"][:16] for r in execs)
    assert {row["minute"][:16]: row["execs"] for row in found["busiest"]} == minutes
    assert sum(each["execs"] for each in found["timeline"]["stretches"]) == len(execs)
    assert len(found["reloads"]) == sum(r["type"] == "config" for r in records)


def first_seen(records: Records, before: Records, value: Any) -> dict[str, str]:
    """Return when each value was met first, of those that were not met before."""
    known = {value(record) for record in execs_of(before)}
    found: dict[str, str] = {}
    for record in execs_of(records):
        each = value(record)
        if each is not None and each not in known:
            found.setdefault(each, record["time"])
    return found


def check_firsts(found: dict[str, Any], records: Records, before: Records) -> None:
    values = {"program": lambda r: r["exe"], "user": user, "unit": lambda r: r.get("unit")}
    for name, value in values.items():
        shown = {row["value"]: row["time"] for row in found["first_seen"][name]}
        assert shown == first_seen(records, before, value), name
    assert found["has_history"] is bool(before)


@pytest.mark.parametrize("seed", range(8))
def test_sums_are_those_of_a_plain_reading(
    capfd: pytest.CaptureFixture[str], tmp_path: Path, seed: int
) -> None:
    records = random_records(seed, 900)
    path = tmp_path / "a.jsonl"
    write(path, damaged(records, seed), 3000)
    found = ask(capfd, path)
    check(found, records)
    check_firsts(found, records, [])
    assert found["records"] == len(records)


@pytest.mark.parametrize("seed", range(8))
def test_sums_of_lines_in_the_order_of_the_encoder_are_the_same(
    capfd: pytest.CaptureFixture[str], tmp_path: Path, seed: int
) -> None:
    chance = random.Random(seed)  # noqa: S311
    records = random_records(seed, 2000)
    lines = [
        # Some have a member elsewhere, or one more where none is expected.
        dumps(as_encoded(record) if chance.random() < 0.9 else record)
        for record in records
    ]
    assert sum(usual_key(line, 0, len(line)) is not None for line in lines) > 500
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"\n".join([*lines, *_DAMAGE]) + b"\n")
    check(ask(capfd, path), records)


def test_lines_as_the_encoder_writes_them_have_a_key() -> None:
    lines = (FOLDER / "programs.jsonl").read_bytes().splitlines()
    assert any(usual_key(line, 0, len(line)) for line in lines)
    for line in lines:
        key = usual_key(line, 0, len(line))
        if key is not None:
            fields = json.loads(line)
            for name in ("host", "user", "exe", "pcomm", "result", "unit"):
                assert any(fields.get(name, "").encode() in part for part in key)


@pytest.mark.parametrize("seed", range(8))
def test_period_counts_only_what_is_in_it(
    capfd: pytest.CaptureFixture[str], tmp_path: Path, seed: int
) -> None:
    chance = random.Random(seed)  # noqa: S311
    records = random_records(seed, 900)
    path = tmp_path / "a.jsonl"
    write(path, damaged(records, seed), 3000)
    begin = chance.uniform(0, 3000)
    since, until = time_text(begin), time_text(begin + chance.choice((20, 600)))
    found = ask(capfd, path, "--since", since, "--until", until)
    within = [record for record in records if since <= record["time"] <= until]
    check(found, within)
    check_firsts(found, within, [record for record in records if record["time"] < since])


@pytest.mark.parametrize(
    ("words", "test"),
    [
        (["user=alice"], lambda r: r.get("user") == "alice"),
        (["--failed"], lambda r: "errno" in r),
        (["host=web1", "not", "unit=nginx.service"],
         lambda r: r["host"] == "web1" and r.get("unit") != "nginx.service"),
    ],
)  # fmt: skip
def test_matches_choose_what_is_counted(
    capfd: pytest.CaptureFixture[str], tmp_path: Path, words: list[str], test: Any
) -> None:
    records = random_records(3, 900)
    path = tmp_path / "a.jsonl"
    write(path, damaged(records), 3000)
    since = time_text(1500)
    found = ask(capfd, path, *words, "type=exec", "--since", since)
    chosen = [record for record in execs_of(records) if test(record)]
    check(found, [record for record in chosen if record["time"] >= since])
    check_firsts(
        found,
        [record for record in chosen if record["time"] >= since],
        [record for record in chosen if record["time"] < since],
    )


def test_several_processes_count_the_same(
    capfd: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("execaudit.query.piecework.LEAST_BYTES", 0)
    monkeypatch.setattr("execaudit.query.piecework.processors", lambda: 3)
    monkeypatch.setattr("execaudit.report.counting._SAME_LIMIT", 20)
    records = random_records(5, 2000)
    path = tmp_path / "a.jsonl"
    write(path, damaged(records), 6000)
    since = time_text(3000)
    found = ask(capfd, path, "--since", since)
    within = [record for record in records if since <= record["time"]]
    check(found, within)
    check_firsts(found, within, [record for record in records if record["time"] < since])


@pytest.mark.parametrize("name", ["ecs", "spelled"])
def test_lines_of_other_spelling_count_the_same(
    capfd: pytest.CaptureFixture[str], tmp_path: Path, name: str
) -> None:
    records = random_records(2, 600)
    path = tmp_path / "a.jsonl"
    lines = [
        make_line(record, "ecs", 0).rstrip(b"\n")
        if name == "ecs"
        else json.dumps(dict(reversed(record.items()))).encode()
        for record in records
    ]
    write(path, lines, 2000)
    found = ask(capfd, path, "--since", time_text(0))
    check(found, records)


def test_directory_of_hosts_counts_all_of_them(
    capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    everything: Records = []
    for number in range(5):
        records = [{**r, "host": f"h{number}"} for r in random_records(number, 200)]
        (tmp_path / f"h{number}").mkdir()
        write(tmp_path / f"h{number}" / "execaudit.jsonl", damaged(records), 700)
        everything += records
    main(["report", "--directory", str(tmp_path), "--json", "-n", "0", "-q"])
    found = json.loads(capfd.readouterr().out)
    check(found, everything)
    firsts = {row["value"]: row["time"] for row in found["first_seen"]["program"]}
    of_hosts = [
        first_seen([r for r in everything if r["host"] == f"h{number}"], [], lambda r: r["exe"])
        for number in range(5)
    ]
    assert firsts == {name: min(host[name] for host in of_hosts if name in host) for name in firsts}


def test_rate_is_of_the_period(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    records = random_records(1, 300)
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"".join(dumps(record) + b"\n" for record in records))
    found = ask(capfd, path, "--since", time_text(0), "--until", time_text(600))
    within = [r for r in execs_of(records) if r["time"] <= time_text(600)]
    assert found["period"]["seconds"] == 600
    assert found["period"]["execs_per_second"] == pytest.approx(len(within) / 600, abs=1e-6)
    times = [read_time(each["time"].encode()) for each in found["timeline"]["stretches"]]
    assert {b - a for a, b in itertools.pairwise(times)} == {60 * 10**9}
