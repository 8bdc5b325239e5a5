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
from execaudit.records.readback import event_of_record
from execaudit.records.view import LENGTHS_AT, View, split_place
from execaudit.rules.decision import NOTHING, Decision
from execaudit.wire.decode import CGROUP, CRED
from execaudit.wire.event import Event, Place

if TYPE_CHECKING:
    from execaudit.rules.rule_set import RuleSet

_PLACES_KEPT = 1024
_UNITS_KEPT = 1024
_UID = struct.Struct("@I").unpack_from
_UID_AT = CRED.start - LENGTHS_AT
_CGROUP = slice(CGROUP.start - LENGTHS_AT, CGROUP.stop - LENGTHS_AT)


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
        self._env_names = env_names
        self._reader = PlaceReader(host)
        self._places: dict[bytes, Place] = {}
        self._selected = Fragments(self._select_env)
        self._units: dict[bytes, str | None] = {}

    def forget_names(self) -> None:
        """Forget what was decided about users whose names were not known."""
        self._places.clear()

    # -- rules --------------------------------------------------------------------------------

    def decide(self, view: View) -> Decision | None:
        """Decide about an exec from its raw bytes; None if its fields are needed."""
        if self._rules is None:
            return NOTHING
        flags, error, argc, pid, _, start_ns, exec_count, _, key, argv, block = view
        place = self._places.get(key)
        if place is None:
            if len(self._places) >= _PLACES_KEPT:
                self._places.clear()
            place = self._places[key] = event_of_record(self._reader.fields(key)).place
        env = self._selected[block] if self._rules.wants_env and block else b""
        if env is None:
            return None
        event = Event()
        event.type, event.place = "exec", place
        event.flags, event.error, event.argc = flags, error, argc
        event.pid, event.start_ns, event.exec_count = pid, start_ns, exec_count
        event.argv, event.env = argv, env
        event.argv_gaps = event.env_gaps = ()
        return self._rules.decide(event)

    def _select_env(self, block: bytes) -> bytes | None:
        """The selected variables; None where the block does not end as it should."""
        if block[-1]:
            return None
        chosen = select_env(block[:-1].split(b"\0"), self._env_names)
        return b"".join([entry + b"\0" for entry in chosen])

    def decide_exit(self, _: ExitView) -> Decision | None:
        """Decide about the end of a process from its raw bytes; None if its fields are needed."""
        return NOTHING if self._rules is None else None

    def decide_fields(self, fields: FieldDict) -> Decision:
        """Decide about an exec or exit record."""
        return NOTHING if self._rules is None else self._rules.decide(event_of_record(fields))

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
