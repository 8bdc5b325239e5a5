# SPDX-License-Identifier: Apache-2.0
"""What arrives of what the daemon wrote, for each shipper: every record, byte for byte.

Storms of the real daemon, its file rotated in the middle; docs/shippers.md has the table.
"""

import shutil
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from os.path import commonprefix
from pathlib import Path
from tempfile import mkdtemp

import pytest

from tests.integration.daemon_process import Daemon, wait_until
from tests.shippers.hosts import network
from tests.shippers.shipping import SHIPPERS, Shipper
from tests.shippers.storms import HARD_ARGUMENTS, Source, rule_for

UID = 61001
EXECS = 1500
# rsyslog reads on in a rotated file where its state, of every 100 lines, says.
ROTATION_DOUBLES = {"rsyslog, file": 99}


def difference(aliens: Iterable[bytes], written: Iterable[bytes]) -> str:
    """Where a line that nobody wrote leaves the line that is most like it."""
    alien = min(aliens)
    near = max(written, key=lambda line: len(commonprefix([line, alien])))
    at = max(len(commonprefix([near, alien])) - 40, 0)
    return f"{alien[at : at + 200]!r} instead of {near[at : at + 200]!r}"


@dataclass
class Delivery:
    """Lines of one episode: how many there were, and of these how many did not or doubly arrive."""

    written: int
    lost: int
    doubled: int


class Way:
    """From the daemon to the central host by one shipper."""

    def __init__(self, shipper: Shipper, source: Source) -> None:
        self.shipper = shipper
        self.source = source
        self._counted = Delivery(0, 0, 0)

    def count(self, mark: str) -> Delivery:
        """What became of all since the last count, once the mark has arrived, which came last."""
        shipper = self.shipper
        wait_until(
            lambda: shipper.has_arrived(mark),
            lambda: f"{mark} has not arrived; the shipper said {shipper.host.said()[-2000:]}",
        )
        written, arrived = Counter(shipper.written()), Counter(shipper.arrived())
        aliens = arrived.keys() - written.keys()
        assert not aliens, f"changed on the way: {difference(aliens, written)}"
        assert max(written.values()) == 1
        now = Delivery(
            len(written), len(written.keys() - arrived.keys()), arrived.total() - len(arrived)
        )
        before, self._counted = self._counted, now
        return Delivery(
            now.written - before.written, now.lost - before.lost, now.doubled - before.doubled
        )


_LOSES = pytest.mark.xfail(reason="loses a whole rotated file; docs/shippers.md says so")
_WAYS = [
    pytest.param(
        one, id=one.name.replace(", ", "-"), marks=[_LOSES] if one.kind == "syslog-ng" else []
    )
    for one in SHIPPERS
]


@pytest.fixture(scope="module", params=_WAYS)
def way(request: pytest.FixtureRequest, programs: Path, workplace: Path) -> Iterator[Way]:
    """A shipper at work."""
    cls: type[Shipper] = request.param
    place = Path(mkdtemp(dir=workplace))
    place.chmod(0o755)
    sections: dict[str, dict[str, object]] = {
        "file": {"num_logs": 0},
        "journal": {"enabled": cls.__mro__[1].__name__ == "FromJournal"},
    }
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, place)
        central, hosts = stack.enter_context(network(place, {"web1": cls.kind}))
        host = hosts["web1"]
        daemon = Daemon(place / "web1", "auto", sections, rule_for(UID), command=host.as_guest())
        shipper = cls(central, host, daemon)
        shipper.start_receiver()
        shipper.start()
        source = Source(stack.enter_context(daemon), programs, place, UID)
        yield Way(shipper, source)
        daemon.stop()


def test_storm_with_rotations_and_hard_arguments_arrives_exactly_once(way: Way) -> None:
    source = way.source
    # The file is being followed.
    way.count(source.mark())
    began = time.monotonic()
    with source.storm(EXECS):
        source.rotate()
    for arguments in HARD_ARGUMENTS:
        source.run(*arguments)
    with source.storm(EXECS):
        pass
    delivery = way.count(source.mark())
    print(way.shipper.name, delivery, f"{delivery.written / (time.monotonic() - began):.0f}/s")
    assert delivery.written > 2 * EXECS
    assert delivery.lost == 0
    assert delivery.doubled <= ROTATION_DOUBLES.get(way.shipper.name, 0)
