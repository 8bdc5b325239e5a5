# SPDX-License-Identifier: Apache-2.0
"""The benchmark of the daemon's steps: what it times is there to be timed, in every round."""

from collections.abc import Iterator

import pytest

from tests.bench import workloads
from tests.bench.recorded import Recorded, record_and_load
from tests.bench.stages import CHAINS, measure

EXECS = 50
EVENTS = EXECS + 1  # that of the program which makes them has the mark too
ROUNDS = 2


@pytest.fixture
def recorded() -> Iterator[Recorded]:
    workloads.build()
    recorded = record_and_load(workloads.Workload("few", "vfork", EXECS))
    yield recorded
    recorded.close()


def test_recording_is_replayed_whole_as_often_as_wanted(recorded: Recorded) -> None:
    assert recorded.count == EVENTS
    for _ in range(ROUNDS):
        ring = recorded.rewind()
        read = 0
        while (batch := ring.read())[0]:
            read += len(batch[1])
        assert read == EVENTS


def test_steps_cost_something_in_every_round(recorded: Recorded) -> None:
    samples = measure(recorded, ROUNDS)
    assert {name: len(costs) for name, costs in samples.items()} == {
        chain.name: ROUNDS for chain in CHAINS
    }
    assert all(cost > 0 for costs in samples.values() for cost in costs)
