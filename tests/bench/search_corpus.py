# SPDX-License-Identifier: Apache-2.0
"""A log as a busy host writes it: lines of real records with other times, processes and users.

Owns what the measured logs look like. Lines are those of the golden records; what differs from exec
to exec (time, identity, user, command, parent) is filled in, so that sizes and members are real and
processes form trees: shells below sshd, commands below shells, compilers below make.
"""

import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from execaudit.records.text import dumps
from tests.golden.files import FOLDER

BOOT = "b61050973c384f1da106800338fad3a0"
BEGIN_S = 1_795_000_000
DAYS = 14
_OFFSET_NS = (BEGIN_S - 86400) * 10**9
_USERS = (("root", 0), ("alice", 1000), ("bob", 1001), ("carol", 1002), ("www-data", 33))
_COMMANDS = (
    ("ls", "-la", "/srv"), ("grep", "-r", "pattern", "."), ("git", "status"), ("sh", "-c", "true"),
    ("make", "-j2", "all"), ("cc", "-O2", "-c", "a b.c"), ("as", "-o", "x.o"), ("sed", "s/a/b/"),
    ("id",), ("date", "+%s"), ("cat", "/etc/hostname"), ("python3", "-m", "http.server"),
)  # fmt: skip
_RARE = ("curl", "-s", "https://example.org/x?a=1|2")
_EVERY_RARE = 1999
_SHELLS = 64


class Process(NamedTuple):
    """A process that others are below."""

    ident: str
    pid: int
    start: str
    comm: str


class Corpus(NamedTuple):
    """What was written.

    Attributes:
        path: the live file; generations lie beside it.
        lines: how many.
        bytes: of all files.
        begin_s: time of the first record.
        end_s: of the last.

    """

    path: Path
    lines: int
    bytes: int
    begin_s: float
    end_s: float


def _time(ns: int) -> str:
    second, fraction = divmod(ns, 10**9)
    return f"{datetime.fromtimestamp(second, UTC):%Y-%m-%dT%H:%M:%S}.{fraction:09d}Z"


def _templates() -> list[dict[str, Any]]:
    lines = (FOLDER / "programs.jsonl").read_bytes() + (FOLDER / "failures.jsonl").read_bytes()
    records = [json.loads(line) for line in lines.splitlines()]
    return [r for r in records if r["type"] == "exec" and "ancestors" in r and len(dumps(r)) < 4096]


def make_lines(count: int, seed: int = 1) -> Iterator[tuple[int, bytes]]:
    """Make lines and their times in nanoseconds since 1970, over DAYS."""
    chance = random.Random(seed)  # noqa: S311
    templates = _templates()
    step_ns = DAYS * 86400 * 10**9 // count
    init = Process(f"{BOOT[:12]}-1-3b9aca00-3", 1, _time(_OFFSET_NS + 10**9), "systemd")
    shells: list[tuple[tuple[str, int], list[Process]]] = []
    pid = 1000
    for number in range(count):
        ns = (BEGIN_S * 10**9) + number * step_ns + chance.randrange(step_ns)
        pid = pid + 1 if pid < 4_000_000 else 1000
        start_ns = ns - chance.randrange(2_000_000) - _OFFSET_NS
        if len(shells) < _SHELLS or not chance.randrange(500):
            user = chance.choice(_USERS)
            shell = Process(
                f"{BOOT[:12]}-{pid:x}-{start_ns:x}-4", pid, _time(start_ns + _OFFSET_NS), "bash"
            )
            words: tuple[str, ...] = ("-bash",)
            ancestors = [init]
            if len(shells) >= _SHELLS:
                shells.pop(0)
            shells.append((user, [shell, init]))
            ident = shell.ident
        else:
            user, ancestors = shells[chance.randrange(len(shells))]
            words = _RARE if not number % _EVERY_RARE else chance.choice(_COMMANDS)
            ident = f"{BOOT[:12]}-{pid:x}-{start_ns:x}-{chance.randrange(5, 9)}"
        yield (
            ns,
            _line(
                chance.choice(templates), ns, pid, start_ns, ident, user, words, ancestors, number
            ),
        )


def _line(
    template: dict[str, Any], ns: int, pid: int, start_ns: int, ident: str, user: tuple[str, int],
    words: tuple[str, ...], ancestors: list[Process], number: int,
) -> bytes:  # fmt: skip
    exe = "/usr/bin/" + words[0].removeprefix("-")
    record = dict(template)
    record |= {
        "time": _time(ns), "host": "web1", "boot": BOOT, "cpu": number % 2, "seq": number // 2,
        "id": ident, "pid": pid, "uid": user[1], "gid": user[1], "euid": user[1], "user": user[0],
        "comm": words[0][:15], "filename": exe, "exe": exe,
        "argv": list(words), "argc": len(words), "start": _time(start_ns + _OFFSET_NS),
        "parent_id": ancestors[0].ident, "ppid": ancestors[0].pid, "pcomm": ancestors[0].comm,
        "ancestors": [
            {"id": one.ident, "pid": one.pid, "start": one.start, "comm": one.comm}
            for one in ancestors
        ] + template["ancestors"][len(ancestors):],
    }  # fmt: skip
    if "old_comm" in record:
        record["old_comm"] = ancestors[0].comm
    return dumps(record) + b"\n"


def write_corpus(folder: Path, files: int = 10, lines_per_file: int = 62_000) -> Corpus:
    """Write a log with its rotated generations into an empty folder."""
    path = folder / "execaudit.jsonl"
    total = written = 0
    ns = first_ns = 0
    lines = make_lines(files * lines_per_file)
    for number in range(files):
        with path.open("wb") as file:
            for _ in range(lines_per_file):
                ns, line = next(lines)
                first_ns = first_ns or ns
                file.write(line)
                total += 1
                written += len(line)
        if number + 1 < files:
            stamp = f"{datetime.fromtimestamp(ns // 10**9 + 1, UTC):%Y%m%dT%H%M%SZ}"
            path.rename(folder / f"{path.name}.{stamp}")
    return Corpus(path, total, written, first_ns / 1e9, ns / 1e9)
