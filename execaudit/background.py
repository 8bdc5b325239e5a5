# SPDX-License-Identifier: Apache-2.0
"""A thread for slow work that must not delay events: compressing, syncing, names of users.

Owns the thread, which the first job starts, and the order of jobs. Jobs spend their time in calls
that release the interpreter lock (read, write, deflate, fdatasync).
"""

import contextlib
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from queue import SimpleQueue

Job = Callable[[], None]


class Background:
    """Runs jobs one after the other, in a thread that has `name` in /proc."""

    def __init__(self, name: str, most_jobs: int = 1024) -> None:
        self.is_stopping = False
        self._name = name
        self._most_jobs = most_jobs
        self._jobs: SimpleQueue[Job | None]
        self._thread: threading.Thread | None = None

    def submit(self, job: Job) -> bool:
        """Run a job soon, which must not raise. Return False where too many wait already."""
        if self._thread is None:
            from queue import SimpleQueue  # noqa: PLC0415 - most daemons need no thread

            self._jobs = SimpleQueue()
        elif self._jobs.qsize() >= self._most_jobs:
            return False
        if self._thread is None or not self._thread.is_alive():  # a job that raised ended it
            # Daemonic: a disk that hangs must not keep the process from ending.
            self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
            self._thread.start()
        self._jobs.put(job)
        return True

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            if not self.is_stopping:
                # A job that fails after all must not cost the jobs behind it.
                with contextlib.suppress(OSError):
                    job()

    def stop(self, patience_s: float, *, finish: bool = False) -> bool:
        """End the thread: after all jobs, or after the running one, which may ask `is_stopping`.

        Return False where it did not end within `patience_s`.
        """
        self.is_stopping = not finish
        if self._thread is None:
            return True
        self._jobs.put(None)
        self._thread.join(patience_s)
        return not self._thread.is_alive()
