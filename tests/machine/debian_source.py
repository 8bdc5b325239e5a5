# SPDX-License-Identifier: Apache-2.0
"""Getting the sources that Debian's packages were made from.

Owns asking apt for them without a change to this machine's own lists. It must not know what they
are for.
"""

import re
import tempfile
from pathlib import Path

from tests.machine.debian import run

# A mirror's Release file of a moving suite is easily older than its validity; signatures are
# checked. The directories belong to root alone.
_OPTIONS = (
    "Acquire::Check-Valid-Until=false",
    "Acquire::Languages=none",
    "APT::Sandbox::User=root",
)
_DIRECTORIES = {"Etc::SourceParts": "none", "State::Lists": "lists", "Cache::Archives": "archives"}


def source(package: str, tree: Path, directory: Path) -> Path:
    """Get the source of a package of a tree's release; returns its tarball in `directory`."""
    listed = (tree / "etc/apt/sources.list").read_text()
    with tempfile.TemporaryDirectory() as scratch:
        sources = Path(scratch) / "sources.list"
        sources.write_text(re.sub("^deb ", "deb-src ", listed, flags=re.MULTILINE))
        options = [*_OPTIONS, f"Dir::Etc::SourceList={sources}"]
        for name, place in _DIRECTORIES.items():
            (Path(scratch) / place / "partial").mkdir(parents=True)
            options.append(f"Dir::{name}={scratch}/{place}")
        apt = ["apt-get", "-qq", *(f"--option={option}" for option in options)]
        run([*apt, "update"])
        run(["env", "-C", directory, *apt, "source", "--download-only", package])
    (found,) = directory.glob("*.orig.tar.*")
    return found
