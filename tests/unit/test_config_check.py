# SPDX-License-Identifier: Apache-2.0
"""`execaudit check`: what it prints where, and how it exits."""

import subprocess
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from execaudit.cli import main
from tests.unit.config_tree import write_file

CHECKOUT = Path(__file__).resolve().parents[2]
CONFIG = "etc/execaudit/execaudit.toml"

Check = Callable[..., tuple[int, str, str]]


@pytest.fixture
def check(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Check:
    """Run `execaudit check` for the system below tmp_path: status, output, errors."""

    def run(*options: str) -> tuple[int, str, str]:
        status = main(["check", *(options or ("--root", str(tmp_path)))])
        return status, *capsys.readouterr()

    return run


def test_no_configuration_is_fine(check: Check) -> None:
    assert check() == (0, "The configuration is fine: there is none, the defaults are used.\n", "")


def test_fine_configuration_is_told_with_its_hash(tmp_path: Path, check: Check) -> None:
    write_file(tmp_path, CONFIG, "[file]\n")
    write_file(tmp_path, "etc/execaudit/rules.d/1.toml", "[[rule]]\nuid = 0\naction = 'keep'\n")

    status, out, err = check()

    assert (status, err) == (0, "")
    assert out.startswith("The configuration is fine: 2 files, 1 rule, SHA-256 ")


def test_problems_of_configuration_and_rules_go_to_stderr_with_a_count_and_status_6(
    tmp_path: Path, check: Check
) -> None:
    path = write_file(tmp_path, CONFIG, "[file]\nmodus = 1\n\x1b[x\n")
    write_file(tmp_path, "etc/execaudit/conf.d/10.toml", "[file]\nenabled = 1\n")
    write_file(tmp_path, "etc/execaudit/rules.d/1.toml", "[[rule]]\nuidd = 0\naction = 'keep'\n")

    status, out, err = check("--root", str(tmp_path), "--print")

    assert (status, out) == (6, "")
    lines = err.splitlines()
    assert lines[0].startswith(f"{path}:3:1: is not TOML: ")
    assert lines[1].startswith(f"{path.parent}/conf.d/10.toml:2:1: file.enabled: is 1, ")
    assert lines[2].startswith(f"{path.parent}/rules.d/1.toml:2:1: rule[0].uidd: is not a cond")
    assert lines[3:] == ["execaudit: 3 problems in 3 files"]


def test_pattern_that_is_not_shipped_cannot_be_switched_off(tmp_path: Path, check: Check) -> None:
    write_file(tmp_path, CONFIG, "[redact]\ndisable = ['aws', 'mysq']\n")

    status, _, err = check()

    assert status == 6
    assert (
        'execaudit.toml:2:19: redact.disable[1]: is "mysq", expected the name of a shipped pattern;'
        ' did you mean "mysql"?\n'
    ) in err


def test_given_file_is_checked_alone(tmp_path: Path, check: Check) -> None:
    path = write_file(tmp_path, "x.toml", "[file]\nenabled = 1\n")
    write_file(tmp_path, CONFIG, "[x\n")

    status, _, err = check("--config", str(path))

    assert status == 6
    assert err == (
        f"{path}:2:1: file.enabled: is 1, expected true or false\nexecaudit: 1 problem in 1 file\n"
    )


def test_root_that_is_no_directory_is_a_wrong_option(tmp_path: Path, check: Check) -> None:
    reason = f"Failed to use root '{tmp_path}/x': it is no directory"

    assert check("--root", f"{tmp_path}/x") == (2, "", f"execaudit: {reason}\n")


def test_print_shows_every_value_with_where_it_comes_from(tmp_path: Path, check: Check) -> None:
    path = write_file(tmp_path, CONFIG, "\n[file]\nenabled = false\n")

    status, out, _ = check("--root", str(tmp_path), "--print")

    assert status == 0
    assert tomllib.loads(out)["file"]["enabled"] is False
    assert f"enabled = false  # {path}:3\n" in out
    assert "num_logs = 10  # default\n" in out


def test_verb_works_from_a_checkout_with_the_distros_python(tmp_path: Path) -> None:
    path = write_file(tmp_path, "x.toml", "[file\n")

    result = subprocess.run(
        ["/usr/bin/python3", "-m", "execaudit", "check", "--config", path.name],
        cwd=tmp_path,
        env={"PYTHONPATH": str(CHECKOUT)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (result.returncode, result.stdout) == (6, "")
    assert result.stderr.startswith("x.toml:1:6: is not TOML: ")
