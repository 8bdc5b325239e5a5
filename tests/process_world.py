# SPDX-License-Identifier: Apache-2.0
"""Processes that fork, execute, fail and end at random, with the records that a log has of them.

Owns the truth about them: who is whose parent, also where nothing was executed. Process numbers
are used again.
"""

import random
from dataclasses import dataclass, field
from typing import Any

from tests.log_files import BOOT, exec_fields, own_fields, time_text

_PIDS = 60
_USERS = ((0, "root"), (1000, "alice"), (1001, "bob"))
_PROGRAMS = ("sh", "make", "cc", "curl", "git", "x y", 'q"o', "tab\t", "ünï")
DEPTH = 8


@dataclass
class One:
    """A process; `records` are those about it, in order."""

    pid: int
    start_s: float
    parent: "One | None"
    comm: str
    user: tuple[int, str]
    images: int = 0
    records: list[dict[str, Any]] = field(default_factory=list)

    @property
    def key(self) -> str:
        return f"{BOOT[:12]}-{self.pid:x}-{int((self.start_s + 86400) * 10**9):x}"

    @property
    def id(self) -> str:
        return f"{self.key}-{self.images + 3:x}"

    def above(self) -> "list[One]":
        """Return all ancestors, parent first."""
        return [] if self.parent is None else [self.parent, *self.parent.above()]


class World:
    """Makes `count` records.

    Attributes:
        records: all, in order, some of the daemon itself among them.
        processes: all that there ever were.

    """

    def __init__(self, seed: int, count: int, *, exits: bool = True) -> None:
        self._chance = random.Random(seed)  # noqa: S311
        self._second = 0.0
        init = One(1, -80000.0, None, "init", _USERS[0])
        self.processes = [init]
        self.records: list[dict[str, Any]] = []
        self._live = [init]
        self._exits = exits
        while len(self.records) < count:
            self._step()

    def _step(self) -> None:
        chance = self._chance
        self._second += chance.random()
        one = chance.choice(self._live)
        what = chance.random()
        if what < 0.6:
            child = self._fork(one)
            if child is not None and chance.random() < 0.7:
                self._exec(child)
        elif what < 0.7:
            self._exec(one)
        elif what < 0.8:
            self._exec(one, error=("ENOENT", 2))
        elif what < 0.98 and one.parent is not None and len(self._live) > 20:
            self._end(one)
        elif what >= 0.99:
            self.records.append(own_fields("lost", self._second, reason="ring", count=3))

    def _fork(self, parent: One) -> One | None:
        free = set(range(2, _PIDS)) - {one.pid for one in self._live}
        if not free or len(parent.above()) > DEPTH + 3:
            return None
        user = parent.user if self._chance.random() < 0.8 else self._chance.choice(_USERS)
        child = One(self._chance.choice(sorted(free)), self._second, parent, parent.comm, user)
        self.processes.append(child)
        self._live.append(child)
        return child

    def _base(self, one: One) -> dict[str, Any]:
        fields: dict[str, Any] = {"id": one.id, "pid": one.pid, "uid": one.user[0]}
        if one.parent is not None:
            fields |= {"parent_id": one.parent.id, "ppid": one.parent.pid, "pcomm": one.parent.comm}
        return fields

    def _exec(self, one: One, error: tuple[str, int] | None = None) -> None:
        name = self._chance.choice(_PROGRAMS)
        if error is None:
            one.images += 1
            one.comm = name
        fields = exec_fields(
            self._second,
            **self._base(one), user=one.user[1], comm=one.comm, start=time_text(one.start_s),
            exe=f"/usr/bin/{name}", filename=f"/usr/bin/{name}", argv=[name, "-a", '"id":"x-1-1"'],
            ancestors=[
                {"id": up.id, "pid": up.pid, "start": time_text(up.start_s), "comm": up.comm}
                for up in one.above()[:DEPTH]
            ],
        )  # fmt: skip
        for absent in ("parent_id", "ppid", "pcomm", "ancestors"):
            if one.parent is None:
                fields.pop(absent, None)
        if error is not None:
            fields |= {"result": "failure", "errno": error[0], "errno_code": error[1]}
        if self._chance.random() < 0.1:
            fields["truncated"] = {"ancestors": True}
        one.records.append(fields)
        self.records.append(fields)

    def _end(self, one: One) -> None:
        for child in self._live:
            if child.parent is one:
                return  # nobody is re-parented here
        self._live.remove(one)
        if self._exits and one.images:
            fields = own_fields("exit", self._second, **self._base(one), comm=one.comm)
            fields |= {"hook": "exit", "cpu": 0, "seq": 1, "exit_code": 3, "duration_ns": 10**9}
            one.records.append(fields)
            self.records.append(fields)
