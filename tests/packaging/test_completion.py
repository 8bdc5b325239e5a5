# SPDX-License-Identifier: Apache-2.0
"""Completion in real shells, and that it has every verb and option of the command line."""

import argparse
import os
import pty
import select
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from execaudit.cli import build_parser
from tests.packaging.build import CHECKOUT

GENERATOR = CHECKOUT / "packaging/completion/generate.py"
DEADLINE_S = 30
CASES = [
    ("execaudit tra", {"trace"}),
    ("execaudit trace --eng", {"--engine"}),
    ("execaudit trace --engine l", {"libbpf"}),
    ("execaudit trace --uid roo", {"root"}),
    ("execaudit rules te", {"test"}),
    ("execaudit rules test --record-l", {"--record-line"}),
    ("execaudit check --pr", {"--print"}),
    ("execaudit status --js", {"--json"}),
    ("execaudit trace --record /etc/hostna", {"/etc/hostname"}),
]
PARSER = "/usr/bin/python3"


def generate(shell: str, directory: Path) -> Path:
    path = directory / ("_execaudit" if shell == "zsh" else f"execaudit.{shell}")
    text = subprocess.run([PARSER, GENERATOR, shell], stdout=subprocess.PIPE, check=True).stdout
    path.write_bytes(text)
    return path


def words_of(parser: argparse.ArgumentParser) -> Iterator[str]:
    for action in parser._actions:
        yield from action.option_strings
        if isinstance(action, argparse._SubParsersAction):
            for verb, child in action.choices.items():
                yield verb
                yield from words_of(child)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_parses_and_has_every_verb_and_option(shell: str, tmp_path: Path) -> None:
    path = generate(shell, tmp_path)
    text = path.read_text()

    subprocess.run([shell, "-n", path], check=True)
    for word in set(words_of(build_parser())):
        assert (spelled_by_fish(word) if shell == "fish" else word) in text


def spelled_by_fish(word: str) -> str:
    if word.startswith("--"):
        return f"-l {word[2:]} "
    return f"-s {word[1:]} " if word.startswith("-") else word


@pytest.mark.parametrize(("line", "expected"), CASES)
def test_bash_completes(line: str, expected: set[str], tmp_path: Path) -> None:
    words = line.split(" ")
    script = (
        f"source {generate('bash', tmp_path)}\n"
        f"COMP_WORDS=({' '.join(words)}); COMP_CWORD={len(words) - 1}\n"
        "compopt() { :; }\n"  # refused outside of a completion by a terminal
        "_execaudit; printf '%s\\n' \"${COMPREPLY[@]}\""
    )
    done = subprocess.run(
        ["bash", "--norc", "-c", script], stdout=-1, stderr=-1, check=True, text=True
    )
    assert set(done.stdout.split()) == expected
    assert done.stderr == ""


def test_bash_completes_a_value_behind_an_equals_sign(tmp_path: Path) -> None:
    script = (
        f"source {generate('bash', tmp_path)}\n"
        "COMP_WORDS=(execaudit trace --engine = b); COMP_CWORD=4\n"
        '_execaudit; echo "${COMPREPLY[@]}"'
    )
    done = subprocess.run(["bash", "--norc", "-c", script], stdout=-1, check=True, text=True)
    assert done.stdout == "bcc\n"


@pytest.mark.parametrize(("line", "expected"), CASES)
def test_fish_completes(line: str, expected: set[str], tmp_path: Path) -> None:
    script = f"source {generate('fish', tmp_path)}; complete -C '{line}'"
    home = {**os.environ, "HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path)}
    done = subprocess.run(
        ["fish", "--no-config", "-c", script], stdout=-1, check=True, text=True, env=home
    )
    assert {each.split("\t")[0] for each in done.stdout.splitlines()} == expected


def test_zsh_completes_on_a_terminal(tmp_path: Path) -> None:
    generate("zsh", tmp_path)
    (tmp_path / ".zshrc").write_text(
        f"fpath=({tmp_path} $fpath)\nautoload -Uz compinit\ncompinit -u -D\n"
        "PROMPT='ready> '\nunsetopt beep\n"
    )
    with Terminal(["zsh", "-i"], {"ZDOTDIR": str(tmp_path), "TERM": "dumb"}) as shell:
        shell.wait_for("ready> ")
        for line, expected in CASES:
            (word,) = expected
            shell.type(f"{line}\t")
            shell.wait_for(word)
            shell.type("\x15")  # kill the line


class Terminal:
    """A program on a terminal of its own."""

    def __init__(self, command: list[str], environ: dict[str, str]) -> None:
        self.pid, self.master = pty.fork()
        if not self.pid:
            os.execvpe(command[0], command, {**os.environ, **environ})  # noqa: S606
        self.seen = ""

    def __enter__(self) -> "Terminal":
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self.master)  # hangs up
        os.waitpid(self.pid, 0)

    def type(self, text: str) -> None:
        self.seen = ""
        os.write(self.master, text.encode())

    def wait_for(self, text: str) -> None:
        """Read until the text is there, behind what was typed. Fails after DEADLINE_S."""
        end = time.monotonic() + DEADLINE_S
        while text not in self.seen:
            ready, _, _ = select.select([self.master], [], [], max(0, end - time.monotonic()))
            assert ready, f"{text!r} not in {self.seen!r}"
            self.seen += os.read(self.master, 4096).decode(errors="replace")
