# SPDX-License-Identifier: Apache-2.0
"""Each sink's share of a batch, and which records it takes.

Owns the selection. What fills the batches is `stage`, what empties them `flow`.
"""

from dataclasses import dataclass, field

from execaudit.sinks.selection import Selection


@dataclass(slots=True)
class Outlet:
    """One sink's share of a batch, in the form that it takes."""

    form: str  # "journal", or one of formats.lines.FORMATS
    selection: Selection | None  # None: everything
    max_line_bytes: int = 0  # 0: as long as lines are
    batch: list[bytes] = field(default_factory=list)
    deselected: int = 0
