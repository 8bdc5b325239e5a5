# SPDX-License-Identifier: Apache-2.0
"""The chain of seals over what is written to a log.

Owns the running hash since the last seal, the content of a seal, and the step to the next key. It
writes no file: the sink that owns the log does, and reports the result.
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
        taken: seals that the log has and the other sinks have not.

    """

    def __init__(self, file: StateFile, describe: Callable[[], Fields]) -> None:
        """`describe` returns the first members of every record: time, type, host, boot."""
        self.file = file
        self.taken: list[Fields] = []
        self._describe = describe
        self._removed: list[str] = []
        self._removed_of: Fields = {}  # in a chain before this one
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
        """Add whole lines that were written to the log."""
        self._hash.update(data)
        if not self.lines:
            self._first = data[:_BEGINNING_BYTES]
        self.lines += data.count(b"\n")
        self._bytes += len(data)
        at = data.rfind(b"\n", 0, -1) + 1
        self._last = data[at : at + _BEGINNING_BYTES]

    def mark(self, **marks: Any) -> None:
        """Add members to `covers` of the next seal."""
        self._marks |= marks

    def mark_next_chain(self, chain: str) -> None:
        """Name the chain that follows this one in the next seal."""
        self._next_chain = chain

    def note_removed(self, names: list[str], first: tuple[str, int] | None) -> None:
        """Note in seals what retention removed; `first`: chain and epoch of the first seal left."""
        self._removed += names
        state = self.file.state
        chain, epoch = first or (state.chain, 0)
        if chain == state.chain:
            state.removed_before = max(state.removed_before, epoch)
        else:
            self._removed_of = {"before": epoch, "chain": chain}

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
        if state.removed_before or self._removed or self._removed_of:
            fields["removed"] = {"before": state.removed_before, **self._removed_of}
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
        """Add a certificate to a seal that begins a file or a run; return the endorsing key."""
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
        """Go on with the next epoch: the line of the seal is in the log."""
        self.file.state.evolve(blake2b(line).digest())
        self.taken.append(fields)
        self._removed = []
        self._removed_of = {}
        self._marks = {}
        self._begin()

    def start_apart(self) -> None:
        """Cover no line that the log has so far, as its last seal was not found there."""
        self._begin()
        self._marks["apart"] = True

    def take(self) -> list[Fields]:
        """Remove and return the seals that other sinks do not have."""
        taken, self.taken = self.taken, []
        return taken

    def close(self) -> None:
        """Release the key state."""
        self.file.close()
