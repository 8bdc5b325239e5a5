# SPDX-License-Identifier: Apache-2.0
"""The core correctness suite (of tests/integration) run in one guest, and its results by engine.

Owns the command the guest runs and the reading of pytest's report. It must not know which kernels
there are, nor print.
"""

import re
import shlex
import subprocess
import tempfile
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.integration import building
from tests.machine import guest, rootfs
from tests.schemas import ECS_FIELDS

# What is captured, and how truly. Sinks, daemon and speed do not depend on the kernel's version.
SUITE = tuple(
    f"tests/integration/test_{name}.py"
    for name in (
        "arguments",
        "cgroups",
        "compat",
        "engines",
        "exits",
        "failures",
        "file_identity",
        "hotplug",
        "identities",
        "namespaces",
        "origins",
        "paths",
        "suspend",
        "ways",
    )
)
# Of one engine with the other.
COMPARISON = "tests/integration/test_engines.py"
# Compiled here and put there: the emulated processor is slow.
PROGRAMS = "srv/programs"
# What records are held to, where a machine without EXECAUDIT_CACHE has it.
ECS = f"var/cache/execaudit-dev/{ECS_FIELDS.parent.name}/{ECS_FIELDS.name}"
STORM_EXECS = 400
DEADLINE_S = 300
# Of a guest's time; the rest is for its boot and the report.
REPORTED_SHARE = 0.85
# On arm64, BPF programs can be attached to functions by 6.4 and later only.
FAILURE_HOOK = "fexit"
FAILURE_HOOKS = {("arm64", "bullseye"): "kretprobe", ("arm64", "bookworm"): "kretprobe"}
# Tests that take no engine are counted under this name.
ANY = "any"


@dataclass(slots=True)
class Counts:
    """How many tests ended how, for one engine."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0


@dataclass(frozen=True, slots=True)
class Report:
    """The suite's results on one kernel; `counts` is empty when pytest wrote no report."""

    guest: guest.Result
    counts: dict[str, Counts]
    failures: list[str] = field(default_factory=list)
    skips: list[str] = field(default_factory=list)

    def is_good(self, engines: Sequence[str]) -> bool:
        """Whether the suite ended well and did run on each of `engines`."""
        ran = all(self.counts.get(engine, Counts()).passed for engine in engines)
        return self.guest.status == 0 and ran and not self.failures


def command(
    engines: Sequence[str],
    options: Sequence[str],
    timeout_s: float,
    failure_hook: str = FAILURE_HOOK,
) -> str:
    """Return the shell script that runs the suite in the checkout.

    Where the time does not suffice, pytest is interrupted while it can still report.
    """
    pytest = ["python3", "-m", "pytest", f"--junitxml={guest.RESULT}", "--color=no", "-rsfE"]
    pytest += options
    if not any(option.startswith("tests/") for option in options):
        pytest += (path for path in SUITE if path != COMPARISON or len(engines) > 1)
    variables = {
        "EXECAUDIT_ENGINES": ",".join(engines),
        "EXECAUDIT_TEST_PROGRAMS": f"/{PROGRAMS}",
        "EXECAUDIT_FAILURE_HOOK": failure_hook,
        "EXECAUDIT_ONE_TRACER": "1",
        "EXECAUDIT_STORM_EXECS": str(STORM_EXECS),
        "EXECAUDIT_DEADLINE_S": str(DEADLINE_S),
        "EXECAUDIT_OWNS_MACHINE": "1",
    }
    assignments = [f"{name}={value}" for name, value in variables.items()]
    limit = ["timeout", "--signal=INT", str(timeout_s * REPORTED_SHARE)]
    # File systems of tests: what the kernel side knows of a module, it knows once that is loaded.
    load = "modprobe -q -a loop btrfs overlay; "
    return load + shlex.join(["env", *assignments, *limit, *pytest])


def read(result: guest.Result, engines: Sequence[str], rest: str = ANY) -> Report:
    """Sort the cases of the guest's report by engine, which the names of its tests carry.

    Those of no engine are counted as `rest`.
    """
    counts: dict[str, Counts] = {}
    report = Report(result, counts)
    if not result.result:
        return report
    # The report was written by pytest in a guest we made.
    for case in ET.fromstring(result.result).iter("testcase"):  # noqa: S314
        name = case.get("name", "")
        words = re.split(r"[\[\]-]", name)
        engine = next((engine for engine in engines if engine in words), rest)
        count = counts.setdefault(engine, Counts())
        label = f"{case.get('classname', '').rsplit('.', 1)[-1]}::{name}"
        if case.find("failure") is not None or case.find("error") is not None:
            count.failed += 1
            report.failures.append(label)
        elif (skipped := case.find("skipped")) is not None:
            count.skipped += 1
            report.skips.append(f"{label}: {skipped.get('message', '')}")
        else:
            count.passed += 1
    return report


def built_for(architecture: str, directory: Path) -> dict[str, Path]:
    """Build the BPF objects in `directory` for a guest; return where they go, by path there.

    Those for this machine are in the checkout and go with it.
    """
    if architecture == rootfs.NATIVE:
        return {}
    make = ["make", "-s", "-C", str(rootfs.CHECKOUT / "bpf"), f"OUT={directory}"]
    subprocess.run([*make, f"ARCH={architecture}"], check=True)
    return {f"{guest.CHECKOUT}/build/{path.name}": path for path in directory.glob("*.bpf.o")}


def run(
    name: str,
    engines: Sequence[str],
    options: Sequence[str] = (),
    *,
    architecture: str = rootfs.NATIVE,
    timeout_s: float,
    show: bool = False,
) -> Report:
    """Run the core suite over `engines` under the Debian kernel `name`.

    `options` go to pytest; paths among them replace the suite's.
    """
    suite = name.partition("-")[0]
    hook = FAILURE_HOOKS.get((architecture, suite), FAILURE_HOOK)
    (machine,) = (m for m, a in rootfs.ARCHITECTURES.items() if a == architecture)
    with (
        tempfile.TemporaryDirectory(prefix="execaudit-programs-") as programs,
        tempfile.TemporaryDirectory(prefix="execaudit-object-") as built,
    ):
        # Users without privilege run them too.
        Path(programs).chmod(0o755)
        building.build_programs(Path(programs), machine)
        files = {PROGRAMS: Path(programs), ECS: ECS_FIELDS}
        result = guest.run(
            name,
            command(engines, options, timeout_s, hook),
            {**files, **built_for(architecture, Path(built))},
            architecture=architecture,
            timeout_s=timeout_s,
            show=show,
        )
    return read(result, engines)
