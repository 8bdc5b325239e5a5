# SPDX-License-Identifier: Apache-2.0
"""What arrives of what the daemon wrote, for each shipper: every record, byte for byte.

Storms of the real daemon, its file rotated in the middle, while shipper and receiver work, are
away, come back, are killed. What is not delivered exactly once is bounded; docs/shippers.md has the
table.
"""

import shutil
import signal
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from os.path import commonprefix
from pathlib import Path
from tempfile import mkdtemp

import pytest

from tests.integration.daemon_process import Daemon, wait_until
from tests.integration.requirements import DEADLINE_S
from tests.shippers.hosts import network
from tests.shippers.shipping import SHIPPERS, FromJournal, Shipper
from tests.shippers.storms import HARD_ARGUMENTS, Source, own_uid, rule_for

UID = own_uid(0)
EXECS = 1000
FEWER = 300
QUIET_S = 2.0
# What may be lost and doubled, where not 0, and why:
# rsyslog reads on in a rotated file, and after a kill, where its state, of every 100 lines, says.
STATE = 100
# What its queue on disk has taken and not noted yet when it is killed.
CHECKPOINT = 10
# What imjournal has handed to rsyslog's queue in memory: the daemon writes many at once.
IN_MEMORY = FEWER
# RELP: sent and not acknowledged. Sent again to a receiver that comes back, forgotten by a shipper
# that ends meanwhile.
WINDOW = 128
# Plain TCP: what lies in the buffers of the kernels on both sides dies with the receiver, and all
# that was not read of a rotated file with the shipper.
UNREAD = FEWER + 3
# systemd-journal-upload notes where it stands after a whole upload, and begins it anew.
UPLOAD = 2 * FEWER
MOST = {
    "rsyslog, file": {
        "rotated": (0, STATE),
        "receiver killed": (0, STATE + WINDOW),
        "shipper stopped": (0, STATE),
        "shipper killed": (CHECKPOINT, STATE + CHECKPOINT + WINDOW),
        "both away": (WINDOW, STATE + WINDOW),
    },
    "rsyslog, journal": {
        "receiver killed": (0, WINDOW),
        "shipper killed": (IN_MEMORY, STATE + CHECKPOINT + WINDOW),
        "both away": (WINDOW, WINDOW),
    },
    "syslog-ng, file": {
        "receiver killed": (UNREAD, 0),
        "shipper stopped": (UNREAD, 0),
        "shipper killed": (0, UNREAD),
        "both away": (UNREAD, 0),
    },
    "syslog-ng, journal": {
        "receiver killed": (UNREAD, 0),
        "shipper killed": (0, UNREAD),
        "both away": (UNREAD, 0),
    },
    "systemd-journal-upload": {
        "receiver killed": (0, UPLOAD),
        "shipper stopped": (0, UPLOAD),
        "shipper killed": (0, UPLOAD),
        "both away": (0, UPLOAD),
    },
}


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

    def count(self, mark: str, episode: str = "") -> Delivery:
        """What became of all since the last count, once the mark has arrived, which came last.

        What the episode does not excuse is waited for.
        """
        shipper = self.shipper
        wait_until(
            lambda: shipper.has_arrived(mark),
            lambda: f"{mark} has not arrived; the shipper said {shipper.host.said()[-2000:]}",
        )
        written = Counter(shipper.written())
        assert max(written.values()) == 1
        now = self._tally(written)
        # A rotated file can be read after the one that has the mark.
        quiet_since = began = time.monotonic()
        most_lost = self._counted.lost + self._most(episode)[0]
        while now.lost and (
            time.monotonic() < quiet_since + QUIET_S
            or (episode and now.lost > most_lost and time.monotonic() < began + DEADLINE_S)
        ):
            time.sleep(0.2)
            before, now = now, self._tally(written)
            if now != before:
                quiet_since = time.monotonic()
        before, self._counted = self._counted, now
        return Delivery(
            now.written - before.written, now.lost - before.lost, now.doubled - before.doubled
        )

    @contextmanager
    def storm_under_way(self) -> Iterator[None]:
        """A storm of which the first records have arrived, and the last have not."""
        before = self.shipper.progress()
        with self.source.storm(FEWER):
            wait_until(lambda: self.shipper.progress() != before)
            yield

    def judge(self, episode: str, delivery: Delivery) -> None:
        """Say what was delivered, and hold it to what is known of the shipper."""
        name = self.shipper.name
        print(f"{name}; {episode}: {delivery}")
        # Else the daemon itself has missed some, and has said so.
        assert delivery.written > 2 * FEWER, self.source.daemon.of_type("lost")
        lost, doubled = self._most(episode)
        assert delivery.lost <= lost
        assert delivery.doubled <= doubled

    def _most(self, episode: str) -> tuple[int, int]:
        """Return how many may be lost and doubled."""
        return MOST[self.shipper.name].get(episode, (0, 0))

    def _tally(self, written: "Counter[bytes]") -> Delivery:
        arrived = Counter(self.shipper.arrived())
        aliens = arrived.keys() - written.keys()
        allowed = self.shipper.most_torn
        assert len(aliens) <= allowed, f"changed on the way: {difference(aliens, written)}"
        for alien in aliens:
            del arrived[alien]
        lost = len(written.keys() - arrived.keys())
        return Delivery(len(written), lost, arrived.total() - len(arrived))


_WAYS = [pytest.param(one, id=one.name.replace(", ", "-")) for one in SHIPPERS]


@pytest.fixture(scope="module", params=_WAYS)
def way(request: pytest.FixtureRequest, programs: Path, workplace: Path) -> Iterator[Way]:
    """A shipper at work."""
    cls: type[Shipper] = request.param
    place = Path(mkdtemp(dir=workplace))
    place.chmod(0o755)
    sections: dict[str, dict[str, object]] = {
        "file": {"num_logs": 0},
        "journal": {"enabled": issubclass(cls, FromJournal)},
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


def test_storm_with_rotation_and_hard_arguments_arrives(way: Way) -> None:
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
    delivery = way.count(source.mark(), "rotated")
    print(f"{delivery.written / (time.monotonic() - began):.0f} records a second")
    assert delivery.written > 2 * EXECS
    way.judge("rotated", delivery)


def test_receiver_that_is_killed_and_comes_back(way: Way) -> None:
    source, shipper = way.source, way.shipper
    with way.storm_under_way():
        shipper.kill_receiver()
        source.rotate()
    with source.storm(FEWER):
        shipper.start_receiver()
    way.judge("receiver killed", way.count(source.mark(), "receiver killed"))


def test_shipper_that_is_stopped_while_the_file_is_rotated(way: Way) -> None:
    source, shipper = way.source, way.shipper
    with source.storm(FEWER):
        shipper.end()
        source.rotate()
    with source.storm(FEWER):
        shipper.start()
    way.judge("shipper stopped", way.count(source.mark(), "shipper stopped"))


def test_shipper_that_is_killed(way: Way) -> None:
    source, shipper = way.source, way.shipper
    with way.storm_under_way():
        shipper.end(signal.SIGKILL)
    with source.storm(FEWER):
        shipper.start()
    way.judge("shipper killed", way.count(source.mark(), "shipper killed"))


def test_shipper_that_is_restarted_while_the_receiver_is_away(way: Way) -> None:
    source, shipper = way.source, way.shipper
    with way.storm_under_way():
        shipper.kill_receiver()
        shipper.end()
        source.rotate()
    with source.storm(FEWER):
        shipper.start()
    shipper.start_receiver()
    way.judge("both away", way.count(source.mark(), "both away"))
