# SPDX-License-Identifier: Apache-2.0
"""What can happen to a log without anybody's ill will, and what a verifier may then say of it.

Owns the list, by what rotates the log: execaudit itself, or logrotate.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from tests.evidence_trial.sealed_run import SealedRun

_HOUR_NS = 3600 * 10**9


class Trouble(NamedTuple):
    """Something that happens.

    Attributes:
        happen: does it.
        excuses: findings that it may leave; a verdict is never "altered" for it.
        is_while_down: it happens between a kill and the next start, else in the storm.

    """

    happen: Callable[[SealedRun], None]
    excuses: frozenset[str] = frozenset()
    is_while_down: bool = False


class Series(NamedTuple):
    """A configuration of the file, and what may happen to it between two kills."""

    settings: Mapping[str, object]
    troubles: Mapping[str, Trouble]


def _nothing(_: SealedRun) -> None:
    pass


def _rotate(run: SealedRun) -> None:
    run.daemon.call("rotate")


def _reload(run: SealedRun) -> None:
    run.daemon.call("reload")


def _prune(run: SealedRun) -> None:
    run.daemon.call("rotate", "--prune", "2")


def _restart(run: SealedRun) -> None:
    run.daemon.running.terminate()
    run.daemon.running.wait()
    run.check()
    run.daemon.start()


def _set_clock(run: SealedRun) -> None:
    run.clock.move(run.chance.randint(-3 * _HOUR_NS, 3 * _HOUR_NS))


def _logrotate_moves(run: SealedRun) -> None:
    run.logrotate.move(run.daemon.running.pid)


def _logrotate_empties(run: SealedRun) -> None:
    run.logrotate.copy_and_truncate()


_RELOAD = {"nothing": Trouble(_nothing), "reload": Trouble(_reload), "restart": Trouble(_restart)}
# Signed seals of a clock that was set back over an hour have no certificate until the next hour's;
# lines behind the last seal seem to be late where the clock was set forward since.
_CLOCK = {"clock set": Trouble(_set_clock, frozenset({"no-certificate", "unsealed-end"}))}

SERIES = {
    "kills": Series(
        {"max_file_bytes": "4M", "num_logs": 6, "compress": "gzip"}, {"nothing": Trouble(_nothing)}
    ),
    "own rotation": Series(
        {"max_file_bytes": "4M", "num_logs": 6, "compress": "gzip"},
        {
            **_RELOAD,
            **_CLOCK,
            "rotate": Trouble(_rotate),
            "rotate --prune": Trouble(_prune),
            "backup taken": Trouble(SealedRun.back_up, is_while_down=True),
            "backup of log and key put back": Trouble(
                lambda run: run.put_back(with_state=True), is_while_down=True
            ),
            "backup of log put back": Trouble(
                lambda run: run.put_back(with_state=False), frozenset({"cut"}), is_while_down=True
            ),
        },
    ),
    "logrotate": Series(
        {"max_file_bytes": 0, "max_age": 0, "num_logs": 0, "compress": "none"},
        {
            **_RELOAD,
            **_CLOCK,
            "logrotate": Trouble(_logrotate_moves),
            "logrotate while down": Trouble(
                lambda run: run.logrotate.move(),
                frozenset({"never-sealed", "unreadable"}),
                is_while_down=True,
            ),
            "logrotate, copytruncate": Trouble(
                _logrotate_empties, frozenset({"emptied", "unreadable"})
            ),
        },
    ),
}
