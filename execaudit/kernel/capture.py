# SPDX-License-Identifier: Apache-2.0
"""A capture: the programs that an engine has loaded, their maps, and the attachments.

Owns the life of the descriptors and what user space writes into the maps. It reads no events.
"""

import copy
import os
import struct
import threading
from collections.abc import Mapping
from typing import NamedTuple, Self

from execaudit.kernel import hooks, libbpf
from execaudit.kernel.file_systems import find_file_systems
from execaudit.kernel.hierarchies import find_hierarchies
from execaudit.kernel.hooks import AttachPoint, FailureHook
from execaudit.wire import record

_PROG_INFO_BYTES = 232  # struct bpf_prog_info of linux/bpf.h, to its last member of 5.16
_RECURSION_MISSES_AT = 208
_LINK_INFO_BYTES = 32
_DROPPED_AT = record.SLOT.offset("dropped")
_ZERO = b"\0\0\0\0"
_RULE_ALL = 0  # of enum rule_kind


class Settings(NamedTuple):
    """What the kernel side is to do. Sizes in bytes."""

    ring_bytes: int = 4 << 20  # a power of two, at least a page
    wake_bytes: int = 1 << 20  # wake the reader at once when this much is pending
    argv_bytes: int = 64 << 10  # argument bytes kept per exec, head and tail
    env_bytes: int = 64 << 10  # environment bytes searched per exec; 0: none
    failures: str = ""  # name of a failure hook or "auto"; empty: none
    needs_failures: bool = True  # fail where that hook is not available
    exits: bool = False
    rules: int = 1  # the most rules the kernel may be given at a time

    def config(self, rules: int = 0) -> bytes:
        """Return the value of the map "config" (struct config); `rules` is its member."""
        wake = min(self.wake_bytes, self.ring_bytes // 4)
        limits = (self.argv_bytes, self.argv_bytes // 4, self.env_bytes, self.env_bytes // 4)
        pid_ns = os.stat("/proc/self/ns/pid").st_ino  # noqa: PTH116 - keep pathlib out of here
        host = (pid_ns, *find_file_systems(), find_hierarchies().named)
        return struct.pack(record.CONFIG.format, rules, wake, *limits, *host)


class Capture:
    """Loaded programs and their maps. Close it to detach and release everything."""

    def __init__(
        self,
        engine: str,
        reason: str,
        settings: Settings,
        points: dict[str, AttachPoint],
        failure_hook: FailureHook | None,
        programs: dict[str, int],
        maps: dict[str, int],
        trials: list[int],  # attachments that only showed what works
        failure_hook_error: str = "",  # why failed execs are not seen although that was wanted
        links: list[int] | None = None,
    ) -> None:
        self.engine = engine
        self.reason = reason
        self.settings = settings
        self.points = points
        self.failure_hook = failure_hook
        self.programs = programs
        self.maps = maps
        self.trials = trials
        self.failure_hook_error = failure_hook_error
        self.links = links or []
        self._config = b""
        self._generation = 0
        self._rule_keys: list[bytes] = []
        self._rule_places: dict[int, int] = {}

    def attach(self) -> None:
        """Attach all programs: from here on, execs are seen."""
        self._configure(0)
        self.links = hooks.attach_all(self.programs, self.points)

    def set_rules(self, keys: Mapping[tuple[int, int, int], int]) -> dict[int, int]:
        """Replace the drop rules of the kernel in one step: no event is judged by a mixture.

        `keys` are (kind, a, b) as in struct rule_key, each with the index of its rule: at most
        `settings.rules` keys, and as many rules. Returns the last `rule_hits` of the old rules.
        Raises OSError; then the old rules stay in force.
        """
        old = self._rule_keys
        self._generation += 1
        self._rule_keys = []
        # Two halves alternate: the old rules go on counting until the new ones are in force.
        first = self._generation % 2 * self.settings.rules
        places = {rule: first + place for place, rule in enumerate(sorted(set(keys.values())))}
        kinds = 0
        for (kind, a, b), rule in keys.items():
            kinds |= 1 << kind
            key = struct.pack(record.RULE_KEY.format, self._generation, kind, a, b)
            libbpf.update_map(self.maps["rules"], key, struct.pack("@I", places[rule]))
            self._rule_keys.append(key)
        zeros = bytes(8 * libbpf.num_possible_cpus())
        for place in places.values():
            libbpf.update_map(self.maps["rule_hits"], struct.pack("@I", place), zeros)
        self._configure(self._generation << 32 | kinds)
        hits = self.rule_hits()
        self._rule_places = places
        for key in old:
            libbpf.delete_from_map(self.maps["rules"], key)
        return hits

    def adopt_rules(self) -> None:
        """Read the rules that the process before has set, so that `set_rules` can replace them."""
        raw = libbpf.lookup_map(self.maps["config"], _ZERO, record.CONFIG.size) or bytes(8)
        self._config = raw
        self._generation = _counter(raw, 0) >> 32
        self._rule_keys = libbpf.map_keys(self.maps["rules"], record.RULE_KEY.size)

    def mute(self) -> None:
        """Make the programs drop and count every event: another capture takes over."""
        self._configure(self._generation << 32 | 1 << _RULE_ALL)

    def _configure(self, rules: int) -> None:
        self._config = self.settings.config(rules)
        libbpf.update_map(self.maps["config"], _ZERO, self._config)

    def follow_modules(self) -> None:
        """Let the programs know file systems whose module was loaded meanwhile."""
        if self.settings.config(self._rules_word()) != self._config:
            self._configure(self._rules_word())

    def _rules_word(self) -> int:
        return int(struct.unpack_from("@Q", self._config)[0])

    def is_altered(self) -> bool:
        """Return True if settings or rules in the maps are not those that were put there."""
        if libbpf.lookup_map(self.maps["config"], _ZERO, len(self._config)) != self._config:
            return True
        keys = libbpf.map_keys(self.maps["rules"], record.RULE_KEY.size)
        return sorted(keys) != sorted(self._rule_keys)

    def seen(self) -> int:
        """Return the count of events that the programs have seen, dropped ones included."""
        return sum(self.seen_by_hook())

    def seen_by_hook(self) -> list[int]:
        """Return the same for each hook, by index in record.HOOKS."""
        return [
            sum(_counter(raw, 0) + _counter(raw, _DROPPED_AT) for raw in per_cpu)
            for per_cpu in self.slots()
        ]

    def rule_hits(self) -> dict[int, int]:
        """Return the events that the kernel dropped since `set_rules`, by the index of the rule."""
        cpus = libbpf.num_possible_cpus()
        hits: dict[int, int] = {}
        for rule, place in self._rule_places.items():
            key = struct.pack("@I", place)
            raw = libbpf.lookup_map(self.maps["rule_hits"], key, 8 * cpus) or b""
            hits[rule] = sum(struct.unpack(f"@{len(raw) // 8}Q", raw))
        return hits

    def dropped(self) -> int:
        """Return the events that the kernel dropped by rules since the programs were loaded."""
        return sum(_counter(raw, _DROPPED_AT) for per_cpu in self.slots() for raw in per_cpu)

    def slots(self) -> list[list[bytes]]:
        """Return the counters (struct slot) by hook and CPU."""
        size = record.SLOT.size
        cpus = libbpf.num_possible_cpus()
        out: list[list[bytes]] = []
        for hook in range(len(record.HOOKS)):
            key = struct.pack("@I", hook)
            values = libbpf.lookup_map(self.maps["slots"], key, size * cpus) or b""
            out.append([values[at : at + size] for at in range(0, len(values), size)])
        return out

    def misses(self) -> dict[int, int]:
        """Return the runs that the kernel skipped as recursive, by hook (from 5.12 on)."""
        out: dict[int, int] = {}
        for name, fd in self.programs.items():
            hook = hook_of(name)
            if hook is not None:
                count = _counter(libbpf.object_info(fd, _PROG_INFO_BYTES), _RECURSION_MISSES_AT)
                out[hook] = out.get(hook, 0) + count
        return out

    def close_trials(self) -> None:
        """Detach what was attached on trial, in a thread: each waits for all processors."""
        if self.trials:
            trials, self.trials = self.trials, []
            threading.Thread(target=close_all, args=(trials,), name="trials").start()

    def detached(self) -> list[str]:
        """Return the names of programs whose attachment is gone.

        A descriptor that is a link of this very program (struct bpf_link_info) is an attachment in
        force: such a link ends with its last descriptor only. Of perf events the kernel only says
        that they are open.
        """
        gone: list[str] = []
        for link, (name, point) in zip(self.links, self.points.items(), strict=True):
            try:
                if point.how not in ("raw_tp", "fexit"):
                    os.fstat(link)
                elif link_program(link) != program_id(self.programs[name]):
                    gone.append(name)
            except OSError:
                gone.append(name)
        return gone

    def detach(self) -> None:
        """Detach all programs; what they wrote can still be read."""
        while self.links:
            os.close(self.links.pop())

    def close(self) -> None:
        """Detach, and release programs and maps."""
        self.detach()
        close_all(self.trials)
        for fd in (*self.programs.values(), *self.maps.values()):
            os.close(fd)
        self.programs, self.maps = {}, {}

    def take(self) -> "Capture":
        """Return a capture with all descriptors of this one, which keeps none."""
        taken = copy.copy(self)
        self.programs, self.maps, self.links, self.trials = {}, {}, [], []
        return taken

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _counter(raw: bytes, at: int) -> int:
    return int(struct.unpack_from("@Q", raw, at)[0])


def close_all(fds: list[int]) -> None:
    """Close descriptors, and empty their list."""
    while fds:
        os.close(fds.pop())


def program_id(fd: int) -> int:
    """Return the kernel's number of a program (struct bpf_prog_info). Raises OSError."""
    return int(struct.unpack_from("@I", libbpf.object_info(fd, _PROG_INFO_BYTES), 4)[0])


def link_program(fd: int) -> int:
    """Return the number of the program of a link (struct bpf_link_info). Raises OSError."""
    return int(struct.unpack_from("@I", libbpf.object_info(fd, _LINK_INFO_BYTES), 8)[0])


def hook_of(program: str) -> int | None:
    """Return the index in record.HOOKS of the events of a program; None if it writes none."""
    if program.startswith("before") or program == "on_fork":
        return None
    if program in ("on_exec", "on_exit"):
        return record.HOOKS.index(program.removeprefix("on_"))
    if program == "sys_exit_any":
        return record.HOOKS.index("execve")
    return record.HOOKS.index(program.split("_", 1)[1])
