# SPDX-License-Identifier: Apache-2.0
"""What rules remember of processes, as bytes: the next daemon goes on with it.

Owns the form: entries of two NUL terminated texts; the first begins with a letter for its kind. A
later entry replaces an earlier one, so that news are appended. The daemon decides where they go.
"""

import json
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

from execaudit.rules.processes import image_entry, tree_entry

if TYPE_CHECKING:
    from execaudit.rules.rule_set import RuleSet

_RULES, _IMAGE, _IMAGE_ELSEWHERE, _RUNNING, _TREE = b"d", b"i", b"e", b"r", b"t"


def render_remembered(rules: "RuleSet") -> Iterator[bytes]:
    """Yield all entries: first the rules that the others refer to, then the oldest of each kind."""
    yield _RULES + b"\0" + json.dumps([rule.text for rule in rules.rules]).encode() + b"\0"
    for process, indices in rules.inherited.by_process.items():
        yield tree_entry(process, indices)
    for (pid, ticks), exe in rules.programs.running.items():
        yield b"r%x-%x\0%s\0" % (pid, ticks, os.fsencode(exe))
    for image, exe in rules.programs.by_image.items():
        yield image_entry(image, exe, is_elsewhere=image in rules.programs.elsewhere)


def restore_remembered(rules: "RuleSet", data: bytes, *, is_traced: bool) -> None:
    """Take over what another daemon remembered, of rules with the same text in both.

    `is_traced`: tracing went on meanwhile. If not, processes that began before tracing may run
    something else now. Raises ValueError or IndexError where `data` has another form.
    """
    index_of: dict[str, int] = {}
    for index, rule in enumerate(rules.rules):
        index_of.setdefault(rule.text, index)
    now: list[int | None] = []
    programs, inherited = rules.programs, rules.inherited
    texts = data.split(b"\0")
    for key, value in zip(texts[:-1:2], texts[1::2], strict=False):
        kind, name = key[:1], key[1:].decode()
        if kind == _RULES:
            now = [index_of.get(text) for text in json.loads(value)]
        elif kind in (_IMAGE, _IMAGE_ELSEWHERE):
            pid, start_ns, exec_count = (int(part, 16) for part in name.split("-"))
            exe, is_elsewhere = os.fsdecode(value), kind == _IMAGE_ELSEWHERE
            programs.remember(pid, start_ns, exec_count, exe, is_elsewhere=is_elsewhere)
        elif kind == _RUNNING and is_traced:
            pid, ticks = (int(part, 16) for part in name.split("-"))
            if (pid, ticks) not in programs.running:
                programs.remember_running(pid, ticks, os.fsdecode(value))
        elif kind == _TREE and inherited.is_used:
            pid, start_ns = (int(part, 16) for part in name.split("-"))
            known = [now[int(part)] for part in value.split(b",")]
            holding = tuple(sorted({each for each in known if each is not None}))
            if holding:
                inherited.add((pid, start_ns), holding)
