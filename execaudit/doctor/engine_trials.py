# SPDX-License-Identifier: Apache-2.0
"""Checks that load the programs with each engine, exactly as trace does.

Owns these trials only; nothing is attached, and nothing stays loaded.
"""

import os
import time
from collections.abc import Callable

from execaudit.doctor.check import Check
from execaudit.doctor.trials import RING_BYTES, TRY_AGAIN, UNTRIED
from execaudit.engine.bcc_engine import load as compile_source
from execaudit.engine.libbpf_engine import load as load_object
from execaudit.errors import ExecauditError, NoPermission, NotConfigured
from execaudit.kernel import hooks, libbpf
from execaudit.kernel.hooks import AttachPoint

Load = Callable[[dict[str, AttachPoint], dict[str, int]], tuple[dict[str, int], dict[str, int]]]


def try_libbpf_engine(denied: bool) -> Check:
    """Load the BPF object as trace does, past the verifier, and release it."""
    check = Check("engine libbpf", "pass", f"libbpf {libbpf.version_string().decode()[1:]}")
    if denied:
        return check._replace(status="warn", found=f"{check.found}; {UNTRIED}", advice=TRY_AGAIN)
    try:
        took_ms = _load_and_release(load_object)
    except NotConfigured as error:
        advice = "Run ./dev build in a checkout, or reinstall the execaudit package."
        return Check(check.name, "fail", str(error), advice, error.exit_status)
    except NoPermission as error:
        # Maps and programs as such were permitted, or this would not have been tried.
        advice = "Raise the limit of locked memory (in a systemd unit: LimitMEMLOCK=infinity)."
        return Check(check.name, "fail", str(error), advice, error.exit_status)
    except ExecauditError as error:
        advice = "Report this with the kernel's version."
        return Check(check.name, "fail", str(error), advice, error.exit_status)
    return check._replace(found=f"{check.found}, object loaded in {took_ms:.0f} ms")


def try_bcc_engine(check: Check, denied: bool) -> Check:
    """Compile and load with BCC as trace does, if its packages are there."""
    if check.status != "pass":
        return check
    if denied:
        return check._replace(status="warn", found=f"{check.found}; {UNTRIED}", advice=TRY_AGAIN)
    try:
        took_ms = _load_and_release(compile_source)
    except ExecauditError as error:
        advice = "Nothing to do, where the libbpf engine works; otherwise repair this."
        return Check(check.name, "warn", str(error), advice)
    return check._replace(found=f"{check.found}, compiled and loaded in {took_ms:.0f} ms")


def _load_and_release(load: Load) -> float:
    """Return the milliseconds it took. Raises ExecauditError."""
    began = time.monotonic()
    points = {**hooks.before_programs(), **hooks.SUCCESS}
    sizes = {"events": RING_BYTES, "scratch": 1, "rules": 1, "rule_hits": 1}
    programs, maps = load(points, sizes)
    took_ms = (time.monotonic() - began) * 1000
    for fd in (*programs.values(), *maps.values()):
        os.close(fd)
    return took_ms
