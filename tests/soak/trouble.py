# SPDX-License-Identifier: Apache-2.0
"""What happens to the soaked daemons, each once or several times an hour.

Owns what is done and how often. `judge` knows what it may cost.
"""

import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tests.machine import storms
from tests.machine.service import UNIT, wait_until
from tests.packaging.build import with_version
from tests.soak import work
from tests.soak.place import STEADY, Place

if TYPE_CHECKING:
    from collections.abc import Callable

_FULL_S = 15.0
_STORM = 3000
_CLOCK_STEP_S = 300
_FILLING = "/var/log/execaudit/filling"


class Trouble:
    """What happens in an hour of so many seconds; `counts` is how often each has happened.

    `may_set_clock`: the clock is stepped as well. A container has the machine's.
    """

    def __init__(self, place: Place, hour_s: float, *, may_set_clock: bool) -> None:
        self._place = place
        self._hour_s = hour_s
        # Hours before it first happens, hours between two times, and what it is.
        self._schedule: dict[str, tuple[float, float, Callable[[], None]]] = {
            "reload": (0.05, 1 / 6, self._reload),
            "rotation": (0.12, 1 / 4, self._rotate),
            "restart of journald": (0.2, 1 / 3, self._restart_journald),
            "full disk": (0.3, 1.0, self._fill_disk),
            "upgrade": (0.45, 1.0, self._upgrade),
            "kill -9": (0.6, 1.0, self._kill),
            "restart": (0.7, 1.0, self._restart),
        }
        if may_set_clock:
            self._schedule["clock step"] = (0.75, 0.5, self._step_clock)
        began_s = time.monotonic()
        self._due_s = {name: began_s + of[0] * hour_s for name, of in self._schedule.items()}
        self.counts = dict.fromkeys(self._schedule, 0)

    def have(self) -> None:
        """Do what is due, one thing at a time."""
        for name, (_, every, what) in self._schedule.items():
            if time.monotonic() >= self._due_s[name]:
                self._due_s[name] += every * self._hour_s
                what()
                self.counts[name] += 1
                return

    def _reload(self) -> None:
        """Change rules and compression, and have both daemons take them."""
        self._place.write_rules()
        self._place.container.run("systemctl", "reload", UNIT)
        self._signal_steady("HUP")

    def _rotate(self) -> None:
        """Ask both daemons for another file."""
        self._place.container.run("execaudit", "rotate")
        self._signal_steady("USR1")

    def _signal_steady(self, name: str) -> None:
        self._place.container.run(
            "systemctl", "kill", "--kill-whom=main", f"--signal={name}", STEADY
        )

    def _restart_journald(self) -> None:
        """Restart it, in the middle of the stream."""
        self._place.container.run("systemctl", "restart", "systemd-journald.service")

    def _fill_disk(self) -> None:
        """Leave the service's log no room for a while, during which work goes on."""
        run = self._place.container.run
        run("sh", "-c", f"cat /dev/zero >{_FILLING} 2>/dev/null; true")
        try:
            until_s = time.monotonic() + min(_FULL_S, self._hour_s / 30)
            work.storm(self._place)
            while time.monotonic() < until_s:
                work.run_shell(self._place)
                time.sleep(1)
        finally:
            run("rm", _FILLING)

    def _kill(self) -> None:
        """End the service by SIGKILL, in a storm."""
        self._end_in_storm("kill", "--kill-whom=main", "--signal=KILL")

    def _restart(self) -> None:
        """Restart the service, in a storm."""
        self._end_in_storm("restart")

    def _end_in_storm(self, *how: str) -> None:
        place, before = self._place, self._place.main.pid
        running = storms.begin(place.service, _STORM, "storm-of-soak")
        place.container.run("systemctl", *how, UNIT)
        storms.end(running, _STORM)
        wait_until(lambda: place.main.pid not in (0, before), "another process")

    def _step_clock(self) -> None:
        """Set the clock back while programs are executed, and then forward to what is right."""
        _add_to_clock(-_CLOCK_STEP_S)
        try:
            work.storm(self._place)
            work.run_shell(self._place)
        finally:
            _add_to_clock(_CLOCK_STEP_S)
        work.run_shell(self._place)

    def _upgrade(self) -> None:
        """Install another version of execaudit's own package."""
        version = f"0.1.0-{100 + self.counts['upgrade']}"
        with tempfile.TemporaryDirectory(dir=self._place.scratch) as directory:
            package = with_version(self._place.package, version, Path(directory))
            self._place.service.install(package, "--force-confold")


def _add_to_clock(seconds: float) -> None:
    time.clock_settime(time.CLOCK_REALTIME, time.time() + seconds)
