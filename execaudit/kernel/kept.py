# SPDX-License-Identifier: Apache-2.0
"""The kernel side of another process, taken over by its descriptors.

Owns what has to be alike before that may be done, and which descriptors it takes. Where they are
kept between the processes is not its business.
"""

import dataclasses
import os
import struct
from typing import Any

from execaudit import __version__
from execaudit.digest import sha256
from execaudit.engine import locations
from execaudit.engine.choice import choose_engine
from execaudit.kernel import libbpf
from execaudit.kernel.capture import Capture, Settings, link_program, program_id
from execaudit.kernel.hooks import AttachPoint, FailureHook
from execaudit.wire import record

_MAPS = ("events", "slots", "config", "rules", "rule_hits")  # the others are the programs' own
_MAP_INFO_BYTES = 24  # struct bpf_map_info, as far as map_flags
_FORMAT = 1

Description = dict[str, Any]
"""A capture in JSON: what it was made from, and what its descriptors are."""


def program_digest(engine: str) -> str:
    """SHA-256, in hexadecimal, of what an engine makes programs from."""
    digest = sha256()
    if engine == "libbpf":
        digest.update(locations.object_path().read_bytes())
    else:
        for path in sorted(locations.source_directory().glob("*.[ch]")):
            digest.update(path.read_bytes())
    return digest.hexdigest()


def _wire_digest() -> str:
    digest = sha256()
    digest.update(repr(record.LAYOUTS).encode())
    return digest.hexdigest()


def _origin(engine: str, settings: Settings, boot: str) -> Description:
    """What a capture is made from: two that are alike in this are the same."""
    return {
        "boot": boot,
        "engine": engine,
        "settings": dataclasses.asdict(settings),
        "programs": program_digest(engine),
    }


def describe(capture: Capture, boot: str) -> Description:
    """What `adopt` has to know, as JSON has it."""
    hook = capture.failure_hook
    return {
        "format": _FORMAT,
        "wire": record.WIRE_VERSION,
        "layout": _wire_digest(),
        "version": __version__,
        "origin": _origin(capture.engine, capture.settings, boot),
        "points": {name: list(point) for name, point in capture.points.items()},
        "failure_hook": [hook.name, hook.cost] if hook else None,
        "failure_hook_error": capture.failure_hook_error,
    }


def descriptors(capture: Capture) -> dict[str, int]:
    """The descriptors with which another process can go on, by name."""
    kept = {f"map-{name}": capture.maps[name] for name in _MAPS}
    kept |= {f"program-{name}": fd for name, fd in capture.programs.items()}
    names = capture.points
    return kept | {f"link-{name}": fd for name, fd in zip(names, capture.links, strict=True)}


def is_readable(description: Description) -> bool:
    """Whether this version understands what the programs described have written."""
    mine = (_FORMAT, record.WIRE_VERSION, _wire_digest())
    return tuple(description.get(key) for key in ("format", "wire", "layout")) == mine


def misfit(description: Description, wanted: str, settings: Settings, boot: str) -> str:
    """Why programs that were made as described are not those wanted now; empty if they are."""
    before, now = description["origin"], _origin(choose_engine(wanted)[0], settings, boot)
    reasons = {
        "boot": "they are of another boot",
        "engine": "another engine is configured",
        "settings": "[capture] has changed",
        "programs": "this version has other programs",
    }
    return next((why for key, why in reasons.items() if before.get(key) != now[key]), "")


def adopt(description: Description, fds: dict[str, int]) -> Capture | None:
    """The capture that was described, of the descriptors in `fds`, which become the capture's own.

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
            FailureHook(hook[0], {}, hook[1]) if hook else None,
            {name: fds[f"program-{name}"] for name in points},
            {name: fds[f"map-{name}"] for name in _MAPS},
            [],
            failure_hook_error=description["failure_hook_error"],
            links=[fds[f"link-{name}"] for name in points],
        )
        if not _is_sound(capture):
            return None
    except (KeyError, OSError):
        return None
    capture.adopt_rules()
    return capture


def _is_sound(capture: Capture) -> bool:
    """Whether the kernel says of each descriptor what its name says. Raises OSError."""
    info = libbpf.object_info(capture.maps["events"], _MAP_INFO_BYTES)
    kind, _, _, _, size, _ = struct.unpack("@6I", info)
    if (kind, size) != (libbpf.MAP_RINGBUF, capture.settings.ring_bytes):
        return False
    for (name, point), link in zip(capture.points.items(), capture.links, strict=True):
        number = program_id(capture.programs[name])
        if point.how in ("raw_tp", "fexit") and link_program(link) != number:
            return False
        os.fstat(link)
    info = libbpf.object_info(capture.maps["slots"], _MAP_INFO_BYTES)
    return bool(struct.unpack("@6I", info)[3] == record.SLOT.size)
