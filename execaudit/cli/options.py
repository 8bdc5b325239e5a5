# SPDX-License-Identifier: Apache-2.0
"""Options of all verbs, and the checks of their values.

Owns no code that carries them out: a wrong option is reported before anything else is loaded.
"""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from execaudit.config.environment import DEFAULT_ENV

_MIB = 1 << 20


def configured(section: str, key: str) -> Callable[[str], Any]:
    """Return the check of a configuration key, for the option that means the same."""

    def read(text: str) -> Any:
        from execaudit.config.schema import SECTIONS  # noqa: PLC0415
        from execaudit.config.values import kinds  # noqa: PLC0415 - only for who gives the option

        try:
            return kinds(SECTIONS[section])[key].read(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return read


def count(text: str) -> int:
    """Return a number from 1 up. Raises ArgumentTypeError."""
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is not a number from 1 up")
    return int(text)


def variable(text: str) -> str:
    """Return a name of an environment variable: any text without "=" and NUL."""
    if not text or "=" in text or "\0" in text:
        raise argparse.ArgumentTypeError(f"'{text}' is not a name of an environment variable")
    return text


def add_trace_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `execaudit trace`: execsnoop's and its own."""
    add = parser.add_argument
    parser.description = "Print every exec on this host as it happens."
    add("-T", "--time", action="store_true", help="column: time of day")
    add("-t", "--timestamp", action="store_true", help="column: seconds since the first record")
    add("-x", "--fails", action="store_true", help="include failed execs")
    add("--cgroupmap", metavar="PATH", help="only cgroup ids in this pinned BPF map")
    add("--mntnsmap", metavar="PATH", help="only mount namespaces in this pinned BPF map")
    add("-u", "--uid", metavar="USER", help="only this user (number or name)")
    add("-q", "--quote", action="store_true", help="put every argument in double quotes")
    add("-n", "--name", metavar="REGEX", help="only commands whose name (comm) matches")
    add("-l", "--line", metavar="REGEX", help="only commands whose joined arguments match")
    add("-U", "--print-uid", action="store_true", help="column: user id")
    add("-C", "--print-cpu", action="store_true", help="column: processor")
    add("-M", "--print-pcomm", action="store_true", help="column: the parent's name")
    add("--max-args", type=count, metavar="N", help="show at most N arguments (default: all)")
    add("-P", "--ppid", metavar="PPID", help="only children of this process")
    add("--ebpf", action="store_true", help="print the BPF source and exit")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="JSON lines (default when piped)")
    form.add_argument("--table", action="store_true", help="a table (default on a terminal)")
    add("--engine", choices=("auto", "libbpf", "bcc"), default="auto", help="default: auto")
    add(
        "--failure-hook",
        choices=("auto", "fexit", "kretprobe", "tracepoint", "sys_exit"),
        default="auto",
        help="how failed execs are seen (default: the cheapest that works)",
    )
    add("--exits", action="store_true", help="include the ends of processes")
    add(
        "--env",
        action="append",
        type=variable,
        metavar="NAME",
        help=f"also record this environment variable (besides {', '.join(DEFAULT_ENV)})",
    )
    add("--argv-bytes", type=configured("capture", "argv_bytes"), default=64 << 10, metavar="SIZE",
        help="argument bytes kept per exec (default: 64K, at most 1M)")  # fmt: skip
    add("--ring-bytes", type=configured("capture", "ring_bytes"), default=4 * _MIB, metavar="SIZE",
        help="ring buffer (default: 4M)")  # fmt: skip
    add("--record", metavar="FILE", help="also save raw records to FILE")
    add("--replay", metavar="FILE", help="print the records saved in FILE instead of tracing")
    add("--color", choices=("auto", "always", "never"), default="auto", help="default: auto")


def add_doctor_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `execaudit doctor`."""
    parser.add_argument("--json", action="store_true", help="print JSON")


def add_rules_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `execaudit rules` and of the verbs below it."""
    parser.description = "List the rules in order, with who decides them and where they stand."
    add_configuration_options(parser, "use")
    subjects = parser.add_subparsers(dest="subject", metavar="SUBJECT")
    test = subjects.add_parser("test", help="say which rule decides about a record, and why")
    test.description = (
        "Say which rule decides, and why: about a process (--pid), a recorded JSON line"
        " (--record-line, or standard input), or a command as if it were run here and now."
    )
    add_rules_test_options(test)
    from execaudit.query.backtest_arguments import add_arguments  # noqa: PLC0415 - only here

    add_arguments(subjects.add_parser("backtest", help="say what rules would have matched so far"))
    for verb, effect in (("enable", "on"), ("disable", "off")):
        switch = subjects.add_parser(verb, help=f"switch a pack of rules or a rule {effect}")
        switch.description = (
            f'Switch {effect} a pack ("detections"), a part of it ("detections/network"), or one'
            " rule by its name. `systemctl reload execaudit` takes it over."
        )
        add_configuration_options(switch, "change", default=argparse.SUPPRESS)
        switch.add_argument("name", metavar="NAME", help="of the pack, its part, or the rule")


def add_rules_test_options(test: argparse.ArgumentParser) -> None:
    """Add the options of `execaudit rules test`."""
    add_configuration_options(test, "use", default=argparse.SUPPRESS)  # as before the "test"
    test.add_argument("--pid", type=int, metavar="PID", help="a process that runs now")
    test.add_argument(
        "--record-line", metavar="FILE", help="the first line of FILE; - for standard input"
    )
    test.add_argument(
        "--field",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="with a command line: a field that differs (uid=33, cwd=/tmp, tty= for none)",
    )
    test.add_argument("--all", action="store_true", help="also rules that do not match, and why")
    test.add_argument("arguments", nargs="*", metavar="ARG", help="a command line, after --")


def add_check_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `execaudit check`."""
    parser.description = (
        "Check the configuration and the rules. Problems go to stderr, one a line, as"
        " file:line:column: key: what is wrong, what was expected. Exit status: 0 none, 6 some."
    )
    add_configuration_options(parser, "check")
    parser.add_argument(
        "--print",
        action="store_true",
        help="print the effective configuration, each value with where it comes from",
    )


def add_daemon_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `execaudit daemon`."""
    parser.description = (
        "Log every exec on this host as configured, until SIGTERM. SIGHUP reloads the"
        " configuration, SIGUSR1 rotates the file. See 'execaudit check' for the configuration."
    )
    add_configuration_options(parser, "use")


FORMATS = ("execaudit", "ecs", "ocsf")


def add_convert_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `execaudit convert`."""
    parser.description = (
        "Print records as lines of another format. Lines that are no records are reported and"
        " counted; exit status 1 then."
    )
    parser.add_argument("--to", choices=FORMATS, required=True, help="format to print")
    parser.add_argument(
        "--max-line-bytes",
        type=configured("file", "max_line_bytes"),
        default=0,
        metavar="SIZE",
        help="cut the arguments of records whose line would be longer, and say so, as"
        " max_line_bytes of the configuration does (default: 0, no limit)",
    )
    parser.add_argument(
        "--journal", action="store_true", help="read the systemd journal instead of files"
    )
    parser.add_argument(
        "--directory",
        default="",
        metavar="DIR",
        help="with --journal: read the journal files in DIR",
    )
    parser.add_argument(
        "--namespace",
        default="",
        metavar="NAME",
        help="with --journal: read this namespace of the journal",
    )
    parser.add_argument(
        "--untrusted",
        action="store_true",
        help="with --journal: also entries that others than execaudit wrote; those that are no"
        " records do not count for the exit status",
    )
    parser.add_argument(
        "sources",
        nargs="*",
        metavar="FILE",
        help="file of records, .gz and .zst too; - for standard input. With --journal: a match"
        " as journalctl takes it, such as EXECAUDIT_AUID=1000",
    )


def add_redact_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `execaudit redact`."""
    parser.description = (
        "Replace secrets in lines (of execaudit, ECS or OCSF) and in recordings that were made"
        " before, with today's patterns, and print what is clean."
    )
    add_configuration_options(parser, "use")
    parser.add_argument(
        "--in-place",
        action="store_true",
        help="replace the files instead, each as a whole; mode, owner and times stay",
    )
    parser.add_argument(
        "sources",
        nargs="+",
        metavar="FILE",
        help="file of lines, .gz and .zst too, or a recording; - for standard input",
    )


def add_schema_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `execaudit schema`."""
    parser.description = "Print the JSON Schema of the lines of a format."
    parser.add_argument("--format", choices=FORMATS, default="execaudit", help="default: execaudit")


def add_verify_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `execaudit verify`."""
    parser.description = (
        "Say whether a log is whole and unaltered, and up to when. Exit status: 0 whole, 1 altered,"
        " 2 cannot tell."
    )
    parser.add_argument(
        "files",
        nargs="*",
        metavar="FILE",
        help="log with all its rotated files, a rotated file alone, or a directory (default: the"
        " log that the configuration names)",
    )
    parser.add_argument(
        "--key",
        action="append",
        default=[],
        metavar="KEY",
        help="verifying key, as execaudit seal setup showed it, or a file that holds it",
    )
    parser.add_argument(
        "--expect",
        action="append",
        default=[],
        metavar="EPOCH[:SEAL]",
        help="a seal that the log must have: the last one of an earlier verification",
    )
    parser.add_argument(
        "--against",
        choices=("journal",),
        help="compare with the seals that the journal has",
    )
    parser.add_argument(
        "--directory", metavar="DIR", default="", help="with --against: journal files in DIR"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    add_configuration_options(parser, "use")


def add_seal_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `execaudit seal`."""
    parser.description = "Set up the seals of the log."
    verbs = parser.add_subparsers(dest="seal_verb", metavar="VERB", required=True)
    text = "make the first key, and show the key that verifies"
    setup = verbs.add_parser("setup", help=text, description=f"{text[0].upper()}{text[1:]}.")
    add_configuration_options(setup, "use")
    setup.add_argument(
        "--public",
        action="store_true",
        help="sign seals, so that a key that is no secret verifies them (takes libsodium)",
    )
    setup.add_argument(
        "--force", action="store_true", help="make another key, where there is one already"
    )


def add_control_options(
    parser: argparse.ArgumentParser, *, text: str, wants_json: bool, wants_prune: bool
) -> None:
    """Add the options of `execaudit status`, `reload` and `rotate`."""
    parser.description = f"{text[0].upper()}{text[1:]}."
    add_configuration_options(parser, "use")
    parser.add_argument(
        "--status-file",
        type=Path,
        metavar="FILE",
        help="the daemon's status file (default: what the configuration says)",
    )
    if wants_json:
        parser.add_argument("--json", action="store_true", help="print JSON")
    if wants_prune:
        parser.add_argument(
            "--prune",
            type=_count,
            metavar="N",
            help="then remove all rotated files but the newest N, and record that they were",
        )


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"expected a number of files, not {text!r}")
    return int(text)


def add_configuration_options(
    parser: argparse.ArgumentParser, verb: str, default: str | None = None
) -> None:
    """Add the options that name the configuration; `verb` is what their help texts begin with."""
    parser.add_argument(
        "--config",
        type=Path,
        default=default,
        metavar="FILE",
        help=f"{verb} FILE, with conf.d and rules.d beside it, instead of the system's "
        "configuration",
    )
    parser.add_argument(
        "--root",
        type=Path,
        default=default or "/",
        metavar="DIR",
        help=f"{verb} the configuration of the system installed in DIR",
    )
