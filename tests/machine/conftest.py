# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the container tests: a booted system with the package, and its journal on failure."""

import os
import shutil
from collections.abc import Generator, Iterator, Sequence
from typing import Any

import pytest

from tests.integration.requirements import give_up
from tests.machine import system
from tests.machine.container import Container
from tests.machine.service import Service
from tests.packaging.build import deb

# The tests' own commands would fill what is shown of the journal.
NO_EXECS = r"--grep=^(?!.* ran /)"
_containers = pytest.StashKey[list[Container]]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, Any]:
    """Show, with a test that failed, what happened in its container."""
    report = yield
    if report.failed:
        for container in item.session.stash.get(_containers, []):
            report.sections.append((f"container {container.name}", container.describe(NO_EXECS)))
    return report


def booted(
    request: pytest.FixtureRequest, release: str, *more: str, options: Sequence[str] = ()
) -> Iterator[Container]:
    """A booted container of a Debian release, whose journal is shown where a test fails.

    `more` are packages, `options` take away from what the container can do.
    """
    if os.geteuid():
        give_up("containers need root")
    if shutil.which("systemd-nspawn") is None:
        give_up("there is no systemd-nspawn")
    with Container(system.tree(release, *more), options=options) as container:
        running = request.session.stash.setdefault(_containers, [])
        running.append(container)
        try:
            yield container
        finally:
            running.remove(container)


def installed(
    request: pytest.FixtureRequest, release: str, *more: str, options: Sequence[str] = ()
) -> Iterator[Service]:
    """A booted container of a Debian release with the package installed, not started."""
    for container in booted(request, release, *more, options=options):
        service = Service(container)
        service.install(deb())
        yield service


@pytest.fixture(scope="module")
def shared(request: pytest.FixtureRequest) -> Iterator[Service]:
    """One container for all tests of a module, which leave it as they found it."""
    yield from installed(request, getattr(request.module, "RELEASE", "bookworm"))


@pytest.fixture
def service(request: pytest.FixtureRequest) -> Iterator[Service]:
    """A container for one test."""
    yield from installed(request, getattr(request.module, "RELEASE", "bookworm"))
