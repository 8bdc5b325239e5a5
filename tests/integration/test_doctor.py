# SPDX-License-Identifier: Apache-2.0
"""`execaudit doctor` on this kernel: with every capability, with two, and with none."""

import json
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
PYTHON = "/usr/bin/python3"
NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
NO_CAPABILITY = ("--inh-caps=-all", "--bounding-set=-all")
TWO_CAPABILITIES = (
    "--inh-caps=-all,+bpf,+perfmon",
    "--ambient-caps=-all,+bpf,+perfmon",
    "--bounding-set=-all,+bpf,+perfmon",
)


@pytest.fixture(scope="module", autouse=True)
def _root() -> None:
    if os.geteuid() != 0:
        pytest.skip("uses BPF: needs root")


@pytest.fixture(scope="module")
def installation() -> Iterator[Path]:
    """Give a copy that other users may read, laid out as when installed."""
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        folder = Path(name)
        package = folder / "execaudit"
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(CHECKOUT / "execaudit", package, ignore=ignored)
        (package / "bpf").mkdir()
        for path in (CHECKOUT / "build").glob("*.bpf.o"):
            shutil.copy(path, package / "bpf")
        subprocess.run(["chmod", "-R", "a+rX", folder], check=True)
        yield folder


def run_doctor(
    folder: Path, *options: str, wrapper: tuple[str, ...] = ()
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*wrapper, PYTHON, "-B", "-m", "execaudit", "doctor", *options],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


def report(result: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(result.stdout)
    assert set(loaded) == {"ok", "checks"}
    for check in loaded["checks"]:
        assert set(check) == {"name", "status", "found", "advice"}
        assert check["status"] in ("pass", "warn", "fail")
        assert check["found"]
        assert check["status"] == "pass" or check["advice"], check
    return loaded


def find(loaded: dict[str, Any], name: str) -> dict[str, str]:
    (check,) = [check for check in loaded["checks"] if check["name"] == name]
    return dict(check)


def wait_until_trials_are_gone() -> None:
    """Wait for the kernel to release the programs: it does so after a grace period."""
    deadline = time.monotonic() + 60
    while True:
        shown = subprocess.run(["bpftool", "-j", "prog"], capture_output=True, check=True).stdout
        left = [program for program in json.loads(shown) if program.get("name") == "trial"]
        if not left:
            return
        assert time.monotonic() < deadline, left


def test_root_can_trace_and_nothing_stays_loaded() -> None:
    result = run_doctor(CHECKOUT, "--json")
    loaded = report(result)
    assert result.returncode == 0, result.stdout
    assert result.stderr == ""
    assert loaded["ok"] is True
    for name in ("ring buffer", "BPF program", "successful execs", "engine libbpf"):
        assert find(loaded, name)["status"] == "pass"
    assert re.fullmatch(
        r"libbpf [0-9.]+, object loaded in [0-9]+ ms", find(loaded, "engine libbpf")["found"]
    )
    wait_until_trials_are_gone()


def test_two_capabilities_of_another_user_are_enough(installation: Path) -> None:
    result = run_doctor(installation, "--json", wrapper=(*NOBODY, *TWO_CAPABILITIES))
    loaded = report(result)
    assert result.returncode == 0, result.stdout
    assert find(loaded, "capabilities")["found"] == "CAP_BPF, CAP_PERFMON"
    assert find(loaded, "engine libbpf")["status"] == "pass"


@pytest.mark.parametrize("capability", ["bpf", "perfmon"])
def test_one_capability_alone_is_not_enough(installation: Path, capability: str) -> None:
    only = tuple(option.split("-all")[0] + f"-all,+{capability}" for option in TWO_CAPABILITIES)
    result = run_doctor(installation, "--json", wrapper=(*NOBODY, *only))
    assert result.returncode == 4
    missing = {"bpf": "CAP_PERFMON", "perfmon": "CAP_BPF"}[capability]
    assert find(report(result), "capabilities")["found"] == f"{missing} not in effect"


def test_other_user_is_told_which_capabilities_are_missing(installation: Path) -> None:
    result = run_doctor(installation, "--json", wrapper=(*NOBODY, *NO_CAPABILITY))
    loaded = report(result)
    assert result.returncode == 4
    assert loaded["ok"] is False
    check = find(loaded, "capabilities")
    assert check["status"] == "fail"
    assert "CAP_BPF and CAP_PERFMON" in check["advice"]
    shown = run_doctor(installation, wrapper=(*NOBODY, *NO_CAPABILITY))
    assert shown.returncode == 4
    last = shown.stdout.splitlines()[-1]
    assert last.startswith("Tracing cannot work here: capabilities: CAP_BPF and CAP_PERFMON")
    assert "\x1b" not in shown.stdout


def test_root_of_a_user_namespace_cannot_trace() -> None:
    result = run_doctor(CHECKOUT, "--json", wrapper=("unshare", "--user", "--map-root-user"))
    assert result.returncode == 4
    assert "user namespace" in find(report(result), "capabilities")["found"]


def test_missing_object_says_how_to_get_it(installation: Path) -> None:
    path = installation / "execaudit/bpf/execaudit.bpf.o"
    away = path.rename(path.with_suffix(".away"))
    try:
        result = run_doctor(installation, "--json")
    finally:
        away.rename(path)
    assert result.returncode == 6
    assert "reinstall" in find(report(result), "engine libbpf")["advice"]
