# SPDX-License-Identifier: Apache-2.0
"""The chain of seals over what is written to a log.

Owns the running hash since the last seal and what a seal says of it, and the keys' going on. It
writes no file: the sink that owns the log does, and reports how that went.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from execaudit.evidence.blake2 import blake2b
from execaudit.evidence.keys import next_key
from execaudit.evidence.seal import Fields, hour_of, make_mac, sealed_text
from execaudit.evidence.state import StateFile
from execaudit.formats.event_key import entry_time

if TYPE_CHECKING:
    from execaudit.evidence import signing

_BEGINNING_BYTES = 256
_MOST_NAMES = 20
_CERTIFIED = ("start", "begin")


class Chain:
    """Seals one log.

    Attributes:
        file: the key state.
        lines: written since the last seal.
        taken: seals that were written to the log, for other sinks to have as well.

    """

    def __init__(self, file: StateFile, describe: Callable[[], Fields]) -> None:
        """`describe` gives what every record begins with: time, type, host, boot."""
        self.file = file
        self.taken: list[Fields] = []
        self._describe = describe
        self._removed: list[str] = []
        self._marks: Fields = {}
        self._next_chain = ""
        self._begin()

    def _begin(self) -> None:
        self._hash = blake2b()
        self.lines = 0
        self._bytes = 0
        self._first = b""
        self._last = b""

    def update(self, data: bytes) -> None:
        """Take whole lines that were written."""
        self._hash.update(data)
        if not self.lines:
            self._first = data[:_BEGINNING_BYTES]
        self.lines += data.count(b"\n")
        self._bytes += len(data)
        at = data.rfind(b"\n", 0, -1) + 1
        self._last = data[at : at + _BEGINNING_BYTES]

    def mark(self, **marks: Any) -> None:
        """Have the next seal say something more of the lines that it covers."""
        self._marks |= marks

    def mark_next_chain(self, chain: str) -> None:
        """Have the next seal name the chain that follows this one."""
        self._next_chain = chain

    def note_removed(self, names: list[str], before: int | None) -> None:
        """Have seals say what retention removed; `before`: first epoch that is still there."""
        self._removed += names
        state = self.file.state
        state.removed_before = max(state.removed_before, before or 0)

    def next_seal(self, reason: str, file: str) -> Fields:
        """Return the record of a seal over all lines since the last one."""
        state = self.file.state
        covers: Fields = {"lines": self.lines, "bytes": self._bytes}
        for name, line in (("first", self._first), ("last", self._last)):
            if time := entry_time(line):
                covers[name] = time
        fields = {
            **self._describe(),
            "reason": reason,
            "chain": state.chain,
            "epoch": state.epoch,
            "file": file,
            "covers": covers | self._marks,
            "hash": self._hash.hexdigest(),
            "previous_hash": state.previous.hex(),
        }
        if state.removed_before or self._removed:
            fields["removed"] = {"before": state.removed_before}
            if self._removed:
                fields["removed"]["files"] = self._removed[:_MOST_NAMES]
        if self._next_chain:
            fields["next_chain"] = self._next_chain
        return self._prove(fields)

    def _prove(self, fields: Fields) -> Fields:
        state = self.file.state
        if state.is_secret:
            fields["mac"] = make_mac(fields, state.key)
            return fields
        from execaudit.evidence import signing  # noqa: PLC0415 - loads libsodium

        signer, following = signing.seal_signer(state.key), signing.seal_signer(next_key(state.key))
        fields["next_key"] = following.public.hex()
        endorser = self._certify(fields, signer.public)
        text = sealed_text(fields)
        fields["signature"] = signer.sign(signing.seal_message(text)).hex()
        if endorser is not None:
            fields["endorsement"] = endorser.sign(signing.seal_message(text)).hex()
            endorser.forget()
        signer.forget()
        following.forget()
        return fields

    def _certify(self, fields: Fields, public: bytes) -> "signing.Signer | None":
        """Have a seal that begins a file or a run show whose key it is; return who endorses it."""
        from execaudit.evidence import signing  # noqa: PLC0415

        state = self.file.state
        if fields["reason"] not in _CERTIFIED:
            return None
        state.enter_period(hour_of(fields["time"]))
        certificate = self.file.certificate()
        if not certificate:
            return None
        endorser = signing.seal_signer(state.seed)
        fields["certificate"] = {
            "period": state.period,
            "key": endorser.public.hex(),
            "signature": certificate.hex(),
            "seal_key": public.hex(),
        }
        return endorser

    def sealed(self, fields: Fields, line: bytes) -> None:
        """Go on behind a seal: its line is in the log. Other sinks are to get its record."""
        self.file.state.evolve(blake2b(line).digest())
        self.taken.append(fields)
        self._removed = []
        self._marks = {}
        self._begin()

    def start_apart(self) -> None:
        """Seal nothing of what stands in the log so far: the seal before was not found there."""
        self._begin()
        self._marks["apart"] = True

    def take(self) -> list[Fields]:
        """Remove and return the seals that other sinks have not got."""
        taken, self.taken = self.taken, []
        return taken

    def close(self) -> None:
        """Release the key state."""
        self.file.close()
