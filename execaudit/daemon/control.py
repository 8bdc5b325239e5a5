# SPDX-License-Identifier: Apache-2.0
"""`execaudit status`, `reload` and `rotate`: talking to the running daemon.

By its status file and by signals; there is no socket. Owns what a person sees of the daemon's
state.
"""

import argparse
import json
import os
import signal
import sys
import time
from pathlib import Path

from execaudit.config.configuration import load
from execaudit.config.files import choose_paths
from execaudit.daemon.overview import overview
from execaudit.daemon.status import Status, prune_path, read_status, replace_file
from execaudit.errors import EXIT_OK, ExecauditError, NoPermission
from execaudit.rules.host_rules import find_problems

_RELOAD_WAIT_S = 10.0
_STATUS_WAIT_S = 2.0
_LOOK_S = 0.02
_NO_FILE = "Failed to find the daemon: there is no status file (status.path)"


def _path(args: argparse.Namespace) -> str:
    """The status file; empty where the configuration wants none."""
    if args.status_file:
        return str(args.status_file)
    return load(choose_paths(args.config, args.root)).config.status.path


def _needed_path(args: argparse.Namespace) -> str:
    path = _path(args)
    if not path:
        raise ExecauditError(_NO_FILE)
    return path


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
    """Have the configuration read again; 1 if the daemon kept the old one."""
    path = _path(args)
    if not path or ("MAINPID" in os.environ and not Path(path).exists()):
        return _reload_unseen(args)
    before = read_status(path)
    _send(before, signal.SIGHUP)
    deadline = time.monotonic() + _RELOAD_WAIT_S
    while time.monotonic() < deadline:
        result = read_status(path).get("reload", {})
        if result.get("count", 0) != before.get("reload", {}).get("count", 0):
            if result["result"] == "ok":
                return EXIT_OK
            raise ExecauditError(f"{result['result']}\nThe old configuration stays in force")
        time.sleep(_LOOK_S)
    raise ExecauditError(f"The daemon did not answer within {_RELOAD_WAIT_S:.0f} s")


def _reload_unseen(args: argparse.Namespace) -> int:
    """Without a status file: check what the daemon is going to read, then tell it to.

    The service manager names its process in $MAINPID (systemd.service(5), ExecReload=).
    """
    pid = os.environ.get("MAINPID", "")
    if not pid.isdecimal() or int(pid) < 2:
        raise ExecauditError(f"{_NO_FILE}; systemctl reload execaudit, or SIGHUP to its process")
    problems = find_problems(load(choose_paths(args.config, args.root)))
    if problems:
        told = "\n".join(map(str, problems))
        raise ExecauditError(f"{told}\nThe old configuration stays in force")
    _send({"pid": pid}, signal.SIGHUP)
    return EXIT_OK


def rotate(args: argparse.Namespace) -> int:
    """Have the file rotated now, and old ones removed where that is asked for."""
    path = _needed_path(args)
    status = read_status(path)
    if args.prune is not None:
        replace_file(prune_path(path), b"%d\n" % args.prune, 0o644)
    _send(status, signal.SIGUSR1)
    return EXIT_OK


def show(args: argparse.Namespace) -> int:
    """Print the daemon's state."""
    path = _needed_path(args)
    status = _refreshed(path, read_status(path))
    lines = [json.dumps(status)] if args.json else overview(status)
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    return EXIT_OK


def _refreshed(path: str, status: Status) -> Status:
    """The status as of now, where we may ask for it; else as it was last written."""
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
