# SPDX-License-Identifier: Apache-2.0
"""A capture described for another process, and the capture made again from its descriptors.

Owns what has to be equal before another process may use them, and which descriptors that takes.
Where they are stored between the processes is the business of `adoption`.
"""

import dataclasses
import os
import struct
import zlib
from typing import Any

from execaudit import __version__
from execaudit.engine import locations
from execaudit.engine.choice import choose_engine
from execaudit.kernel import libbpf
from execaudit.kernel.capture import Capture, Settings, link_program, program_id
from execaudit.kernel.hooks import AttachPoint, FailureHook
from execaudit.wire import record

_MAPS = ("events", "slots", "config", "rules", "rule_hits")  # the others are the programs' own
_MAP_INFO_BYTES = 24  # struct bpf_map_info, to map_flags
_FORMAT = 2

Description = dict[str, Any]
"""A capture in JSON: what it was made from, and what its descriptors are."""


def describe(capture: Capture, boot: str) -> Description:
    """Return what `adopt` has to know."""
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


def descriptors(capture: Capture) -> dict[str, int]:
    """Return the descriptors with which another process can go on, by name."""
    fds = {f"map-{name}": capture.maps[name] for name in _MAPS}
    fds |= {f"program-{name}": fd for name, fd in capture.programs.items()}
    names = capture.points
    return fds | {f"link-{name}": fd for name, fd in zip(names, capture.links, strict=True)}


def is_readable(description: Description) -> bool:
    """Return True if this version understands what the described programs write."""
    return (description.get("format"), description.get("wire")) == (_FORMAT, _wire())


def mismatch(description: Description, wanted: str, settings: Settings, boot: str) -> str:
    """Say why the described programs are not those wanted now; empty if they are."""
    before, now = description["origin"], _origin(choose_engine(wanted)[0], settings, boot)
    reasons = {
        "boot": "they are of another boot",
        "engine": "another engine is configured",
        "settings": "[capture] has changed",
        "programs": "this version has other programs",
    }
    return next((why for key, why in reasons.items() if before.get(key) != now[key]), "")


def adopt(description: Description, fds: dict[str, int]) -> Capture | None:
    """Make the capture that was described. The descriptors in `fds` become its own.

    None where they are not what their names say; then they stay the caller's.
    """
    origin, hook = description["origin"], description["failure_hook"]
    points = {name: AttachPoint(*point) for name, point in description["points"].items()}
    settings = Settings(**origin["settings"])
    try:
        capture = Capture(
            origin["engine"],
            "as the run before",
            settings,
            points,
            FailureHook(hook["name"], {}, hook["cost"]) if hook else None,
            {name: fds[f"program-{name}"] for name in points},
            {name: fds[f"map-{name}"] for name in _MAPS},
            [],
            failure_hook_error=description["failure_hook_error"],
            links=[fds[f"link-{name}"] for name in points],
        )
        if not _is_as_named(capture):
            return None
    except (KeyError, OSError):
        return None
    capture.adopt_rules()
    return capture


def _wire() -> list[Any]:
    return [record.WIRE_VERSION, zlib.crc32(repr(record.LAYOUTS).encode())]


def _origin(engine: str, settings: Settings, boot: str) -> Description:
    """Return what a capture is made from: two with the same origin are the same."""
    return {
        "boot": boot,
        "engine": engine,
        "settings": dataclasses.asdict(settings),
        "programs": _source_checksums(engine),
    }


def _source_checksums(engine: str) -> list[list[int]]:
    """Return size and CRC-32 of each file from which an engine makes programs."""
    if engine == "libbpf":
        paths = [locations.object_path()]
    else:
        paths = sorted(locations.source_directory().glob("*.[ch]"))
    contents = [path.read_bytes() for path in paths]
    return [[len(content), zlib.crc32(content)] for content in contents]


def _is_as_named(capture: Capture) -> bool:
    """Return True if the kernel says of each descriptor what its name says. Raises OSError."""
    kind, _, size = _map_shape(capture.maps["events"])
    if (kind, size) != (libbpf.MAP_RINGBUF, capture.settings.ring_bytes):
        return False
    for (name, point), link in zip(capture.points.items(), capture.links, strict=True):
        number = program_id(capture.programs[name])
        if point.how in ("raw_tp", "fexit") and link_program(link) != number:
            return False
        os.fstat(link)
    _, value_bytes, _ = _map_shape(capture.maps["slots"])
    return value_bytes == record.SLOT.size


def _map_shape(fd: int) -> tuple[int, int, int]:
    """Return kind, bytes of a value and entries of a map (struct bpf_map_info). Raises OSError."""
    info = libbpf.object_info(fd, _MAP_INFO_BYTES)
    kind, _, _, value_bytes, entries, _ = struct.unpack("@6I", info)
    return kind, value_bytes, entries
