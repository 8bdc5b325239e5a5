# SPDX-License-Identifier: Apache-2.0
"""The command line of `./dev evidence-trial`."""

import argparse
import os
import signal
import sys
import tempfile
import time
from pathlib import Path

from tests.evidence_trial.sealed_run import FalseAlarmError
from tests.evidence_trial.trial import Account, try_series
from tests.evidence_trial.troubles import SERIES
from tests.integration.building import build_programs
from tests.integration.requirements import WORK_DIRECTORY


def main() -> int:
    """Run the series that were asked for; 1 where a verdict was a false alarm."""
    parser = argparse.ArgumentParser(
        prog="./dev evidence-trial",
        description="Kill a daemon that seals its log, at random moments in a storm of execs, with"
        " rotation, logrotate, restored backups and a clock that is set in between, and verify the"
        " log after each kill: never may a verdict be 'altered'.",
    )
    add = parser.add_argument
    add("--kills", type=int, default=200, metavar="N", help="of each series (default: 200)")
    add("--series", action="append", choices=tuple(SERIES), help="only this one; repeatable")
    add("--seed", type=int, default=1, metavar="N", help="of all that is random (default: 1)")
    options = parser.parse_args()
    if os.geteuid() != 0:
        parser.error("tracing needs root")
    # As Ctrl-C does, so that the daemon and its storm end with the trial.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    status = 0
    with tempfile.TemporaryDirectory(prefix="execaudit-trial-", dir=WORK_DIRECTORY) as folder:
        programs = Path(folder) / "programs"
        programs.mkdir()
        build_programs(programs)
        # The logs of a false alarm stay, to be looked at.
        for name in options.series or SERIES:
            began = time.monotonic()
            try:
                account = try_series(
                    name, options.kills, programs, Path(WORK_DIRECTORY), options.seed
                )
            except FalseAlarmError as error:
                print(f"{name}: FALSE ALARM: {error}", flush=True)
                status = 1
                continue
            print(f"{name}: {_sum_up(account)}; {time.monotonic() - began:.0f} s", flush=True)
    return status


def _sum_up(account: Account) -> str:
    parts = [f"{count} {name}" for name, count in sorted(account.seen.items())]
    parts += [f"found {name} {count} times" for name, count in account.found.most_common()]
    parts += [f"{name} {count} times" for name, count in account.happened.most_common()]
    return ", ".join(parts)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
