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

from execaudit.config.configuration import load
from execaudit.config.verb import choose_paths
from execaudit.daemon.status import Status, read_status
from execaudit.errors import EXIT_OK, ExecauditError, NoPermission

_RELOAD_WAIT_S = 10.0
_LOOK_S = 0.05


def _path(args: argparse.Namespace) -> str:
    if args.status_file:
        return str(args.status_file)
    return load(choose_paths(args.config, args.root)).config.status.path


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


def rotate(args: argparse.Namespace) -> int:
    """Have the file rotated now."""
    _send(read_status(_path(args)), signal.SIGUSR1)
    return EXIT_OK


def show(args: argparse.Namespace) -> int:
    """Print the daemon's state."""
    status = read_status(_path(args))
    if args.json:
        sys.stdout.write(json.dumps(status) + "\n")
        return EXIT_OK
    for name, value in _rows(status):
        sys.stdout.write(f"{name:28}{value}\n")
    return EXIT_OK


def _rows(status: Status, prefix: str = "") -> list[tuple[str, object]]:
    rows: list[tuple[str, object]] = []
    for name, value in status.items():
        if isinstance(value, dict):
            rows += _rows(value, f"{prefix}{name}.")
        elif value not in (None, ""):
            rows.append((prefix + name, value))
    return rows
