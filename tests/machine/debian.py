# SPDX-License-Identifier: Apache-2.0
"""Making trees of Debian packages with mmdebstrap.

Owns the options that every one of them needs. It must not know what the packages are for.
"""

import subprocess
from collections.abc import Sequence
from pathlib import Path

# A mirror's Release file of a moving suite is easily older than its validity, and an archived
# suite's always is; signatures are still checked.
_APT_OPTIONS = ('Acquire::Check-Valid-Until "false"', 'Acquire::Languages "none"')

# Processes and mounts of its own: mmdebstrap mounts /proc and others where it works.
_ALONE = ["unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child"]
_ALONE += ["--mount-proc", "--"]


def run(command: Sequence[str | Path]) -> None:
    """Run a command; the end of what it said becomes the error. Raises RuntimeError.

    All that it has started and mounted is gone with it, also when waiting for it is interrupted.
    """
    with subprocess.Popen(
        [*_ALONE, *command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        try:
            said, _ = process.communicate()
        except BaseException:
            process.kill()
            process.communicate()  # until the last of them is gone
            raise
    if process.returncode:
        tail = "\n".join(said.splitlines()[-30:])
        raise RuntimeError(f"Failed to run '{command[0]}': status {process.returncode}\n{tail}")


def mmdebstrap(
    suite: str,
    tree: Path,
    packages: Sequence[str],
    *options: str,
    architecture: str = "",
    more: Sequence[str] = (),
) -> None:
    """Make a tree of a suite's `packages` and, unless the variant says no, what they depend on.

    `more` are suites that packages can come from too, where they are named as PACKAGE/SUITE.
    """
    apt = [f"--aptopt={option}" for option in _APT_OPTIONS]
    if architecture:
        apt.append(f"--architectures={architecture}")
    sources = [f"deb {_mirror()} {name} main" for name in (suite, *more)] if more else []
    run(["mmdebstrap", *options, *apt, f"--include={','.join(packages)}", suite, tree, *sources])


def _mirror() -> str:
    """Return where this host's apt has Debian from."""
    asked = ["apt-get", "indextargets", "--format", "$(LABEL) $(REPO_URI)", "Created-By: Packages"]
    lines = subprocess.run(asked, stdout=-1, check=True, text=True).stdout.splitlines()
    return next(line.split()[1] for line in lines if line.startswith("Debian "))


def minimal(
    suite: str, tree: Path, packages: Sequence[str], *left_out: str, architecture: str = ""
) -> None:
    """Make the smallest tree with `packages`, without these folders of /usr/share."""
    excluded = [f"--dpkgopt=path-exclude=/usr/share/{folder}/*" for folder in left_out]
    # It is made again where a crash leaves it half way, so nothing need wait for the disk.
    unsafe = "--dpkgopt=force-unsafe-io"
    options = ("--variant=minbase", unsafe, *excluded)
    mmdebstrap(suite, tree, packages, *options, architecture=architecture)
