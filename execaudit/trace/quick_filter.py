# SPDX-License-Identifier: Apache-2.0
"""The filters of `filters`, applied to raw records before anything is made of them.

Owns where in a record the values stand that they ask for. What is unusual is left to the long way,
where the same filter sees fields.
"""

import struct

from execaudit.records.encode import Encoder
from execaudit.records.encode_exits import view_exit
from execaudit.records.fragments import PLACES_BYTES, Fragments
from execaudit.records.host import Host
from execaudit.records.text import until_nul
from execaudit.records.view import LENGTHS_AT, View, Viewer, file_name, split_place
from execaudit.trace.filters import RecordFilter, matches_line, matches_process
from execaudit.wire import record
from execaudit.wire.decode import CRED, NAMES

_UID = struct.Struct("@I").unpack_from
_UID_AT = CRED.start - LENGTHS_AT
_COMM = slice(NAMES.start - LENGTHS_AT, NAMES.start - LENGTHS_AT + 16)
_PPID = struct.Struct("@8xI").unpack_from  # of the first ancestor


class FilteringEncoder:
    """Encodes what `keep` lets through, and gives b"" for all else."""

    def __init__(self, host: Host, env_names: tuple[bytes, ...], keep: RecordFilter) -> None:
        self._host = host
        self._keep = keep
        self._encoder = Encoder(host, env_names)
        self._viewer = Viewer()
        self._processes: Fragments[bytes] = Fragments(self._match_process, PLACES_BYTES)

    def encode(self, buf: bytes, at: int, head: tuple[int, ...]) -> bytes | None:
        """The exec record at `at`, None for the long way."""
        view = self._viewer.view(buf, at, head)
        if view is None:
            return None
        if not self._processes[view[8]]:
            return b""
        if self._keep.filters.line is not None:
            if view[9] and view[9][-1]:
                return None
            if not self._match_line(view):
                return b""
        line = self._encoder.encode_view(head, view)
        if line is not None and not view[1]:
            self._keep.remember(self._host.identity(view[3], view[5], view[6]))
        return line

    def _match_process(self, place: bytes) -> bytes:
        """Some byte where the process matches, none where it does not."""
        ancestors, _ = split_place(place)
        ppid = _PPID(ancestors)[0] if ancestors else 0
        is_match = matches_process(
            self._keep.filters, _UID(place, _UID_AT)[0], ppid, until_nul(place[_COMM])
        )
        return b"1" if is_match else b""

    def _match_line(self, view: View) -> bool:
        words = view[9][:-1].split(b"\0") if view[9] else []
        is_script = bool(view[0] & record.FLAG_SCRIPT)
        return matches_line(self._keep.filters, file_name(view[8]), words, is_script=is_script)

    def encode_exit(
        self, buf: bytes, at: int, head: tuple[int, ...], duration_ns: int | None
    ) -> bytes | None:
        """The same for the record of a process's end."""
        view = view_exit(buf, at, head)
        if view is None:
            return None
        _, start_ns, _, pid, exec_count, ppid, _, _, uid, comm = view
        is_shown = self._keep.forget(self._host.identity(pid, start_ns, exec_count)) or (
            self._keep.filters.line is None
            and matches_process(self._keep.filters, uid, ppid, until_nul(comm))
        )
        return self._encoder.encode_exit(buf, at, head, duration_ns) if is_shown else b""

    def follow_host(self) -> None:
        """Forget what was made with another wall clock offset, or other names of users."""
        self._encoder.follow_host()
