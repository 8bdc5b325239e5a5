# SPDX-License-Identifier: Apache-2.0
"""Events that come out of the ring buffer a second time, after a process was killed.

Owns which of them the process before has finished, by their sequence numbers. A stream is known by
its key: processor << 3 | hook.
"""


class Duplicates:
    """What is finished: up to `seqs[key]` of each stream, except the (key, seq) in `held_back`."""

    def __init__(self, seqs: dict[int, int], held_back: set[tuple[int, int]]) -> None:
        self.count = 0  # records that came again, and were left out
        self._seqs = seqs
        self._held_back = held_back

    def covers(self, key: int, seq: int, *, is_record: bool) -> bool:
        """Return True if an event is to be left out. One that was held back passes once."""
        if seq > self._seqs.get(key, 0):
            return False
        if (key, seq) in self._held_back:
            if is_record:
                self._held_back.remove((key, seq))
            return False
        self.count += is_record
        return True

    def take_missing(self) -> int:
        """Return how many of those held back did not come again. Call it once all has been read."""
        count = len(self._held_back)
        self._held_back.clear()
        return count
