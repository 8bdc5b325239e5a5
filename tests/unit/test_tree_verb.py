# SPDX-License-Identifier: Apache-2.0
"""`execaudit tree` as a user meets it: text, JSON, dot, mistakes."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from execaudit.cli.command_line import main
from execaudit.tree.forest import Forest
from tests.log_files import BOOT, exec_fields, lines_of, own_fields, time_text


def _id(pid: int, images: int = 3) -> str:
    return f"{BOOT[:12]}-{pid:x}-{pid + 5:x}-{images:x}"


def _exec(second: float, pid: int, *above: int, argv: list[str], **members: Any) -> dict[str, Any]:
    ancestors = [
        {"id": _id(up), "pid": up, "start": time_text(up), "comm": f"c{up}"} for up in above
    ]
    fields = exec_fields(
        second, id=_id(pid), pid=pid, argv=argv, filename=argv[0], ancestors=ancestors,
        user="alice", uid=1000, euid=1000,
    )  # fmt: skip
    fields.pop("parent_id", None)
    if above:
        fields["parent_id"] = _id(above[0])
    return {**fields, **members}


@pytest.fixture
def log(tmp_path: Path) -> Path:
    failure = {"result": "failure", "errno": "ENOENT", "errno_code": 2, "hook": "execve"}
    ended = {"id": _id(30), "pid": 30, "parent_id": _id(20), "uid": 1000, "comm": "x", "cpu": 0}
    path = tmp_path / "a.jsonl"
    path.write_bytes(
        lines_of(
            _exec(10, 10, 1, argv=["/bin/bash", "-l"]),
            _exec(11, 30, 20, 10, 1, argv=["/bin/cc", "a b.c", "\x1b[2J"]),
            _exec(12, 30, 20, 10, 1, argv=["/no/as"], **failure),
            _exec(13, 30, 20, 10, 1, argv=["/bin/as"], id=_id(30, 4)),
            own_fields("exit", 14, **ended, hook="exit", seq=1, signal="SIGKILL", duration_ns=2e9),
            _exec(15, 40, 10, 1, argv=["/bin/true"]),
            _exec(16, 50, 1, argv=["/bin/other"]),
        ).replace(b"2000000000.0", b"2000000000")
    )
    return path


def tree(capfd: pytest.CaptureFixture[str], log: Path, *words: str) -> tuple[int, str, str]:
    status = main(["tree", "--file", str(log), *words])
    out, err = capfd.readouterr()
    return status, out, err


def test_text_shows_forks_execs_failures_and_ends(
    capfd: pytest.CaptureFixture[str], log: Path
) -> None:
    status, out, err = tree(capfd, log, "10")
    assert status == 0
    assert "nothing is missing" in err
    lines = [line[16:] for line in out.splitlines()]
    assert lines == [
        "    PID USER          TOOK EXIT     COMMAND",
        "     10 alice                       /bin/bash -l",
        "     20                             ├─ (c20)",
        "     30 alice        2.00s SIGKILL  │  └─ /bin/cc 'a b.c' $'\\x1b[2J'",
        "        alice                       │     ✗ /no/as (ENOENT)",
        "        alice                       │     → /bin/as",
        "     40 alice                       └─ /bin/true",
    ]


def test_up_shows_the_chain_only(capfd: pytest.CaptureFixture[str], log: Path) -> None:
    _, out, _ = tree(capfd, log, "--up", "30")
    assert [line.split()[3] for line in out.splitlines()[1:5]] == ["1", "10", "20", "30"]
    assert "/bin/true" not in out


@pytest.mark.parametrize(
    "records",
    [
        [_exec(10, 30, 20, 30, argv=["/bin/a"])],
        [_exec(10, 30, 20, argv=["/bin/a"]), _exec(11, 20, 30, argv=["/bin/b"])],
        [_exec(10, 30, 30, argv=["/bin/a"])],
    ],
    ids=["in one record", "in two records", "of itself"],
)
def test_up_shows_a_process_that_is_its_own_ancestor(
    capfd: pytest.CaptureFixture[str], tmp_path: Path, records: list[dict[str, Any]]
) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(lines_of(*records))
    status, out, _ = tree(capfd, path, "--up", "30")
    assert status == 0
    assert "/bin/a" in out


def test_roots_keep_their_order_when_one_is_moved() -> None:
    forest = Forest()
    first, second, third = (forest.add(key, 1, None) for key in (b"1", b"2", b"3"))
    assert second
    assert third
    forest.hang(second, third)
    forest.close()
    assert list(forest.roots) == [first, third]


def test_processes_without_a_record_can_be_asked_for(
    capfd: pytest.CaptureFixture[str], log: Path
) -> None:
    assert "/bin/cc" in tree(capfd, log, "20")[1]
    assert "(c1)" in tree(capfd, log, "1")[1]
    assert "/bin/bash" in tree(capfd, log, "--up", "20")[1]


def test_nothing_found_has_exit_status_one(capfd: pytest.CaptureFixture[str], log: Path) -> None:
    assert tree(capfd, log, "99", "-q") == (1, "", "")
    assert tree(capfd, log, "--up", "99", "-q") == (1, "", "")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--up"], "name the process"),
        (["0"], "no such number"),
        (["99999999"], "no such number"),
        (["nonsense"], "expected FIELD=VALUE"),
        (["--json", "--dot"], "not allowed with"),
    ],
)
def test_mistakes_are_said_with_exit_status_two(
    capfd: pytest.CaptureFixture[str], log: Path, words: list[str], message: str
) -> None:
    status, out, err = tree(capfd, log, *words)
    assert (status, out) == (2, "")
    assert message in err


def test_graph_has_a_node_for_each_process_and_escapes_texts(
    capfd: pytest.CaptureFixture[str], log: Path
) -> None:
    _, out, _ = tree(capfd, log, "10", "--dot", "-q")
    assert len(re.findall(r"^  n\d+ \[", out, re.MULTILINE)) == 4
    assert len(re.findall(r"^  n\d+ -> n\d+;", out, re.MULTILINE)) == 3
    assert "$'\\\\x1b[2J'" in out
    assert "\x1b" not in out


def test_period_leaves_out_what_was_before(capfd: pytest.CaptureFixture[str], log: Path) -> None:
    _, out, _ = tree(capfd, log, "10", "--since", time_text(12.5), "-q")
    assert "/bin/cc" not in out
    assert "/bin/as" in out


def test_search_shows_trees(capfd: pytest.CaptureFixture[str], log: Path) -> None:
    assert main(["search", "--file", str(log), "--tree", "pid=10", "-q"]) == 0
    assert capfd.readouterr().out == tree(capfd, log, "10", "-q")[1]
    assert main(["search", "--file", str(log), "--tree", "-f"]) == 2


def test_trees_of_any_depth_are_shown(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    chain = [*range(3000, 0, -1)]
    records = [
        _exec(pid, pid, *chain[len(chain) - pid + 1 :][:8], argv=["x"]) for pid in range(1, 3001)
    ]
    path.write_bytes(lines_of(*records))
    _, out, _ = tree(capfd, path, "1", "-q")
    assert len(out.splitlines()) == 3001
    assert max(map(len, out.splitlines())) < 250
    _, out, _ = tree(capfd, path, "1", "-q", "--json")
    assert out.count('"process"') == 3000
    assert out.count("]}\n") == 1
    assert out.endswith("]}" * 3000 + "\n")
    _, out, _ = tree(capfd, path, "--up", "3000", "-q", "--json")
    assert out.count('"process"') == 3000


def test_too_many_processes_are_said(
    capfd: pytest.CaptureFixture[str], log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("execaudit.tree.verb.PROCESSES_LIMIT", 3)
    _, out, err = tree(capfd, log, "10", "--json")
    assert "more than 3 processes" in err
    assert len(json.loads(out)["children"]) == 1


def test_damaged_start_of_an_ancestor_leaves_its_time_out(
    capfd: pytest.CaptureFixture[str], log: Path
) -> None:
    start = time_text(20).encode()
    assert start in log.read_bytes()
    log.write_bytes(log.read_bytes().replace(start, start[:19] + b";" + start[20:]))
    status, out, _ = tree(capfd, log, "10")
    assert status == 0
    (line,) = (line for line in out.splitlines() if "(c20)" in line)
    assert line.split()[0] == "20"
