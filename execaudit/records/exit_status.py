# SPDX-License-Identifier: Apache-2.0
"""How a process ended, from its wait status (wait(2))."""

import signal
from typing import Any

_CORE_DUMPED = 0x80


def status_fields(status: int) -> dict[str, Any]:
    """Return `exit_code` or `signal`, and `core_dumped` where there is a core."""
    number = status & 0x7F
    fields: dict[str, Any] = (
        {"signal": _signal_name(number)} if number else {"exit_code": status >> 8 & 0xFF}
    )
    if status & _CORE_DUMPED:
        fields["core_dumped"] = True
    return fields


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"SIG{number}"
