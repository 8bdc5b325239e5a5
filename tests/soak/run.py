# SPDX-License-Identifier: Apache-2.0
"""One soak: work with pauses, trouble as scheduled, a sample a minute, until the time is over.

Owns the order in which things happen, and the files of results.
"""

import contextlib
import itertools
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.soak import work
from tests.soak.audit_count import AuditCount, audit_count
from tests.soak.chart import draw
from tests.soak.judge import Verdict, judge
from tests.soak.kernel_count import KernelCount
from tests.soak.place import Place
from tests.soak.samples import PATIENCE_S, Sample, Sampler
from tests.soak.trouble import Trouble

HOUR_S = 3600.0
_SAMPLE_S = 60.0
_SAMPLES = 12  # at least
_POLL_S = 0.3
_LONGEST_PAUSE_S = 20.0


class Soak:
    """One run of so many seconds, during which work takes a share of the time.

    A run of less than an hour has all that happens in one. `owns_machine`: auditd counts as well,
    and the clock is stepped.
    """

    def __init__(
        self, place: Place, seconds: float, share: float, results: Path, *, owns_machine: bool
    ) -> None:
        self._place = place
        self._seconds = seconds
        self._pauses = 1 / share - 1
        self._results = results
        self._has_ended = threading.Event()
        self._owns_machine = owns_machine
        self._trouble = Trouble(place, min(seconds, HOUR_S), may_set_clock=owns_machine)
        self._samples: list[Sample] = []

    def end(self) -> None:
        """Have the run end after the piece of work at hand, with what it has by then."""
        self._has_ended.set()

    def run(self) -> list[Verdict]:
        """Work until the time is over; return what came of it."""
        with (
            KernelCount(self._place.groups) as kernel,
            self._audit() as audit,
            self._logs_followed(),
            (self._results / "samples.jsonl").open("w") as lines,
        ):
            sampler = Sampler(self._place, kernel, audit)
            for sample in self._work(sampler):
                self._samples.append(sample)
                lines.write(sample.line())
                lines.flush()
                (self._results / "soak.svg").write_text(draw(self._samples))
        return judge(self._samples, self._trouble.counts, is_whole=not self._has_ended.is_set())

    def _work(self, sampler: Sampler) -> Iterator[Sample]:
        """Work, and yield a sample now and then; the last one when all is quiet."""
        until_s = time.monotonic() + self._seconds
        every_s = min(_SAMPLE_S, self._seconds / _SAMPLES)
        sample_at_s = time.monotonic()
        for piece in itertools.cycle(work.ALL):
            began_s = time.monotonic()
            if began_s >= until_s or self._has_ended.is_set():
                break
            piece(self._place)
            self._trouble.have()
            if time.monotonic() >= sample_at_s:
                sample_at_s = max(sample_at_s + every_s, time.monotonic())
                yield sampler.take()
            pause_s = (time.monotonic() - began_s) * self._pauses
            self._has_ended.wait(min(pause_s, _LONGEST_PAUSE_S, max(until_s - began_s, 0)))
        yield sampler.take(PATIENCE_S)

    def _audit(self) -> contextlib.AbstractContextManager[AuditCount | None]:
        """Run auditd, where the machine is ours."""
        if not self._owns_machine:
            return contextlib.nullcontext()
        return audit_count(self._place.scratch / "audit")

    @contextlib.contextmanager
    def _logs_followed(self) -> Iterator[None]:
        """Read both logs as they grow: a storm outruns what is kept of them within seconds."""
        is_over = threading.Event()

        def follow() -> None:
            while not is_over.wait(_POLL_S):
                for daemon in self._place.daemons:
                    daemon.log.poll()

        with ThreadPoolExecutor(1) as thread:
            following = thread.submit(follow)
            try:
                yield
            finally:
                is_over.set()
            following.result()
