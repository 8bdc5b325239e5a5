# SPDX-License-Identifier: Apache-2.0
"""The manual pages: clean by mandoc, and complete by the code they describe."""

import argparse
import importlib.util
import itertools
import re
import shlex
import subprocess
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from execaudit import __version__
from execaudit.cli import build_parser
from execaudit.config.redact import RedactPattern
from execaudit.config.schema import SECTIONS
from execaudit.config.values import TablesOf
from execaudit.records.vocabulary import FIELDS as RECORD_FIELDS
from execaudit.rules.field_values import ACTIONS, FIELDS
from tests.packaging.build import CHECKOUT, artifact, deb

SCRIPT = str(CHECKOUT / "packaging/man/from_markdown.py")
OPTIONS_SCRIPT = str(CHECKOUT / "packaging/man/from_options.py")
MANUAL = CHECKOUT / "docs/man"
VERB_PAGES = (
    "trace",
    "search",
    "tree",
    "report",
    "top",
    "convert",
    "status",
    "rotate",
    "rules",
    "baseline",
)
PAGES = ("execaudit.toml", "execaudit-rules", "execaudit-record")


def converter() -> Any:
    spec = importlib.util.spec_from_file_location("from_markdown", SCRIPT)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def page(name: str) -> str:
    command = ["/usr/bin/python3", SCRIPT, name, __version__]
    return str(subprocess.run(command, stdout=-1, check=True, text=True).stdout)


def shown(source: str, directory: Path) -> str:
    """Return a page as a reader sees it, without emphasis."""
    path = directory / "page"
    path.write_text(source)
    command = ["mandoc", "-T", "utf8", "-O", "width=1000", str(path)]
    text = subprocess.run(command, stdout=-1, check=True, text=True).stdout
    return re.sub(".\b", "", text)


def parts_of(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """Return the parsers of what stands behind a command or verb, by its word."""
    found = [a for a in parser._actions if isinstance(a, argparse._SubParsersAction)]
    return dict(found[0].choices) if found else {}


def verb(name: str) -> argparse.ArgumentParser:
    return parts_of(build_parser())[name]


def parsers(parser: argparse.ArgumentParser) -> list[argparse.ArgumentParser]:
    """Return a verb's parser and those of the verbs below it."""
    return [parser, *parts_of(parser).values()]


def own_options(parser: argparse.ArgumentParser) -> list[str]:
    return [option for action in parser._actions for option in action.option_strings]


def terms(source: str) -> set[str]:
    """Return the words in bold of the terms of lists."""
    lines = source.splitlines()
    heads = [after for line, after in itertools.pairwise(lines) if line == ".TP"]
    marked = re.findall(r"\\fB(.*?)\\fR", "\n".join(heads))
    return {name for each in marked for name in each.replace("\\-", "-").split(", ")}


@pytest.mark.parametrize("name", PAGES)
def test_page_made_from_a_guide_is_clean(name: str, tmp_path: Path) -> None:
    path = tmp_path / f"{name}.5"
    path.write_text(page(name))
    command = ["mandoc", "-T", "lint", "-W", "warning", str(path)]
    lint = subprocess.run(command, stdout=-1, check=False, text=True)
    assert lint.stdout == ""


def test_every_key_of_the_configuration_has_an_entry() -> None:
    source = page("execaudit.toml")
    for section, form in SECTIONS.items():
        _, _, chapter = source.partition(f'.SS "[{section}]"')
        entries = terms(chapter.partition(".SS")[0])
        keys = {
            each.name for each in fields(form) if not isinstance(each.metadata["kind"], TablesOf)
        }
        assert keys <= entries, section
    assert {each.name for each in fields(RedactPattern)} <= terms(source)


def test_every_condition_and_action_of_a_rule_has_an_entry(tmp_path: Path) -> None:
    source = page("execaudit-rules")
    assert FIELDS.keys() | {"action", "name", "labels", "severity", "descendants"} <= terms(source)
    text = shown(source, tmp_path)
    assert all(f'"{action}"' in text for action in ACTIONS)


def test_every_field_of_a_record_has_an_entry() -> None:
    assert RECORD_FIELDS.keys() <= terms(page("execaudit-record"))


def test_pages_and_guides_name_each_other_by_their_section(tmp_path: Path) -> None:
    for name in PAGES:
        text = shown(page(name), tmp_path)
        assert f"{name} - " in text
        for other in (*PAGES, "execaudit"):
            if other != name:
                assert f"{other}({'8' if other == 'execaudit' else '5'})" in text
        assert ".md)" not in text.replace("/usr/share/doc/execaudit/", "").replace(".md).", "")


@pytest.mark.parametrize("name", VERB_PAGES)
def test_page_of_a_verb_is_clean_and_has_all_its_options(name: str, tmp_path: Path) -> None:
    command = ["/usr/bin/python3", OPTIONS_SCRIPT, f"execaudit-{name}", __version__]
    source = str(subprocess.run(command, stdout=-1, check=True, text=True).stdout)
    path = tmp_path / f"execaudit-{name}.8"
    path.write_text(source)
    command = ["mandoc", "-T", "lint", "-W", "warning", str(path)]
    assert subprocess.run(command, stdout=-1, check=False, text=True).stdout == ""
    headings = re.findall(r"^\.SH (.+)$", source, re.MULTILINE)
    assert headings == [
        *["NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "FILES", "EXIT STATUS", "EXAMPLES"],
        "SEE ALSO",
    ]
    wanted = {option for parser in parsers(verb(name)) for option in own_options(parser)}
    options = source.partition(".SH OPTIONS")[2].partition(".SH FILES")[0]
    assert {each for each in terms(options) if each.startswith("-")} == wanted
    for each in re.findall(r"^execaudit .*$", source.replace("\\-", "-"), re.MULTILINE):
        words = shlex.split(each.replace("\\(aq", "'"))[1:]
        if words[0] == name:
            build_parser().parse_args(words)


def has_many_options(parser: argparse.ArgumentParser) -> bool:
    """Return True with more than three, beside --help."""
    return sum(bool(action.option_strings) for action in parser._actions) - 1 > 3


def test_every_verb_with_many_options_has_a_page() -> None:
    many = {
        name
        for name, parser in parts_of(build_parser()).items()
        if any(map(has_many_options, parsers(parser)))
    }
    pages = {path.stem.split("-")[1].split(".")[0] for path in MANUAL.glob("execaudit-*.scd")}
    assert many <= pages | set(VERB_PAGES)


@pytest.mark.parametrize(
    ("markdown", "roff"),
    [
        ("a `x-y` b", [".PP", "a \\fBx\\-y\\fR b"]),
        ("a\nb", [".PP", "a b"]),
        (".start", [".PP", "\\&.start"]),
        ("`.d`", [".PP", "\\fB\\&.d\\fR"]),
        ("**so** *it* is 2 * 3 * 4", [".PP", "\\fBso\\fR \\fIit\\fR is 2 * 3 * 4"]),
        (r"back\\slash 'q'", [".PP", "back\\e\\eslash \\(aqq\\(aq"]),
        ("[record.md](record.md)", [".PP", "\\fBexecaudit\\-record\\fR(5)"]),
        ("[below](#x)", [".PP", "below"]),
        ("- one\n- two", [".IP \\(bu 2", "one", ".IP \\(bu 2", "two"]),
        ("```\n.x\n```", [".PP", ".RS 4", ".nf", "\\&.x", ".fi", ".RE"]),
        ("## `a`: b", ['.SH "A: B"']),
        ("| k | type | m |\n|---|---|---|\n| `a` | n | b |", [".TP", "\\fBa\\fR (n)", "B."]),
        ("| k | |\n|---|---|\n| `a\\|b` | c |", [".TP", "\\fBa|b\\fR", "C."]),
        ("<!-- begin -->", []),
    ],
)
def test_markdown_becomes(markdown: str, roff: list[str]) -> None:
    assert list(converter().blocks(markdown.splitlines())) == roff


GUIDES = "/usr/share/doc/execaudit/"


def holds(package_format: str) -> set[str]:
    """Return the paths in a package."""
    if package_format == "deb":
        command = ["dpkg-deb", "--fsys-tarfile", str(deb())]
        tar = subprocess.run(command, stdout=-1, check=True).stdout
        names = subprocess.run(["tar", "-t"], input=tar, stdout=-1, check=True).stdout.decode()
    else:
        pattern = {"rpm": "*.rpm", "arch": "*.pkg.tar.zst"}[package_format]
        package = artifact(package_format, pattern)
        names = subprocess.run(["bsdtar", "-tf", package], stdout=-1, check=True, text=True).stdout
    return {f"/{name.lstrip('./').rstrip('/')}" for name in names.splitlines()}


@pytest.mark.parametrize("package_format", ["deb", "rpm", "arch"])
def test_files_that_pages_and_guides_name_are_in_the_package_by_that_name(
    package_format: str,
) -> None:
    written = [page(name).replace("\\-", "-") for name in PAGES]
    written += [path.read_text() for path in (CHECKOUT / "docs/man").glob("*.scd")]
    named = set(re.findall(rf"{GUIDES}[\w./-]*\w", "\n".join(written)))
    guides = set()
    for path in (CHECKOUT / "docs").glob("*.md"):
        guides |= set(re.findall(r"\]\(([\w-]+\.md)", path.read_text()))
    assert len(named) > 3
    assert named | {f"{GUIDES}{name}" for name in guides} <= holds(package_format)
