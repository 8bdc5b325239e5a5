# SPDX-License-Identifier: Apache-2.0
"""The wheel and the source distribution: content, and that what pip installs traces."""

import filecmp
import json
import platform
import shutil
import signal
import subprocess
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from execaudit import __version__
from tests.integration.requirements import require_root
from tests.packaging.build import CHECKOUT, artifact, build_into


def wheel() -> Path:
    return artifact("wheel", "*.whl")


@pytest.fixture(scope="module")
def command(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """`execaudit` as pip installs it: into an environment of its own, without a network."""
    place = tmp_path_factory.mktemp("environment")
    subprocess.run(["/usr/bin/python3", "-m", "venv", place], check=True)
    pip = [str(place / "bin/pip"), "install", "-q", "--no-index", "--disable-pip-version-check"]
    subprocess.run([*pip, wheel()], check=True)
    yield place / "bin/execaudit"
    shutil.rmtree(place)


def test_wheel_is_for_any_python_3_of_this_architecture() -> None:
    assert wheel().name == f"execaudit-{__version__}-py3-none-linux_{platform.machine()}.whl"


def test_wheel_holds_every_module_and_the_bpf_object_with_its_source() -> None:
    names = set(zipfile.ZipFile(wheel()).namelist())
    modules = {
        str(path.relative_to(CHECKOUT))
        for suffix in ("py", "json")
        for path in (CHECKOUT / "execaudit").rglob(f"*.{suffix}")
    }
    sources = {f"execaudit/bpf/{path.name}" for path in (CHECKOUT / "bpf").glob("*.[ch]")}
    others = {name for name in names if not name.startswith(f"execaudit-{__version__}.dist-info/")}
    licenses = {name for name in others if "LICENSE" in name}

    assert others == modules | sources | licenses | {
        "execaudit/bpf/execaudit.bpf.o",
        "execaudit/bpf/execaudit-casts.bpf.o",
    }


def test_wheel_needs_nothing_from_an_index(command: Path) -> None:
    metadata = zipfile.ZipFile(wheel()).read(f"execaudit-{__version__}.dist-info/METADATA").decode()
    needed = [line for line in metadata.splitlines() if line.startswith("Requires-Dist:")]

    assert len(needed) == 1
    assert needed[0].startswith("Requires-Dist: orjson")
    assert "extra == 'orjson'" in needed[0].replace('"', "'")
    shown = subprocess.run([command, "--version"], stdout=-1, check=True, text=True).stdout
    assert shown == f"execaudit {__version__}\n"


def test_installed_wheel_traces_with_its_own_object(command: Path) -> None:
    require_root()
    tracer = subprocess.Popen(
        [command, "trace", "--json", "--engine", "libbpf"], stdout=-1, stderr=-1, text=True, cwd="/"
    )
    with tracer:
        assert tracer.stderr
        assert tracer.stderr.readline().startswith("execaudit: tracing, engine libbpf")
        done = subprocess.Popen(["/bin/true", "packaged", "two words"])
        done.wait()
        tracer.send_signal(signal.SIGTERM)
        output, _ = tracer.communicate(timeout=60)
    records = [json.loads(line) for line in output.splitlines()]
    (record,) = [each for each in records if each["pid"] == done.pid]
    assert record["argv"] == ["/bin/true", "packaged", "two words"]


def test_two_builds_give_the_same_wheel_and_the_same_tarball(tmp_path: Path) -> None:
    for package_format, pattern in (("wheel", "*.whl"), ("sdist", "*.tar.gz")):
        build_into(tmp_path, package_format)
        first = artifact(package_format, pattern)
        assert filecmp.cmp(tmp_path / first.name, first, shallow=False)


def test_source_distribution_holds_what_git_knows_and_its_metadata() -> None:
    tracked = subprocess.run(
        ["git", "ls-files"], cwd=CHECKOUT, stdout=-1, check=True, text=True
    ).stdout.splitlines()
    with tarfile.open(artifact("sdist", "*.tar.gz")) as archive:
        names = {member.name for member in archive if member.isfile()}
        metadata = archive.extractfile(f"execaudit-{__version__}/PKG-INFO")
        assert metadata
        assert f"\nVersion: {__version__}\n" in metadata.read().decode()
    expected = {f"execaudit-{__version__}/{name}" for name in [*tracked, "PKG-INFO"]}
    assert names == expected
