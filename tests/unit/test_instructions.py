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
    here = instructions.processor_and_python()
    if baseline["of"] != here:
        pytest.skip(f"the counts hold for {baseline['of']} only, and this is {here}")

    counts = instructions.measure()

    grown = {
        name: (baseline["instructions"][name], count)
        for name, count in counts.items()
        if count > baseline["instructions"][name] * instructions.TOLERANCE
    }
    assert not grown, "if it has to be so: ./dev bench baseline"
