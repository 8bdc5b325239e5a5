# SPDX-License-Identifier: Apache-2.0
"""The programs of processes that ran before tracing: for records of their children, and rules.

Owns the choice of the source: the kernel, or /proc if the kernel cannot be asked and rules need it.
"""

import os
from typing import TYPE_CHECKING

from execaudit.daemon.log import log
from execaudit.daemon.setup import Setup
from execaudit.engine.running import read_running
from execaudit.errors import ExecauditError
from execaudit.records.place import path_bytes
from execaudit.records.process_commands import ProcessCommands
from execaudit.sinks.notices import WARNING
from execaudit.wire import record

if TYPE_CHECKING:
    from execaudit.rules.rule_set import RuleSet

_UNKNOWN_PATH = record.FLAG_BAD_EXE_PATH | record.FLAG_CUT_EXE


def remember_running(commands: ProcessCommands, setup: Setup, engine: str) -> None:
    """Remember what every process runs. Call it with the hooks attached.

    BCC takes a second to compile the reader: with it, only rules are a reason to ask.
    """
    rules = setup.rules if setup.wants_programs else None
    if rules is None and engine != "libbpf":
        return
    try:
        found = read_running(engine)
    except (ExecauditError, OSError) as error:
        if rules is None:
            return
        log(WARNING, f"Failed to read what runs already: {error}, going on with what /proc shows")
        _remember_from_proc(rules)
        return
    for one in found:
        if one.flags & record.FLAG_BAD_START:
            continue
        path = path_bytes(one.path, one.exe_flags & record.EXE_UNREACHABLE)
        exe = "" if one.flags & _UNKNOWN_PATH else os.fsdecode(path)
        image = (one.pid, one.start_ns, one.exec_count)
        commands.remember_program(*image, exe)
        if rules is not None:
            is_elsewhere = bool(one.flags & record.FLAG_OTHER_ROOT)
            rules.programs.remember(*image, exe, is_elsewhere=is_elsewhere)


def _remember_from_proc(rules: "RuleSet") -> None:
    from execaudit.rules.proc_record import running_programs  # noqa: PLC0415 - seldom needed

    for program in running_programs():
        rules.programs.remember_running(*program)
