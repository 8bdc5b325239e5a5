# SPDX-License-Identifier: Apache-2.0
"""Judges a log as a whole, after all its seals.

Owns findings about its beginning, its end, the proofs of its seals, and seals known from elsewhere.
"""

from collections.abc import Iterable
from typing import Any

from execaudit.formats.event_key import entry_time
from execaudit.verify.findings import ALTERED, UNKNOWN, WHOLE
from execaudit.verify.judge import Judge
from execaudit.verify.proofs import Proofs
from execaudit.verify.walk import Stretch
from execaudit.verify.words import (
    say_are,
    say_epochs,
    say_files,
    say_time,
    say_were,
    seconds_between,
)

_LATE_S = 120.0

Expected = list[tuple[str, int, str]]
"""Seals known from elsewhere: chain ("" for the log's), epoch, start of the proof ("" for any)."""


def judge_all(
    judge: Judge, proofs: Proofs, rest: Stretch, last_line: bytes, *, is_part: bool
) -> None:
    """Judge beginning, proofs and end; add to the findings of `judge`.

    `rest` is behind the last seal. `is_part`: the user named a rotated file alone, so the other
    files are not expected.
    """
    if judge.first is None or judge.last is None:
        text = "the log is not sealed: nothing shows what was done to it"
        judge.findings.add("not-sealed", UNKNOWN, text)
        return
    # Of the files that retention removes, some may still be there: removing them takes time.
    judge.findings.extend(
        gap for chain, gap in judge.gaps
        if gap.epochs and gap.epochs[1] >= judge.removed_before[chain]
    )  # fmt: skip
    _judge_beginning(judge, judge.first, is_part=is_part)
    _judge_disproved(judge)
    _judge_unproved(judge, proofs)
    if rest.lines:
        _judge_rest(judge, rest, last_line)
    elif judge.last.get("reason") not in ("stop", "rotate"):
        judge.findings.add(
            "open-end", WHOLE,
            f"the last seal is of {say_time(judge.last)}; whether more was sealed, only a seal"
            " known elsewhere can tell (--expect, --against journal)",
        )  # fmt: skip


def _judge_beginning(judge: Judge, first: dict[str, Any], *, is_part: bool) -> None:
    epoch, before = first["epoch"], judge.removed_before[str(first.get("chain"))]
    add = judge.findings.add
    if epoch < before:
        text = f"files with epochs before {before}, which retention removed, are still here"
        add("kept-longer", WHOLE, text)
    elif epoch == before and epoch:
        text = f"what was before epoch {epoch} was removed by retention"
        if judge.removed_files:
            text += f", {say_files(judge.removed_files)} at last on {judge.removed_on}"
        add("retention", WHOLE, text)
    elif epoch > before and is_part:
        add("part", WHOLE, f"a part of the log: it begins with epoch {epoch}")
    elif epoch > before:
        add(
            "beginning", ALTERED,
            f"{say_are((before, epoch - 1))} missing at the beginning, and retention did not remove"
            " that: files were deleted by hand, or are not given here",
            epochs=(before, epoch - 1),
        )  # fmt: skip


def _judge_disproved(judge: Judge) -> None:
    if judge.disproved:
        first, last = judge.disproved[0], judge.disproved[-1]
        judge.findings.add(
            "forged", ALTERED,
            f"{len(judge.disproved)} seals were not made with the keys of this chain: history was"
            " rewritten, or the key state was exchanged",
            first.where, epochs=(first.fields["epoch"], last.fields["epoch"]),
        )  # fmt: skip


def _judge_unproved(judge: Judge, proofs: Proofs) -> None:
    if not judge.unproved:
        return
    chains = {str(found.fields.get("chain")) for found in judge.unproved}
    unknown = sorted(chain for chain in chains if not proofs.has_key(chain))
    first, last = judge.unproved[0], judge.unproved[-1]
    epochs = (first.fields["epoch"], last.fields["epoch"])
    if unknown:
        judge.findings.add(
            "no-key", UNKNOWN,
            f"seals of chain {', '.join(unknown)} (host {first.fields.get('host')}) cannot be"
            " proved without its verifying key (--key): whoever could write the log could have made"
            " them",
            epochs=epochs,
        )  # fmt: skip
    else:
        judge.findings.add(
            "no-certificate", UNKNOWN,
            f"{len(judge.unproved)} seals cannot be proved: no certificate of their time stands"
            " before them",
            first.where, epochs=epochs,
        )  # fmt: skip


def _judge_rest(judge: Judge, rest: Stretch, last_line: bytes) -> None:
    begin = str((judge.last or {}).get("time", ""))
    seconds = seconds_between(begin, entry_time(last_line))
    verdict = UNKNOWN if seconds is not None and seconds > _LATE_S else WHOLE
    since = "" if seconds is None else f": the last {max(seconds, 0):.0f} s"
    text = f"{say_were(rest.lines)} not sealed yet when this was read{since}"
    judge.findings.add("unsealed-end", verdict, text, rest, lines=rest.lines)


def compare(judge: Judge, wanted: Iterable[tuple[str, int, str]], source: str) -> None:
    """Add findings about seals known from elsewhere that are missing or different."""
    last = judge.last
    if last is None:
        return
    lacking: list[int] = []
    other: list[int] = []
    for chain, epoch, proof in wanted:
        key = chain or str(last.get("chain")), epoch
        found = judge.by_epoch.get(key)
        if found is None and epoch >= judge.removed_before[key[0]]:
            lacking.append(epoch)
        elif found is not None and not found.startswith(proof):
            other.append(epoch)
    if lacking:
        span = (min(lacking), max(lacking))
        judge.findings.add(
            "expected", ALTERED,
            f"{say_epochs(span)}: known from {source} and not in the log, which ends with epoch"
            f" {last['epoch']}; sealed lines were removed",
            epochs=span,
        )  # fmt: skip
    if other:
        span = (min(other), max(other))
        judge.findings.add(
            "conflict", ALTERED,
            f"{say_epochs(span)}: other ones in {source}; the log was replaced since, or log and"
            " key state were put back together",
            epochs=span,
        )  # fmt: skip
