# SPDX-License-Identifier: Apache-2.0
"""`execaudit baseline`: shows and changes what counts as run before on this host.

Owns the four verbs. A change replaces the file: the daemon opens it within half a minute, or with a
reload.
"""

import argparse
import json
import os
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

from execaudit.baseline.entries import HOUR_S, KIND_BITS
from execaudit.baseline.file import BaselineFile, read_baseline
from execaudit.baseline.keys import EXE, PAIR, USER, Hasher
from execaudit.config.configuration import Config, load
from execaudit.config.files import choose_paths
from execaudit.errors import EXIT_OK, ExecauditError, InvalidArgument, failed_call
from execaudit.records.first_seen import WORDS
from execaudit.records.quoting import quote_cell
from execaudit.replace_file import replace_file

_KIND = (1 << KIND_BITS) - 1
_NOT_JOINED = (
    "its keys are made with another secret than this host's, and cannot be joined with them;"
    " --replace forgets what this host has learned itself"
)


def run(args: argparse.Namespace) -> int:
    """Show, forget, export or import; return the exit status. Raises ExecauditError."""
    config = load(choose_paths(args.config, args.root)).config
    path = config.baseline.path
    if args.root != Path("/"):
        path = str(args.root) + path
    _VERBS[args.baseline_verb](args, config, path)
    return EXIT_OK


# -- show ---------------------------------------------------------------------------------------


def _show(args: argparse.Namespace, config: Config, path: str) -> None:
    file = read_baseline(path)
    if args.programs:
        for program in args.programs:
            _show_program(file, program, is_json=args.json)
        return
    counts = Counter(key & _KIND for key, _ in file.entries.items())
    ends_s = file.begun_s + config.baseline.learning
    facts: dict[str, Any] = {
        "path": path,
        "begun": _day(file.begun_s),
        "learning_until": _day(int(ends_s)),
        "is_learning": time.time() < ends_s,
        "known": {word: counts[kind] for kind, word in enumerate(WORDS)},
        "bytes": len(file.entries.data),
    }
    if args.json:
        print(json.dumps(facts))
        return
    state = "is learning until" if facts["is_learning"] else "has learned until"
    known = facts["known"]
    print(f"{path}: begun {facts['begun']}, {state} {facts['learning_until']}")
    print(
        f"{known['exe']} programs, {known['file']} files, {known['pair']} pairs of parent and"
        f" program, {known['user']} pairs of user and program, in {facts['bytes'] >> 10} KiB"
    )
    if not config.baseline.enabled:
        print("The configuration does not use it: [baseline] enabled = false", file=sys.stderr)


def _show_program(file: BaselineFile, program: str, *, is_json: bool) -> None:
    facts: dict[str, Any] = {"program": program}
    hours: list[int] = []
    for key, hour in _of_programs(file, [program]):
        if key & _KIND in (EXE, PAIR, USER):
            name = {EXE: "roots", PAIR: "parents", USER: "users"}[key & _KIND]
            facts[name] = facts.get(name, 0) + 1
            hours.append(hour)
    facts["last_seen"] = _day(max(hours) * HOUR_S) if hours else None
    if is_json:
        print(json.dumps(facts))
    elif not hours:
        print(f"{quote_cell(program)}: never run")
    else:
        print(
            f"{quote_cell(program)}: last run {facts['last_seen']}, below {facts.get('parents', 0)}"
            f" parents, by {facts.get('users', 0)} users"
        )


def _day(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%MZ", time.gmtime(min(max(seconds, 0), 2**40 // 8)))


def _of_programs(file: BaselineFile, programs: list[str]) -> list[tuple[int, int]]:
    hasher = Hasher(file.secret)
    wanted: set[int] = set()
    for program in programs:
        if not program.startswith("/"):
            raise InvalidArgument(f"Failed to look for '{program}': it is no absolute path")
        for is_elsewhere in (False, True):
            wanted.add(hasher.program(os.fsencode(program), is_elsewhere=is_elsewhere))
    return [(key, hour) for key, hour in file.entries.items() if key >> 32 in wanted]


# -- changes ------------------------------------------------------------------------------------


def _forget(args: argparse.Namespace, _: Config, path: str) -> None:
    if args.all is bool(args.programs):
        raise InvalidArgument("Failed to forget: expected programs, or --all")
    file = read_baseline(path)
    if args.all:
        file = BaselineFile.empty(int(time.time()))
    else:
        found = _of_programs(file, args.programs)
        file.entries.remove({key for key, _ in found})
        print(f"{len(found)} entries are forgotten")
    _put(file, path)


def _export(args: argparse.Namespace, _: Config, path: str) -> None:
    _write(args.file, read_baseline(path).pack(), None)


def _import(args: argparse.Namespace, _: Config, path: str) -> None:
    other = read_baseline(str(args.file))
    now_s = int(time.time())
    if not args.same_files:
        other.files_begun_s = now_s
    own = read_baseline(path) if Path(path).exists() else BaselineFile.empty(now_s)
    is_empty = next(own.entries.items(), None) is None
    if other.secret == own.secret:
        for key, hour in own.entries.items():
            other.entries.see(key, max(hour, other.entries.last_seen(key) or 0))
        other.files_begun_s = min(own.files_begun_s, other.files_begun_s)
    elif not is_empty and not args.replace:
        raise ExecauditError(f"Failed to import '{args.file}': {_NOT_JOINED}")
    _put(other, path)


def _put(file: BaselineFile, path: str) -> None:
    """Replace the daemon's file; keep its owner. Raises ExecauditError."""
    at = Path(path)
    try:
        status = at.stat() if at.exists() else at.parent.stat()
    except OSError as error:
        raise failed_call(f"write baseline '{path}'", error) from error
    _write(at, file.pack(), (status.st_uid, status.st_gid))
    print("A running daemon takes it over within half a minute; execaudit reload: at once")


def _write(path: Path, data: bytes, owner: tuple[int, int] | None) -> None:
    try:
        replace_file(path, data, owner=owner)
    except OSError as error:
        raise failed_call(f"write '{path}'", error) from error


_VERBS = {"show": _show, "forget": _forget, "export": _export, "import": _import}
