# SPDX-License-Identifier: Apache-2.0
"""Goes on with a log that another run sealed: finds its last seal and the next key.

Owns the three cases. The state and the log agree; the log is ahead (a crash came between the two
writes, and the state catches up); or the state is ahead (the log was cut, put back, or lost its end
in a power cut, and the next seal says so).
"""

import os
from collections.abc import Callable, Iterator

from execaudit.evidence.blake2 import blake2b
from execaudit.evidence.chain import Chain
from execaudit.evidence.key_state import KeyState
from execaudit.evidence.seal import MARK, Fields, is_seal, make_mac, read_seal, sealed_text

_STEP_BYTES = 1 << 20
_MOST_BYTES = 512 << 20  # what an interval of a storm may write, many times over
_MOST_BEHIND = 1_000_000  # epochs: months for which the state could not be written
_MOST_SEALS = 64


def _nothing() -> None:
    """Open nothing: there is no file before."""


def resume(
    chain: Chain, path: str, fd: int, open_before: Callable[[], int | None] = _nothing
) -> str:
    """Go on with an open log; return what is wrong with it, for the daemon's log, or "".

    The next seal covers the lines behind its last one. `open_before` opens the previous file, for a
    log without a seal; it returns None if there is none. Raises OSError.
    """
    state = chain.file.state
    is_elsewhere = state.move_to(path)
    found, where = _last_seals(fd, state), fd
    size = os.fstat(fd).st_size
    if not found and size <= _MOST_BYTES:
        before = open_before()
        if before is not None:
            found, where = _last_seals(before, state), before
    if is_elsewhere and (not found or found[-1][2]["epoch"] < state.epoch - 1):
        state.removed_before = state.epoch  # all others are in the log that was written before
    if not found:
        if state.epoch or size:
            chain.start_apart()
        return ""
    end, line, fields = found[-1]
    newest = fields["epoch"]
    problem = ""
    if newest >= state.epoch and not _follow(state, found):
        problem = (
            f"the seal of epoch {newest} at its end was not made with the keys of this host: the"
            " log, or the key state, was exchanged"
        )
    elif newest < state.epoch - 1 and not is_elsewhere:
        chain.mark(missing={"first": newest + 1, "last": state.epoch - 1})
        problem = (
            f"it ends with epoch {newest}, and epoch {state.epoch - 1} was sealed: its end was cut"
            " off, an older log was put back, or a power cut took it"
        )
    state.previous = blake2b(line).digest()
    for data in _read(where, end):
        chain.update(data)
    for data in _read(fd, 0) if where != fd else ():
        chain.update(data)
    return problem


def _follow(state: KeyState, found: list[tuple[int, bytes, Fields]]) -> bool:
    """Advance the state to the log's seals; return False if they were made with other keys."""
    newest = found[-1][2]["epoch"]
    if newest - state.epoch > _MOST_BEHIND:
        return False
    trial = state.copy()
    by_epoch = {fields["epoch"]: (line, fields) for _, line, fields in found}
    while trial.epoch <= newest:
        line, fields = by_epoch.get(trial.epoch, (b"", {}))
        if fields and not _is_made_by(trial, fields):
            return False
        trial.evolve(blake2b(line).digest())
    state.take(trial)
    return True


def _is_made_by(state: KeyState, fields: Fields) -> bool:
    if fields.get("chain") != state.chain:
        return False
    if state.is_secret:
        return bool(fields.get("mac") == make_mac(fields, state.key))
    from execaudit.evidence.signing import seal_message, seal_signer  # noqa: PLC0415 - libsodium

    expected = seal_signer(state.key).sign(seal_message(sealed_text(fields))).hex()
    return bool(fields.get("signature") == expected)


def _last_seals(fd: int, state: KeyState) -> list[tuple[int, bytes, Fields]]:
    """Return the last seals of the chain, back to the state's epoch, oldest first.

    Each with the offset behind its line, and the line.
    """
    found: list[tuple[int, bytes, Fields]] = []
    for begin, line in _lines_backward(fd):
        fields = read_seal(line)
        if fields is None or fields.get("chain") != state.chain:
            continue
        found.append((begin + len(line), line, fields))
        if fields["epoch"] <= state.epoch or len(found) == _MOST_SEALS:
            break
    return found[::-1]


def _lines_backward(fd: int) -> Iterator[tuple[int, bytes]]:
    """Yield offset and bytes of lines that may be seals, from the last one back."""
    size = end = os.fstat(fd).st_size
    rest = b""  # of a line that begins before what was read
    while end > 0 and size - end < _MOST_BYTES:
        begin = max(end - _STEP_BYTES, 0)
        data = os.pread(fd, end - begin, begin) + rest
        end = begin
        first = 0 if not begin else data.find(b"\n") + 1
        if begin and not first:  # a line longer than that
            rest = data
            continue
        at = len(data)
        while (at := data.rfind(MARK, first, at)) >= 0:
            line_begin = data.rfind(b"\n", 0, at) + 1
            line_end = data.find(b"\n", at) + 1
            line = data[line_begin:line_end]
            if line_end and is_seal(line):
                yield begin + line_begin, line
            at = line_begin
        rest = data[:first]


def _read(fd: int, at: int) -> Iterator[bytes]:
    """Yield whole lines from an offset on."""
    rest = b""
    while data := os.pread(fd, _STEP_BYTES, at):
        at += len(data)
        data = rest + data
        whole = data.rfind(b"\n") + 1
        rest = data[whole:]
        if whole:
            yield data[:whole]
