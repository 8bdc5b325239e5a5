# SPDX-License-Identifier: Apache-2.0
"""The programs of what ran before tracing began, for rules that ask about ancestors.

Owns the choice of where they come from: the kernel, or, where it cannot be asked, /proc.
"""

import os
from typing import TYPE_CHECKING

from execaudit.daemon.log import log
from execaudit.engine.running import read_running
from execaudit.errors import ExecauditError
from execaudit.records.place import path_bytes
from execaudit.sinks.notices import WARNING
from execaudit.wire import record

if TYPE_CHECKING:
    from execaudit.rules.rule_set import RuleSet

_UNKNOWN_PATH = record.FLAG_BAD_EXE_PATH | record.FLAG_CUT_EXE


def remember_running(rules: "RuleSet | None", engine: str) -> None:
    """Let rules know what every process runs, where they ask; to be called with hooks attached."""
    if rules is None or not rules.wants_programs:
        return
    try:
        found = read_running(engine)
    except (ExecauditError, OSError) as error:
        log(WARNING, f"Failed to read what runs already: {error}, going on with what /proc shows")
        _remember_from_proc(rules)
        return
    for one in found:
        if one.flags & record.FLAG_BAD_START:
            continue
        path = path_bytes(one.path, one.exe_flags & record.EXE_UNREACHABLE)
        rules.programs.remember(
            one.pid,
            one.start_ns,
            one.exec_count,
            "" if one.flags & _UNKNOWN_PATH else os.fsdecode(path),
            is_elsewhere=bool(one.flags & record.FLAG_OTHER_ROOT),
        )


def _remember_from_proc(rules: "RuleSet") -> None:
    from execaudit.rules.proc_record import running_programs  # noqa: PLC0415 - seldom needed

    for program in running_programs():
        rules.programs.remember_running(*program)
