# SPDX-License-Identifier: Apache-2.0
"""`execaudit search` as a user meets it: sources, output, exit status, checkpoint, completeness."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from execaudit.cli.command_line import main
from execaudit.errors import InvalidArgument
from execaudit.query.pager import choose_pager
from execaudit.store.pipe import Pipe
from tests.log_files import BEGIN_S, BOOT, compress, exec_fields, lines_of, own_fields, rotated
from tests.search_runs import search, write_log


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return write_log(tmp_path)


def test_lines_come_as_they_are_in_the_log(capfd: pytest.CaptureFixture[str], log: Path) -> None:
    status, out, _ = search(capfd, log, "uid=1", "--json")
    assert status == 0
    wanted = lines_of(*(exec_fields(s, uid=1) for s in range(200) if s % 3 == 1))
    assert out.encode() == wanted


def test_exit_status_is_one_where_nothing_is_found(
    capfd: pytest.CaptureFixture[str], log: Path
) -> None:
    assert search(capfd, log, "uid=77")[:2] == (1, "")
    assert search(capfd, log, "-n", "0")[:2] == (1, "")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nonsense"], "expected FIELD=VALUE"),
        (["exee=/x"], "there is no field exee"),
        (["uid=nobody-such"], "no user of this host"),
        (["type=other"], "expected exec, exit"),
        (["pid=x"], "expected a number or a range"),
        (["exe~("], "not a regular expression"),
        (["uid~1"], "only text can match"),
        (["not"], "expected a match behind it"),
        (["--any", "uid=1"], "expected matches before and behind"),
        (["--since", "no time"], "systemd.time(7)"),
        (["--since", "now", "--until", "yesterday"], "ends before it begins"),
        (["--rule", "/no/such/file"], "No such file"),
        (["--fields", "nothing"], "there is no field"),
        (["--boot=x"], "a boot id"),
        (["--rule", "/bin/true"], "Failed to read '/bin/true': it is not UTF-8"),
        (["--since", "@99999999999"], "systemd.time(7)"),
        (["--follow", "--count"], "goes neither"),
        (["-n", "-1"], "argument -n/--lines"),
    ],
)
def test_mistakes_are_said_with_exit_status_two(
    capfd: pytest.CaptureFixture[str], log: Path, words: list[str], message: str
) -> None:
    status, out, err = search(capfd, log, *words)
    assert (status, out) == (2, "")
    assert message in err


def test_missing_log_is_trouble(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    status, _, err = search(capfd, tmp_path / "none")
    assert status == 2
    assert "No such file" in err


def test_damaged_file_is_trouble_and_all_else_is_found(
    capfd: pytest.CaptureFixture[str], log: Path
) -> None:
    file = compress(rotated(log, 150))
    file.write_bytes(file.read_bytes()[:-20])
    status, out, err = search(capfd, log, "--count")
    assert (status, out) == (2, "199\n")  # the last line was in the part that is missing
    assert "ends in the middle" in err


def test_broken_lines_are_named_and_no_trouble(
    capfd: pytest.CaptureFixture[str], log: Path
) -> None:
    log.write_bytes(log.read_bytes() + b"\0\0\n" + lines_of(exec_fields(300)))
    status, out, err = search(capfd, log, "--count")
    assert (status, out) == (0, "201\n")
    assert f"{log}, byte {len(log.read_bytes().partition(chr(0).encode())[0])}: is not JSON" in err


def test_last_lines_and_reverse(capfd: pytest.CaptureFixture[str], log: Path) -> None:
    _, forward, _ = search(capfd, log, "-n", "3", "--fields", "uid,time")
    _, backward, _ = search(capfd, log, "-n3", "-r", "--fields", "uid,time")
    assert forward.splitlines() == backward.splitlines()[::-1]
    assert len(forward.splitlines()) == 3
    _, everything, _ = search(capfd, log, "-r", "--fields", "uid,time")
    assert everything.startswith(backward)


def test_groups_and_negation(capfd: pytest.CaptureFixture[str], log: Path) -> None:
    assert search(capfd, log, "uid=0", "uid=1", "-c")[1] == "134\n"
    assert search(capfd, log, "not", "uid=0", "-c")[1] == "133\n"
    assert search(capfd, log, "uid!=0", "-c")[1] == "133\n"
    assert search(capfd, log, "uid=0", "comm=none", "--any", "uid=1", "-c")[1] == "67\n"


@pytest.mark.parametrize(
    ("words", "count"),
    [
        (["--user", "1"], 67), (["--user", "root"], 202), (["--failed"], 1),
        (["--privileged"], 1), (["--session", "7"], 2), (["--unit", "web"], 1),
        (["--container", "abc"], 1), (["--label", "net"], 1), (["--severity", "warning"], 1),
        (["--pid", "77"], 1), (["--host", "far"], 1), (["--id", "x-4d-1-2"], 1),
    ],
)  # fmt: skip
def test_short_forms(
    capfd: pytest.CaptureFixture[str], log: Path, words: list[str], count: int
) -> None:
    special: list[dict[str, Any]] = [
        {"result": "failure", "errno": "ENOENT", "errno_code": 2, "hook": "execve"},
        {"privileged": True, "session": "7"},
        {"ses": 7, "unit": "web.service"},
        {"container": "abcdef", "labels": ["net"], "severity": "err"},
        {"pid": 77, "host": "far", "id": "x-4d-1-2", "severity": "notice"},
    ]
    users: list[dict[str, Any]] = [{}, {}, {"user": "alice"}, {"user": "alice"}, {"user": "alice"}]
    records = [
        exec_fields(300 + at, **each, **user, uid=9)
        for at, (each, user) in enumerate(zip(special, users, strict=True))
    ]
    log.write_bytes(log.read_bytes() + lines_of(*records))
    assert search(capfd, log, *words, "-c")[1] == f"{count}\n"


def test_rule_is_tried_on_the_past(
    capfd: pytest.CaptureFixture[str], log: Path, tmp_path: Path
) -> None:
    rules = tmp_path / "rules.toml"
    rules.write_text(
        '[[rule]]\nname = "one"\naction = "drop"\nuid = 1\n'
        '[[rule]]\nname = "two"\naction = "drop"\nuid = 2\nnot = { cwd = "/srv/**" }\n'
    )
    assert search(capfd, log, "--rule", f"{rules}:one", "-c")[1] == "67\n"
    assert search(capfd, log, "--rule", f"{rules}:two", "-c")[1] == "0\n"
    assert search(capfd, log, "--rule", str(rules), "-c")[1] == "67\n"
    assert "no rule is called" in search(capfd, log, "--rule", f"{rules}:three", "-c")[2]


def test_programs_of_ancestors_are_followed(capfd: pytest.CaptureFixture[str], log: Path) -> None:
    shell = exec_fields(300, exe="/bin/shell", id="b61050973c38-7-1-2", pid=7)
    child = exec_fields(301, parent_id=shell["id"], exe="/bin/child", ppid=7)
    log.write_bytes(log.read_bytes() + lines_of(shell, child))
    status, out, _ = search(capfd, log, "parent.exe=/bin/shell", "--fields", "exe")
    assert (status, out) == (0, "/bin/child\n")


def test_period_is_kept_to(capfd: pytest.CaptureFixture[str], log: Path) -> None:
    since, until = f"@{BEGIN_S + 50}", f"@{BEGIN_S + 120}"
    assert search(capfd, log, "--since", since, "--until", until, "-c")[1] == "71\n"


def test_boots_are_counted_from_the_last(capfd: pytest.CaptureFixture[str], log: Path) -> None:
    later = [exec_fields(s, boot="f" * 32) for s in range(300, 307)]
    log.write_bytes(log.read_bytes() + lines_of(own_fields("start", 299, boot="f" * 32), *later))
    assert search(capfd, log, "-b", "-c")[1] == "8\n"
    for before in (["--boot=-1"], ["--boot", "-1"], ["-b", "-1"], ["-b", BOOT]):
        assert search(capfd, log, *before, "-c")[1] == "200\n", before
    assert search(capfd, log, "--boot=2", "-c")[1] == "8\n"
    assert "there are 2 boots" in search(capfd, log, "--boot=-2")[2]


def test_nothing_a_program_chose_reaches_the_output_raw(
    capfd: pytest.CaptureFixture[str], log: Path
) -> None:
    evil = "\x1b[2J\x07\x9b\u202e\n=1+1"
    record = exec_fields(300, argv=[evil], filename=evil, user=evil, comm=evil, exe=evil, uid=50)
    forged = exec_fields(301, pid=evil, ppid=evil, uid=50, signal=evil, type="exit", exit_code=evil)
    log.write_bytes(log.read_bytes() + lines_of(record, forged))
    for shape in ("--table", "--csv", "--sentence", "--json", "--fields=argv,user,pid,cmdline"):
        status, out, _ = search(capfd, log, "uid=50", shape)
        assert status == 0
        assert not {"\x1b", "\x07", "\x9b", "\u202e"} & set(out), shape


def test_csv_and_json_with_fields(capfd: pytest.CaptureFixture[str], log: Path) -> None:
    _, out, _ = search(capfd, log, "-n1", "--csv", "--fields", "uid,argv,tty")
    assert out == 'uid,argv,tty\r\n1,"[""deleted""]",\r\n'
    _, out, _ = search(capfd, log, "-n1", "--json", "--fields", "uid,argv,tty")
    assert json.loads(out) == {"uid": 1, "argv": ["deleted"]}


def test_nothing_missing_is_said(capfd: pytest.CaptureFixture[str], log: Path) -> None:
    assert "200 records read; nothing is missing between" in search(capfd, log, "-c")[2]
    assert search(capfd, log, "-c", "-q")[2] == ""


def test_losses_and_gaps_within_the_period_are_said(
    capfd: pytest.CaptureFixture[str], log: Path
) -> None:
    own = [
        own_fields("lost", 210, reason="ring", count=5, first=_at(205), last=_at(210)),
        own_fields("lost", 211, reason="x", sink="journal", count=5, first=_at(205), last=_at(210)),
        own_fields("stop", 220),
        own_fields("start", 300, gap={"first": _at(220), "last": _at(300), "traced": False}),
        own_fields("repair", 400, reason="silent", first=_at(390), last=_at(400), result="success"),
        own_fields("stop", 500),
    ]  # fmt: skip
    log.write_bytes(log.read_bytes() + lines_of(*own))
    _, _, err = search(capfd, log, "-c")
    for said in ("5 events lost (ring)", "not traced", "was broken (silent)", "stopped since"):
        assert said in err
    _, _, err = search(capfd, log, "-c", "--summary")
    account = json.loads(err)
    assert not account["complete"]
    assert [each["kind"] for each in account["missing"]] == ["lost", "gap", "repair", "stopped"]
    _, _, err = search(capfd, log, "-c", "--until", f"@{BEGIN_S + 150}")
    assert "nothing is missing" in err
    _, _, err = search(capfd, log, "-c", "--since", f"@{BEGIN_S - 150}", "--until", f"@{BEGIN_S}")
    assert "begins at" in err


def _at(second: float) -> str:
    return str(exec_fields(second)["time"])


def test_checkpoint_goes_on_over_rotation_compression_and_retention(
    capfd: pytest.CaptureFixture[str], log: Path, tmp_path: Path
) -> None:
    place = tmp_path / "place"

    def further() -> str:
        return search(capfd, log, "--checkpoint", str(place), "--fields", "time")[1]

    assert further().count("\n") == 200
    assert further() == ""
    log.write_bytes(log.read_bytes() + lines_of(exec_fields(300)) + b'{"time":"half')
    assert further() == f"{_at(300)}\n"
    log.write_bytes(log.read_bytes()[: -len(b'{"time":"half')] + lines_of(exec_fields(301)))
    log.rename(rotated(log, 400))
    log.write_bytes(lines_of(exec_fields(401)))
    assert further() == f"{_at(301)}\n{_at(401)}\n"
    log.write_bytes(log.read_bytes() + lines_of(exec_fields(402)))
    log.rename(rotated(log, 500))
    compress(rotated(log, 500))
    log.write_bytes(b"")
    assert further() == f"{_at(402)}\n"
    log.write_bytes(lines_of(exec_fields(600)))
    assert further() == f"{_at(600)}\n"
    log.write_bytes(lines_of(exec_fields(700)))
    status, out, err = search(capfd, log, "--checkpoint", str(place), "--fields", "time")
    assert out.splitlines()[-1] == _at(700)
    assert "has been removed" in err
    assert status == 0


@pytest.mark.parametrize(
    "content",
    [
        b"[" * 100_000,
        b'{"version":1,"logs":{"x":["a",1e999]},"journals":{}}',
        b'{"version":1,"logs":[],"journals":{}}',
        b"\xff",
    ],
)
def test_file_that_is_no_checkpoint_is_left_alone(
    capfd: pytest.CaptureFixture[str], log: Path, tmp_path: Path, content: bytes
) -> None:
    place = tmp_path / "place"
    place.write_bytes(content)
    status, _, err = search(capfd, log, "--checkpoint", str(place))
    assert (status, place.read_bytes()) == (2, content)
    assert "it is not a checkpoint" in err


def test_folder_that_cannot_be_read_is_trouble(
    capfd: pytest.CaptureFixture[str], log: Path
) -> None:
    for folder in (log.parent, *log.parent.parents):
        if folder.stat().st_mode & 0o005 != 0o005:
            folder.chmod(0o755)
    closed = log.parent / "closed"
    closed.mkdir(mode=0o700)
    os.seteuid(65534)
    try:
        status = main(["search", "--directory", str(log.parent), "-c"])
    finally:
        os.seteuid(0)
    out, err = capfd.readouterr()
    assert (status, out) == (2, "200\n")
    assert f"{closed}: Permission denied" in err


def test_pager_whose_quote_does_not_end_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYSTEMD_PAGER", "less 'x")
    with pytest.raises(InvalidArgument, match=r"Failed to use \$SYSTEMD_PAGER: No closing"):
        choose_pager()


def test_long_beginning_of_a_pipe_does_not_fill_the_memory() -> None:
    with subprocess.Popen(["cat", "/dev/zero"], stdout=subprocess.PIPE) as endless:
        assert endless.stdout is not None
        part = Pipe(f"/proc/self/fd/{endless.stdout.fileno()}")
        assert part.head.format is None  # and it comes back
        part.close()
        endless.kill()


def test_directory_of_several_hosts_is_searched_in_order(
    capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    for number, host in enumerate(("web1", "web2", "web3")):
        folder = tmp_path / host
        folder.mkdir()
        path = folder / "execaudit.jsonl"
        records = [exec_fields(3 * s + number, host=host) for s in range(20)]
        rotated(path, 30).write_bytes(lines_of(*records[:10]))
        path.write_bytes(lines_of(*records[10:]))
    main(["search", "--directory", str(tmp_path), "--fields", "time"])
    out, _ = capfd.readouterr()
    assert out.splitlines() == [_at(s) for s in range(60)]
    main(["search", "--directory", str(tmp_path), "--host", "web2", "-c"])
    assert capfd.readouterr()[0] == "20\n"


def test_configured_log_is_searched_by_default(
    capfd: pytest.CaptureFixture[str], log: Path, tmp_path: Path
) -> None:
    config = tmp_path / "execaudit.toml"
    config.write_text(f'[file]\nenabled = true\npath = "{log}"\n')
    assert main(["search", "--config", str(config), "-c"]) == 0
    assert capfd.readouterr()[0] == "200\n"


def test_backtest_counts_what_rules_would_have_matched(
    capfd: pytest.CaptureFixture[str], log: Path, tmp_path: Path
) -> None:
    rules = tmp_path / "rules.toml"
    rules.write_text(
        '[[rule]]\nname = "one"\naction = "drop"\nuid = 1\n'
        '[[rule]]\nname = "rest"\naction = "label"\nlabels = ["x"]\ntype = "exec"\n'
    )
    words = ["rules", "backtest", "--file", str(log), "--rules", str(rules), "-n", "1"]
    assert main([*words, "--json"]) == 0
    out, err = capfd.readouterr()
    found = json.loads(out)
    assert (found["records"], found["dropped"]) == (200, 67)
    assert [rule["matched"] for rule in found["rules"]] == [67, 133]
    assert [len(rule["examples"]) for rule in found["rules"]] == [1, 1]
    assert "nothing is missing" in err
    assert main([*words, "--since", f"@{BEGIN_S + 190}"]) == 0
    assert "of 10 records 4 would have been dropped" in capfd.readouterr()[0]
