# SPDX-License-Identifier: Apache-2.0
"""What the documents say is there, is there; what is there, the documents say."""

import argparse
import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from execaudit.cli import build_parser
from execaudit.records.vocabulary import FIELDS
from execaudit.records.vocabulary.kinds import SHARED, Kind
from tests.schemas import check_own

ROOT = Path(__file__).parents[2]
MANUAL = ROOT / "docs/man/execaudit.8.scd"
RECORDS = (ROOT / "docs/record.md", ROOT / "docs/service-records.md")
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])
# Tools write these; everything else that is text is ours.
FOREIGN = {".git", "build", "dist", "__pycache__", ".mypy_cache", ".pytest_cache", ".ruff_cache"}
FOREIGN |= {".hypothesis", ".venv"}
# Where this was written is nobody's business, and names of hosts to fetch from go out of date.
FORBIDDEN = re.compile(
    r"(?<![\w.])/" + r"work(?![\w-])"
    r"|\b(?:deb\.debian|files\.pythonhosted|pypi\.python|proxy\.golang|registry\.npmjs)\.\w+"
)


def options_of(verb: str) -> list[str]:
    """Option strings of a verb, without those of every parser."""
    parser: argparse.ArgumentParser = build_parser()
    for word in verb.split():
        (verbs,) = [a for a in parser._actions if isinstance(a, argparse._SubParsersAction)]
        parser = verbs.choices[word]
    return [
        option
        for action in parser._actions
        for option in action.option_strings
        if option not in ("-h", "--help")
    ]


def sections(text: str) -> dict[str, str]:
    """Text of each section by its lower-case title, whatever its level."""
    parts = re.split(r"^#+ (.+)$", text, flags=re.MULTILINE)
    return {title.lower(): body for title, body in zip(parts[1::2], parts[2::2], strict=True)}


@pytest.mark.parametrize(
    "verb",
    [
        "trace",
        "doctor",
        "check",
        "rules",
        "rules test",
        "daemon",
        "convert",
        "redact",
        "schema",
        "seal setup",
        "baseline show",
        "baseline forget",
        "baseline export",
        "baseline import",
        "verify",
        "status",
        "reload",
        "rotate",
    ],
)
def test_manual_has_every_option_of_the_verb_and_no_other(verb: str) -> None:
    text = sections(MANUAL.read_text())[f"options of {verb}"]
    headings = [line for line in text.splitlines() if re.match(r"\*-", line)]
    documented = re.findall(r"\*(--?[\w-]+)\*", "\n".join(headings))
    assert sorted(documented) == sorted(options_of(verb))


def test_manual_has_the_choices_of_every_option() -> None:
    text = MANUAL.read_text()
    (verbs,) = [a for a in build_parser()._actions if isinstance(a, argparse._SubParsersAction)]
    for verb, parser in verbs.choices.items():
        assert f"*{verb}*" in text
        for action in parser._actions:
            if action.choices and action.option_strings:
                choices = "|".join(f"*{choice}*" for choice in action.choices)
                assert f"*{action.option_strings[-1]}* {choices}\n" in text


def test_manual_names_every_exit_status() -> None:
    source = (ROOT / "execaudit/errors.py").read_text()
    statuses = {"0", *re.findall(r"exit_status = (\d+)", source)}
    text = sections(MANUAL.read_text())["exit status"]
    assert set(re.findall(r"^\*(\d+)\*$", text, re.MULTILINE)) == statuses


@pytest.mark.parametrize("manual", sorted(MANUAL.parent.glob("*.scd")), ids=lambda path: path.stem)
def test_manual_is_clean(manual: Path, tmp_path: Path) -> None:
    page = tmp_path / manual.stem
    source = manual.read_bytes()
    page.write_bytes(subprocess.run(["scdoc"], input=source, stdout=-1, check=True).stdout)
    lint = subprocess.run(
        ["mandoc", "-T", "lint", "-W", "warning", page], stdout=-1, check=False, text=True
    )
    # scdoc ends every paragraph with a macro that the next heading makes needless.
    ours = [line for line in lint.stdout.splitlines() if "skipping paragraph macro" not in line]
    assert ours == []


def members(kind: Kind) -> Iterator[str]:
    for name, one in kind.members:
        yield name
        yield from members(one)


def test_every_member_of_an_object_is_documented() -> None:
    documented = set(re.findall(r"`(\w+)`", "".join(map(Path.read_text, RECORDS))))
    kinds = [*(field.kind for field in FIELDS.values()), *SHARED]
    assert {name for kind in kinds for name in members(kind)} <= documented


def test_examples_of_records_are_by_the_schema() -> None:
    examples = re.findall(r"^```json\n(.*?)^```", RECORDS[0].read_text(), re.MULTILINE | re.DOTALL)
    assert examples
    for example in examples:
        check_own("execaudit", json.loads(example))


def test_development_help_has_every_verb() -> None:
    text = (ROOT / "dev").read_text()
    (body,) = re.findall(r"^case \$verb in\n(.*?)^esac", text, re.MULTILINE | re.DOTALL)
    verbs = set(re.findall(r"^([a-z-]+)(?: \|.*)?\)", body, re.MULTILINE))
    usage = subprocess.run([ROOT / "dev", "help"], stdout=-1, check=True, text=True).stdout
    assert verbs == set(re.findall(r"^  ([a-z-]+) ", usage, re.MULTILINE))


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_between_documents_resolve(path: Path) -> None:
    text = re.sub(r"^```.*?^```", "", path.read_text(), flags=re.MULTILINE | re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        file = (path.parent / name) if name else path
        assert file.exists(), target
        if anchor:
            assert anchor in anchors(file), target


def anchors(path: Path) -> set[str]:
    """Anchors of a document's headings, as its hosts make them."""
    titles = re.findall(r"^#+ (.+)$", path.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def text_files() -> Iterator[Path]:
    for path in ROOT.rglob("*"):
        if FOREIGN & set(path.relative_to(ROOT).parts) or not path.is_file() or path.is_symlink():
            continue
        if b"\0" not in path.read_bytes()[:4096]:
            yield path


def test_no_file_names_the_machine_it_was_written_on() -> None:
    found = [
        f"{path.relative_to(ROOT)}: {match[0]}"
        for path in text_files()
        for match in FORBIDDEN.finditer(path.read_text(errors="replace"))
    ]
    assert found == []


def test_every_source_file_begins_with_its_license() -> None:
    for path in text_files():
        if path.suffix in (".py", ".c", ".h", ".sh") or path.name in ("dev", "run", "Makefile"):
            lines = path.read_text().splitlines()[:2]
            assert any("SPDX-License-Identifier:" in line for line in lines), path
