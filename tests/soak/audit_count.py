# SPDX-License-Identifier: Apache-2.0
"""auditd's count of the machine's execs, a second oracle beside the kernel's own.

Owns what auditd logs during a soak, and the count of it.
"""

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

from tests.bench import audit
from tests.integration.auditing import Auditd, run_auditd

_PATIENCE_S = 60.0
_LOOK_S = 0.05
# One line for each exec is enough to count, and an exec has six otherwise.
_UNNEEDED = ("EXECVE", "CWD", "PATH", "PROCTITLE", "BPRM_FCAPS")


class AuditCount:
    """Counts the successful execs of the whole machine that a running auditd logs."""

    def __init__(self, auditd: Auditd) -> None:
        self._auditd = auditd
        self._offset = self._count = 0

    def read(self) -> int:
        """Return how many there were, when the kernel has passed on all that it held back."""
        give_up_s = time.monotonic() + _PATIENCE_S
        while audit.status()["backlog"] and time.monotonic() < give_up_s:
            time.sleep(_LOOK_S)
        with self._auditd.log.open("rb") as log:
            log.seek(self._offset)
            data = log.read()
        whole = data.rfind(b"\n") + 1
        self._offset += whole
        key = f' key="{self._auditd.key}"'.encode()
        self._count += sum(
            line.startswith(b"type=SYSCALL ") and b" success=yes " in line and key in line
            for line in data[:whole].split(b"\n")
        )
        return self._count

    def lost(self) -> int:
        """Return how many records the kernel says it could not pass on, of any kind."""
        return audit.status()["lost"]


@contextlib.contextmanager
def audit_count(directory: Path) -> Iterator[AuditCount]:
    """Run auditd in `directory`, and count what it logs."""
    directory.mkdir()
    with run_auditd(directory) as auditd:
        audit.auditctl("--reset-lost")
        for kind in _UNNEEDED:
            audit.auditctl("-a", "always,exclude", "-F", f"msgtype={kind}")
        yield AuditCount(auditd)
