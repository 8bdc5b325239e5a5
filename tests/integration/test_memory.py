# SPDX-License-Identifier: Apache-2.0
"""A million events through the daemon's own parts: memory stays where it was, sums are exact."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.requirements import CHECKOUT, require_root
from tests.replay_million import FILE_BYTES

EVENTS = 1_000_000
# What tables and caches hold when they are full comes to this, and what is let go of all at once
# makes the figure go up and down.
MOST_KIB = 80 << 10
GROWTH_KIB = 12 << 10
# As systemd sets it at boot; the kernel's own is 10, and the sink would mostly wait.
RUN = 'echo 512 > /proc/sys/net/unix/max_dgram_qlen && exec "$@"'


@pytest.fixture
def directory() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="execaudit-", dir="/dev/shm") as scratch:
        directory = Path(scratch) / "log"
        directory.mkdir(mode=0o750)
        yield directory


def test_memory_stays_flat_over_a_million_events(directory: Path) -> None:
    require_root()
    command = [sys.executable, "-m", "tests.replay_million", str(EVENTS), str(directory)]
    done = subprocess.run(
        ["unshare", "--net", "sh", "-c", RUN, "sh", *command],
        cwd=CHECKOUT, stdout=subprocess.PIPE, check=True,
    )  # fmt: skip
    answer = json.loads(done.stdout)
    first, *later = answer["resident_kib"][2:]
    assert len(later) == 7
    assert max(later) - first < GROWTH_KIB, answer
    assert max(later) < MOST_KIB, answer
    assert answer["seen"] >= EVENTS
    assert answer["lost"] == [0, 0]
    assert answer["written"] == [answer["seen"] - answer["gone"]] * 2
    assert sum(path.stat().st_size for path in directory.iterdir()) < 3 * FILE_BYTES
