# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the integration tests: the engine, the programs, a place to work, a tracer."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

import pytest

from tests.integration.building import build_programs
from tests.integration.requirements import ENGINES, WORK_DIRECTORY, require_root
from tests.integration.shapes import take_fresh
from tests.integration.tracing import ROOMY_RING, Tracer


def tracer_scope(fixture_name: str, config: pytest.Config) -> Literal["module", "session"]:  # noqa: ARG001
    """How long a tracer lives: where starting one takes long, one serves all modules."""
    return "session" if os.environ.get("EXECAUDIT_ONE_TRACER") == "1" else "module"


@pytest.fixture(scope=tracer_scope, params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    """Every test that uses it runs once with each engine."""
    require_root()
    return str(request.param)


def _check_fresh() -> None:
    fresh = take_fresh()
    # Guests have only what a distribution brings.
    if find_spec("ocsf_json_schema") is not None:
        from tests.schemas import check_all

        for record in fresh:
            check_all(record)


@pytest.fixture(autouse=True)
def schemas() -> Iterator[None]:
    """Hold what the test saw to the schemas: ours, Elastic's and OCSF's."""
    yield
    _check_fresh()


@pytest.fixture(scope="session", autouse=True)
def schemas_at_the_end() -> Iterator[None]:
    """The same of what outlives the last test."""
    yield
    _check_fresh()


@pytest.fixture(scope="session")
def workplace() -> Iterator[Path]:
    """A directory that every user may enter, unlike pytest's own."""
    require_root()
    directory = Path(tempfile.mkdtemp(prefix="execaudit-test-", dir=WORK_DIRECTORY))
    directory.chmod(0o755)
    yield directory
    shutil.rmtree(directory)


@pytest.fixture
def place(workplace: Path) -> Iterator[Path]:
    """A fresh directory for one test, open to every user."""
    directory = Path(tempfile.mkdtemp(dir=workplace))
    directory.chmod(0o755)
    yield directory
    shutil.rmtree(directory)


@pytest.fixture(scope="session")
def programs(workplace: Path) -> Path:
    """The directory of the ground-truth programs."""
    directory = workplace / "programs"
    directory.mkdir()
    return build_programs(directory)


@pytest.fixture(scope=tracer_scope)
def tracer(engine: str, programs: Path) -> Iterator[Tracer]:
    """One tracer, with failed execs, for all tests of a module and engine."""
    with Tracer(engine, programs / "tiny", *ROOMY_RING, exits=False) as running:
        yield running
        running.stop()


@pytest.fixture(scope=tracer_scope)
def exit_tracer(engine: str, programs: Path) -> Iterator[Tracer]:
    """The same with exits, whose records take another way to the output."""
    with Tracer(engine, programs / "tiny", *ROOMY_RING) as running:
        yield running
        running.stop()
