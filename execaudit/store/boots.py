# SPDX-License-Identifier: Apache-2.0
"""Which boots a log or a journal has records of, oldest first.

Owns finding them. The first lines of each file name most of them. Within a file, the `start`
records name them: every run of the daemon begins with one.
"""

import json
from collections.abc import Iterator

from execaudit.store.broken import Broken
from execaudit.store.journal import Journal
from execaudit.store.log import Log
from execaudit.store.part import Part, read_clock

_START = b'","type":"start"'


def boots_of_log(log: Log) -> list[str]:
    """Return the ids of the boots that a log has records of."""
    found: dict[str, None] = {}
    heads = [None if part.head.clock is None else part.head.clock.boot for part in log.parts]
    for index, part in enumerate(log.parts):
        boot = heads[index]
        after = heads[index + 1] if index + 1 < len(heads) else None
        if after is None and not part.is_compressed:
            tail = part.tail_clock()
            after = None if tail is None else tail.boot
        if boot is not None and boot == after:
            found[boot] = None
        else:
            found |= dict.fromkeys(_boots_within(part))
    return list(found)


def _boots_within(part: Part) -> Iterator[str]:
    line_format = part.head.format
    for chunk in part.chunks(Broken()):
        data = chunk.data
        if line_format is None or line_format.name != "execaudit":
            yield from filter(None, map(_boot, data.split(b"\n")))
            continue
        if not chunk.offset:
            yield from filter(None, map(_boot, data.split(b"\n")[:64]))
        at = data.find(_START)
        while at >= 0:
            begin, end = data.rfind(b"\n", 0, at) + 1, data.find(b"\n", at)
            boot = _boot(data[begin:end])
            if boot:
                yield boot
            at = data.find(_START, end)


def _boot(line: bytes) -> str:
    clock = read_clock(line)
    if clock is not None:
        return clock.boot
    try:
        return str(json.loads(line)["boot"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""


def boots_of_journal(journal: Journal) -> list[str]:
    """Return the ids of the boots that a journal has records of."""
    begins: list[tuple[int, str]] = []
    for boot in journal.values("boot"):
        journal.match([[("boot", [boot])]])
        begin_ns = journal.begin_ns()
        if begin_ns is not None:
            begins.append((begin_ns, boot))
    return [boot for _, boot in sorted(begins)]
