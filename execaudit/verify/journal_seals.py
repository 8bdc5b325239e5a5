# SPDX-License-Identifier: Apache-2.0
"""Seals in the journal: copies that somebody who rewrites the file may forget."""

from execaudit.errors import InvalidArgument
from execaudit.store.journal import Journal
from execaudit.store.times import ALWAYS
from execaudit.verify.words import proof_of


def journal_seals(source: str, directory: str) -> list[tuple[str, int, str]]:
    """Return chain, epoch and proof of each seal in the journal. Raises ExecauditError."""
    if source != "journal":
        raise InvalidArgument(f"Failed to compare with '{source}': expected 'journal'")
    journal = Journal(directory=directory)
    found: list[tuple[str, int, str]] = []
    try:
        journal.match([[("type", ["seal"])]])
        for _ in journal.entries(ALWAYS):
            try:
                fields = journal.record()
                found.append((str(fields["chain"]), int(fields["epoch"]), proof_of(fields)))
            except (ValueError, KeyError):
                continue
    finally:
        journal.close()
    return found
