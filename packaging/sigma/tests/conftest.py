# SPDX-License-Identifier: Apache-2.0
"""The backend, and the Sigma rules of these tests or of the directory in SIGMA_RULES."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from sigma.backends.execaudit import ExecauditBackend
from sigma.collection import SigmaCollection
from sigma.pipelines.execaudit import execaudit_pipeline


@pytest.fixture
def backend() -> ExecauditBackend:
    """Make a backend with its pipeline."""
    return ExecauditBackend(execaudit_pipeline())


@pytest.fixture
def collection() -> SigmaCollection:
    """Load the rules."""
    place = os.environ.get("SIGMA_RULES") or str(Path(__file__).parent / "rules")
    return SigmaCollection.load_ruleset([place])
