# SPDX-License-Identifier: Apache-2.0
"""The command line: verbs, options, exit status. All other modules are imported when needed."""

import argparse
import contextlib
import errno
import gc
import importlib
import os
import sys
from collections.abc import Callable
from functools import partial
from typing import BinaryIO, NamedTuple, TextIO, cast

from execaudit import __version__
from execaudit.cli.options import (
    add_check_options,
    add_configuration_options,
    add_control_options,
    add_convert_options,
    add_daemon_options,
    add_doctor_options,
    add_redact_options,
    add_rules_options,
    add_schema_options,
    add_seal_options,
    add_trace_options,
    add_verify_options,
)
from execaudit.errors import EXIT_OK, ExecauditError, InvalidArgument, NoPermission, failed_call

_TROUBLE = 2  # as grep has it; of `verify` "cannot tell"
_DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> None:  # type: ignore[override]
        raise InvalidArgument(f"{message}; see '{self.prog} --help'")


def build_parser(only: str = "") -> argparse.ArgumentParser:
    """Return the whole command line, or with `only` as much of it as this verb needs.

    Completions and the manual's check are made from the whole.
    """
    parser = _Parser(
        prog="execaudit", description="Audit log of every program execution on this host."
    )
    parser.add_argument("--version", action="version", version=f"execaudit {__version__}")
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    for name, verb in _VERBS.items():
        if only in ("", name):
            verb.add_options(verbs.add_parser(name, help=verb.help))
    return parser


class _Verb(NamedTuple):
    help: str
    add_options: Callable[[argparse.ArgumentParser], None]
    module: str  # with `function`, which carries it out; imported when it is run
    function: str = "run"
    trouble: int | None = None  # exit status of errors but NoPermission, where 1 is an answer


def _control(
    text: str, function: str, *, wants_json: bool = False, wants_prune: bool = False
) -> _Verb:
    add_options = partial(
        add_control_options, text=text, wants_json=wants_json, wants_prune=wants_prune
    )
    return _Verb(text, add_options, "daemon.control", function)


def _add_from(module: str, parser: argparse.ArgumentParser) -> None:
    """Add the options that a module of the verb's own package defines."""
    importlib.import_module(f"execaudit.{module}").add_arguments(parser)


def _looking_back(text: str, arguments: str, module: str) -> _Verb:
    return _Verb(text, partial(_add_from, arguments), module, trouble=_TROUBLE)


def _add_baseline_options(parser: argparse.ArgumentParser) -> None:
    from execaudit.baseline.arguments import add_arguments  # noqa: PLC0415 - of use to it only

    add_arguments(parser, partial(add_configuration_options, verb="use"))


_VERBS = {
    "trace": _Verb("print execs as they happen", add_trace_options, "trace.verb"),
    "doctor": _Verb(
        "check whether this host can be traced, and how", add_doctor_options, "doctor.report"
    ),
    "check": _Verb("check the configuration and the rules", add_check_options, "cli.check"),
    "rules": _Verb("list the rules, or try one out", add_rules_options, "cli.rules"),
    "daemon": _Verb("log every exec on this host", add_daemon_options, "daemon.loop"),
    "search": _looking_back(
        "search the log, or the journal", "query.search_arguments", "query.search"
    ),
    "tree": _looking_back(
        "show what processes started, or what led to them", "tree.arguments", "tree.verb"
    ),
    "report": _looking_back("show a period at a glance", "report.arguments", "report.verb"),
    "top": _Verb("show the last minute alive", partial(_add_from, "top.arguments"), "top.verb"),
    "convert": _Verb("print records in another format", add_convert_options, "formats.convert"),
    "redact": _Verb(
        "replace secrets in lines and recordings", add_redact_options, "formats.redact_files"
    ),
    "schema": _Verb("print the JSON Schema of a format", add_schema_options, "formats.schema"),
    "seal": _Verb("set up the seals of the log", add_seal_options, "evidence.setup"),
    "baseline": _Verb(
        "show or change what counts as run before", _add_baseline_options, "baseline.verb"
    ),
    "verify": _Verb(
        "say whether a log is whole", add_verify_options, "verify.verb", trouble=_TROUBLE
    ),
    "status": _control("show what the running daemon does", "show", wants_json=True),
    "reload": _control("have the running daemon read its configuration again", "reload"),
    "rotate": _control("have the running daemon rotate its file", "rotate", wants_prune=True),
}


class _ClosedInput:
    """Standard input where it is closed (`<&-`): says so to whoever reads it."""

    def isatty(self) -> bool:
        return False

    def fileno(self) -> int:
        raise ExecauditError("Failed to read standard input: it is closed")

    @property
    def buffer(self) -> BinaryIO:
        raise ExecauditError("Failed to read standard input: it is closed")


def main(arguments: list[str] | None = None) -> int:
    """Run; return the exit status of execaudit(8)."""
    _occupy_standard_files()
    words = sys.argv[1:] if arguments is None else arguments
    verb = _VERBS.get(words[0]) if words else None
    try:
        return _run(words)
    except ExecauditError as error:
        failure = error
    except BrokenPipeError:  # `execaudit search | head -1`: the reader has what it wanted
        _silence()
        return EXIT_OK
    except OSError as error:
        failure = _explain(error)
    except KeyboardInterrupt:  # before the loop took the signal over
        return 130
    _print_error(str(failure))
    if verb is None or verb.trouble is None or isinstance(failure, NoPermission):
        return failure.exit_status
    return verb.trouble


def _occupy_standard_files() -> None:
    """Open /dev/null for standard files that are closed (`2>&-`).

    Else the next file that is opened gets their number, and print() writes into it.
    """
    while (fd := os.open(os.devnull, os.O_RDWR)) < 3:
        pass
    os.close(fd)
    if sys.stdin is None:
        sys.stdin = cast("TextIO", _ClosedInput())
    if sys.stderr is None:
        sys.stderr = os.fdopen(2, "w", closefd=False)


def _run(words: list[str]) -> int:
    if sys.stdout is None:
        raise ExecauditError("Failed to write standard output: it is closed")
    try:
        gc.disable()  # modules stay: looking for garbage in them is a tenth of the start
        # What the other verbs take costs a start 10 ms, and would stay in memory.
        args = build_parser(words[0] if words and words[0] in _VERBS else "").parse_args(words)
        status = _run_verb(args)
    except SystemExit as end:  # --help, --version
        status = int(end.code or EXIT_OK)
    try:
        sys.stdout.flush()
    except BrokenPipeError:  # the reader has left; what the verb found stays its exit status
        _silence()
    return status


def _run_verb(args: argparse.Namespace) -> int:
    if args.verb == "trace" and args.ebpf:
        return _print_source()
    verb = _VERBS["tree" if args.verb == "search" and args.tree else args.verb]
    run = getattr(importlib.import_module(f"execaudit.{verb.module}"), verb.function)
    gc.freeze()
    gc.enable()
    return int(run(args))


def _explain(error: OSError) -> ExecauditError:
    """Return what failed, for an error that nothing below has explained."""
    doing = "write standard output" if error.errno in _DISK_ERRORS else "go on"
    return failed_call(f"open '{error.filename}'" if error.filename else doing, error)


def _print_error(message: str) -> None:
    from execaudit.records.quoting import make_printable  # noqa: PLC0415 - of errors only

    priority = ""
    if "JOURNAL_STREAM" in os.environ:
        from execaudit.daemon.log import is_journal  # noqa: PLC0415

        priority = "<3>" if is_journal() else ""  # LOG_ERR
    with contextlib.suppress(OSError):  # if nobody listens there either, the status says it
        for line in f"execaudit: {message}".split("\n"):
            print(f"{priority}{make_printable(line)}\n", end="", file=sys.stderr, flush=True)
    _silence()


def _silence() -> None:
    """Keep the interpreter from complaining again, as it ends, that it cannot write."""
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except OSError:
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, stream.fileno())
            os.close(null)


def _print_source() -> int:
    from execaudit.engine.locations import source_directory  # noqa: PLC0415

    for path in sorted(source_directory().glob("*.[ch]")):
        sys.stdout.write(f"/* {path.name} */\n{path.read_text()}\n")
    return EXIT_OK
