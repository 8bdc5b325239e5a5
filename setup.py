# SPDX-License-Identifier: Apache-2.0
"""Puts the compiled BPF object and its source into the wheel, as execaudit/bpf/.

All else stands in pyproject.toml. Distributions' packages, which have both in /usr/lib/execaudit,
set EXECAUDIT_SYSTEM_BPF=1 and get a wheel of Python alone.
"""

import os
import shutil
import subprocess
from pathlib import Path

from setuptools import Distribution, setup
from setuptools.command.build_py import build_py

try:
    from setuptools.command.bdist_wheel import bdist_wheel
except ImportError:  # setuptools before 70.1
    from wheel.bdist_wheel import bdist_wheel

BPF = Path(__file__).resolve().parent / "bpf"
HAS_OBJECT = os.environ.get("EXECAUDIT_SYSTEM_BPF") != "1"


class BuildWithObject(build_py):
    """Compiles the objects beside the modules; that takes make, clang and the headers of libbpf."""

    def run(self) -> None:
        """Build the modules, then the objects."""
        super().run()
        if not HAS_OBJECT or self.editable_mode:
            return
        target = Path(self.build_lib).resolve() / "execaudit/bpf"
        target.mkdir(parents=True, exist_ok=True)
        subprocess.run(["make", "-C", BPF, f"OUT={target}"], check=True)
        for path in (*sorted(BPF.glob("*.[ch]")), *sorted(BPF.glob("LICENSE*"))):
            shutil.copyfile(path, target / path.name)


class WheelOfArchitecture(bdist_wheel):
    """Names the architecture, which the object is for, but no version of Python."""

    def get_tag(self) -> tuple[str, str, str]:
        """Return the tags of PEP 425."""
        _, _, platform = super().get_tag()
        return "py3", "none", platform


class DistributionOfArchitecture(Distribution):
    """Goes where compiled things go."""

    def has_ext_modules(self) -> bool:
        """Tell whether there is more than Python."""
        return HAS_OBJECT


setup(
    distclass=DistributionOfArchitecture,
    cmdclass={"build_py": BuildWithObject, "bdist_wheel": WheelOfArchitecture},
)
