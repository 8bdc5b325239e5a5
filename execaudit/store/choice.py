# SPDX-License-Identifier: Apache-2.0
"""Which logs and journals a user wants to read. `sources` opens them."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class SourceChoice:
    """What to read.

    Attributes:
        files: logs, each with its rotated files; "-" is standard input.
        journal: read the journal, even where there is a file.
        namespace: the journal's; "" for the default one, None for the configured one.
        directory: one with logs and journals of many hosts; "" for none.
        untrusted: also read entries of the journal that others wrote.
        config: a configuration file instead of the system's.
        root: root directory of the system whose configuration is used.

    """

    files: tuple[str, ...] = ()
    journal: bool = False
    namespace: str = ""
    directory: str = ""
    untrusted: bool = False
    config: Path | None = None
    root: Path = Path("/")
