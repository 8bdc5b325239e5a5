# SPDX-License-Identifier: Apache-2.0
"""The verb `./dev kernels`: the core tests and the packaged service under real Debian kernels.

Owns the list of kernels with the engines tested on each, the command line and the tables. It must
not know how a guest boots nor how a report is read.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.machine import core_suite, guest, rootfs, service_suite

TIMEOUT_S = 1500.0
OUTPUT_LINES = 60
REFUSALS = f"EXECAUDIT_GUEST_RESULT={guest.RESULT} python3 -m tests.machine.refusals"
VERIFIER = f"EXECAUDIT_GUEST_RESULT={guest.RESULT} python3 -m tests.machine.verifier"


@dataclass(frozen=True, slots=True)
class Tested:
    """A kernel of the matrix: its `version`, and the engines that must work."""

    version: str
    engines: tuple[str, ...] = ("libbpf",)


KERNELS = {
    "bullseye": Tested("5.10"),
    "bookworm": Tested("6.1", ("libbpf", "bcc")),
    "trixie": Tested("6.12"),
    "sid": Tested("newest"),
}
MORE_KERNELS = {
    "bookworm-rt": Tested("6.1, PREEMPT_RT"),
    "bookworm-cloud": Tested("6.1, for virtual machines"),
    "bookworm-backports": Tested("newest for Debian 12"),
    "trixie-rt": Tested("6.12, PREEMPT_RT"),
    "trixie-cloud": Tested("6.12, for virtual machines"),
    "trixie-backports": Tested("newest for Debian 13"),
}
ALL_KERNELS = {**KERNELS, **MORE_KERNELS}
"""Those of KERNELS are run where none is named."""


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="./dev kernels",
        description="Run the core tests and those of the packaged service, or something else, under"
        " Debian kernels in QEMU guests.",
        epilog="Options after -- go to pytest in the guest; paths among them replace core tests.",
    )
    names = ", ".join(f"{name} ({tested.version})" for name, tested in KERNELS.items())
    parser.add_argument(
        "names",
        metavar="NAME",
        nargs="*",
        help=f"of {names}; default all; or one of {', '.join(MORE_KERNELS)}",
    )
    parser.add_argument(
        "--arch",
        choices=tuple(rootfs.ARCHITECTURES.values()),
        default=rootfs.NATIVE,
        help="of the guests, default %(default)s",
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument(
        "--verifier",
        action="store_true",
        help="only load each program of the built object and say what the verifier made of it",
    )
    what.add_argument(
        "--suite",
        choices=("core", "service"),
        help="only the core tests, or only those that boot with the package installed",
    )
    what.add_argument(
        "--refusals",
        action="store_const",
        const=REFUSALS,
        dest="shell_command",
        help="only show what doctor and the service say where kernel or seccomp refuse something",
    )
    what.add_argument(
        "--shell-command", metavar="CMD", help="only run this in the checkout, and show its output"
    )
    parser.add_argument(
        "--control-groups",
        choices=tuple(service_suite.CONTROL_GROUPS),
        default=service_suite.UNIFIED,
        help="how systemd arranges them where the service is tested, default %(default)s",
    )
    parser.add_argument(
        "--engines",
        type=lambda text: tuple(text.split(",")),
        metavar="LIST",
        help="libbpf, bcc or both with a comma, instead of those the matrix names",
    )
    parser.add_argument(
        "--timeout", type=float, default=TIMEOUT_S, metavar="SECONDS", help="for each guest"
    )
    parser.add_argument(
        "--fetch", action="store_true", help="fetch the suites' current kernels first"
    )
    parser.add_argument("--quiet", action="store_true", help="no output of guests that end well")
    own, options = _split(sys.argv[1:])
    arguments = parser.parse_args(own)
    arguments.options, arguments.table = options, []
    for name in arguments.names:
        if name not in ALL_KERNELS:
            parser.error(f"unknown kernel '{name}': one of {', '.join(ALL_KERNELS)}")
    arguments.names = arguments.names or list(KERNELS)
    return arguments


def _split(words: list[str]) -> tuple[list[str], list[str]]:
    """What stands before and after the first `--`."""
    cut = words.index("--") if "--" in words else len(words)
    return words[:cut], words[cut + 1 :]


def _show_end(name: str, result: guest.Result, *, shown: bool) -> None:
    """Say how a guest ended; show the end of what it said if that was not well."""
    if result.status is None:
        print(f"-- {name}: did not finish, stopped after {result.seconds:.0f} s; its console:")
        print("\n".join(result.console.splitlines()[-OUTPUT_LINES:]))
    if result.status != 0 and not shown:
        print("\n".join(result.output.splitlines()[-OUTPUT_LINES:]))


def _run(
    name: str, command: str, arguments: argparse.Namespace, *, show: bool = False
) -> guest.Result:
    with tempfile.TemporaryDirectory(prefix="execaudit-object-") as built:
        return guest.run(
            name,
            command,
            core_suite.built_for(arguments.arch, Path(built)),
            architecture=arguments.arch,
            timeout_s=arguments.timeout,
            show=show,
        )


def _shell(name: str, arguments: argparse.Namespace) -> bool:
    result = _run(name, arguments.shell_command, arguments, show=True)
    _show_end(name, result, shown=True)
    print(f"-- {name}: exit status {result.status} after {result.seconds:.1f} s", flush=True)
    return result.status == 0


def _verifier(name: str, arguments: argparse.Namespace) -> bool:
    """Print a line for each program of the objects; return True if all were accepted."""
    result = _run(name, VERIFIER, arguments)
    _show_end(name, result, shown=False)
    good = result.status == 0
    print(f"{'object':22} {'program':24} {'section':36} {'insns':>8} {'states':>7} {'ms':>7}")
    for line in result.result.splitlines():
        report = json.loads(line)
        start = f"{report['object']:22} {report['program']:24} {report['section']:36}"
        if report["error"]:
            good = False
            print(f"{start} refused: {report['error']}\n{report['log']}")
        else:
            milliseconds = report["us"] / 1000
            print(f"{start} {report['insns']:8} {report['peak_states']:7} {milliseconds:7.1f}")
    print(f"-- {name}: after {result.seconds:.1f} s", flush=True)
    return good


def _suites(name: str, arguments: argparse.Namespace) -> bool:
    """Run the suites that are wanted, each in a guest of its own."""
    good = True
    if arguments.suite != "service":
        good &= _core(name, arguments)
    if arguments.suite != "core":
        good &= _service(name, arguments)
    return good


def _core(name: str, arguments: argparse.Namespace) -> bool:
    """Run the core suite, add its counts to the table."""
    # bcc takes minutes to compile where the compiler itself is emulated.
    engines = arguments.engines or (
        ALL_KERNELS[name].engines if arguments.arch == rootfs.NATIVE else ("libbpf",)
    )
    report = core_suite.run(
        name,
        engines,
        arguments.options,
        architecture=arguments.arch,
        timeout_s=arguments.timeout,
        show=not arguments.quiet,
    )
    good = report.is_good(engines)
    return _tell(name, report, (*engines, core_suite.ANY), arguments, good=good)


def _service(name: str, arguments: argparse.Namespace) -> bool:
    """Run the tests of the packaged service, add their count to the table."""
    options = [each for each in arguments.options if not each.startswith("tests/")]
    report = service_suite.run(
        name,
        options,
        architecture=arguments.arch,
        control_groups=arguments.control_groups,
        timeout_s=arguments.timeout,
        show=not arguments.quiet,
    )
    return _tell(name, report, (service_suite.NAME,), arguments, good=service_suite.is_good(report))


def _tell(
    name: str,
    report: core_suite.Report,
    rows: Sequence[str],
    arguments: argparse.Namespace,
    *,
    good: bool,
) -> bool:
    _show_end(name, report.guest, shown=not arguments.quiet)
    print(f"-- {name}: {'good' if good else 'BAD'} after {report.guest.seconds:.0f} s", flush=True)
    release = rootfs.kernel(name, arguments.arch).release
    for row in rows:
        counts = report.counts.get(row, core_suite.Counts())
        numbers = (counts.passed, counts.failed, counts.skipped)
        arguments.table.append((name, release, row, *map(str, numbers)))
    return good


def _show_table(rows: list[tuple[str, ...]]) -> None:
    heads = ("suite", "kernel", "tested", "passed", "failed", "skipped")
    widths = [max(len(row[column]) for row in [heads, *rows]) for column in range(len(heads))]
    for row in [heads, *rows]:
        print(
            "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()
        )


def main() -> int:
    """Run what the command line asks for; 0 when every guest did well."""
    arguments = _arguments()
    one = _suites
    if arguments.verifier:
        one = _verifier
    elif arguments.shell_command:
        one = _shell
    good = True
    for name in arguments.names:
        print(f"== {name} ({ALL_KERNELS[name].version}) {arguments.arch}", flush=True)
        if arguments.fetch:
            rootfs.kernel(name, arguments.arch, fetch=True)
        good &= one(name, arguments)
    if arguments.table:
        _show_table(arguments.table)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
