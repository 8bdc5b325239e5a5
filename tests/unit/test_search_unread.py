# SPDX-License-Identifier: Apache-2.0
"""The account after an answer says what could not be read, and promises nothing about that."""

import json
import random
from pathlib import Path

import pytest

from execaudit.cli.command_line import main
from execaudit.formats.encoders import make_line
from tests.log_files import BEGIN_S, compress, exec_fields, lines_of, rotated
from tests.search_runs import search, write_log


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return write_log(tmp_path)


def _at(second: float) -> str:
    return str(exec_fields(second)["time"])


def test_nothing_that_could_not_be_read_is_called_complete(
    capfd: pytest.CaptureFixture[str], log: Path
) -> None:
    log.write_bytes(log.read_bytes() + b"\0\0\n" + lines_of(exec_fields(300)))
    file = compress(rotated(log, 150))
    file.write_bytes(file.read_bytes()[:-20])
    _, _, err = search(capfd, log, "--count")
    assert "nothing is missing" not in err
    assert "incomplete between" in err
    assert "1 file could not be read to the end; 1 line is no record" in err
    _, _, err = search(capfd, log, "--count", "--summary")
    account = json.loads(err.splitlines()[-1])
    assert (account["complete"], account["broken"], account["unreadable_files"]) == (False, 1, 1)


def test_period_behind_the_end_of_the_log_is_not_called_complete(
    capfd: pytest.CaptureFixture[str], log: Path
) -> None:
    _, _, err = search(capfd, log, "--count", "--since", f"@{BEGIN_S + 205}")
    assert "nothing is missing" not in err
    assert "nothing is known of the period: the last record is of" in err


def test_account_begins_with_the_earliest_time_where_the_clock_went_back(
    capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    log = tmp_path / "back.jsonl"
    log.write_bytes(lines_of(*(exec_fields(s) for s in (5000, 4000, 100))))
    _, _, err = search(capfd, log, "--count", "--summary")
    account = json.loads(err)
    assert (account["first"], account["last"]) == (_at(100), _at(5000))


@pytest.mark.parametrize("verb", ["search", "tree", "report", "top"])
def test_folder_in_place_of_a_log_is_named(
    verb: str, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    words = ["-b", "-n", "1"] if verb == "top" else []
    assert main([verb, "--file", str(tmp_path), *words]) != 0
    assert f"Failed to open '{tmp_path}': Is a directory" in capfd.readouterr().err


@pytest.mark.parametrize("words", [("report",), ("tree", "--up", "uid=1")])
def test_file_before_the_period_that_could_not_be_read_is_named(
    words: tuple[str, ...], capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    log = tmp_path / "a.jsonl"
    chance = random.Random(1)  # noqa: S311
    old = [exec_fields(s, argv=[chance.randbytes(9).hex()], exe="/a") for s in range(900)]
    rotated(log, 1000).write_bytes(lines_of(*old))
    file = compress(rotated(log, 1000))
    file.write_bytes(file.read_bytes()[:-2000])
    rotated(log, 3000).write_bytes(lines_of(*(exec_fields(s) for s in range(2000, 3000))))
    log.write_bytes(lines_of(*(exec_fields(s, uid=1, exe="/b") for s in range(5000, 5010))))
    main([*words, "--file", str(log), "--since", f"@{BEGIN_S + 4000}"])
    assert f"{file}: ends in the middle" in capfd.readouterr().err


def test_backtest_tries_every_record_and_names_what_is_none(
    capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    rules = tmp_path / "rules.toml"
    rules.write_text('[[rule]]\nname = "one"\naction = "drop"\nuid = 1\n')
    fields = [exec_fields(s, uid=1) for s in range(6)]
    damaged = lines_of({**fields[4], "argv": 7}, {**fields[5], "id": ["x"]})
    log = tmp_path / "a.jsonl"
    log.write_bytes(
        lines_of(fields[0])
        + make_line(fields[1], "ecs")
        + make_line(fields[2], "ocsf")
        + json.dumps(dict(reversed(fields[3].items()))).encode()
        + b"\n"
        + damaged
    )
    words = ["rules", "backtest", "--file", str(log), "--rules", str(rules), "--json"]
    assert main(words) == 0
    out, err = capfd.readouterr()
    found = json.loads(out)
    assert (found["records"], found["dropped"]) == (4, 4)
    assert err.count("is not a record") == 2
    assert "4 records read" in err
    assert "2 lines are no records" in err

    gzipped = compress(log)
    gzipped.write_bytes(gzipped.read_bytes()[:-20])
    assert main(["rules", "backtest", "--file", str(gzipped), "--rules", str(rules)]) == 1
    assert "ends in the middle" in capfd.readouterr().err


def test_rate_of_rare_execs_is_in_plain_words(
    capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    log = tmp_path / "a.jsonl"
    log.write_bytes(lines_of(exec_fields(0), exec_fields(3600)))
    assert main(["report", "--file", str(log)]) == 0
    assert "2 execs, 2.0 an hour" in capfd.readouterr().out
