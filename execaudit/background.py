# SPDX-License-Identifier: Apache-2.0
"""A thread for what takes long and must not hold up events: compressing, syncing.

Owns the thread, started with the first job and not before, and the order of jobs. Jobs spend their
time in calls that let go of the interpreter lock (read, write, deflate, fdatasync).
"""

import threading
from _queue import SimpleQueue  # that of the module queue, without what else it imports
from collections.abc import Callable

Job = Callable[[], None]


class Background:
    """Runs jobs one after the other. `name` is the thread's, as seen in /proc."""

    def __init__(self, name: str) -> None:
        self.is_stopping = False
        self._name = name
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._thread: threading.Thread | None = None

    def submit(self, job: Job) -> None:
        """Run a job soon. It must not raise."""
        if self._thread is None:
            # Not to be waited for at exit: a disk that hangs must not keep the daemon from ending.
            self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
            self._thread.start()
        self._jobs.put(job)

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            if not self.is_stopping:
                job()

    def stop(self, patience_s: float, *, finish: bool = False) -> bool:
        """End the thread, after all jobs, or at once: the running one looks at `is_stopping`.

        False: it did not end within `patience_s`.
        """
        self.is_stopping = not finish
        if self._thread is None:
            return True
        self._jobs.put(None)
        self._thread.join(patience_s)
        return not self._thread.is_alive()
