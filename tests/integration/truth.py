# SPDX-License-Identifier: Apache-2.0
"""What a ground-truth program said about itself, taken apart.

Owns the reading of /proc's formats (proc(5)) and nothing else: it must not look at records.
"""

import json
from base64 import b64decode
from dataclasses import dataclass
from typing import Any

UNSET = 0xFFFFFFFF
ANCESTORS = 8


@dataclass(frozen=True)
class Stat:
    """A line of /proc/PID/stat: comm as bytes, start in clock ticks since boot."""

    pid: int
    comm: bytes
    ppid: int
    tty: int
    start_ticks: int


@dataclass(frozen=True)
class Truth:
    """A process as the kernel showed it to itself. Strings that may hold any byte are bytes."""

    argc: int
    failed: int
    tid: int
    secure: bool
    securebits: int
    execfn: bytes
    cmdline: bytes
    environ: list[bytes]
    status: dict[str, str]
    stat: Stat
    loginuid: int
    sessionid: int
    cgroup: bytes
    exe: bytes
    cwd: bytes
    ns: dict[str, int]
    exe_stat: dict[str, int]
    ancestors: list[Stat]

    @property
    def pid(self) -> int:
        """Its pid in the namespace of the test's /proc."""
        return int(self.status["NSpid"].split()[0])

    @property
    def nspid(self) -> int:
        """Its pid in its own pid namespace."""
        return int(self.status["NSpid"].split()[-1])

    def ids(self, kind: str) -> list[int]:
        """Real, effective, saved and file system ids; `kind` is Uid or Gid."""
        return [int(word) for word in self.status[kind].split()]


def parse_truth(answer: bytes) -> Truth:
    """Read the one line of programs/self.c."""
    raw: dict[str, Any] = json.loads(answer)
    text = {k: b64decode(v) for k, v in raw.items() if isinstance(v, str)}
    status = (line.split(":", 1) for line in text["status"].decode("latin-1").splitlines())
    return Truth(
        argc=raw["argc"],
        failed=raw["failed"],
        tid=raw["tid"],
        secure=bool(raw["secure"]),
        securebits=raw["securebits"],
        execfn=text["execfn"],
        cmdline=text["cmdline"],
        environ=text["environ"].split(b"\0")[:-1],
        status={name: value.strip() for name, value in status},
        stat=parse_stat(text["stat"]),
        loginuid=int(text["loginuid"] or UNSET),
        sessionid=int(text["sessionid"] or UNSET),
        cgroup=_shown_cgroup(text["cgroup"]),
        exe=text["exe"],
        cwd=text["cwd"],
        ns={k[3:]: _namespace(v) for k, v in text.items() if k.startswith("ns_")},
        exe_stat=raw["exe_stat"],
        ancestors=[parse_stat(b64decode(line)) for line in raw["ancestors"]],
    )


def parse_stat(line: bytes) -> Stat:
    """Read /proc/PID/stat, whose comm may hold blanks and brackets."""
    begin, end = line.index(b"("), line.rindex(b")")
    rest = line[end + 2 :].split()
    return Stat(
        pid=int(line[:begin]),
        comm=line[begin + 1 : end],
        ppid=int(rest[1]),
        tty=int(rest[4]),
        start_ticks=int(rest[19]),
    )


def _namespace(link: bytes) -> int:
    return int(link[link.index(b"[") + 1 : -1])


def _shown_cgroup(lines: bytes) -> bytes:
    """Return the deeper of the paths in systemd's own hierarchy and in version 2."""
    paths = {line.split(b":")[1]: line.split(b":", 2)[2] for line in lines.splitlines()}
    named = paths.get(b"name=systemd", b"/")
    depth = named.count(b"/")
    return named if named != b"/" and depth >= paths[b""].count(b"/") else paths[b""]
