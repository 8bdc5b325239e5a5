# SPDX-License-Identifier: Apache-2.0
"""Configuration files in a directory of the test's own."""

from pathlib import Path

from execaudit.config.configuration import Loaded, Paths, load


def write_file(root: Path, name: str, text: str | bytes, mode: int = 0o640) -> Path:
    """Write a file below `root`; it and its directories are nobody else's to write."""
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    for folder in path.parents:
        if folder.is_relative_to(root):
            folder.chmod(0o755)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    path.chmod(mode)
    return path


def load_system(root: Path) -> Loaded:
    return load(Paths.of_system(root))


def load_text(root: Path, text: str | bytes) -> Loaded:
    """Load a configuration of one file, execaudit.toml."""
    return load(Paths.of_file(write_file(root, "execaudit.toml", text)))


def shown_problems(loaded: Loaded, root: Path) -> list[str]:
    """The problems as they are printed, without the directory."""
    return [str(problem).replace(f"{root}/", "") for problem in loaded.problems]


def name_of(value: str | bytes) -> str:
    return repr(value)[:40]
