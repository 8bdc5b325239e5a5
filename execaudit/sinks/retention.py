# SPDX-License-Identifier: Apache-2.0
"""How long records stay: the room for them, and the rate at which they come.

Owns the estimate that `status` and `doctor` show. It removes nothing.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from execaudit.config.quantities import DAY, GIB, Size
from execaudit.config.schema import File

_ENTRY_BYTES = 3 << 10  # of an exec in a journal (docs/sinks.md)
_LEAST_S = 60.0  # a shorter time gives no usable rate
_DEFAULT_PART, _DEFAULT_MOST = 10, 4 * GIB  # SystemMaxUse=, journald.conf(5)
_FOLDERS = ("etc", "run", "usr/local/lib", "usr/lib", "lib")


def file_room(settings: File) -> tuple[int, float]:
    """Return the bounds in bytes and in seconds for all files of the log; 0 for no bound."""
    generations = settings.max_file_bytes * (settings.num_logs + 1)
    in_bytes = [each for each in (settings.keep_bytes, generations) if settings.num_logs and each]
    in_seconds = [settings.keep_age, settings.max_age * settings.num_logs]
    return (
        min(in_bytes, default=settings.keep_bytes),
        min([each for each in in_seconds if each], default=0.0),
    )


def journal_room(root: Path = Path("/"), namespace: str = "") -> int:
    """Return how many bytes journald keeps, of all services; 0 where that is not known."""
    stored = root / "var/log/journal"
    key, folder = ("SystemMaxUse", stored) if stored.is_dir() else ("RuntimeMaxUse", root / "run")
    name = f"journald@{namespace}.conf" if namespace else "journald.conf"
    configured = 0
    for line in _configuration(root, name):
        option, _, value = line.partition("=")
        if option.strip() == key:
            configured = Size.parse(value.strip()) or 0
    if configured:
        return configured
    try:
        disk = os.statvfs(folder)
    except OSError:
        return 0
    return min(disk.f_blocks * disk.f_frsize // _DEFAULT_PART, _DEFAULT_MOST)


def _configuration(root: Path, name: str) -> Iterator[str]:
    """Yield the lines of a systemd configuration file and its drop-ins; later lines win."""
    drop_ins: dict[str, Path] = {}
    main: Path | None = None
    for folder in reversed(_FOLDERS):
        path = root / folder / "systemd" / name
        main = path if path.is_file() else main
        drop_ins |= {each.name: each for each in path.with_name(f"{name}.d").glob("*.conf")}
    for file in [*([main] if main else []), *(drop_ins[each] for each in sorted(drop_ins))]:
        try:
            yield from file.read_text(errors="replace").splitlines()
        except OSError:
            continue


def days_kept(sink: dict[str, Any], seconds: float, room_bytes: int, room_s: float) -> float | None:
    """Return for how many days a sink keeps records at the rate so far; None where unknown.

    `sink` has the counters of `seconds`, as `execaudit status` shows them. A room of 0: no bound.
    """
    found = [room_s / DAY] if room_s else []
    if room_bytes and seconds >= _LEAST_S and sink["written"]:
        taken = sink["bytes"]
        if "path" not in sink:
            taken = max(taken, sink["written"] * _ENTRY_BYTES)
        found.append(room_bytes / (taken / seconds) / DAY)
    return min(found, default=None)
