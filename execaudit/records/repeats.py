# SPDX-License-Identifier: Apache-2.0
"""Events that come out of the ring buffer a second time, after a process was killed.

Owns which of them the process before was done with, by their sequence numbers. A stream is known by
its key: processor << 3 | hook.
"""


class Repeats:
    """What was done with: up to `seqs[key]` of each stream, but for the (key, seq) in `held`."""

    def __init__(self, seqs: dict[int, int], held: set[tuple[int, int]]) -> None:
        self.count = 0  # records that came again, and were left out
        self._seqs = seqs
        self._held = held

    def covers(self, key: int, seq: int, *, is_record: bool) -> bool:
        """Whether an event is to be left out. A record that was held back is so only once more."""
        if seq > self._seqs.get(key, 0):
            return False
        if (key, seq) in self._held:
            if is_record:
                self._held.remove((key, seq))
            return False
        self.count += is_record
        return True

    def take_held(self) -> int:
        """How many of those held back did not come again; to be asked once all has been read."""
        count = len(self._held)
        self._held.clear()
        return count
