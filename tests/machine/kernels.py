# SPDX-License-Identifier: Apache-2.0
"""The verb `./dev kernels`: the project's core tests under real Debian kernels.

Owns the list of kernels, the command line and the table of results. It must not know how a guest
boots.
"""

import argparse
import json
import os
import sys

from tests.machine import guest

SUITES = {"bullseye": "5.10", "bookworm": "6.1", "trixie": "6.12", "sid": "the newest"}
TIMEOUT_S = 900.0
VERIFIER = f"EXECAUDIT_GUEST_RESULT={guest.RESULT} python3 -m tests.machine.verifier"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./dev kernels", description=__doc__)
    parser.add_argument("names", metavar="NAME", nargs="*", help=f"of {', '.join(SUITES)}")
    parser.add_argument(
        "--verifier",
        action="store_true",
        help="only load each program of the built object and say what the verifier made of it",
    )
    parser.add_argument("--shell-command", metavar="CMD", help="run only this in each guest")
    parser.add_argument("--timeout", type=float, default=TIMEOUT_S, metavar="S", help="per guest")
    arguments = parser.parse_args()
    for name in arguments.names:
        if name not in SUITES:
            parser.error(f"unknown kernel '{name}': one of {', '.join(SUITES)}")
    arguments.names = arguments.names or list(SUITES)
    return arguments


def _show_verifier(result: guest.Result) -> bool:
    """Print a line for each program of the object; whether all were accepted."""
    good = True
    print(f"{'program':32} {'section':36} {'insns':>8} {'states':>7} {'ms':>7}")
    for line in result.result.splitlines():
        report = json.loads(line)
        start = f"{report['program']:32} {report['section']:36}"
        if report["error"]:
            good = False
            print(f"{start} refused: {report['error']}\n{report['log']}")
        else:
            milliseconds = report["us"] / 1000
            print(f"{start} {report['insns']:8} {report['peak_states']:7} {milliseconds:7.1f}")
    return good


def _run(name: str, arguments: argparse.Namespace) -> bool:
    """Boot one kernel and show what came of it."""
    command = VERIFIER if arguments.verifier else arguments.shell_command
    result = guest.run(name, command, timeout_s=arguments.timeout, show=not arguments.verifier)
    if result.status is None:
        print(f"-- {name}: no end within {result.seconds:.0f} s; its console:")
        print(result.console[-4000:])
        return False
    good = result.status == 0
    if arguments.verifier:
        print(result.output, end="")
        good &= _show_verifier(result)
    print(f"-- {name}: exit status {result.status} after {result.seconds:.1f} s", flush=True)
    return good


def main() -> int:
    """Run what the command line asks for; 0 when every guest did well."""
    arguments = _arguments()
    if os.uname().machine != "x86_64":
        print("./dev kernels: the guests are x86_64, this machine is not", file=sys.stderr)
        return 1
    good = True
    for name in arguments.names:
        print(f"== {name} ({SUITES[name]})", flush=True)
        good &= _run(name, arguments)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
