# SPDX-License-Identifier: Apache-2.0
"""Names in backticks, in docstrings and comments, are names that the project has."""

import ast
import builtins
import keyword
import re
import sys
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[2]
_NAMED = re.compile(r"`([a-z][a-z0-9_]*(?:[./][a-z0-9_]+)*)`")
_SUFFIXES = {"py", "h", "c", "md", "toml"}
_WORD = re.compile(r"[A-Za-z_]\w*")


def _names_of(path: Path) -> set[str]:
    """Return what a module defines or uses, and the words of its short strings."""
    names = set(path.relative_to(_ROOT).with_suffix("").parts)
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        match node:
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                names.add(name)
            case ast.Name(id=name) | ast.Attribute(attr=name) | ast.arg(arg=name):
                names.add(name)
            case ast.Constant(value=str(text)) if len(text) < 40:
                names.update(_WORD.findall(text))
    return names


def _known() -> set[str]:
    known = set(sys.stdlib_module_names) | set(dir(builtins)) | set(keyword.kwlist)
    for folder in ("execaudit", "tests"):
        for path in (_ROOT / folder).rglob("*.py"):
            known |= _names_of(path)
    for path in (_ROOT / "bpf").glob("*.[ch]"):
        known.update(_WORD.findall(path.read_text(encoding="utf-8")))
    return known


def test_every_name_in_backticks_exists() -> None:
    known = _known()
    files = [*(_ROOT / "execaudit").rglob("*.py"), *(_ROOT / "bpf").glob("*.[ch]")]
    missing = [
        f"{path.relative_to(_ROOT)}: {named}"
        for path in sorted(files)
        for named in _NAMED.findall(path.read_text(encoding="utf-8"))
        # A single word may be anything; a name with a dot or an underscore is one of ours.
        if set(named) & set("._/") and set(re.split(r"[./]", named)) - known - _SUFFIXES
    ]
    assert len(files) > 100
    assert missing == []
