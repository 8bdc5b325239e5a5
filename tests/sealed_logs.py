# SPDX-License-Identifier: Apache-2.0
"""A host's sealed log for tests: a file sink with a chain, started, killed and tampered with."""

import importlib.util
import itertools
import os
import threading
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, cast

from execaudit.config.schema import File
from execaudit.config.seal import Seal
from execaudit.evidence.chain import Chain
from execaudit.evidence.keys import VerifyingKey
from execaudit.evidence.setup import make_state
from execaudit.evidence.state import StateFile, read_new_chain
from execaudit.formats.encoders import make_line
from execaudit.records.host import Host
from execaudit.records.service_records import seal_head
from execaudit.records.text import dumps
from execaudit.sinks.file import FileSink
from execaudit.store.broken import Broken
from execaudit.verify.files import find_logs
from execaudit.verify.findings import WHOLE, weigh
from execaudit.verify.report import LogVerdict
from execaudit.verify.verb import verify_all
from execaudit.wire.event import Event

SINGLE_FILE = Path(__file__).resolve().parents[1] / "packaging/verify/execaudit-verify.py"

_OFFSET_NS = time.time_ns() - time.clock_gettime_ns(time.CLOCK_BOOTTIME)
OURS_ALONE = {"unexplained", "not-counted", "torn", "copy", "kept-longer", "open-end"}
"""What the single file does not look for."""


class LineEncoder:
    """Events are lines already; the daemon's own records are encoded."""

    def __init__(self, name: str = "execaudit") -> None:
        self.format = name

    def encode(self, event: Event) -> bytes:
        """Return the event, which is a line."""
        return cast("bytes", event)

    def encode_fields(self, fields: dict[str, Any]) -> bytes:
        """Return the line of a record of the daemon's own."""
        return make_line(fields, self.format)


class SealedHost:
    """A host whose log is sealed.

    Attributes:
        key: verifies its chain.
        folder: of the log.
        path: of the live file.

    """

    def __init__(
        self, folder: Path, name: str = "alpha", *, is_public: bool = False, **file: Any
    ) -> None:
        self.folder = folder / name
        self.folder.mkdir()
        self.path = self.folder / "execaudit.jsonl"
        self.state = folder / f"{name}.state"
        self.host = Host(name, "0123456789abcdef" * 2, _OFFSET_NS)
        base = {"keep_age": 0, "keep_bytes": 0, "space_left": 0, "space_low": 0, "num_logs": 0}
        self.settings = File(path=str(self.path), **{**base, "max_age": 0, **file})
        self.encoder = LineEncoder(self.settings.format)
        self.key = self.set_up(is_public=is_public)
        self.sink: FileSink | None = None
        self._numbers = itertools.count(1)

    def set_up(self, *, is_public: bool = False, suffix: str = "") -> VerifyingKey:
        """Make the first key of a chain."""
        owner = os.geteuid(), os.getegid()
        return make_state(f"{self.state}{suffix}", is_public=is_public, owner=owner, periods=3)

    def start(self, *, is_sealing: bool = True) -> FileSink:
        """Start the daemon, so to speak."""
        self.sink = sink = FileSink(self.settings, self.encoder)
        if is_sealing:
            self.seal_with(StateFile(str(self.state)))
        sink.add_fields({**self._head("start"), "version": "1"})
        sink.seal("start")
        sink.tidy()
        return sink

    def change_key(self) -> VerifyingKey:
        """Set up another key, and start with it."""
        new = self.set_up(suffix=".new")
        self.chain.mark_next_chain(read_new_chain(str(self.state)))
        self.running.seal("setup")
        self.stop()
        Path(f"{self.state}.new").replace(self.state)
        self.start()
        return new

    def seal_with(self, state: StateFile) -> None:
        """Have the sink sealed with a key state."""
        chain = Chain(state, lambda: seal_head(self.host, {"seen": 0}))
        self.running.use_chain(chain, Seal(state=state.path))

    @property
    def running(self) -> FileSink:
        """The sink."""
        assert self.sink is not None
        return self.sink

    @property
    def chain(self) -> Chain:
        """The chain of the running sink."""
        sealing = self.running.sealing
        assert sealing is not None
        return sealing.chain

    def _head(self, kind: str) -> dict[str, Any]:
        fields = {**seal_head(self.host, {}), "type": kind}
        del fields["events"]
        return fields

    def line(self) -> bytes:
        """Return the line of another exec."""
        number = next(self._numbers)
        fields = self._head("exec")
        fields |= {"cpu": 0, "seq": number, "argv": ["/bin/true", f"number-{number}-"]}
        if self.settings.format != "execaudit":
            fields |= {"pid": number, "filename": "/bin/true", "argc": 2, "result": "success"}
            return make_line(fields, self.settings.format)
        return dumps(fields) + b"\n"

    def write(self, count: int = 5, *, seal: str = "interval") -> None:
        """Write execs, and seal them unless `seal` is empty."""
        for _ in range(count):
            self.running.add(cast("Event", self.line()))
        self.running.flush()
        if seal:
            self.running.seal(seal)

    def stop(self) -> None:
        """End in order."""
        self.running.add_fields({**self._head("stop"), "seen": 0})
        self.running.seal("stop")
        self.running.close()
        self.sink = None

    def crash(self, *, state: bytes | None = None) -> None:
        """End without a word; `state`: what the key state then is, where it did not get further."""
        sealing = self.running.sealing
        if sealing is not None:
            sealing.close()
        self.running.release_chain()
        self.running.close()
        self.sink = None
        if state is not None:
            self.state.write_bytes(state)

    def files(self) -> list[Path]:
        """All files of the log, oldest first."""
        rotated = sorted(p for p in self.folder.iterdir() if p != self.path)
        return [*rotated, *([self.path] if self.path.exists() else [])]

    def lines(self, path: Path | None = None) -> list[bytes]:
        """Return the lines of a file."""
        return (path or self.path).read_bytes().splitlines(keepends=True)

    def tamper(self, change: Any, path: Path | None = None) -> None:
        """Have the lines of a file changed by a function of their list."""
        lines = self.lines(path)
        changed = change(lines)
        (path or self.path).write_bytes(b"".join(lines if changed is None else changed))


def seal_lines(lines: list[bytes]) -> list[int]:
    """Return where in a list of lines seals are."""
    return [at for at, line in enumerate(lines) if b'"type":"seal"' in line[:60]]


def load_single_file() -> Any:
    """Return the single file as a module."""
    spec = importlib.util.spec_from_file_location("execaudit_verify", SINGLE_FILE)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def verify(
    paths: Iterable[Path | str],
    keys: Iterable[VerifyingKey],
    expected: Sequence[tuple[str, int, str]] = (),
) -> tuple[int, list[LogVerdict]]:
    """Verify with the package and with the single file, which must find the same."""
    names, known = [str(path) for path in paths], list(keys)
    broken = Broken()
    verdicts = verify_all(find_logs(names, broken), names, known, list(expected), [])
    single = load_single_file()
    log, worst = single.judge(
        [part for each in verdicts for part in each.files],
        [single.Key(str(key)) for key in known],
        [each[1:] for each in expected],
    )
    ours = {finding.kind for each in verdicts for finding in each.findings} - OURS_ALONE
    assert {finding[0] for finding in log.found} == ours
    verdict = weigh([each.verdict for each in verdicts])
    assert worst == verdict
    return verdict, verdicts


def findings(verdicts: list[LogVerdict]) -> dict[str, str]:
    """Return the sentence of each kind of finding that counts."""
    return {
        finding.kind: f"{finding.text} ({finding.where})"
        for each in verdicts
        for finding in each.findings
        if finding.verdict != WHOLE
    }


def running_host(place: Path) -> SealedHost:
    """Return a host whose log has a seal, running."""
    host = SealedHost(place)
    host.start()
    host.write()
    return host


def wait_for_syncs(host: SealedHost) -> None:
    """Wait for all that the thread of seals has to do."""
    sealing = host.running.sealing
    assert sealing is not None
    done = threading.Event()
    assert sealing._syncing.submit(done.set)
    assert done.wait(60)


def rotated_host(place: Path, times: int = 3, **settings: Any) -> SealedHost:
    """Return a running host whose log was rotated that often."""
    host = SealedHost(place, **settings)
    host.start()
    for _ in range(times):
        host.write()
        host.running.rotate()
    host.write()
    return host


def assert_whole(host: SealedHost) -> str:
    """Return the verdict in words."""
    verdict, logs = verify([host.path], [host.key])
    assert (verdict, findings(logs)) == (WHOLE, {})
    return "\n".join(each.as_text() for each in logs)
