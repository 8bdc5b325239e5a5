# SPDX-License-Identifier: Apache-2.0
"""The daemon's state in two files, for `execaudit status` and for Prometheus; no network port.

Owns their form and their atomic replacement. What they say is given as one dict, the metrics are
made from its numbers.
"""

import contextlib
import json
import os
import resource
from pathlib import Path
from typing import Any

from execaudit.errors import ExecauditError, NoPermission

Status = dict[str, Any]

_COUNTERS = {
    *("seen", "dropped", "limited", "collapsed", "lost", "undecodable"),
    *("written", "bytes", "deselected", "hits", "count", "repairs", "checks"),
}
"""Last words of what only grows."""


def own_usage() -> Status:
    """Return the CPU seconds and resident bytes of this process."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return {
        "cpu_s": round(usage.ru_utime + usage.ru_stime, 3),
        "resident_bytes": pages * resource.getpagesize(),
    }


def replace_file(path: str, data: bytes, mode: int) -> None:
    """Write a file so that readers see the old or the new one, never a part."""
    temporary = f"{path}.{os.getpid()}"
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        with os.fdopen(os.open(temporary, flags, mode), "wb") as file:
            file.write(data)
            os.fchmod(file.fileno(), mode)
        Path(temporary).replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            Path(temporary).unlink()
        raise ExecauditError(f"Failed to write '{path}': {error.strerror}") from error


def prune_path(path: str) -> str:
    """Where it is written how many rotated files are to be kept; beside the status file."""
    return f"{path}.prune"


def take_prune(path: str) -> int | None:
    """Remove and return how many rotated files are to be kept; None where nobody asked."""
    request = Path(prune_path(path))
    try:
        fd = os.open(request, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            is_ours = os.fstat(fd).st_uid in (0, os.geteuid())
            text = os.read(fd, 32).strip()
        finally:
            os.close(fd)
        request.unlink()
    except OSError:
        return None
    return int(text) if is_ours and text.isdigit() else None


def write_status(path: str, status: Status) -> None:
    """Replace the status file."""
    replace_file(path, json.dumps(status).encode() + b"\n", 0o640)


def read_status(path: str) -> Status:
    """Return what the running daemon last wrote. Raises ExecauditError where there is none."""
    try:
        status: Status = json.loads(Path(path).read_bytes())
    except FileNotFoundError:
        raise ExecauditError(f"Failed to read '{path}': the daemon is not running") from None
    except PermissionError:
        raise NoPermission(
            f"Failed to read '{path}': not permitted; run as root, or as a member of its group"
        ) from None
    except OSError as error:
        raise ExecauditError(f"Failed to read '{path}': {error.strerror}") from error
    except ValueError as error:
        raise ExecauditError(f"Failed to read '{path}': {error}") from error
    if not Path(f"/proc/{status.get('pid')}").exists():
        raise ExecauditError(f"The daemon that wrote '{path}' is not running any more")
    return status


def metrics_text(status: Status) -> str:
    """Return every number of the status in Prometheus text format, lines of a metric together."""
    metrics: dict[str, list[str]] = {}
    _add_metrics(metrics, "execaudit", status, "")
    lines: list[str] = []
    for name, samples in metrics.items():
        kind = "counter" if name.endswith("_total") else "gauge"
        lines += [f"# TYPE {name} {kind}", *samples]
    return "".join(f"{line}\n" for line in lines)


def _add_metrics(metrics: dict[str, list[str]], name: str, value: Any, label: str) -> None:
    if isinstance(value, dict):
        for key, inner in value.items():
            if key in ("sinks", "rules") and isinstance(inner, dict):
                for of, counters in inner.items():
                    own = f'{{{key[:-1]}="{_escape(str(of))}"}}'
                    _add_metrics(metrics, f"{name}_{key[:-1]}", counters, own)
            else:
                _add_metrics(metrics, f"{name}_{key}", inner, label)
    elif isinstance(value, (bool, int, float)):
        unit = f"{name.removesuffix('_s')}_seconds" if name.endswith("_s") else name
        last = name.rsplit("_", 1)[-1]
        is_counter = name.endswith("_cpu_s") or (last in _COUNTERS and "_file_bytes" not in name)
        if name.endswith(("queue_bytes", "size_bytes", "water_bytes", "resident_bytes")):
            is_counter = False
        full = f"{unit}_total" if is_counter else unit
        metrics.setdefault(full, []).append(f"{full}{label} {value + 0}")


def _escape(label: str) -> str:
    return label.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
