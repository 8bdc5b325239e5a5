# SPDX-License-Identifier: Apache-2.0
"""The command line: verbs, options, exit status. Everything else is imported when it is run."""

import argparse
import sys

from execaudit import __version__
from execaudit.errors import EXIT_OK, ExecauditError, InvalidArgument
from execaudit.options import add_trace_options


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> None:  # type: ignore[override]
        raise InvalidArgument(f"{message}; see '{self.prog} --help'")


def build_parser() -> argparse.ArgumentParser:
    """The whole command line; completions and the manual's check are made from it."""
    parser = _Parser(
        prog="execaudit", description="Audit log of every program execution on this host."
    )
    parser.add_argument("--version", action="version", version=f"execaudit {__version__}")
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    add_trace_options(verbs.add_parser("trace", help="print execs as they happen"))
    doctor = verbs.add_parser("doctor", help="check whether this host can be traced, and how")
    doctor.add_argument("--json", action="store_true", help="print JSON")
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Run; the exit status of execaudit(8)."""
    try:
        args = build_parser().parse_args(arguments)
        if args.verb == "doctor":
            from execaudit import doctor  # noqa: PLC0415

            return doctor.run(args)
        return _trace(args)
    except ExecauditError as error:
        print(f"execaudit: {error}", file=sys.stderr)
        return error.exit_status
    except KeyboardInterrupt:  # before the loop took the signal over
        return 130


def _trace(args: argparse.Namespace) -> int:
    if args.ebpf:
        return _print_source()
    from execaudit import trace  # noqa: PLC0415

    return trace.run(args)


def _print_source() -> int:
    from execaudit.locations import source_directory  # noqa: PLC0415

    for path in sorted(source_directory().glob("*.[ch]")):
        sys.stdout.write(f"/* {path.name} */\n{path.read_text()}\n")
    return EXIT_OK
