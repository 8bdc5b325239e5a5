# SPDX-License-Identifier: Apache-2.0
"""A flow as the self-check sees it: what it looks at, and what it may have done.

Owns nothing of its own.
"""

from execaudit.daemon.flow import Flow
from execaudit.daemon.recapture import restart_capture
from execaudit.daemon.selfcheck.canary import Canary
from execaudit.daemon.selfcheck.tracing_check import Repair
from execaudit.kernel.capture import Capture
from execaudit.kernel.ring import Ring
from execaudit.records.host import Host


class TracedFlow:
    """Lets the self-check look at a flow; see `selfcheck.tracing_check.Traced`."""

    def __init__(self, flow: Flow) -> None:
        self._flow = flow

    @property
    def host(self) -> Host:
        """The host."""
        return self._flow.host

    @property
    def capture(self) -> Capture:
        """The capture in use."""
        return self._flow.capture

    @property
    def ring(self) -> Ring:
        """Its ring."""
        return self._flow.ring

    @property
    def canary(self) -> Canary:
        """What recognises our own execs."""
        return self._flow.canary

    def drain(self) -> None:
        """Take what is in the ring now."""
        self._flow.drain()

    def last_seen_ns(self) -> dict[int, int]:
        """Return the time of the newest event by hook."""
        return self._flow.accounting.last_seen_ns()

    def restart_capture(self) -> None:
        """Load everything again. Raises OSError or ExecauditError."""
        restart_capture(self._flow)

    def report_repair(self, repair: Repair) -> None:
        """Write the `repair` record."""
        self._flow.report.repair(repair)
