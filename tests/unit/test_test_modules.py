# SPDX-License-Identifier: Apache-2.0
"""The shape of the tests: who imports whom, nothing asserted in silence, nothing timed."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[1]
TREES = {
    str(path.relative_to(FOLDER)): ast.parse(path.read_text())
    for path in sorted(FOLDER.rglob("*.py"))
}
CLOCKS = {"monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns", "process_time",
          "process_time_ns", "thread_time", "time", "time_ns"}  # fmt: skip


def imports(tree: ast.AST) -> Iterator[str]:
    """Yield the dotted names that a module imports, wherever in it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def calls_clock(node: ast.AST) -> bool:
    return any(
        isinstance(call, ast.Call)
        and isinstance(call.func, ast.Attribute)
        and call.func.attr in CLOCKS
        and isinstance(call.func.value, ast.Name)
        and call.func.value.id == "time"
        for call in ast.walk(node)
    )


@pytest.mark.parametrize("name", TREES)
def test_module_imports_no_test_module(name: str) -> None:
    found = [each for each in imports(TREES[name])
             if each.startswith("tests.")
             and any(part.startswith("test_") for part in each.split(".")[:3])]  # fmt: skip

    assert found == []


@pytest.mark.parametrize("name", TREES)
def test_no_assertion_is_skipped_where_there_is_nothing_to_assert_on(name: str) -> None:
    found = [
        node.lineno
        for node in ast.walk(TREES[name])
        if isinstance(node, ast.If)
        and not node.orelse
        and ast.unparse(node.test).endswith(" is not None")
        and any(isinstance(each, ast.Assert) for each in node.body)
    ]

    assert found == []


@pytest.mark.parametrize("name", TREES)
def test_no_duration_is_asserted(name: str) -> None:
    found = [
        node.lineno
        for node in ast.walk(TREES[name])
        if isinstance(node, ast.Assert)
        for part in ast.walk(node.test)
        if isinstance(part, ast.BinOp) and isinstance(part.op, ast.Sub) and calls_clock(part.left)
    ]

    assert found == []
