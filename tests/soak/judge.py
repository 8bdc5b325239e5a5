# SPDX-License-Identifier: Apache-2.0
"""What a soak has to show at its end, and whether it did.

Owns the bounds: memory, descriptors and threads at the end against those of the first hour, and
that each exec the kernel counted is in the log or reported as lost.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from tests.soak.samples import Figures, Sample

MOST_GROWTH = 0.05
_HOUR_MIN = 60.0
_LAST_MIN = 15.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """One thing that was to be shown; `is_good` is None where the run was too short to show it."""

    is_good: bool | None
    text: str

    def __str__(self) -> str:
        return f"{ {True: 'good', False: 'BAD', None: '-'}[self.is_good]:5}{self.text}"


def judge(
    samples: Sequence[Sample], happened: Mapping[str, int], *, is_whole: bool
) -> list[Verdict]:
    """Return everything that was to be shown, with its figures.

    `is_whole`: nobody ended the run early, before all had happened.
    """
    last = samples[-1]
    never = [name for name, count in happened.items() if not count]
    return [
        *_judge_growth(samples),
        Verdict(
            len({s.steady.pid for s in samples}) == 1,
            "the steady daemon is the process that it was",
        ),
        _judge_sum("the steady daemon", last, last.steady),
        _judge_sum("the service", last, last.main),
        *_judge_audit(last),
        Verdict(
            last.steady.repeated == 0,
            f"execs that were recorded twice: {last.steady.repeated} by the steady daemon;"
            f" {last.main.repeated} by the service, which was killed",
        ),
        Verdict(
            last.steady.broken + last.main.broken == 0,
            f"lines that are no records: {last.steady.broken} and {last.main.broken}",
        ),
        Verdict(None if never and not is_whole else not never, f"what happened: {dict(happened)}"),
    ]


def _judge_growth(samples: Sequence[Sample]) -> list[Verdict]:
    end_min = samples[-1].minute
    first = [s.steady for s in samples if s.minute <= _HOUR_MIN]
    final = [s.steady for s in samples if s.minute >= end_min - _LAST_MIN]
    is_long = end_min >= _HOUR_MIN + _LAST_MIN
    verdicts = []
    for name, most, of in (
        ("resident KiB without the baseline's table", MOST_GROWTH, _resident_kib),
        ("descriptors", 0.0, lambda figures: figures.descriptors),
        ("threads", 0.0, lambda figures: figures.threads),
    ):
        before, after = (median(of(each) for each in part) for part in (first, final))
        verdicts.append(
            Verdict(
                after <= before * (1 + most) if is_long else None,
                f"{name} of the steady daemon: median of the first hour {before:g}, of the last"
                f" quarter of an hour {after:g} ({after / max(before, 1) - 1:+.1%})",
            )
        )
    return verdicts


def _resident_kib(figures: Figures) -> int:
    """Return what does not grow with the programs that a host has ever run: the table may."""
    return figures.resident_kib - (figures.table_bytes or 0) // 1024


def _judge_audit(last: Sample) -> list[Verdict]:
    """Judge auditd's sum. A task that is older than the rules is not audited: one of others."""
    if last.unaudited is None:
        return []
    return [
        Verdict(
            0 <= last.unaudited <= last.audit_lost + last.others,
            f"execs of the whole machine by the kernel's count: {last.execs + last.others};"
            f" not logged by auditd: {last.unaudited}, records it reported as lost:"
            f" {last.audit_lost}",
        )
    ]


def _judge_sum(whose: str, last: Sample, figures: Figures) -> Verdict:
    """Judge the sum. What was lost in the ring can be of others, whom the kernel's count omits."""
    surplus = figures.lost - figures.missing
    return Verdict(
        0 <= surplus <= min(last.others, figures.lost),
        f"execs by the kernel's count: {last.execs}; recorded by {whose}: {figures.recorded};"
        f" missing: {figures.missing}, reported as lost: {figures.lost}",
    )
