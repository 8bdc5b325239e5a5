# SPDX-License-Identifier: Apache-2.0
"""The daemon's status as a person reads it: `execaudit status` without --json.

Owns the words and columns. Everything comes from the status file; names of rules and paths in it
are printed without control characters.
"""

from collections.abc import Iterator

from execaudit.daemon.status import Status
from execaudit.records.quoting import quote_cell

_EVENTS = ("seen", "dropped", "limited", "collapsed", "lost", "undecodable")
_UNITS = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))


def overview(status: Status) -> list[str]:
    """Return the lines of the overview; `status` as `execaudit status --json` prints it."""
    return [*_daemon(status), "", *_events(status), "", *_sinks(status), *_rules(status)]


def _daemon(status: Status) -> Iterator[str]:
    unseen = status.get("failure_hook_error")
    failures = status.get("failure_hook") or ("NOT SEEN" if unseen else "not traced")
    yield f"execaudit   pid {status['pid']}, up {_duration(status['uptime_s'])}"
    yield f"engine      {status['engine']}; failures: {failures}"
    if unseen:
        yield f"            {quote_cell(unseen)}"
    ring = status["ring"]
    filled = 100 * ring["high_water_bytes"] / max(1, ring["size_bytes"])
    yield f"ring        {_size(ring['size_bytes'])}, at most {filled:.0f} % full since the start"
    if "looked" in status:
        state = "execs are seen" if status["is_tracing"] else "EXECS ARE NOT SEEN"
        yield f"self-check  {status['looked'][:19]}Z: {state} ({status['repairs']} repairs in all)"
    yield f"config      SHA-256 {status['config_hash'][:12]}"
    reload = status.get("reload") or {}
    if reload:
        first = quote_cell(str(reload["result"]).split("\n", 1)[0])
        yield f"reload      {reload['time'][:19]}Z: {first} ({reload['count']} in all)"
    process = status["process"]
    share = 100 * process["cpu_s"] / max(0.1, status["uptime_s"])
    yield (
        f"process     {_size(process['resident_bytes'])} resident, {process['cpu_s']:.1f} s of CPU"
        f" ({share:.1f} % of one)"
    )


def _events(status: Status) -> Iterator[str]:
    events = status["events"]
    rate = status.get("events_per_second")
    yield "events      " + _columns([*_EVENTS, "per second"])
    counts = [f"{events.get(name, 0):,}" for name in _EVENTS]
    yield "            " + _columns([*counts, "" if rate is None else f"{rate:,.1f}"])


def _sinks(status: Status) -> Iterator[str]:
    yield "sink        " + _columns(["written", "bytes", "lost", "deselected", "queued", "state"])
    for name, sink in status["sinks"].items():
        counts = [
            f"{sink['written']:,}",
            _size(sink["bytes"]),
            f"{sink['lost']:,}",
            f"{sink['deselected']:,}",
            f"{sink['queue_depth']:,}",
            "failing" if sink.get("is_failing") else "works",
        ]
        path = f"   {quote_cell(sink['path'])}" if sink.get("path") else ""
        yield f"{name:12}{_columns(counts)}{path}"


def _rules(status: Status) -> Iterator[str]:
    rules = status.get("rules") or {}
    if not rules:
        return
    yield ""
    yield "rule hits   " + _columns(["all", "in kernel"])
    for name, rule in rules.items():
        counts = _columns([f"{rule['hits']:,}", f"{rule['kernel_hits']:,}"])
        yield f"{'':12}{counts}   {quote_cell(name)}"


def _columns(texts: list[str]) -> str:
    return " ".join(f"{text:>12}" for text in texts).rstrip()


def _duration(seconds: float) -> str:
    """The two largest units: "3 d 4 h"."""
    left = int(seconds)
    parts: list[str] = []
    for length, unit in _UNITS:
        if left >= length or (parts and len(parts) < 2):
            parts.append(f"{left // length} {unit}")
            left %= length
    return " ".join(parts[:2]) or "0 s"


def _size(count: int) -> str:
    size = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1024 or unit == "GiB":
            break
        size /= 1024
    return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
