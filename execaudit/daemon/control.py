# SPDX-License-Identifier: Apache-2.0
"""`execaudit status`, `reload` and `rotate`: talk to the running daemon.

They use its status file and signals; there is no socket. Owns what a person sees of the daemon's
state, which is printed without control characters: the daemon runs as another user.
"""

import argparse
import contextlib
import json
import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from execaudit.config.configuration import load
from execaudit.config.files import choose_paths
from execaudit.daemon.prune import request_prune
from execaudit.errors import EXIT_OK, MALFORMED, ExecauditError, NoPermission
from execaudit.records.quoting import make_printable, quote_cell
from execaudit.rules.notes import find_notes
from execaudit.rules.rule_set import find_problems
from execaudit.sinks.retention import days_kept, journal_room

_WHERE_TO_LOOK = "journalctl -u execaudit says why, where it is the service"

Status = dict[str, Any]
_EVENTS = ("seen", "dropped", "limited", "collapsed", "lost", "undecodable")
_UNITS = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))
_RELOAD_WAIT_S = 10.0
_STATUS_WAIT_S = 2.0
_LOOK_S = 0.02
_NO_FILE = "Failed to find the daemon: there is no status file (status.path)"


def _path(args: argparse.Namespace) -> str:
    """Return the status file; empty where the configuration wants none."""
    if args.status_file:
        return str(args.status_file)
    return load(choose_paths(args.config, args.root)).config.status.path


def _needed_path(args: argparse.Namespace) -> str:
    path = _path(args)
    if not path:
        raise ExecauditError(_NO_FILE)
    return path


def read_status(path: str) -> Status:
    """Return what the running daemon last wrote. Raises ExecauditError if none runs."""
    try:
        status: Status = json.loads(Path(path).read_bytes())
    except FileNotFoundError:
        raise ExecauditError(
            f"Failed to read '{path}': the daemon is not running; {_WHERE_TO_LOOK}"
        ) from None
    except PermissionError:
        raise NoPermission(
            f"Failed to read '{path}': not permitted; run as root, or as a member of its group"
        ) from None
    except (OSError, ValueError, RecursionError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise ExecauditError(f"Failed to read '{path}': {reason}") from error
    pid = status.get("pid") if isinstance(status, dict) else None
    if type(pid) is not int or pid < 1:
        raise ExecauditError(f"Failed to read '{path}': it is not the status of a daemon")
    if not _catches_signals(pid):
        raise ExecauditError(
            f"The daemon that wrote '{path}' is not running any more; {_WHERE_TO_LOOK}"
        )
    return status


def _catches_signals(pid: int) -> bool:
    """Return True if a process handles the signals of a daemon.

    The number may be another process's by now, which these signals would kill.
    """
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        caught = next(int(line.split()[1], 16) for line in lines if line.startswith("SigCgt:"))
    except (OSError, StopIteration):
        return False
    return all(caught >> (number - 1) & 1 for number in (signal.SIGHUP, signal.SIGUSR1))


def _send(status: Status, number: signal.Signals) -> None:
    try:
        os.kill(int(status["pid"]), number)
    except PermissionError as error:
        raise NoPermission(
            f"Failed to signal process {status['pid']}: not permitted; run as root"
        ) from error
    except ProcessLookupError as error:
        raise ExecauditError("The daemon is not running any more") from error


def reload(args: argparse.Namespace) -> int:
    """Make the daemon read its configuration again; return the exit status.

    Raises ExecauditError if it kept the old one.
    """
    path = _path(args)
    if not path or ("MAINPID" in os.environ and not Path(path).exists()):
        return _reload_unseen(args)
    before = read_status(path)
    _send(before, signal.SIGHUP)
    deadline = time.monotonic() + _RELOAD_WAIT_S
    while time.monotonic() < deadline:
        status = read_status(path)
        result = status.get("reload", {})
        if result.get("count", 0) != before.get("reload", {}).get("count", 0):
            if result["result"] == "ok":
                failures_work = not status.get("failure_hook_error")
                _print_notes(args, result.get("notes", []), failures_work=failures_work)
                return EXIT_OK
            raise ExecauditError(f"{result['result']}\nThe old configuration stays in force")
        time.sleep(_LOOK_S)
    raise ExecauditError(f"The daemon did not answer within {_RELOAD_WAIT_S:.0f} s")


def _print_notes(args: argparse.Namespace, notes: list[str], *, failures_work: bool = True) -> None:
    """Print the daemon's notes on a reload, and which rules do nothing."""
    # The manager runs this in the service's sandbox, which hides files and refuses to list folders.
    sees_files = "MAINPID" not in os.environ and args.root == Path("/")
    loaded = load(choose_paths(args.config, args.root))
    in_rules = find_notes(loaded, failures_work=failures_work, is_of_host=sees_files)
    for note in (*notes, *in_rules):
        print(note, file=sys.stderr)


def _reload_unseen(args: argparse.Namespace) -> int:
    """Check the configuration, then make the daemon read it, without a status file.

    The service manager names its process in $MAINPID (systemd.service(5), ExecReload=).
    """
    pid = os.environ.get("MAINPID", "")
    if not pid.isdecimal() or int(pid) < 2:
        raise ExecauditError(f"{_NO_FILE}; systemctl reload execaudit, or SIGHUP to its process")
    problems = find_problems(load(choose_paths(args.config, args.root)))
    if problems:
        lines = "\n".join(map(str, problems))
        raise ExecauditError(f"{lines}\nThe old configuration stays in force")
    _send({"pid": pid}, signal.SIGHUP)
    _print_notes(args, [])
    return EXIT_OK


def rotate(args: argparse.Namespace) -> int:
    """Make the daemon rotate its file, and remove old ones if asked for; return the exit status."""
    path = _needed_path(args)
    status = read_status(path)
    if args.prune is not None:
        request_prune(path, args.prune)
    _send(status, signal.SIGUSR1)
    return EXIT_OK


def show(args: argparse.Namespace) -> int:
    """Print the daemon's state; return the exit status. Raises ExecauditError."""
    path = _needed_path(args)
    status = _refreshed(path, read_status(path))
    with contextlib.suppress(*MALFORMED):
        journal = status["sinks"]["journal"]
        journal["room_bytes"] = journal_room(namespace=_log_namespace(status))
    try:
        lines = [json.dumps(status)] if args.json else [make_printable(x) for x in overview(status)]
    except MALFORMED:
        raise ExecauditError(f"Failed to read '{path}': another version wrote it") from None
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    return EXIT_OK


def _log_namespace(status: Status) -> str:
    """Return the daemon's namespace of the journal; "" for the common one."""
    # LogNamespace= mounts /run/systemd/journal.NAME where the service looks for its journal.
    try:
        text = Path(f"/proc/{status['pid']}/mountinfo").read_text()
    except OSError:
        return ""
    for line in text.splitlines():
        source, target = line.split()[3:5]
        if target == "/run/systemd/journal" and "/journal." in source:
            return source.rpartition("/journal.")[2]
    return ""


def _refreshed(path: str, status: Status) -> Status:
    """Return the status as of now, if we may ask for it; else as it was last written."""
    before_ns = Path(path).stat().st_mtime_ns
    try:
        _send(status, signal.SIGCONT)
    except NoPermission:
        return status
    deadline = time.monotonic() + _STATUS_WAIT_S
    while time.monotonic() < deadline:
        if Path(path).stat().st_mtime_ns != before_ns:
            return read_status(path)
        time.sleep(_LOOK_S)
    return status


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
    if status.get("config_error"):
        count = len(status["config_error"].splitlines())
        yield f"            THE LAST GOOD ONE; on disk are {count} mistakes (execaudit check)"
    reload = status.get("reload") or {}
    if reload:
        first = quote_cell(str(reload["result"]).split("\n", 1)[0])
        yield f"reload      {reload['time'][:19]}Z: {first} ({reload['count']} in all)"
    process = status["process"]
    share = 100 * process["cpu_s"] / max(0.1, process["age_s"])
    priority = "realtime" if process["is_realtime"] else "ordinary"
    yield (
        f"process     {_size(process['resident_bytes'])} resident, {process['cpu_s']:.1f} s of CPU"
        f" ({share:.1f} % of one), {priority} priority"
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
    yield from _retention(status)


def _retention(status: Status) -> Iterator[str]:
    """Yield for how long records stay, at the rate since the start."""
    said: list[str] = []
    for name, sink in status["sinks"].items():
        room_bytes, room_s = sink.get("room_bytes", 0), sink.get("room_s", 0)
        days = days_kept(sink, status["uptime_s"], room_bytes, room_s)
        if days is None or not room_bytes:
            continue
        others = ", if nobody else writes there" if name == "journal" else ""
        said.append(f"{name} {days:,.1f} days in {_size(room_bytes)}{others}")
    if said:
        yield f"kept        at this rate: {'; '.join(said)}"


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
    """Return a duration in its two largest units: "3 d 4 h"."""
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
