# SPDX-License-Identifier: Apache-2.0
"""The hot path does not grow unnoticed: instructions per event against the recorded baseline."""

import json
import os
import shutil

import pytest

from tests.bench import instructions


def test_no_way_takes_a_tenth_more_instructions_than_recorded() -> None:
    if not shutil.which("valgrind") and "CI" not in os.environ:
        pytest.skip("valgrind is not installed")
    baseline = json.loads(instructions.BASELINE.read_text())
    if baseline["of"] != instructions.processor_and_python():
        pytest.skip(f"recorded for {baseline['of']}: ./dev bench baseline")

    counts = instructions.measure()

    grown = {
        name: (baseline["instructions"][name], count)
        for name, count in counts.items()
        if count > baseline["instructions"][name] * instructions.TOLERANCE
    }
    assert not grown, "if it has to be so: ./dev bench baseline"
