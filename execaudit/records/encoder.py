# SPDX-License-Identifier: Apache-2.0
"""What makes bytes of raw records, as the pipeline sees it.

Owns the interface alone.
"""

from typing import Protocol


class RecordEncoder(Protocol):
    """What `encode.Encoder` does, or does in another way (`stage.Stage`)."""

    def encode(self, buf: bytes, at: int, head: tuple[int, ...], /) -> bytes | None:
        """Bytes for the exec record at `at`, or None if it has to go the long way."""

    def encode_exit(
        self, buf: bytes, at: int, head: tuple[int, ...], duration_ns: int | None, /
    ) -> bytes | None:
        """The same for the record of a process's end."""

    def follow_host(self) -> None:
        """Forget what was made with another wall clock offset, or other names of users."""
