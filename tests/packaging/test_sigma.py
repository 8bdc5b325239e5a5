# SPDX-License-Identifier: Apache-2.0
"""The tests of packaging/sigma, which is a package of its own, beside this checkout's rules."""

import os
import re
import subprocess
import sys

from tests.packaging.build import CHECKOUT

PACKAGE = CHECKOUT / "packaging/sigma"


def test_backend_passes_its_own_tests() -> None:
    paths = os.pathsep.join((str(PACKAGE), str(CHECKOUT)))
    environment = {name: text for name, text in os.environ.items() if name != "SIGMA_RULES"}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "tests"],
        cwd=PACKAGE,
        env=environment | {"PYTHONPATH": paths},
        capture_output=True,
        check=False,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"\b[1-9]\d* passed\b", done.stdout)
    assert "skipped" not in done.stdout
