# SPDX-License-Identifier: Apache-2.0
"""Arguments of `execaudit baseline`."""

import argparse
from collections.abc import Callable
from pathlib import Path


def add_arguments(
    parser: argparse.ArgumentParser, add_configuration: Callable[[argparse.ArgumentParser], None]
) -> None:
    """Add the options of `execaudit baseline`; `add_configuration` adds the common ones."""
    parser.description = "Show or change what counts as run before on this host."
    verbs = parser.add_subparsers(dest="baseline_verb", metavar="VERB", required=True)

    def add(name: str, text: str) -> argparse.ArgumentParser:
        return verbs.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.")

    show = add("show", "say what is known: in numbers, or of programs")
    show.add_argument("programs", nargs="*", metavar="PATH", help="a program or a script")
    show.add_argument("--json", action="store_true", help="print JSON")
    forget = add("forget", "have programs count as never run, with their parents and users")
    forget.add_argument("programs", nargs="*", metavar="PATH", help="a program or a script")
    forget.add_argument("--all", action="store_true", help="begin again, learning at first")
    export = add("export", "write all that is known to a file, for other hosts")
    export.add_argument("file", type=Path, metavar="FILE", help="the file to write")
    imported = add("import", "take over what another host knows")
    imported.add_argument("file", type=Path, metavar="FILE", help="a file that export wrote")
    imported.add_argument(
        "--replace", action="store_true", help="forget what this host has learned itself"
    )
    imported.add_argument(
        "--same-files",
        action="store_true",
        help="this host is a copy of that one's disk: its files are the same",
    )
    for each in (show, forget, export, imported):
        add_configuration(each)
