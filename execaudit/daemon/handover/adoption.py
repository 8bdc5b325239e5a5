# SPDX-License-Identifier: Apache-2.0
"""Adopts a capture that the previous process left with the service manager, and leaves one there.

Owns what must be equal before another process may go on with a capture, which descriptors that
needs, and these descriptors until it is decided. There are three outcomes. The same programs go on;
or other programs are loaded, after the events of the old ones have been read; or nothing is usable.
"""

import os
import struct
import zlib
from collections.abc import Sequence
from typing import Any, NamedTuple

from execaudit import __version__
from execaudit.daemon import systemd
from execaudit.daemon.handover.checkpoint import Checkpoint, CheckpointFile
from execaudit.daemon.log import log
from execaudit.engine import locations
from execaudit.engine.choice import choose_engine
from execaudit.errors import ExecauditError
from execaudit.kernel import libbpf
from execaudit.kernel.capture import Capture, Settings, link_program, program_id
from execaudit.kernel.hooks import AttachPoint, FailureHook
from execaudit.sinks.notices import WARNING
from execaudit.wire import record

_CHECKPOINT = "checkpoint"
_MAPS = ("events", "slots", "config", "rules", "rule_hits")  # the others are the programs' own
_MAP_INFO_BYTES = 24  # struct bpf_map_info, to map_flags
_FORMAT = 2
_MISMATCHES = {
    "boot": "they are of another boot",
    "engine": "another engine is configured",
    "settings": "[capture] has changed",
    "programs": "this version has other programs",
}


class Adopted(NamedTuple):
    """What the previous run left."""

    names: list[str]  # under which the manager has stored it
    mismatch: str  # why other programs must be loaded; empty: these go on
    capture: Capture  # of the previous run, attached
    file: CheckpointFile
    checkpoint: Checkpoint


class Unusable(NamedTuple):
    """The previous run left something that cannot be used. Its descriptors are closed."""

    names: list[str]
    reason: str = "what the run before left is incomplete or of another version"


def find_previous(
    fds: dict[str, int], boot: str, engine: str, settings: Settings
) -> Adopted | Unusable | None:
    """Return what can be made of the stored descriptors `fds`, by name; None if there are none.

    `boot` is the running one; `engine` and `settings` are configured. The descriptors belong to
    the result, or are closed.
    """
    if not fds:
        return None
    names = list(fds)
    file = CheckpointFile.open(fds[_CHECKPOINT]) if _CHECKPOINT in fds else None
    if file is not None:
        try:
            checkpoint = file.read()
            capture = _make_capture(file.description, fds)
            mismatch = _find_mismatch(file.description, engine, settings, boot)
            capture.adopt_rules()
            return Adopted(names, mismatch, capture, file, checkpoint)
        except (OSError, ValueError, KeyError, TypeError):
            file.close()
            del fds[_CHECKPOINT]
    for fd in fds.values():
        os.close(fd)
    return Unusable(names)


def _make_capture(description: dict[str, Any], fds: dict[str, int]) -> Capture:
    """Return the capture of a description, which owns the descriptors from then on.

    Raises ValueError, KeyError, TypeError or OSError if this version does not understand what the
    programs write, or descriptors are not what their names say. The caller keeps them then.
    """
    if (description["format"], description["wire"]) != (_FORMAT, _wire()):
        raise ValueError("of another version")
    origin, hook = description["origin"], description["failure_hook"]
    points = {name: AttachPoint(*point) for name, point in description["points"].items()}
    capture = Capture(
        origin["engine"],
        "as the run before",
        Settings(**origin["settings"]),
        points,
        FailureHook(hook["name"], {}, hook["cost"]) if hook else None,
        {name: fds[f"program-{name}"] for name in points},
        {name: fds[f"map-{name}"] for name in _MAPS},
        [],
        failure_hook_error=description["failure_hook_error"],
        links=[fds[f"link-{name}"] for name in points],
    )
    _check_descriptors(capture)
    return capture


def _check_descriptors(capture: Capture) -> None:
    """Raise ValueError or OSError unless each descriptor is what its name says, by the kernel."""
    kind, _, size = _map_shape(capture.maps["events"])
    _, value_bytes, _ = _map_shape(capture.maps["slots"])
    is_ring = (kind, size) == (libbpf.MAP_RINGBUF, capture.settings.ring_bytes)
    if not is_ring or value_bytes != record.SLOT.size:
        raise ValueError("other maps")
    for (name, point), link in zip(capture.points.items(), capture.links, strict=True):
        number = program_id(capture.programs[name])
        if point.how in ("raw_tp", "fexit") and link_program(link) != number:
            raise ValueError("another link")
        os.fstat(link)


def _map_shape(fd: int) -> tuple[int, int, int]:
    """Return kind, bytes of a value and entries of a map (struct bpf_map_info). Raises OSError."""
    info = libbpf.object_info(fd, _MAP_INFO_BYTES)
    kind, _, _, value_bytes, entries, _ = struct.unpack("@6I", info)
    return kind, value_bytes, entries


def _find_mismatch(description: dict[str, Any], engine: str, settings: Settings, boot: str) -> str:
    """Return why the described programs are not those wanted now; "" if they are."""
    before, now = description["origin"], _origin(choose_engine(engine)[0], settings, boot)
    return next((why for key, why in _MISMATCHES.items() if before.get(key) != now[key]), "")


def _describe(capture: Capture, boot: str) -> dict[str, Any]:
    """Return, for JSON, what another process must know: the origin, and the descriptors."""
    hook = capture.failure_hook
    return {
        "format": _FORMAT,
        "wire": _wire(),
        "version": __version__,
        "origin": _origin(capture.engine, capture.settings, boot),
        "points": {name: list(point) for name, point in capture.points.items()},
        "failure_hook": {"name": hook.name, "cost": hook.cost} if hook else None,
        "failure_hook_error": capture.failure_hook_error,
    }


def _wire() -> list[Any]:
    return [record.WIRE_VERSION, zlib.crc32(repr(record.LAYOUTS).encode())]


def _origin(engine: str, settings: Settings, boot: str) -> dict[str, Any]:
    """Return what a capture is made of: two captures of the same origin are the same."""
    if engine == "libbpf":
        paths = locations.object_paths()
    else:
        paths = sorted(locations.source_directory().glob("*.[ch]"))
    contents = [path.read_bytes() for path in paths]
    return {
        "boot": boot,
        "engine": engine,
        "settings": settings._asdict(),
        "programs": [[len(content), zlib.crc32(content)] for content in contents],
    }


def create_checkpoint_file(capture: Capture, boot: str) -> CheckpointFile | None:
    """Make the file that describes a capture; return None without a manager, or if it fails."""
    if not systemd.has_manager():
        return None
    streams = libbpf.num_possible_cpus() * len(record.HOOKS)
    try:
        return CheckpointFile.create(_describe(capture, boot), streams)
    except ExecauditError as error:
        log(WARNING, f"{error}, a restart will miss events")
        return None


def _descriptors(capture: Capture) -> dict[str, int]:
    """Return the descriptors with which another process can go on, by name."""
    fds = {f"map-{name}": capture.maps[name] for name in _MAPS}
    fds |= {f"program-{name}": fd for name, fd in capture.programs.items()}
    names = capture.points
    return fds | {f"link-{name}": fd for name, fd in zip(names, capture.links, strict=True)}


def hand_over(capture: Capture, file: CheckpointFile) -> None:
    """Store in the manager what another process needs to go on. Commit to the file first."""
    for name, fd in _descriptors(capture).items():
        systemd.store_descriptor(name, fd)
    systemd.store_descriptor(_CHECKPOINT, file.fd)  # the last: without it the others are not used


def descriptor_names(capture: Capture) -> list[str]:
    """Return the names under which `hand_over` has stored a capture."""
    return [*_descriptors(capture), _CHECKPOINT]


def withdraw(names: Sequence[str]) -> None:
    """Make the manager close the descriptors that it has stored under these names."""
    for name in names:
        systemd.remove_descriptor(name)
