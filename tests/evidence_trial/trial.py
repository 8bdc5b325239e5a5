# SPDX-License-Identifier: Apache-2.0
"""The trial itself: kills at random moments, with troubles between them, and the account of it.

Owns the order of what happens. Each log lives for some kills; then another one begins, with the
other kind of key, so that a verdict never takes long.
"""

import random
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tests.evidence_trial.sealed_run import FalseAlarmError, SealedRun
from tests.evidence_trial.troubles import SERIES, Series

KILLS_OF_A_LOG = 20


class Account(NamedTuple):
    """What a series came to: how often each finding, each trouble, and what else was counted."""

    found: Counter[str]
    happened: Counter[str]
    seen: Counter[str]


def try_series(name: str, kills: int, programs: Path, folder: Path, seed: int) -> Account:
    """Kill so often, over as many logs as that takes. Raises FalseAlarmError; the log stays."""
    chance = random.Random(f"{name} {seed}")  # noqa: S311 - not for secrets
    account = Account(Counter(), Counter(), Counter())
    for number, share in enumerate(_shares(kills)):
        place = Path(tempfile.mkdtemp(prefix="sealed-", dir=folder))
        series = SERIES[name]
        run = SealedRun(place, programs, series.settings, chance, is_public=number % 2 == 1)
        run.logrotate.is_compressing = chance.random() < 0.5
        keeps = False
        try:
            with run.daemon:
                for _ in range(share):
                    account.happened[_kill_once(run, series)] += 1
                run.finish()
        except FalseAlarmError:
            keeps = True
            raise
        finally:
            account.found.update(run.found)
            account.seen.update(run.seen)
            if not keeps:
                shutil.rmtree(place)
    return account


def _shares(kills: int) -> Iterator[int]:
    while kills > 0:
        yield min(kills, KILLS_OF_A_LOG)
        kills -= KILLS_OF_A_LOG


def _kill_once(run: SealedRun, series: Series) -> str:
    """Have a storm, a trouble and a kill, and start again. Returns the trouble's name."""
    name = run.chance.choice(sorted(series.troubles))
    trouble = series.troubles[name]
    run.excused |= trouble.excuses
    with run.storm():
        run.wait_at_random()
        if not trouble.is_while_down:
            trouble.happen(run)
            run.wait_at_random(0.2)
        run.kill()
    run.check()
    if trouble.is_while_down:
        trouble.happen(run)
        run.check()
    run.daemon.start()
    return name
