# SPDX-License-Identifier: Apache-2.0
"""The configuration: every section and key, with its kind, default, and why one would change it.

Owns the names and defaults. The sample, the reference page and the checks are made of these
classes; nothing here reads a file. Times are seconds, sizes are bytes, 0 and "" switch off a limit
or a file.
"""

import re
from dataclasses import dataclass, fields

from execaudit.config.baseline import Baseline
from execaudit.config.environment import DEFAULT_ENV
from execaudit.config.quantities import (
    DAY,
    GIB,
    HOUR,
    KIB,
    MIB,
    MINUTE,
    TIB,
    ByteRateLimit,
    Count,
    Duration,
    PowerOfTwo,
    Rate,
    RateLimit,
    Size,
)
from execaudit.config.redact import Redact
from execaudit.config.seal import Seal
from execaudit.config.values import (
    LABELS,
    SEVERITY,
    AbsolutePath,
    Choice,
    ChoiceOrList,
    Flag,
    ListOf,
    Mode,
    Text,
    key,
)
from execaudit.records.journal_fields import CHOICES

_SPACE_ACTION = Choice(("warn", "rotate-oldest", "drop-new"))
_ENV_NAME = Text(
    re.compile(r"(?![0-9])[^=\s*?\x00-\x1f\x7f]+"),
    "the name of an environment variable such as LD_PRELOAD (no patterns)",
)
_GROUP = Text(
    re.compile(r"[^\s:,\x00-\x1f\x7f]{1,256}"), "the name of a group", "the service's own"
)
_IDENTIFIER = Text(re.compile(r"[!-~]{1,128}"), "1 to 128 printable ASCII characters, no blanks")
_FORMAT = Choice(("execaudit", "ecs", "ocsf"))
_FORMAT_TEXT = (
    "Schema of the records: our own, Elastic Common Schema, or OCSF. The journal has our own alone."
)
_LINE_BYTES = Size(8 * KIB, GIB, zero="no limit")
_LINE_TEXT = (
    "Longest line, for shippers that cut or drop longer ones. Of a longer record the parent's "
    "command line goes first, then the middle of the arguments, and it says how much is missing."
)


@dataclass(frozen=True, slots=True)
class Capture:
    """What is captured in the kernel, and how."""

    engine: str = key(
        Choice(("auto", "libbpf", "bcc")),
        "auto",
        "What loads the kernel side. auto takes libbpf, which needs no compiler, where the kernel "
        "has BTF, else bcc.",
    )
    failures: str = key(
        Choice(("collapsed", "all", "none")),
        "collapsed",
        "Failed execs. collapsed folds a shell's search along PATH into one record; none saves "
        "the failure hook.",
    )
    failure_hook: str = key(
        Choice(("auto", "fexit", "kretprobe", "tracepoint", "sys_exit")),
        "auto",
        "How failed execs are seen. auto takes the cheapest that works; sys_exit adds about 20 ns "
        "to every system call and is never taken by itself.",
    )
    exits: bool = key(
        Flag(),
        False,
        "Record the ends of processes too: exit status and duration, twice the records.",
    )
    env: tuple[str, ...] = key(
        ListOf(_ENV_NAME, "names of environment variables"),
        list(DEFAULT_ENV),
        "Environment variables to record. All others stay unrecorded: they often hold secrets.",
    )
    argv_bytes: int = key(
        Size(KIB, MIB),
        "64K",
        "Argument bytes kept of one exec. Beyond it the beginning and the end are kept, and the "
        "record says how much is missing.",
    )
    pcmdline_bytes: int = key(
        Size(64, 4 * KIB, zero="none"),
        512,
        "The parent's command line in each record, at most: what it started has it each time.",
    )
    ring_bytes: int = key(
        PowerOfTwo(64 * KIB, 512 * MIB),
        "4M",
        "Buffer between kernel and daemon: memory against losses when execs come in bursts. It "
        "counts as resident memory.",
    )
    max_delay: float = key(
        Duration(0.01, 10),
        "1s",
        "How long execs that keep coming may wait to be written together, which costs much less "
        "than one by one. The first after a quiet second is written at once.",
    )


@dataclass(frozen=True, slots=True)
class File:
    """JSON lines in a file, rotated by execaudit itself."""

    enabled: bool = key(Flag(), True, "Whether to write this file.")
    path: str = key(
        AbsolutePath(),
        "/var/log/execaudit/execaudit.jsonl",
        "The file. Rotated ones lie beside it, with the time of rotation after the name. The "
        "shipped unit lets the daemon write below /var/log/execaudit only.",
    )
    mode: int = key(
        Mode(), "0640", "Permissions of every generation. Records can hold what others may not see."
    )
    group: str = key(
        _GROUP, "", "Group of every generation, so that a log shipper can read without being root."
    )
    format: str = key(_FORMAT, "execaudit", _FORMAT_TEXT)
    max_line_bytes: int = key(_LINE_BYTES, 0, _LINE_TEXT)
    max_file_bytes: int = key(
        Size(64 * KIB, TIB, zero="no limit"), "100M", "Rotate when the file would grow beyond this."
    )
    max_age: float = key(
        Duration(MINUTE, 366 * DAY, zero="never"),
        "1d",
        "Rotate this often, so that old records can be dropped by age.",
    )
    num_logs: int = key(
        Count(1, 100_000, zero="no limit"), 10, "Rotated files to keep. The oldest go first."
    )
    keep_age: float = key(
        Duration(HOUR, 36_600 * DAY, zero="no limit"),
        "30d",
        "Remove rotated files that are older. Retention rules often ask for a maximum.",
    )
    keep_bytes: int = key(
        Size(MIB, 1024 * TIB, zero="no limit"),
        "2G",
        "Bound on the size of all generations together, as they lie on disk.",
    )
    compress: str = key(
        Choice(("none", "gzip", "zstd")),
        "none",
        "Compress rotated files in the background: about a tenth of the space, but most shippers "
        "no longer read them.",
    )
    fsync: str = key(
        Choice(("none", "interval", "batch")),
        "none",
        "When records are forced to disk: at the kernel's leisure, every fsync_interval, or after "
        "each batch, which survives power cuts and costs a disk write each.",
    )
    fsync_interval: float = key(
        Duration(0.01, HOUR), "1s", "How often, where fsync is interval: what a power cut may cost."
    )
    space_left: int = key(
        Size(MIB, 1024 * TIB, zero="off"),
        "500M",
        "Free space below which space_left_action is taken.",
    )
    space_left_action: str = key(
        _SPACE_ACTION,
        "warn",
        "warn says so in the log and the status, rotate-oldest removes the oldest rotated files, "
        "drop-new counts new records instead of writing them.",
    )
    space_low: int = key(
        Size(MIB, 1024 * TIB, zero="off"),
        "100M",
        "Free space below which space_low_action is taken.",
    )
    space_low_action: str = key(_SPACE_ACTION, "rotate-oldest", "As space_left_action.")
    disk_full_action: str = key(
        _SPACE_ACTION,
        "drop-new",
        "What to do when nothing more can be written. Writing goes on by itself once it can; what "
        "was missed is counted and recorded.",
    )
    labels: tuple[str, ...] = key(
        LABELS, [], "Write only records that a rule gave one of these labels. Empty: all."
    )
    min_severity: str = key(SEVERITY, "", "Write only records of this severity and above.")


@dataclass(frozen=True, slots=True)
class Journal:
    """Native fields in the systemd journal."""

    enabled: bool = key(Flag(), True, "Whether to write to the journal.")
    format: str = key(
        Choice(("execaudit",)),
        "execaudit",
        "Schema of the entries. There is no other: the journal is searched by our own field names. "
        "execaudit convert --journal gives entries in any schema.",
    )
    identifier: str = key(
        _IDENTIFIER, "execaudit", "SYSLOG_IDENTIFIER of the entries, for journalctl -t."
    )
    fields: str | tuple[str, ...] = key(
        ChoiceOrList(("all", "usual"), CHOICES, "fields of a record"),
        "all",
        "Fields of execs and exits. usual leaves out namespaces, capabilities other than the "
        "effective ones, and the numbers of devices, inodes and control groups: a tenth of "
        "journald's work. In a list they are named one by one; what an entry is known by, and what "
        "is missing of it, is always there.",
    )
    queue_bytes: int = key(
        Size(64 * KIB, GIB),
        "16M",
        "Memory for entries that wait while journald is slow or restarts. Most wait compressed: a"
        " megabyte holds 5,000 to 10,000 usual execs. What exceeds it is counted as lost for this"
        " sink.",
    )
    labels: tuple[str, ...] = key(
        LABELS, [], "Send only records that a rule gave one of these labels. Empty: all."
    )
    min_severity: str = key(SEVERITY, "", "Send only records of this severity and above.")


@dataclass(frozen=True, slots=True)
class Stdout:
    """JSON lines on standard output, for containers and pipes."""

    enabled: bool = key(Flag(), False, "Whether to write to standard output.")
    format: str = key(_FORMAT, "execaudit", _FORMAT_TEXT)
    max_line_bytes: int = key(_LINE_BYTES, 0, _LINE_TEXT)
    labels: tuple[str, ...] = key(
        LABELS, [], "Print only records that a rule gave one of these labels. Empty: all."
    )
    min_severity: str = key(SEVERITY, "", "Print only records of this severity and above.")


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on records per second, for hosts where a runaway job must not fill the log."""

    per_uid: Rate | None = key(  # noqa: RUF009 - makes a field
        RateLimit(), "", "Records of one user. Beyond it one summary per interval replaces them."
    )
    per_unit: Rate | None = key(  # noqa: RUF009
        RateLimit(), "", "Records of one systemd unit, likewise."
    )
    bytes_per_user: Rate | None = key(  # noqa: RUF009
        ByteRateLimit(),
        "256K/m burst 64M",
        "Arguments and variables of one login user (of one user where nobody logged in). Beyond it"
        " 512 bytes of each record's are kept, the record says how much is missing, and one summary"
        " per interval how many were cut.",
    )
    interval: float = key(
        Duration(1, HOUR), "10s", "How often a summary is written while a limit is exceeded."
    )
    regex_bytes: int = key(
        Size(256, 64 * KIB),
        "4K",
        "Of longer arguments a rule's regular expression sees the first and last half of this, if "
        "its time can grow with the square of their length.",
    )


@dataclass(frozen=True, slots=True)
class Status:
    """What the daemon reports about itself."""

    path: str = key(
        AbsolutePath(empty="none"),
        "/run/execaudit/status.json",
        "File that execaudit status reads; execaudit status asks for a fresh one.",
    )
    metrics: str = key(
        AbsolutePath(suffix=".prom", empty="none"),
        "",
        "File for node_exporter's textfile collector, which reads names ending in .prom alone.",
    )
    interval: float = key(
        Duration(1, HOUR),
        "10s",
        "How often both are written while there is something new. Else they are written with the"
        " self-check, every 30 seconds at least.",
    )


@dataclass(frozen=True, slots=True)
class Config:
    """The whole configuration; a section each."""

    capture: Capture = Capture()
    file: File = File()
    journal: Journal = Journal()
    stdout: Stdout = Stdout()
    seal: Seal = Seal()  # noqa: RUF009 - it is frozen
    baseline: Baseline = Baseline()  # noqa: RUF009 - it is frozen
    redact: Redact = Redact()  # noqa: RUF009 - it is frozen
    limits: Limits = Limits()
    status: Status = Status()


SECTIONS: dict[str, type] = {each.name: type(each.default) for each in fields(Config)}
"""Section name to its dataclass."""
