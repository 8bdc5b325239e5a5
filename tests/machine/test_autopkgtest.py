# SPDX-License-Identifier: Apache-2.0
"""The package's own tests (packaging/deb/tests), run by autopkgtest as Debian runs them."""

import os
import shutil

import pytest

from tests.integration.requirements import give_up
from tests.machine.container import Container
from tests.machine.system import MORE, tree
from tests.packaging.build import CHECKOUT, deb

TREE = "/var/tmp/execaudit"


@pytest.mark.timeout(600)
def test_tests_of_the_package_pass() -> None:
    if os.geteuid():
        give_up("containers need root")
    package = f"/var/tmp/{deb().name}"
    with Container(tree("bookworm", *MORE)) as container:
        shutil.copytree(CHECKOUT / "packaging/deb", container.path(f"{TREE}/debian"))
        container.copy(deb(), package)
        # There is no network to fetch lists by; all that the tests depend on is there.
        container.path("/etc/apt/sources.list").unlink()
        # It may touch all of the machine, which nobody else uses, though it has the host's kernel.
        options = ["--ignore-restrictions=isolation-machine", package, f"{TREE}/", "--", "null"]
        said = container.run("autopkgtest", *options, check=False, timeout_s=300)
    assert said.returncode == 0, f"{said.stdout}\n{said.stderr}"
    summary = said.stderr.partition("summary\n")[2].splitlines()
    assert [line.split() for line in summary[:2]] == [["tracer", "PASS"], ["service", "PASS"]]
