# SPDX-License-Identifier: Apache-2.0
"""The section [baseline] of the configuration."""

from dataclasses import dataclass

from execaudit.config.quantities import DAY, Duration
from execaudit.config.values import AbsolutePath, Flag, key


@dataclass(frozen=True, slots=True)
class Baseline:
    """What this host has run, so that records and rules can say what it has not."""

    enabled: bool = key(
        Flag(),
        False,
        "Whether to remember what runs. It takes 50 KB of memory at first, and 24 MiB at most for a"
        " million of what it knows.",
    )
    path: str = key(
        AbsolutePath(),
        "/var/lib/execaudit/baseline",
        "Where that is kept: readable by the daemon alone.",
    )
    programs: bool = key(
        Flag(),
        True,
        "Whether to write a record of each program that runs for the first time or was changed:"
        " size, times, owner, SHA-256 and package.",
    )
    learning: float = key(
        Duration(1, 366 * DAY, zero="none"),
        "7d",
        "How long it only learns after it was set up. Jobs of a week have run once by then.",
    )
