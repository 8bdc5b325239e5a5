# SPDX-License-Identifier: Apache-2.0
"""Fixtures that several modules share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.sink_bench import Bench


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path)
    yield bench
    for sink in bench.open_ones:
        sink.close()
