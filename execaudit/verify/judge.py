# SPDX-License-Identifier: Apache-2.0
"""Judges the lines of a log by its seals.

Owns the judgment: it compares each seal with the previous one, with the lines between, and with its
keys. docs/evidence.md has the table of attacks, each with its sentence from here.
"""

from collections import Counter
from typing import Any

from execaudit.evidence.blake2 import blake2b
from execaudit.store.broken import Broken
from execaudit.verify.findings import ALTERED, UNKNOWN, WHOLE, Finding, Findings
from execaudit.verify.proofs import Proofs
from execaudit.verify.walk import Found
from execaudit.verify.words import (
    covers_of,
    proof_of,
    say_are,
    say_time,
    say_were,
    seconds_between,
)

Span = tuple[int, int]

_COPY_S = 120.0
"""The longest that a copy takes, in which seals can be lost with `copytruncate`."""


class Judge:
    """Takes the seals of a log in order, and collects `findings`.

    Attributes:
        seals: how many were found.
        proved: how many of these are proved by their keys.
        sealed_lines: how many lines they cover that are unaltered.
        first, last: records of the first and last seal.
        gaps: findings about seals missing in between, which retention may have removed, each with
            its chain.
        by_epoch: proof of each seal by chain and epoch, for comparison with copies elsewhere.
        removed_files, removed_on: what retention removed at last, by the seals.
        removed_before: by chain, the first epoch that retention left.
        disproved, unproved: seals that their keys disprove, and those that nobody can prove.

    """

    def __init__(self, proofs: Proofs, broken: Broken) -> None:
        self.findings = Findings()
        self.seals = self.proved = self.sealed_lines = 0
        self.first: dict[str, Any] | None = None
        self.last: dict[str, Any] | None = None
        self.gaps: list[tuple[str, Finding]] = []
        self.by_epoch: dict[tuple[str, int], str] = {}
        self.removed_files = 0
        self.removed_before: Counter[str] = Counter()
        self.removed_on = ""
        self._proofs = proofs
        self._broken = broken
        self._line = b""
        self.disproved: list[Found] = []
        self.unproved: list[Found] = []

    @property
    def chains(self) -> set[str]:
        """Names of the chains whose seals were found."""
        return {chain for chain, _ in self.by_epoch}

    # -- one seal after the other -------------------------------------------------------------

    def take(self, found: Found) -> None:
        """Judge a seal and the lines before it."""
        fields = found.fields
        before = self.last
        self.seals += 1
        self._prove(found)
        if before is None:
            self._begin(found)
        elif fields.get("chain") != before.get("chain"):
            self._change_chain(found, before)
        elif fields["epoch"] <= before["epoch"]:
            self._go_back(found, before)
            return  # the next seal is compared with the one before it
        else:
            self._follow(found, before)
        self.by_epoch[str(fields.get("chain")), fields["epoch"]] = proof_of(fields)
        self._note_removed(fields)
        self.last, self._line = fields, found.line

    def _prove(self, found: Found) -> None:
        proof = self._proofs.check(found.fields)
        if proof:
            self.proved += 1
        elif proof is False:
            self.disproved.append(found)
        else:
            self.unproved.append(found)

    def _begin(self, found: Found) -> None:
        self.first = found.fields
        stretch, lines = found.stretch, covers_of(found.fields).get("lines", 0)
        if stretch.lines < lines and found.fields["epoch"]:
            return  # its lines were in a file that is gone: `ending` judges that
        if stretch.lines > lines:
            self.findings.add(
                "unsealed-before", WHOLE,
                f"{say_were(stretch.lines - lines)} written before sealing began: nothing protects"
                " them",
                stretch, lines=stretch.lines - lines,
            )  # fmt: skip
        self._compare(found, epochs=(found.fields["epoch"],) * 2)

    def _change_chain(self, found: Found, before: dict[str, Any]) -> None:
        fields = found.fields
        old, new = before.get("chain"), fields.get("chain")
        if before.get("next_chain") == new and not fields["epoch"]:
            self.findings.add(
                "key-changed", WHOLE,
                f"another key was set up on {say_time(before)}: chain {new} follows {old}",
            )  # fmt: skip
            self._compare(found, epochs=(0, 0))
            return
        self.findings.add(
            "other-chain", ALTERED,
            f"chain {old} of host {before.get('host')} is followed by chain {new} of host"
            f" {fields.get('host')}, which no seal announced: the key was exchanged, or this is"
            " the log of another host",
            found.where, epochs=(fields["epoch"],) * 2,
        )  # fmt: skip

    def _go_back(self, found: Found, before: dict[str, Any]) -> None:
        fields = found.fields
        known = self.by_epoch.get((str(fields.get("chain")), fields["epoch"]))
        epochs = (fields["epoch"], before["epoch"])
        if known == proof_of(fields):
            text = f"the seal of epoch {fields['epoch']} stands there twice: lines were replayed"
        else:
            text = (
                f"there are two different seals of epoch {fields['epoch']}: two daemons seal with"
                " one key, or a part of the log is of another history"
            )
        self.findings.add("twice", ALTERED, text, found.where, epochs=epochs)

    def _follow(self, found: Found, before: dict[str, Any]) -> None:
        fields, epoch = found.fields, found.fields["epoch"]
        missing = (before["epoch"] + 1, epoch - 1)
        if missing[0] <= missing[1]:
            self._report_missing(found, missing)
            return
        if fields.get("previous_hash") != blake2b(self._line).hexdigest():
            self.findings.add(
                "seal-altered", ALTERED,
                f"the line of the seal of epoch {before['epoch']} was altered",
                found.stretch, epochs=(before["epoch"],) * 2,
            )  # fmt: skip
        self._compare(found, epochs=(before["epoch"], epoch))

    def _report_missing(self, found: Found, missing: Span) -> None:
        first, last = missing
        count = last - first + 1
        said = covers_of(found.fields).get("missing") or {}
        if said.get("first") == first and said.get("last") == last:
            self.findings.add(
                "cut", UNKNOWN,
                f"the log had lost its end when the daemon started on {say_time(found.fields)}:"
                f" {say_are(missing)} missing, and what they sealed. Somebody cut them off, put an"
                " older log back, or a power cut took them",
                found.where, epochs=missing, lines=count,
            )  # fmt: skip
            self._compare(found, epochs=(last, found.fields["epoch"]))
            return
        since = say_time(self.last)
        if _is_emptied_soon(self.last, found.fields):
            self.findings.add(
                "emptied", UNKNOWN,
                f"another program emptied the file before {say_time(found.fields)}, as logrotate"
                f" does with copytruncate: {say_are(missing)} missing, and what was written since"
                f" {since}",
                found.where, epochs=missing,
            )  # fmt: skip
            return
        gap = Finding(
            "missing", ALTERED,
            f"{say_are(missing)} missing, with what they sealed between {since} and"
            f" {say_time(found.fields)}: a file or lines were removed",
            str(found.where), missing,
        )  # fmt: skip
        self.gaps.append((str(found.fields.get("chain")), gap))

    # -- what a seal covers -------------------------------------------------------------------

    def _compare(self, found: Found, *, epochs: Span) -> None:
        """Compare the lines before a seal with the lines that it covers."""
        stretch, covers = found.stretch, covers_of(found.fields)
        lines, wanted = covers.get("lines", 0), found.fields.get("hash")
        if stretch.lines == lines and stretch.hash == wanted:
            self.sealed_lines += lines
            return
        between = f"between the seals of epoch {epochs[0]} and {epochs[1]}"
        reason = found.fields.get("reason")
        may_have_more = covers.get("apart") or self.first is found.fields or "missing" in covers
        if may_have_more and stretch.lines > lines:
            if stretch.hash_of_last(lines, self._broken) == wanted:
                self.sealed_lines += lines
                if self.first is not found.fields:
                    self._report_apart(found, stretch.lines - lines, epochs)
                return
        elif reason == "emptied" and stretch.lines < lines:
            self.findings.add(
                "emptied", UNKNOWN,
                f"another program emptied the file before {say_time(found.fields)}, as logrotate"
                f" does with copytruncate: {say_were(lines - stretch.lines)} lost, of those since"
                f" {say_time(self.last)}",
                found.where, epochs=epochs, lines=lines - stretch.lines,
            )  # fmt: skip
            return
        self._report_difference(found, between, epochs)

    def _report_apart(self, found: Found, count: int, epochs: Span) -> None:
        self.findings.add(
            "never-sealed", UNKNOWN,
            f"{say_were(count)} never sealed: the run that wrote them ended without a seal,"
            " and the file was moved before the next one",
            found.stretch, epochs=epochs, lines=count,
        )  # fmt: skip

    def _report_difference(self, found: Found, between: str, epochs: Span) -> None:
        stretch, covers = found.stretch, covers_of(found.fields)
        lines, size = covers.get("lines", 0), covers.get("bytes", 0)
        where = stretch if stretch.lines else found.where
        if stretch.lines == lines:
            how = "edited" if stretch.bytes != size else "edited, or lines were exchanged,"
            kind, text = "edited", f"lines were {how} {between}"
        elif stretch.lines < lines:
            kind, text = "deleted", f"{say_were(lines - stretch.lines)} deleted {between}"
        else:
            kind, text = "inserted", f"{say_were(stretch.lines - lines)} inserted {between}"
        if found.fields.get("reason") == "shortened":
            text += ", while the daemon was running, which noticed it"
        count = abs(stretch.lines - lines) or None
        self.findings.add(kind, ALTERED, text, where, epochs=epochs, lines=count)

    def _note_removed(self, fields: dict[str, Any]) -> None:
        removed = fields.get("removed") or {}
        chain, before = str(removed.get("chain", fields.get("chain"))), removed.get("before", 0)
        self.removed_before |= Counter({chain: before})  # the larger one stays
        if removed.get("files"):
            self.removed_files = len(removed["files"])
            self.removed_on = say_time(fields)


def _is_emptied_soon(before: dict[str, Any] | None, fields: dict[str, Any]) -> bool:
    """Return True if a seal says that the file was emptied, soon after the seal before it."""
    if before is None or fields.get("reason") != "emptied":
        return False
    seconds = seconds_between(str(before.get("time")), str(fields.get("time")))
    return seconds is not None and seconds <= _COPY_S
