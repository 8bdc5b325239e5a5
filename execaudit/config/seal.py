# SPDX-License-Identifier: Apache-2.0
"""The section [seal] of the configuration."""

from dataclasses import dataclass

from execaudit.config.quantities import DAY, HOUR, Duration
from execaudit.config.values import AbsolutePath, Flag, key


@dataclass(frozen=True, slots=True)
class Seal:
    """Seals in the file, by which execaudit verify recognizes what was altered afterwards."""

    enabled: bool = key(
        Flag(), True, "Whether to seal. Nothing is sealed before execaudit seal setup made a key."
    )
    state: str = key(
        AbsolutePath(),
        "/var/lib/execaudit/seal.state",
        "The key of the next seal: readable by the daemon alone, overwritten with each seal.",
    )
    interval: float = key(
        Duration(1, HOUR),
        "10s",
        "Longest time until a record is sealed. Who becomes root can rewrite what is not sealed"
        " yet.",
    )
    idle_interval: float = key(
        Duration(10, DAY),
        "1m",
        "How often a seal is written while there are no records, so that its absence means"
        " something.",
    )
