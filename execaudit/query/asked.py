# SPDX-License-Identifier: Apache-2.0
"""The whole condition of a question, which can depend on the logs: --boot=-1.

Owns which boot a number means.
"""

import argparse
from pathlib import Path

from execaudit.errors import InvalidArgument
from execaudit.query.conditions import Node, all_of, make_asked
from execaudit.query.selection import read_condition
from execaudit.rules.rule_set import OF_HOST
from execaudit.store.boots import boots_of_journal, boots_of_log
from execaudit.store.sources import Sources

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def read_asked(args: argparse.Namespace, sources: Sources) -> Node | None:
    """Return the condition of the arguments; None for every record. Raises InvalidArgument."""
    node = read_condition(args)
    if args.boot is None:
        return node
    boot = make_asked("boot", [_find_boot(args, sources)], OF_HOST)
    return boot if node is None else all_of([node, boot])


def _find_boot(args: argparse.Namespace, sources: Sources) -> str:
    text: str = args.boot
    if len(text.replace("-", "")) == 32:
        return text.replace("-", "")
    try:
        number = int(text)
    except ValueError:
        raise InvalidArgument(
            f"Failed to use --boot={text}: expected a number such as -1, or a boot id"
        ) from None
    boots: dict[str, None] = {}
    for log in sources.logs:
        boots |= dict.fromkeys(boots_of_log(log))
    for journal in sources.journals:
        boots |= dict.fromkeys(boots_of_journal(journal))
    if not args.file and not args.directory:
        this = _BOOT_ID.read_text().strip().replace("-", "")
        boots.pop(this, None)
        boots[this] = None
    known = list(boots)
    index = number - 1 if number > 0 else len(known) - 1 + number
    if not 0 <= index < len(known):
        raise InvalidArgument(f"Failed to use --boot={text}: there are {len(known)} boots")
    return known[index]
