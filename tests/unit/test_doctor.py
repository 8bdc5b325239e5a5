# SPDX-License-Identifier: Apache-2.0
"""The doctor's report: the verdict, the exit status, and the table."""

import re

import pytest

from execaudit.doctor.check import CONFIGURATION, KERNEL, PERMISSION, Check
from execaudit.doctor.report import exit_status, render, summarize, weigh_engines

PASS = Check("engine libbpf", "pass", "fine")
WARN = Check("orjson", "warn", "missing", "Install it.")


def failure(status: int) -> Check:
    return Check("x", "fail", f"broken {status}", f"Mend {status}.", status)


@pytest.mark.parametrize(
    ("checks", "expected"),
    [
        ([PASS, WARN], 0),
        ([PASS, failure(KERNEL)], 3),
        ([PASS, failure(PERMISSION)], 4),
        ([PASS, failure(CONFIGURATION)], 6),
        ([failure(CONFIGURATION), failure(PERMISSION)], 4),
        ([failure(PERMISSION), failure(KERNEL)], 3),
    ],
)
def test_exit_status_is_that_of_the_cause_hardest_to_remove(
    checks: list[Check], expected: int
) -> None:
    assert exit_status(checks) == expected


def test_summary_tells_the_first_thing_to_do() -> None:
    text = summarize([failure(CONFIGURATION), failure(PERMISSION)])
    assert text == "Tracing cannot work here: x: broken 4. Mend 4."


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (
            ["engine libbpf", "engine bcc", "failed execs: fexit", "failed execs: sys_exit"],
            "with the libbpf or bcc engine; it sees failed execs (-x) through fexit.",
        ),
        (
            ["engine libbpf", "failed execs: sys_exit"],
            "with the libbpf engine; it sees failed execs only with --failure-hook sys_exit.",
        ),
        (["engine bcc"], "with the bcc engine; it cannot see failed execs."),
    ],
)
def test_summary_of_success_names_engines_and_failure_hook(names: list[str], expected: str) -> None:
    checks = [Check(name, "pass", "") for name in names]
    assert summarize(checks) == f"Tracing works here, {expected}"


def test_failure_of_the_libbpf_engine_is_a_warning_where_bcc_works() -> None:
    refused = Check("engine libbpf", "fail", "refused", "Report it.", KERNEL)
    no_library = Check("libbpf", "fail", "no library", "Install it.", CONFIGURATION)
    bcc = Check("engine bcc", "pass", "fine")
    no_bcc = Check("engine bcc", "warn", "missing", "Install it.")
    assert exit_status(weigh_engines([refused, bcc])) == 0
    assert weigh_engines([refused, bcc])[0].advice == (
        "Use trace --engine bcc, and the drop-in engine-bcc (docs/systemd.md) for the service;"
        " or: Report it."
    )
    assert exit_status(weigh_engines([refused, no_bcc])) == 3
    assert exit_status(weigh_engines([no_library, bcc])) == 6


def test_table_is_not_broken_off_a_terminal() -> None:
    long = Check("lockdown", "fail", "x " * 100, "Do " + "something " * 30, KERNEL)
    lines = render([PASS, long], None, color=False)
    assert len(lines) == 3
    assert lines[0] == "pass  engine libbpf  fine"
    assert lines[2].startswith(" " * 21 + "→ Do something")


def test_table_fits_the_terminal_and_is_colored_by_result() -> None:
    long = Check("lockdown", "fail", "word " * 100, "Do " + "something " * 30, KERNEL)
    lines = render([PASS, long], 80, color=True)
    assert lines[0].startswith("\x1b[32mpass\x1b[0m  ")
    plain = [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in lines]
    assert max(map(len, plain)) <= 80
    assert "".join("".join(plain).split()).count("something") == 30


def test_control_characters_in_what_was_found_are_escaped() -> None:
    (line,) = render([Check("x", "pass", "a\x1b[31m\nb")], None, color=False)
    assert line == r"pass  x  a\x1b[31m\nb"


def test_report_stands_below_the_names_on_a_narrow_terminal() -> None:
    lines = render([PASS, Check("a name of some length", "warn", "word " * 20, "do " * 20)], 50,
        color=False)  # fmt: skip
    assert "warn  a name of some length" in lines
    assert all(len(line) <= 50 for line in lines)
