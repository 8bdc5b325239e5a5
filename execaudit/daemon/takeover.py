# SPDX-License-Identifier: Apache-2.0
"""What the process before left with the service manager, and whether one can go on with it.

Owns the decision, and the descriptors until it is made. One of three things comes of it: the same
programs go on; or other programs are loaded, and what the old ones hold is read first; or it is of
no use and only said so.
"""

import os
from dataclasses import dataclass

from execaudit.daemon import store
from execaudit.daemon.ledger import Ledger, Standing
from execaudit.kernel import kept
from execaudit.kernel.capture import Capture, Settings
from execaudit.records.host import Host

LEDGER = "ledger"


@dataclass(slots=True)
class Left:
    """What was there. `capture`, `ledger` and `standing` are all there, or none of them.

    Attributes:
        misfit: why programs have to be loaded all the same; empty: they go on.
        names: all that the manager keeps.

    """

    names: list[str]
    misfit: str
    capture: Capture | None = None
    ledger: Ledger | None = None
    standing: Standing | None = None


def find_left(host: Host, engine: str, settings: Settings) -> Left | None:
    """What the manager handed over, None if nothing; `engine` and `settings` are what is wanted."""
    fds = store.take()
    if not fds:
        return None
    names = list(fds)
    ledger = Ledger.open(fds[LEDGER]) if LEDGER in fds else None
    left = _judge(fds, ledger, host, engine, settings) if ledger else None
    if left is not None:
        return left
    if ledger is not None:
        ledger.close()
        del fds[LEDGER]
    for fd in fds.values():
        os.close(fd)
    return Left(names, "what the run before left is incomplete or of another version")


def _judge(
    fds: dict[str, int], ledger: Ledger, host: Host, engine: str, settings: Settings
) -> Left | None:
    description = ledger.description()
    if not kept.is_readable(description):
        return None
    capture = None
    try:
        standing = ledger.read()
        misfit = kept.misfit(description, engine, settings, host.boot)
        capture = kept.adopt(description, fds)
    except (ValueError, KeyError, TypeError):
        return None
    if capture is None:
        return None
    return Left(list(fds), misfit, capture, ledger, standing)


def keep(capture: Capture, ledger: Ledger) -> None:
    """Give the manager what another process needs to go on; the ledger last, it stands for all."""
    for name, fd in kept.descriptors(capture).items():
        store.keep(name, fd)
    store.keep(LEDGER, ledger.fd)


def attach_again(capture: Capture, names: list[str], *, is_kept: bool) -> None:
    """Attach programs anew. Raises as `Capture.attach`.

    What the manager keeps of an attachment holds it in force: it goes first, or all events would
    come twice.
    """
    if is_kept:
        forget([f"link-{name}" for name in names])
        store.wait()
    for name in names:
        capture.attach_again(name)
    if is_kept:
        for name, fd in kept.descriptors(capture).items():
            if name.removeprefix("link-") in names:
                store.keep(name, fd)


def forget(names: list[str]) -> None:
    """Have the manager let go of what it keeps."""
    for name in names:
        store.forget(name)
