# SPDX-License-Identifier: Apache-2.0
"""The command line of `./dev soak`."""

import argparse
import os
import signal
import sys
import tempfile
from pathlib import Path

from tests.machine import system
from tests.machine.container import Container
from tests.packaging.build import deb
from tests.soak.kernel_count import own_group
from tests.soak.place import Place
from tests.soak.run import HOUR_S, Soak

_NICE = 10
_SHARE = 0.15


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="./dev soak",
        description="Run execaudit for hours in a container in which everything happens that"
        " happens in years, with the kernel's own count of execs beside it. Two daemons: the"
        " package's service, which is upgraded, restarted, killed and left without disk space,"
        " and one that is never ended."
        " SIGINT or SIGTERM end it early, with its verdict.",
    )
    add = parser.add_argument
    add("hours", nargs="?", type=float, default=3.0, help="how long (default: 3; 0.05 is allowed)")
    add(
        *("--share",), type=float, metavar="PART",
        help="share of the time that work takes (default: 0.15; 1 in less than an hour)",
    )  # fmt: skip
    add(
        *("--owns-machine",), action="store_true",
        help="let auditd count as well, and step the clock twice an hour: both are the machine's",
    )  # fmt: skip
    add("--results", type=Path, default=Path("build/soak"), help="folder to write (build/soak)")
    add("--release", default="bookworm", choices=system.RELEASES)
    return parser.parse_args()


def _soak(args: argparse.Namespace) -> bool:
    """Run it, print what came of it, and return True where none of it is bad."""
    seconds = args.hours * HOUR_S
    share = args.share or (_SHARE if seconds >= HOUR_S else 1.0)
    package, tree = deb(), system.tree(args.release)
    with (
        tempfile.TemporaryDirectory(prefix="execaudit-soak-", dir="/var/tmp") as scratch,
        own_group() as group,
        Container(tree, "execaudit-soak") as container,
    ):
        try:
            place = Place(container, group, package, Path(scratch))
            soak = Soak(place, seconds, share, args.results, owns_machine=args.owns_machine)
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, lambda *_: soak.end())
            verdicts = soak.run()
        except Exception:
            print(container.describe("--unit=execaudit*", "--grep=^(?!.* ran /)"), file=sys.stderr)
            raise
    report = "".join(f"{verdict}\n" for verdict in verdicts)
    (args.results / "report.txt").write_text(report)
    print(report, end="")
    return all(verdict.is_good is not False for verdict in verdicts)


def main() -> int:
    """Soak; 0 where everything that was to be shown was."""
    args = _arguments()
    if os.geteuid() != 0:
        print("dev: soak needs root", file=sys.stderr)
        return 1
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    os.nice(_NICE)
    args.results.mkdir(parents=True, exist_ok=True)
    try:
        return 0 if _soak(args) else 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
