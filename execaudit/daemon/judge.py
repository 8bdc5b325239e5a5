# SPDX-License-Identifier: Apache-2.0
"""What becomes of an event by rules and rate limits: from its raw bytes, or from its fields.

Owns the decisions that are kept for each place. It encodes nothing and counts nothing but what the
rules and limits themselves count.
"""

import struct
from typing import TYPE_CHECKING

from execaudit.daemon.limits import Limit
from execaudit.records.encode_exits import ExitView
from execaudit.records.fields import FieldDict, cgroup_fields, select_env
from execaudit.records.fragments import Fragments
from execaudit.records.host import Host
from execaudit.records.place import PlaceReader
from execaudit.records.text import until_nul
from execaudit.records.view import LENGTHS_AT, View, split_place
from execaudit.rules.decision import NOTHING, Decision
from execaudit.rules.values import event_values
from execaudit.wire.decode import CGROUP, CRED

if TYPE_CHECKING:
    from execaudit.rules.residue import Residue
    from execaudit.rules.rule_set import RuleSet

_PLACES_KEPT = 1024
_UNITS_KEPT = 1024
_STRANGERS_KEPT = 4096
_UID = struct.Struct("@I").unpack_from
_UID_AT = CRED.start - LENGTHS_AT
_CGROUP = slice(CGROUP.start - LENGTHS_AT, CGROUP.stop - LENGTHS_AT)
_OF_EXIT = event_values({"type": "exit"})


class Judge:
    """Applies rules (None: there are none) and limits, by the field that they count by."""

    def __init__(
        self,
        host: Host,
        env_names: tuple[bytes, ...],
        rules: "RuleSet | None",
        limits: dict[str, Limit],
    ) -> None:
        self._rules = rules
        self._limits = limits
        self._host = host
        self._env_names = env_names
        self._reader = PlaceReader(host)
        self._residues: dict[bytes, tuple[Residue, str]] = {}
        self._strangers: set[str] = set()
        self._exit_residues: dict[tuple[int, bytes], Residue] = {}
        self._selected = Fragments(self._select_env)
        self._units: dict[bytes, str | None] = {}

    def forget_names(self) -> None:
        """Forget what was decided about users whose names were not known."""
        self._residues.clear()

    # -- rules --------------------------------------------------------------------------------

    def decide(self, view: View) -> Decision | None:
        """Decide about an exec from its raw bytes; None if its fields are needed."""
        rules = self._rules
        if rules is None:
            return NOTHING
        key = view[8]
        known = self._residues.get(key)
        if known is None:
            if len(self._residues) >= _PLACES_KEPT:
                self._residues.clear()
            fields = self._reader.fields(key)
            known = self._residues[key] = (rules.narrow(fields), fields["exe"])
            if rules.wants_images:
                self._note_strangers(fields)
        residue, exe = known
        decision = residue.constant
        if decision is not None:
            for index in decision.rules:
                rules.hits[index] += 1
        else:
            env = self._selected[view[10]] if rules.wants_env and view[10] else b""
            if env is None:
                return None
            flags, error, argc, pid, _, start_ns, _, _, _, argv, _ = view
            decision = residue.decide(argv, argc, flags, error, (pid, start_ns), env)
        if rules.wants_images and not view[1]:
            self._remember(self._host.identity(view[3], view[5], view[6]), exe)
        return decision

    def _note_strangers(self, fields: FieldDict) -> None:
        """Note ancestors whose programs are unknown, on which a kept decision may depend."""
        assert self._rules is not None  # noqa: S101 - for the type checker
        if len(self._strangers) >= _STRANGERS_KEPT:
            self._strangers.clear()
            self._residues.clear()
        images = self._rules.images
        ids = [ancestor["id"] for ancestor in fields.get("ancestors", ())]
        self._strangers.update(each for each in ids if not images.knows(each))

    def _remember(self, identity: str, exe: str) -> None:
        assert self._rules is not None  # noqa: S101 - for the type checker
        self._rules.remember(identity, exe)
        if identity in self._strangers:  # its record came after one of its children's
            self._strangers.clear()
            self._residues.clear()

    def _select_env(self, block: bytes) -> bytes | None:
        """The selected variables; None where the block does not end as it should."""
        if block[-1]:
            return None
        chosen = select_env(block[:-1].split(b"\0"), self._env_names)
        return b"".join([entry + b"\0" for entry in chosen])

    def decide_exit(self, view: ExitView) -> Decision | None:
        """Decide about the end of a process from its raw bytes; None if its fields are needed."""
        rules = self._rules
        if rules is None:
            return NOTHING
        if rules.wants_parents:
            return None
        key = (view[8], view[9])
        residue = self._exit_residues.get(key)
        if residue is None:
            fields: FieldDict = {"type": "exit", "uid": view[8]}
            comm = until_nul(view[9])
            if comm:
                fields["comm"] = comm.decode()
            if len(self._exit_residues) >= _PLACES_KEPT:
                self._exit_residues.clear()
            residue = self._exit_residues[key] = rules.narrow(fields)
        decision = residue.constant
        if decision is None:
            return residue.decide_values(_OF_EXIT, (view[3], view[1]))
        for index in decision.rules:
            rules.hits[index] += 1
        return decision

    def decide_fields(self, fields: FieldDict) -> Decision:
        """Decide about an exec or exit record."""
        if self._rules is None:
            return NOTHING
        decision = self._rules.decide_record(fields)
        if self._rules.wants_images and fields.get("result") == "success":
            self._remember(fields.get("id", ""), fields.get("exe", ""))
        return decision

    # -- limits -------------------------------------------------------------------------------

    def allows(self, view: View, now_ns: int) -> bool:
        """Whether the limits let an exec through; a token each is taken."""
        for name, limit in self._limits.items():
            key = self._unit(view[8]) if name == "unit" else _UID(view[8], _UID_AT)[0]
            if key is not None and not limit.allows(key, now_ns):
                return False
        return True

    def _unit(self, place: bytes) -> str | None:
        raw = place[_CGROUP] + split_place(place)[1][5]
        try:
            return self._units[raw]
        except KeyError:
            pass
        if len(self._units) >= _UNITS_KEPT:
            self._units.clear()
        unit: str | None = cgroup_fields(raw).get("unit")
        self._units[raw] = unit
        return unit

    def allows_exit(self, view: ExitView, now_ns: int) -> bool:
        """The same for the end of a process, which has no unit."""
        limit = self._limits.get("uid")
        return limit is None or limit.allows(view[8], now_ns)

    def allows_fields(self, fields: FieldDict, now_ns: int) -> bool:
        """The same for an exec or exit record."""
        for name, limit in self._limits.items():
            if name in fields and not limit.allows(fields[name], now_ns):
                return False
        return True
