# SPDX-License-Identifier: Apache-2.0
"""`execaudit rules enable` and `disable`: packs of rules, their parts, and single rules.

Owns the links in rules.d and the list of rules that are switched off. A pack is a directory of
rules files.
"""

import argparse
import json
import os
from collections.abc import Iterable
from pathlib import Path

from execaudit.config.configuration import load
from execaudit.config.files import RULES, Paths, choose_paths
from execaudit.config.source import DISABLE, Problem, Source, rule_tables
from execaudit.errors import EXIT_OK, InvalidArgument, failed_call
from execaudit.replace_file import replace_file

_PACKS = "usr/share/execaudit"
_SOURCE = Path(__file__).parents[2] / "packaging/config"  # if it runs from a checkout
_SUFFIX = ".d"
_FIRST = "60-"
_SWITCHED_OFF = "90-disabled.toml"
_HEADER = """\
# Rules that are switched off, by name: `execaudit rules disable NAME` and `enable NAME` change it.
"""


def run(args: argparse.Namespace) -> int:
    """Switch a pack, a part of it or a rule on or off; return the exit status.

    Raises ExecauditError.
    """
    paths = choose_paths(args.config, args.root)
    name, _, part = args.name.partition("/")
    pack = _find_pack(paths.root, name)
    is_on = args.subject == "enable"
    if pack is None:
        changed = _switch_rule(paths, args.name, is_on=is_on)
    else:
        files = sorted(each for each in pack.glob("*.toml") if part in ("", each.stem))
        if not files:
            raise InvalidArgument(f"Failed to find '{part}' in the pack '{name}'")
        changed = _switch_files(paths, name, files, is_on=is_on)
    state = "on" if is_on else "off"
    if not changed:
        print(f"{args.name} is {state} already")
        return EXIT_OK
    print(f"{args.name} is {state}; `systemctl reload execaudit` takes it over")
    return EXIT_OK


def _find_pack(root: Path, name: str) -> Path | None:
    """Return the directory of a pack, None if there is no pack of this name."""
    if not name.isidentifier():
        return None
    for folder in (root / _PACKS, _SOURCE):
        pack = folder / (name + _SUFFIX)
        if pack.is_dir() and pack.name != RULES:
            return pack
    return None


def _switch_files(paths: Paths, name: str, files: Iterable[Path], *, is_on: bool) -> bool:
    """Add or remove links to files of a pack; return True if anything changed."""
    folder = paths.folders[-1] / RULES
    changed = False
    for file in files:
        link = folder / f"{_FIRST}{name}-{file.name}"
        try:
            if is_on and not os.path.lexists(link):
                folder.mkdir(parents=True, exist_ok=True)
                inside = file.is_relative_to(paths.root)
                link.symlink_to("/" / file.relative_to(paths.root) if inside else file)
                changed = True
            elif not is_on and link.is_symlink():
                link.unlink()
                changed = True
        except OSError as error:
            raise failed_call(f"change '{link}'", error, InvalidArgument) from None
    return changed


def _switch_rule(paths: Paths, name: str, *, is_on: bool) -> bool:
    """Add or remove a name in the list of rules that are off; return True if it changed."""
    file = paths.folders[-1] / RULES / _SWITCHED_OFF
    off = _read_list(file)
    if is_on == (name not in off):
        loaded = load(paths)
        if is_on and name in loaded.disabled:
            raise InvalidArgument(
                f"Failed to enable '{name}': a file other than '{file}' disables it"
            )
        if name not in {rule.name for rule in loaded.rules} and name not in off:
            raise InvalidArgument(
                f"Failed to find '{name}': there is no such pack and no such rule"
            )
        return False
    if not is_on and name not in {rule.name for rule in load(paths).rules}:
        raise InvalidArgument(f"Failed to find '{name}': there is no such pack and no such rule")
    off ^= {name}
    _write_list(file, off)
    return True


def _read_list(file: Path) -> set[str]:
    try:
        data = file.read_bytes()
    except FileNotFoundError:
        return set()
    except OSError as error:
        raise failed_call(f"read '{file}'", error, InvalidArgument) from None
    problems: list[Problem] = []
    off: set[str] = set()
    try:
        rules = rule_tables(Source(str(file), file.name, data), problems, off)
    except UnicodeDecodeError:
        raise InvalidArgument(f"Failed to read '{file}': it is not UTF-8") from None
    if problems or rules:
        raise InvalidArgument(f"Failed to change '{file}': it holds more than a list of names")
    return off


def _write_list(file: Path, off: Iterable[str]) -> None:
    lines = "".join(f"    {json.dumps(name, ensure_ascii=False)},\n" for name in sorted(off))
    try:
        if lines:
            replace_file(file, f"{_HEADER}{DISABLE} = [\n{lines}]\n".encode(), mode=0o644)
        else:
            file.unlink()
    except OSError as error:
        raise failed_call(f"write '{file}'", error, InvalidArgument) from None
