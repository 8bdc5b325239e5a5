# SPDX-License-Identifier: Apache-2.0
"""The shape of the package: who imports whom, how long things are, what importing does."""

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGES = (
    ("errors", "background", "color", "replace_file"),
    ("wire",),
    ("kernel",),
    ("engine",),
    ("records",),
    ("config",),
    ("rules",),
    ("formats",),
    ("evidence",),
    ("baseline",),
    ("sinks",),
    ("store", "table"),
    ("query",),
    ("verify", "tree", "report", "top"),
    ("doctor", "trace", "daemon"),
    ("cli",),
    ("__main__",),
)
"""From the bottom: a package imports itself and those of lines above its own."""
PACKAGE = Path(__file__).resolve().parents[2] / "execaudit"
MODULES = {
    ".".join(path.relative_to(PACKAGE).with_suffix("").parts): path
    for path in sorted(PACKAGE.rglob("*.py"))
}
IMPORTABLE = [name for name in MODULES if not name.startswith("__")]
TREES = {name: ast.parse(path.read_text()) for name, path in MODULES.items()}


def imports(name: str) -> set[str]:
    """Return the modules of execaudit that a module imports, wherever in it."""
    found: set[str] = set()
    for node in ast.walk(TREES[name]):
        assert not (isinstance(node, ast.ImportFrom) and node.level), f"{name}: relative import"
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        else:
            continue
        found |= {full.removeprefix("execaudit.") for full in names if full.startswith("execaudit")}
    return found & MODULES.keys()


def package_of(module: str) -> str:
    return module.partition(".")[0]


LINES = {package: line for line, packages in enumerate(PACKAGES) for package in packages}


def test_every_package_has_its_line() -> None:
    assert {package_of(name) for name in MODULES} - {"__init__"} == set(LINES)


@pytest.mark.parametrize("package", LINES)
def test_package_imports_only_packages_below(package: str) -> None:
    wrong = {
        f"{name} -> {other}"
        for name in MODULES
        for other in imports(name)
        if package_of(name) == package
        and package_of(other) not in ("__init__", package)
        and LINES[package_of(other)] >= LINES[package]
    }

    assert wrong == set()


def test_imports_make_no_cycle() -> None:
    done: set[str] = set()

    def visit(name: str, above: tuple[str, ...]) -> None:
        assert name not in above, " -> ".join((*above, name))
        if name not in done:
            for other in imports(name):
                visit(other, (*above, name))
            done.add(name)

    for name in MODULES:
        visit(name, ())


@pytest.mark.parametrize("name", MODULES)
def test_module_is_of_readable_length(name: str) -> None:
    assert len(MODULES[name].read_text().splitlines()) <= 350


def functions(name: str) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(TREES[name]):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


@pytest.mark.parametrize("name", MODULES)
def test_functions_are_of_readable_length(name: str) -> None:
    lengths = {one.name: (one.end_lineno or 0) - one.lineno + 1 for one in functions(name)}

    assert {one: length for one, length in lengths.items() if length >= 50} == {}


@pytest.mark.parametrize("name", MODULES)
def test_module_opens_with_licence_and_purpose(name: str) -> None:
    assert MODULES[name].read_text().startswith("# SPDX-License-Identifier: Apache-2.0\n")
    assert ast.get_docstring(TREES[name])


_WATCH_IMPORT = """
import importlib, sys
import {before}
seen = []
def note(event, arguments):
    if event == "open":
        path, mode, flags = arguments
        text = str(path)
        reads_code = text.endswith((".py", ".pyc", ".so")) or ".so." in text
        if not reads_code and not (mode in ("r", "rb") and text.startswith(sys.prefix)):
            seen.append(f"{{event}} {{text}} {{mode}}")
    elif event in ({events}):
        seen.append(f"{{event}} {{arguments}}")
sys.addaudithook(note)
importlib.import_module({module!r})
sys.exit("\\n".join(seen) or None)
"""
_EVENTS = (
    "subprocess.Popen", "os.system", "os.exec", "os.fork", "os.posix_spawn", "os.putenv",
    "os.mkdir", "os.remove", "os.rename", "socket.__new__", "signal.signal", "mmap.__new__",
    "urllib.Request", "tempfile.mkstemp", "tempfile.mkdtemp", "_thread.start_new_thread",
)  # fmt: skip


@pytest.mark.parametrize("name", IMPORTABLE)
def test_import_of_module_changes_and_starts_nothing(name: str) -> None:
    program = _WATCH_IMPORT.format(
        before="ctypes, ctypes.util, pwd, mmap, re, json",
        events=", ".join(map(repr, _EVENTS)),
        module=f"execaudit.{name}",
    )

    result = subprocess.run(
        [sys.executable, "-B", "-c", program],
        check=False, capture_output=True, text=True, cwd=PACKAGE.parent,
        env={**os.environ, "PYTHONPATH": str(PACKAGE.parent)},
    )  # fmt: skip

    assert result.stdout == ""
    assert result.stderr.strip() == ""
    assert result.returncode == 0
