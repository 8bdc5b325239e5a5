# SPDX-License-Identifier: Apache-2.0
"""Going on with what the process before left with the service manager, and leaving it for the next.

Owns the decision, and the descriptors until it is made. Three outcomes: the same programs go on; or
other programs are loaded, and what the old ones hold is read first; or nothing of it is of use.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass

from execaudit.daemon.handover import description, descriptor_store
from execaudit.daemon.handover.checkpoint import Checkpoint, CheckpointFile
from execaudit.daemon.log import log
from execaudit.errors import ExecauditError
from execaudit.kernel import libbpf
from execaudit.kernel.capture import Capture, Settings
from execaudit.sinks.notices import WARNING
from execaudit.wire import record

_CHECKPOINT = "checkpoint"
_UNUSABLE = "what the run before left is incomplete or of another version"


@dataclass(frozen=True, slots=True)
class Adopted:
    """What the run before left.

    Attributes:
        names: all that the manager has stored.
        mismatch: why other programs have to be loaded; empty: these go on.
        capture: that of the run before, attached.
        file: its checkpoint file.
        checkpoint: what the file said.

    """

    names: list[str]
    mismatch: str
    capture: Capture
    file: CheckpointFile
    checkpoint: Checkpoint


@dataclass(frozen=True, slots=True)
class Unusable:
    """There was something, and nobody can go on with it. Its descriptors are closed."""

    names: list[str]
    reason: str = _UNUSABLE


def find_previous(boot: str, engine: str, settings: Settings) -> Adopted | Unusable | None:
    """Take what the manager hands over; None if that is nothing.

    `boot` is the running one, `engine` and `settings` are what is configured.
    """
    fds = descriptor_store.take()
    if not fds:
        return None
    names = list(fds)
    file = CheckpointFile.open(fds[_CHECKPOINT]) if _CHECKPOINT in fds else None
    if file is not None:
        adopted = _adopt(fds, file, boot, engine, settings)
        if adopted is not None:
            return adopted
        file.close()
        del fds[_CHECKPOINT]
    for fd in fds.values():
        os.close(fd)
    return Unusable(names)


def _adopt(
    fds: dict[str, int], file: CheckpointFile, boot: str, engine: str, settings: Settings
) -> Adopted | None:
    if not description.is_readable(file.description):
        return None
    try:
        checkpoint = file.read()
        mismatch = description.mismatch(file.description, engine, settings, boot)
        capture = description.adopt(file.description, fds)
    except (ValueError, KeyError, TypeError):
        return None
    if capture is None:
        return None
    return Adopted(list(fds), mismatch, capture, file, checkpoint)


def create_checkpoint_file(
    capture: Capture, boot: str, sinks: Sequence[str]
) -> CheckpointFile | None:
    """Make the file that describes a capture; None without a manager, or where it fails.

    `sinks` are the names of all sinks there can be: a reload may switch one on.
    """
    if not descriptor_store.is_available():
        return None
    streams = libbpf.num_possible_cpus() * len(record.HOOKS)
    try:
        return CheckpointFile.create(description.describe(capture, boot), sinks, streams)
    except ExecauditError as error:
        log(WARNING, f"{error}, a restart will miss events")
        return None


def hand_over(capture: Capture, file: CheckpointFile) -> None:
    """Give the manager what another process needs to go on. The file must have been committed."""
    for name, fd in description.descriptors(capture).items():
        descriptor_store.put(name, fd)
    descriptor_store.put(_CHECKPOINT, file.fd)  # the last: it stands for all


def descriptor_names(capture: Capture) -> list[str]:
    """Return the names under which `hand_over` has stored a capture."""
    return [*description.descriptors(capture), _CHECKPOINT]


def withdraw(names: Sequence[str]) -> None:
    """Have the manager close what it has stored under these names."""
    for name in names:
        descriptor_store.remove(name)
