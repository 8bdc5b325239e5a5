# SPDX-License-Identifier: Apache-2.0
"""One sealed log under trial: a daemon in a storm of execs, killed, started again and verified.

Owns the daemon, its key, its clock and its backup, and what the verdicts were. What else happens to
the log, and what it excuses, `troubles` knows.
"""

import os
import random
import select
import shutil
from collections import Counter
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path

from execaudit.evidence.setup import make_state
from execaudit.verify.findings import ALTERED
from execaudit.verify.report import LogVerdict
from tests.integration.daemon_process import Daemon, DescriptorStore
from tests.integration.moved_clock import MovedClock
from tests.integration.workload import storm
from tests.logrotate import Logrotate
from tests.sealed_logs import findings, verify

STORM_S = 1.2
"""The longest that a storm lasts before the kill."""
_PERIODS = 100


class FalseAlarmError(AssertionError):
    """A verdict that nothing which happened excuses."""


class SealedRun:
    """A log from its first line on.

    Attributes:
        daemon: writes and seals it.
        excused: the findings that what happened so far may leave.
        found: how many verdicts had each finding.
        seen: what else is worth counting.

    """

    def __init__(
        self,
        place: Path,
        programs: Path,
        settings: Mapping[str, object],
        chance: random.Random,
        *,
        is_public: bool,
        engine: str = "libbpf",
    ) -> None:
        self.place = place
        self.chance = chance
        self._programs = programs
        self.state = place / "seal.state"
        self.key = make_state(str(self.state), is_public=is_public, owner=(0, 0), periods=_PERIODS)
        seal = {"state": str(self.state), "interval": "1s", "idle_interval": "10s"}
        self.clock = MovedClock(place)
        self.daemon = Daemon(
            place,
            engine,
            {"seal": seal, "file": settings},
            environment=self.clock.environment,
            store=DescriptorStore(),
        )
        self.logrotate = Logrotate(self.daemon.log, place / "logrotate")
        self.is_public = is_public
        self.excused: set[str] = set()
        self.found: Counter[str] = Counter()
        self.seen: Counter[str] = Counter()

    def storm(self) -> AbstractContextManager[None]:
        """Run execs without an end."""
        return storm(self._programs)

    def wait_at_random(self, most_s: float = STORM_S) -> None:
        """Let the storm go on for a while; there is nothing to wait for."""
        select.select([], [], [], self.chance.uniform(0, most_s))

    def kill(self) -> None:
        """Kill the daemon, and look at what it leaves."""
        self.daemon.kill()
        self.seen["kills"] += 1
        names = [path.name for path in self.daemon.log.parent.iterdir()]
        self.seen["killed while compressing"] += any(name.startswith(".") for name in names)
        self.seen["torn lines"] += _is_torn(self.daemon.log)

    def check(self) -> list[LogVerdict]:
        """Verify all files with the package and the single file. Raises FalseAlarmError."""
        verdict, logs = verify([self.daemon.log.parent], [self.key])
        found = findings(logs)
        self.seen["verdicts"] += 1
        self.found.update(found.keys() or ["whole"])
        if verdict == ALTERED or found.keys() - self.excused:
            raise FalseAlarmError(f"{self.daemon.log.parent}: verdict {verdict}, {found}")
        return logs

    def back_up(self) -> None:
        """Copy the log with its rotated files, and the key state."""
        shutil.rmtree(self.place / "backup", ignore_errors=True)
        shutil.copytree(self.daemon.log.parent, self.place / "backup")
        shutil.copy2(self.state, self.place / "backup.state")
        self.backup_excused = set(self.excused)

    def put_back(self, *, with_state: bool) -> None:
        """Replace the log by its backup."""
        if not (self.place / "backup").exists():
            return
        shutil.rmtree(self.daemon.log.parent)
        shutil.copytree(self.place / "backup", self.daemon.log.parent)
        if with_state:
            shutil.copy2(self.place / "backup.state", self.state)

    def finish(self) -> None:
        """End the daemon in order and verify for the last time."""
        self.daemon.running.terminate()
        self.daemon.running.wait()
        logs = self.check()
        self.seen["lines"] += sum(log.lines for log in logs)


def _is_torn(log: Path) -> bool:
    """Return True where a file ends in half a line."""
    if not log.exists() or not log.stat().st_size:
        return False
    with log.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read() != b"\n"
