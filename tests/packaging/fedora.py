# SPDX-License-Identifier: Apache-2.0
"""What Fedora and its like have for packages with a service, and the rpm as it is built for them.

Owns the part of their systemd package that scriptlets rely on: macros, file triggers and their
script, taken from the sources of systemd, in an rpm that stands for all that ours requires. It
must not know what tests do with it.
"""

import os
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

from tests.machine import cache, debian_source, system
from tests.packaging.build import CHECKOUT, artifact, sources_key

# meson.build of systemd, as Fedora configures it.
_PATHS = {
    "BINFMT_DIR": "/usr/lib/binfmt.d",
    "ENVIRONMENT_DIR": "/usr/lib/environment.d",
    "KERNEL_INSTALL_DIR": "/usr/lib/kernel/install.d",
    "MODPROBE_DIR": "/usr/lib/modprobe.d",
    "MODULESLOAD_DIR": "/usr/lib/modules-load.d",
    "ROOTLIBEXECDIR": "/usr/lib/systemd",
    "SYSCTL_DIR": "/usr/lib/sysctl.d",
    "SYSTEMD_CATALOG_DIR": "/usr/lib/systemd/catalog",
    "SYSTEMD_UPDATE_HELPER_PATH": "/usr/lib/systemd/systemd-update-helper",
    "SYSTEM_DATA_UNIT_DIR": "/usr/lib/systemd/system",
    "SYSTEM_ENV_GENERATOR_DIR": "/usr/lib/systemd/system-environment-generators",
    "SYSTEM_GENERATOR_DIR": "/usr/lib/systemd/system-generators",
    "SYSTEM_PRESET_DIR": "/usr/lib/systemd/system-preset",
    "SYSUSERS_DIR": "/usr/lib/sysusers.d",
    "TMPFILES_DIR": "/usr/lib/tmpfiles.d",
    "UDEV_HWDB_DIR": "/usr/lib/udev/hwdb.d",
    "UDEV_RULES_DIR": "/usr/lib/udev/rules.d",
    "UPDATE_HELPER_USER_TIMEOUT": "15s",
    "USER_DATA_UNIT_DIR": "/usr/lib/systemd/user",
    "USER_ENV_GENERATOR_DIR": "/usr/lib/systemd/user-environment-generators",
    "USER_GENERATOR_DIR": "/usr/lib/systemd/user-generators",
    "USER_PRESET_DIR": "/usr/lib/systemd/user-preset",
    "USER_TMPFILES_DIR": "/usr/share/user-tmpfiles.d",
}
# What the rpm of execaudit requires, no more and no less: it is installed without --nodeps.
_PROVIDED = (
    "/bin/sh",
    "/usr/bin/chrt",
    "/usr/bin/python3",
    "libbpf = 1.1",
    "python(abi) = {python}",
    "python3-systemd",
    "shadow-utils",
    "systemd",
)
# Debian's Python looks for modules elsewhere than Fedora's.
_STAND_IN = """
Name: stand-in
Version: 1
Release: 1
Summary: What the rpm of execaudit requires
License: LGPL-2.1-or-later
BuildArch: noarch
AutoReq: no
{provides}
%description
{triggers}
%install
install -D -m 755 %{{_sourcedir}}/systemd-update-helper %{{buildroot}}{helper}
mkdir -p %{{buildroot}}/usr/lib/python3/dist-packages
echo {modules} >%{{buildroot}}/usr/lib/python3/dist-packages/stand-in.pth
%files
{helper}
/usr/lib/python3/dist-packages/stand-in.pth
"""
_RELEASES = (".old", ".younger")  # in the order that rpm sorts them
_PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"


def stand_in() -> Path:
    """Return the rpm that has what execaudit's requires."""
    (found,) = _parts().glob("*.rpm")
    return found


def packages() -> tuple[Path, Path]:
    """Return execaudit's rpm and one of a later release, with systemd's own scriptlets."""
    parts = _parts()

    def build(directory: Path) -> None:
        tarball = artifact("sdist", "*.tar.gz")
        for source in (tarball, CHECKOUT / "systemd/execaudit.sysusers"):
            shutil.copy(source, directory)
        macros = [CHECKOUT / "packaging/rpm/macros.foreign", parts / "macros.systemd"]
        spec = CHECKOUT / "packaging/rpm/execaudit.spec"
        for release in _RELEASES:
            # What %check does has been done when the package was built for other tests.
            _build_rpm(directory, spec, macros, "--nodeps", "--nocheck", f"--define=dist {release}")

    built = cache.entry("package-rpm-fedora", cache.key([sources_key(), str(parts)]), build)
    old, new = (next(built.glob(f"*{release}.*.rpm")) for release in _RELEASES)
    return old, new


def _parts() -> Path:
    def build(directory: Path) -> None:
        texts = _from_systemd(directory)
        (directory / "macros.systemd").write_text(texts["macros.systemd.in"])
        (directory / "systemd-update-helper").write_text(texts["systemd-update-helper.in"])
        provides = "\n".join(f"Provides: {each}" for each in _PROVIDED)
        # Those of its subpackage udev need no rehearsal.
        sections = re.split(r"^(?=%transfile)", texts["triggers.systemd.in"], flags=re.MULTILINE)
        triggers = "\n".join(each for each in sections if " udev " not in each.split("\n")[0])
        text = _STAND_IN.format(
            provides=provides.format(python=_PYTHON),
            triggers=triggers,
            helper=_PATHS["SYSTEMD_UPDATE_HELPER_PATH"],
            modules=f"/usr/lib/python{_PYTHON}/site-packages",
        )
        (directory / "stand-in.spec").write_text(text)
        _build_rpm(directory, directory / "stand-in.spec", [])

    version = cache.key([_PYTHON, Path(__file__).read_text()])
    return cache.entry("fedora-systemd", version, build)


def _from_systemd(directory: Path) -> dict[str, str]:
    """Return systemd's files for rpm by name, with the paths in them filled in."""
    texts: dict[str, str] = {}
    tarball = debian_source.source("systemd", system.tree("bookworm"), directory)
    with tarfile.open(tarball) as archive:
        for member in archive:
            folder, _, name = member.name.rpartition("/")
            if folder.endswith("/src/rpm") and name.endswith(".in"):
                file = archive.extractfile(member)
                assert file
                text = file.read().decode()
                texts[str(name)] = re.sub(r"\{\{(\w+)\}\}", lambda found: _PATHS[found[1]], text)
    for file_of_source in directory.iterdir():
        file_of_source.unlink()
    return texts


def _build_rpm(directory: Path, spec: Path, macros: list[Path], *options: str) -> None:
    """Build into a directory what a spec describes, from the sources that lie there."""
    top = directory / "rpmbuild"
    command = ["rpmbuild", "-bb", *options, *(f"--load={each}" for each in macros)]
    command += [f"--define=_topdir {top}", f"--define=_sourcedir {directory}", str(spec)]
    done = subprocess.run(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        # The distribution's own tools: another Python in front of them would build for itself.
        env={**os.environ, "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"Failed to build {spec.name}:\n{done.stdout[-4000:]}")
    for package in (top / "RPMS").glob("*/*.rpm"):
        package.rename(directory / package.name)
    shutil.rmtree(top)
