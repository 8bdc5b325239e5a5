# SPDX-License-Identifier: Apache-2.0
"""`execaudit doctor`: says if tracing can work here, and what to do if it cannot.

Owns the verdict over all checks, and how they are shown. The checks are in preflight (files),
trials (real BPF) and installed (packages).
"""

import argparse
import json
import os
import shutil
import sys
import textwrap
from pathlib import Path

from execaudit.color import wants_color
from execaudit.doctor.check import CONFIGURATION, KERNEL, PERMISSION, Check
from execaudit.doctor.installed import check_installed
from execaudit.doctor.preflight import check_facts
from execaudit.errors import EXIT_OK, NotConfigured
from execaudit.records.quoting import make_printable

_COLORS = {"pass": "\x1b[32m", "warn": "\x1b[33m", "fail": "\x1b[1;31m"}
_RESET = "\x1b[0m"
_NARROWEST = 24
_ROOM = 40  # texts that have fewer columns are put below the names


def run(args: argparse.Namespace) -> int:
    """Check this machine and print the report; return the exit status.

    It is 0 if an engine can trace, else 3 (the kernel lacks something), 4 (no permission) or 6
    (something is not installed).
    """
    checks = examine()
    status = exit_status(checks)
    if args.json:
        names = ("name", "status", "found", "advice")
        report = [{name: getattr(check, name) for name in names} for check in checks]
        print(json.dumps({"ok": status == EXIT_OK, "checks": report}))
        return status
    is_terminal = sys.stdout.isatty()
    color = wants_color("auto", is_terminal=is_terminal, environ=os.environ)
    width = shutil.get_terminal_size().columns if is_terminal else None
    for line in render(checks, width, color):
        print(line)
    print(summarize(checks))
    return status


def examine() -> list[Check]:
    """Run every check on this machine."""
    root = Path("/")
    kernel = os.uname()
    checks = check_facts(root, kernel.machine, kernel.release)
    installed = check_installed(root, kernel.release, os.environ)
    try:
        from execaudit.doctor import trials  # noqa: PLC0415 - importing it needs libbpf
    except NotConfigured as error:
        advice = "Install libbpf 1.0 or later (Debian: libbpf1, Fedora and Arch: libbpf)."
        return [*checks, Check("libbpf", "fail", str(error), advice, CONFIGURATION), *installed]
    (bcc,) = [check for check in installed if check.name == "engine bcc"]
    others = [check for check in installed if check is not bcc]
    checks += trials.try_kernel()
    denied = trials.is_denied(checks)
    checks += [trials.try_libbpf_engine(denied), trials.try_bcc_engine(bcc, denied)]
    return weigh_engines(checks + others)


def weigh_engines(checks: list[Check]) -> list[Check]:
    """Turn a failure of the libbpf engine into a warning if the other engine works."""
    has_bcc = any(check.name == "engine bcc" and check.status == "pass" for check in checks)
    use_bcc = "Use trace --engine bcc, and the drop-in engine-bcc (docs/systemd.md) for the service"
    return [
        check._replace(status="warn", advice=f"{use_bcc}; or: {check.advice}")
        if has_bcc and check.name == "engine libbpf" and check.status == "fail"
        else check
        for check in checks
    ]


def exit_status(checks: list[Check]) -> int:
    """Return 0 if nothing failed, else the status of the cause hardest to remove."""
    causes = {check.exit_status for check in checks if check.status == "fail"}
    return next((each for each in (KERNEL, PERMISSION, CONFIGURATION) if each in causes), EXIT_OK)


def render(checks: list[Check], width: int | None, color: bool) -> list[str]:
    """Return the lines of the table for a terminal of `width`; None: one line for each text."""
    name_width = max(len(check.name) for check in checks) + 2
    is_stacked = width is not None and width < 6 + name_width + _ROOM
    indent = " " * (6 if is_stacked else 6 + name_width)
    room = max(width, _NARROWEST) - len(indent) if width else None
    lines = []
    for check in checks:
        texts = _wrap(make_printable(check.found), room)
        if check.advice:
            texts += _wrap(f"→ {check.advice}", room)
        label = f"{_COLORS[check.status]}{check.status}{_RESET}" if color else check.status
        if is_stacked:
            lines.append(f"{label}  {check.name}")
        else:
            lines.append(f"{label}  {check.name:{name_width}}{texts.pop(0)}")
        lines += [indent + text for text in texts]
    return lines


def summarize(checks: list[Check]) -> str:
    """Return one sentence: tracing works, or why it does not and what to do first."""
    status = exit_status(checks)
    if status == EXIT_OK:
        return f"Tracing works here, with {_describe_ways(checks)}."
    reason = next(
        check for check in checks if check.status == "fail" and check.exit_status == status
    )
    return f"Tracing cannot work here: {reason.name}: {reason.found}. {reason.advice}"


def _describe_ways(checks: list[Check]) -> str:
    working = [check.name for check in checks if check.status == "pass"]
    engines = [name.removeprefix("engine ") for name in working if name.startswith("engine ")]
    hooks = [name for name in working if name.startswith("failed execs: ")]
    # They are in order of preference; the user must ask for the last one.
    if not hooks:
        failures = "cannot see failed execs"
    elif hooks[0].endswith("sys_exit"):
        failures = "sees failed execs only with --failure-hook sys_exit"
    else:
        failures = f"sees failed execs (-x) through {hooks[0].partition(': ')[2]}"
    return f"the {' or '.join(engines)} engine; it {failures}"


def _wrap(text: str, room: int | None) -> list[str]:
    if room is None:
        return [text]
    return textwrap.wrap(text, room, break_on_hyphens=False, subsequent_indent="  ") or [""]
