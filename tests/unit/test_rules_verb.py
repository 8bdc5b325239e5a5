# SPDX-License-Identifier: Apache-2.0
"""`execaudit rules` and `execaudit rules test`, run as users do."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from execaudit.cli import main
from execaudit.cli.rules import list_rules
from execaudit.kernel.hierarchies import Hierarchies
from execaudit.rules import kernel_rules
from execaudit.rules.kernel_rules import KernelLookups, translate_rules
from tests.rule_tables import compile_all
from tests.unit.config_tree import write_file

RULES = """\
[[rule]]
name = "nobody's programs"
action = "drop"
uid = 65533

[[rule]]
action = "label"
labels = ["home", "x"]
severity = "err"
cwd = ["/home/**"]
descendants = true

[[rule]]
name = "secrets"
action = "keep"
not.argv = "--plain"
argv = "--password=*"
"""
RECORD: dict[str, Any] = {
    "type": "exec", "uid": 1000, "comm": "x", "cwd": "/home/u/src", "argv": ["x", "--password=p"],
    "argc": 2, "result": "success",
}  # fmt: skip


@pytest.fixture
def config(tmp_path: Path) -> str:
    write_file(tmp_path, "rules.d/10-test.toml", RULES)
    return str(write_file(tmp_path, "execaudit.toml", ""))


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, list[str], str]:
    status = main(["rules", *arguments])
    captured = capsys.readouterr()
    return status, captured.out.splitlines(), captured.err


def test_rules_are_listed_in_order_with_who_decides_and_where(
    config: str, capsys: pytest.CaptureFixture[str]
) -> None:
    status, lines, errors = run(capsys, "--config", config)
    file = config.replace("execaudit.toml", "rules.d/10-test.toml")

    assert (status, errors) == (0, "")
    assert [line.split() for line in lines] == [
        ["1", "[kernel]", "drop", "nobody's", "programs", f"{file}:1"],
        ["2", "[user]", "label", "home,x", "(err)", "+descendants", "(no", "name)", f"{file}:6"],
        ["3", "[user]", "keep", "secrets", f"{file}:13"],
    ]


def test_command_that_is_not_installed_has_no_path(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    rules = """\
[[rule]]
action = "label"
labels = ["here"]
exe = { startswith = "/" }

[[rule]]
action = "label"
labels = ["named"]
program = "no-such-program"
"""
    write_file(tmp_path, "rules.d/10-test.toml", rules)
    config = str(write_file(tmp_path, "execaudit.toml", ""))
    monkeypatch.chdir(tmp_path)

    status, lines, _ = run(capsys, "test", "--all", "--config", config, "--", "no-such-program")
    assert status == 0
    assert any(line.startswith("rule 1 cannot be decided") for line in lines)
    assert lines[-1] == "labels: named; severity: none"

    _, lines, _ = run(
        capsys,
        "test",
        "--config",
        config,
        "--field",
        "exe=/opt/no-such-program",
        "--",
        "no-such-program",
    )
    assert lines[-1] == "labels: here, named; severity: none"


def test_host_without_rules_says_so() -> None:
    assert list_rules(compile_all(), frozenset()) == ["There are no rules: every record is kept."]


def test_path_through_a_link_is_pointed_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    program = write_file(tmp_path, "bin/tool", "")
    (tmp_path / "link").symlink_to(program)
    rule = f'[[rule]]\naction = "drop"\nexe = ["{tmp_path}/link", "{program}", "/gone"]\n'
    write_file(tmp_path, "rules.d/1.toml", rule)

    _, _, errors = run(capsys, "--config", str(write_file(tmp_path, "execaudit.toml", "")))

    assert errors == (
        f"{tmp_path}/rules.d/1.toml:3:1: rule[0].exe: note: {tmp_path}/link is a link,"
        f" records have {program}\n"
    )


def test_rules_with_mistakes_are_not_listed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_file(tmp_path, "rules.d/1.toml", '[[rule]]\naction = "drop"\nuidd = 3\nexe = "ls"\n')
    config = str(write_file(tmp_path, "execaudit.toml", ""))
    status, lines, errors = run(capsys, "--config", config)

    assert (status, lines) == (6, [])
    file = f"{tmp_path}/rules.d/1.toml"
    assert errors.splitlines() == [
        "execaudit: Failed to load the rules: they have mistakes",
        f'{file}:3:1: rule[0].uidd: is not a condition; did you mean "uid"?',
        f'{file}:4:1: rule[0].exe: is "ls", expected an absolute path such as "/ls" or "**/ls"',
    ]

    assert main(["check", "--config", config]) == 6
    assert capsys.readouterr().err.splitlines() == [
        *errors.splitlines()[1:],
        "execaudit: 2 problems in 1 file",
    ]


def test_recorded_line_is_judged(
    config: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = write_file(tmp_path, "line.json", json.dumps(RECORD) + "\nnext\n")

    status, lines, _ = run(capsys, "--config", config, "test", "--record-line", str(line))

    file = config.replace("execaudit.toml", "rules.d/10-test.toml")
    assert status == 0
    assert lines == [
        "exec: x --password=p",
        f"rule 2 matches: label home,x (err) +descendants, (no name), {file}:6",
        '        true    cwd = ["/home/**"]',
        f"rule 3 matches: keep, secrets, {file}:13",
        '        false   argv = "--plain"',
        '        true    argv = "--password=*"',
        f"decision: keep, by rule 3, secrets, {file}:13",
        "labels: home, x; severity: err",
        "Rules with descendants = true may decide otherwise below what they matched.",
    ]


def test_line_from_standard_input_is_judged(
    config: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    text = json.dumps(RECORD | {"argv": [], "cwd": "/"}).encode()
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text)))

    _, lines, _ = run(capsys, "test", "--config", config, "--all")

    assert [line.partition(":")[0] for line in lines] == [
        "exec", "rule 1 does not match", "        false   uid = 65533",
        "rule 2 does not match", '        false   cwd = ["/home/**"]',
        "rule 3 does not match", '        false   argv = "--password=*"',
        "decision", "Rules with descendants = true may decide otherwise below what they matched.",
    ]  # fmt: skip


def test_running_process_is_judged(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", "input()", "--password=x"], stdin=subprocess.PIPE
    ) as process:
        try:
            # Its exec is over once it reads: until then /proc still shows this process.
            while b"--password" not in Path(f"/proc/{process.pid}/cmdline").read_bytes():
                os.sched_yield()
            _, lines, _ = run(capsys, "test", "--config", config, "--pid", str(process.pid))
        finally:
            process.communicate(b"\n")

    assert lines[0] == f"exec: {sys.executable} -c input() --password=x"
    assert any(line.startswith("decision: keep, by rule 3, secrets, ") for line in lines)


def test_command_is_judged_as_if_it_were_run_here(
    config: str, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = ["--field", "uid=65533", "--field", "cwd=/home/u"]

    _, lines, _ = run(capsys, "test", "--config", config, *settings, "--", "ls", "-l")

    assert lines[0] == "exec: ls -l"
    assert any(line.startswith("decision: drop, by rule 1, nobody's programs, ") for line in lines)


def test_fields_of_a_command_can_be_set(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_file(
        tmp_path,
        "rules.d/1.toml",
        '[[rule]]\naction = "drop"\nuser = "root"\nerrno = "ENOENT"\nprivileged = true\n'
        'tty = false\nauid = "unset"\ncomm = "cat"\nexe = "**/cat"\nresult = "failure"\n',
    )
    config = str(write_file(tmp_path, "execaudit.toml", ""))
    settings = ["uid=0", "errno=ENOENT", "privileged=true", "tty=", "auid="]
    given = [word for setting in settings for word in ("--field", setting)]

    _, lines, _ = run(capsys, "test", "--config", config, *given, "--", "/bin/cat")

    assert lines[-1].startswith("decision: drop, by rule 1, ")


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["--pid", "4194304"], 2, "Failed to read process '4194304': there is no such process"),
        (
            ["--pid", "1", "--record-line", "x"],
            2,
            "Failed to choose what to test: give one of --pid, --record-line, or a command line",
        ),
        (["--record-line", "/none"], 2, "Failed to open '/none': No such file or directory"),
        (
            ["--record-line", "/dev/null"],
            2,
            "Failed to read a record from '/dev/null': the first line is no JSON object with a "
            "type",
        ),
        (
            ["--field", "uid=x"],
            2,
            "Failed to use field 'uid=x': expected a number",
        ),
    ],
)
def test_wrong_question_is_refused(
    arguments: list[str],
    status: int,
    message: str,
    config: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    result = run(capsys, "test", "--config", config, *arguments)

    assert result == (status, [], f"execaudit: {message}\n")


@pytest.mark.parametrize("change", [{"argv": 3}, {"ancestors": [1]}, {"id": 5}, {"uid": [1]}])
def test_malformed_record_is_an_error_and_no_traceback(
    change: dict[str, Any], config: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = write_file(tmp_path, "line.json", json.dumps(RECORD | change))
    status, _, errors = run(capsys, "test", "--config", config, "--record-line", str(line))

    assert status == 1
    assert errors.startswith("execaudit: Failed to judge the record: it is malformed (")


def test_id_beyond_any_process_is_malformed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rule = '[[rule]]\naction = "drop"\nparent.cmdline = "sh *"\n'
    write_file(tmp_path, "rules.d/10-test.toml", rule)
    config = str(write_file(tmp_path, "execaudit.toml", ""))
    parent = {"id": f"{'0' * 12}-{'f' * 20}-1-1", "comm": "sh"}
    record = RECORD | {"parent_id": parent["id"], "ancestors": [parent]}
    line = write_file(tmp_path, "line.json", json.dumps(record))
    status, _, errors = run(capsys, "test", "--config", config, "--record-line", str(line))

    assert status == 1
    assert errors.startswith("execaudit: Failed to judge the record: it is malformed (")


def test_kernel_gets_files_with_one_name_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    single, double = tmp_path / "single", tmp_path / "double"
    single.touch()
    double.touch()
    (tmp_path / "other").hardlink_to(double)
    (tmp_path / "link").symlink_to(single)
    (tmp_path / "group").mkdir()
    (tmp_path / "systemd/group").mkdir(parents=True)
    lookups = KernelLookups(cgroups=tmp_path, named=tmp_path / "systemd")
    status = single.stat()

    device = os.major(status.st_dev) << 20 | os.minor(status.st_dev)
    assert lookups.exe(str(single)) == (device, status.st_ino)
    for name in ("double", "link", "gone", "a\0b"):
        assert lookups.exe(f"{tmp_path}/{name}") is None
    groups = [(tmp_path / "group").stat().st_ino, (tmp_path / "systemd/group").stat().st_ino]
    for named, ids in ((0, groups[:1]), (7, groups)):
        found = Hierarchies(are_old=True, named=named)
        monkeypatch.setattr(kernel_rules, "find_hierarchies", lambda found=found: found)
        assert lookups.cgroup("/group") == [(each, at) for at, each in enumerate(ids)]
        assert lookups.cgroup("/gone") == lookups.cgroup("/") == []

    rules = compile_all({"action": "drop", "exe": str(single)}).rules
    assert translate_rules(rules, lookups).rules == {0}
    lookups.close()


def test_inode_of_a_program_that_was_found_is_given_to_no_other_file(tmp_path: Path) -> None:
    programs = KernelLookups()
    single = tmp_path / "single"
    single.touch()
    found = programs.exe(str(single))
    assert found
    single.unlink()

    for number in range(50):
        (tmp_path / str(number)).touch()

    assert found[1] not in {each.stat().st_ino for each in tmp_path.iterdir()}
    programs.close()


def test_programs_that_can_not_be_held_are_left_to_user_space(tmp_path: Path) -> None:
    programs = KernelLookups()
    files = [tmp_path / str(number) for number in range(513)]
    for file in files:
        file.touch()

    found = [programs.exe(str(file)) for file in files]

    assert None not in found[:512]
    assert found[512] is None
    programs.close()
    assert programs.exe(str(files[512]))
    programs.close()
