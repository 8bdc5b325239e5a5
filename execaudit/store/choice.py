# SPDX-License-Identifier: Apache-2.0
"""What a user wants to be read. `sources` opens it."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Choice:
    """What is to be read.

    Attributes:
        files: logs, each with its rotated files; "-" is standard input.
        journal: read the journal, even where there is a file.
        namespace: the journal's; "" for the default one, None for the configured one.
        directory: of logs and journals of many hosts; "" for none.
        untrusted: take entries of the journal that others wrote, too.
        config: a file of configuration instead of the system's.
        root: of the system whose configuration counts.

    """

    files: tuple[str, ...] = ()
    journal: bool = False
    namespace: str = ""
    directory: str = ""
    untrusted: bool = False
    config: Path | None = None
    root: Path = Path("/")
