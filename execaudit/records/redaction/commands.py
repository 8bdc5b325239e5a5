# SPDX-License-Identifier: Apache-2.0
"""Secrets in a command: by its program, by the argument before, and in command lines within it.

Owns which program a command runs, below prefixes such as sudo, and what follows from it. Commands
are given with their digits folded (`finding.FOLD`). All work is linear in the arguments.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import NamedTuple

from execaudit.records.redaction import shell, writers
from execaudit.records.redaction.any_program import find_login, find_settings, option_text
from execaudit.records.redaction.arguments import (
    ArgumentFinder,
    Look,
    Secret,
    find_in_cookie,
    find_in_pair,
)
from execaudit.records.redaction.entries import Entry
from execaudit.records.redaction.finding import Finding
from execaudit.records.redaction.prefixes import Prefix, command_after, find_prefix, program_name
from execaudit.records.redaction.usage import Program
from execaudit.records.redaction.values import is_harmless, looks_random

_PREFIXES = 8  # sudo env nice sh ...
_SCRIPTS = 4  # a command line in one in one
_SCRIPT_BYTES = 65536  # of all command lines in a command, and 8 times its own bytes
_INPUT_WORDS = 64  # of one echo: each command behind it in the pipeline looks at all of them
_ASSIGNMENT = re.compile(rb"[A-Za-z_][A-Za-z0-9_]*=")
_BEFORE_SCRIPT = re.compile(rb"-[a-zA-Z]{0,16}c|/[cCkK]|--(?:session-)?command")
# --metadata=startup-script=echo root:secret | chpasswd
_PIPED = re.compile(
    rb"(?:\||\bsudo )\s{0,8}(?:sudo )?(?:/usr/s?bin/)?(?:chg?passwd|passwd|smbpasswd)\b"
    rb"|\bsudo\b[^|]{0,64} -S"
    rb"|(?:password|token|pass)-stdin"
)
_OPTION_WITH_VALUE = re.compile(rb"(?:-{0,2}[A-Za-z][\w.-]{0,64}=){1,2}")
_SCRIPT_OPTION = re.compile(
    rb"(?i)-{0,2}(?:[A-Za-z][\w.-]{0,40}[_.-])?(?:cmd|command|rsh|sshcommand|execstart)="
)
# Of a line of a crontab: the times, perhaps a user
_TIMES = re.compile(
    rb"(?:(?:[0*][0*/,-]{0,16}[ \t]{1,4}){5}|@(?:reboot|hourly|daily|weekly|monthly)[ \t]{1,4})"
    rb"(?:root[ \t]{1,4})?(?=\S)"
)
_NO_SCRIPT = re.compile(rb"(?:[A-Za-z][\w.-]{0,40}=)?[\[{]|-")
_INTERPRETERS = frozenset(b"python perl ruby node nodejs php lua tclsh rscript java".split())
_POWERSHELL = (b"pwsh", b"powershell")


class _Running(NamedTuple):
    """A program that a command runs."""

    name: bytes
    at: int
    entries: Sequence[Entry]
    prefix: Prefix | None


class CommandFinder:
    """Finds secrets in commands, with the entries of the table and the arguments' own finder."""

    def __init__(
        self, programs: Iterable[Program], arguments: ArgumentFinder, enabled: Collection[str]
    ) -> None:
        self._arguments = arguments
        self._wants_options = "password" in enabled
        self._wants_headers = "header" in enabled or "authorization" in enabled
        self._wants_login = "login" in enabled
        self._wants_input = "input" in enabled
        self._script_bytes = 0  # that may still be read of this command
        by_name: dict[bytes, tuple[Entry, ...]] = {}
        same: dict[tuple[Entry, ...], tuple[Entry, ...]] = {}  # one tuple for all names of it
        for program in programs:
            entry = Entry(program)
            for each in program.programs.split():
                name = program_name(each.encode())
                entries = (*by_name.get(name, ()), entry)
                by_name[name] = same.setdefault(entries, entries)
        self._programs = by_name

    def find(self, words: Sequence[bytes], depth: int = 0) -> list[Finding]:
        """Return the secrets in a command, in no order, perhaps overlapping."""
        if not depth:
            self._script_bytes = 8 * sum(map(len, words)) + _SCRIPT_BYTES
        running = self._run(words)
        entries = [entry for program in running for entry in program.entries]
        plain = [option for entry in entries for option in entry.plain]
        found = list(self._find_by_table(words, running)) if entries else []
        told = {secret.argument for secret in found}  # more exactly than by an option's name
        before: Look | None = None
        for index, word in enumerate(words):
            if b" " in word or b"\n" in word or b"\t" in word:
                inside = self._find_in_script(index, words, running, depth)
                if inside is not None:
                    found += inside
                    before = None
                    continue
            look = self._arguments.look_at(word)
            if look.secrets:
                name = word.partition(b"=")[0] + b"="
                is_prose = index > 0 and any(words[index - 1] in entry.prose for entry in entries)
                found += [
                    Finding(index, *secret)
                    for secret in look.secrets
                    if name not in plain and not (is_prose and _is_explained(word, secret))
                ]
            # An option that has its value in itself, as in -wSECRET, announces nothing.
            if before is not None and before.leads and told.isdisjoint((index - 1, index)):
                found += self._find_announced(index, words, before, plain)
            before = look
        begin, name = (running[-1].at + 1, running[-1].name) if running else (0, b"")
        if self._wants_options:
            found += find_settings(words, begin)
        if self._wants_login and not entries and (b"-p" in words or b"-P" in words):
            found += find_login(words, begin, name)
        return found

    def _find_by_table(
        self, words: Sequence[bytes], running: Sequence[_Running]
    ) -> Iterator[Finding]:
        for program, arguments in _with_arguments(words, running):
            for entry in program.entries:
                for place in entry.find_in_arguments(arguments):
                    at = place.argument + program.at + 1
                    yield Finding(
                        at, place.start, place.end, entry.program.name, _reason(entry, place.usage)
                    )

    def _run(self, words: Sequence[bytes]) -> list[_Running]:
        """Return the programs that a command runs: sudo, env, mysql."""
        running: list[_Running] = []
        at = 0
        while at < len(words) and _ASSIGNMENT.match(words[at]):
            at += 1
        while 0 <= at < len(words) and len(running) < _PREFIXES:
            name = program_name(words[at])
            prefix = find_prefix(name)
            running.append(_Running(name, at, self._programs.get(name, ()), prefix))
            at = command_after(prefix, words, at) if prefix else -1
        return running

    def _script_at(
        self, index: int, words: Sequence[bytes], running: Sequence[_Running]
    ) -> tuple[int, list[bytes]]:
        """Return where in an argument a command line begins, -1 where there is none.

        And the program that the commands are for, where they are in its own language.
        """
        word = words[index]
        if not running or index <= running[0].at:
            return -1, []
        option = _SCRIPT_OPTION.match(word)
        if option:
            return option.end(), []
        if _NO_SCRIPT.match(word):
            return self._piped_at(word), []
        before = words[index - 1]
        is_announced = _BEFORE_SCRIPT.fullmatch(before)
        for program in running:
            prefix = program.prefix if index > program.at else None
            if prefix and (prefix.is_runner or (prefix.is_shell and is_announced)):
                return 0, []
        last = running[-1]
        for entry in last.entries:
            is_own = before in entry.scripts or b"..." in entry.scripts
            if is_own or before in entry.commands:
                return 0, [last.name] if is_own else []
        is_known = last.entries or last.name.rstrip(b"0.") in _INTERPRETERS
        return (0, []) if is_announced and not is_known else (self._piped_at(word), [])

    @staticmethod
    def _piped_at(word: bytes) -> int:
        """Return where a command line begins that pipes a secret, whatever the option; or -1.

        Or one that begins with sshpass, as behind `rsync -e`, or follows the times of a crontab.
        """
        times = _TIMES.match(word)
        if times:
            return times.end()
        is_piped = (b"|" in word or b"<<" in word) and _PIPED.search(word)
        if not is_piped and b"sshpass " not in word:
            return -1
        option = _OPTION_WITH_VALUE.match(word)
        return option.end() if option else 0

    def _find_announced(
        self, index: int, words: Sequence[bytes], before: Look, plain: Collection[bytes]
    ) -> Iterator[Finding]:
        """Find what the argument before says of this one."""
        word, option = words[index], words[index - 1]
        if option in plain:
            return
        if before.announces and not _is_option(word):
            if not is_harmless(word, option.lstrip(b"-")):
                yield Finding(index, 0, len(word), "password", f"behind {option_text(option)}")
        elif before.is_pair:
            for secret in find_in_pair(word):
                yield Finding(index, *secret)
        elif before.is_cookie and self._wants_headers:
            for secret in find_in_cookie(word):
                yield Finding(index, *secret)
        elif before.is_header and self._wants_headers:
            for secret in self._arguments.find_header(word):
                yield Finding(index, *secret)

    # -- command lines in arguments --------------------------------------------------------------

    def _find_in_script(
        self, index: int, words: Sequence[bytes], running: Sequence[_Running], depth: int
    ) -> list[Finding] | None:
        """Return the secrets of an argument that is a command line; None where it is none."""
        secret_at = writers.secret_command_at(index, words)
        begin, leader = self._script_at(index, words, running) if secret_at < 0 else (secret_at, [])
        if begin < 0:
            return None
        text = words[index][begin:]
        found = self._find_in_commands(text, leader, depth)
        if found is None:
            return None
        # PowerShell has assignments of its own, and `-c` of an unknown program may announce SQL.
        is_shell = _runs_lines(running) and not any(
            program.name.startswith(_POWERSHELL) for program in running
        )
        by_itself = self._arguments.find_in_code(text) if is_shell else self._arguments.find(text)
        found += [Finding(0, *secret) for secret in by_itself]
        if secret_at >= 0:
            found += writers.find_written(text)
        return [
            secret._replace(argument=index, start=begin + secret.start, end=begin + secret.end)
            for secret in found
        ]

    def _find_in_commands(
        self, text: bytes, leader: Sequence[bytes], depth: int
    ) -> list[Finding] | None:
        """Return the secrets in a text of commands; None where it cannot be taken apart."""
        if depth >= _SCRIPTS:
            return None
        # Each of several substitutions in one another may be read again within each.
        self._script_bytes -= len(text)
        commands = shell.read_commands(text) if self._script_bytes >= 0 else None
        if commands is None:
            return None
        found: list[Finding] = []
        for command in commands:
            inner = shell.strip_keywords(command)
            for secret in self.find([*leader, *(word.value for word in inner)], depth + 1):
                word = inner[secret.argument - len(leader)]
                start, end = word.locate(secret.start, secret.end)
                found.append(secret._replace(start=start, end=end))
            for given in command.input:
                found += self._find_in_given(given, inner, depth)
            if command.upstream or command.input:
                found += self._find_in_input(inner, command, depth)
        return found

    def _find_in_given(
        self, given: shell.Word, words: Sequence[shell.Word], depth: int
    ) -> Iterator[Finding]:
        """Find secrets in a here-document or here-string: SQL, settings, commands for a shell."""
        found = [Finding(0, *secret) for secret in self._arguments.find(given.value)]
        if _runs_lines(self._run([word.value for word in words])):
            found += self._find_in_commands(given.value, [], depth + 1) or ()
        for secret in found:
            start, end = given.locate(secret.start, secret.end)
            yield secret._replace(argument=0, start=start, end=end)

    def _find_in_piped_commands(self, texts: Sequence[shell.Word], depth: int) -> Iterator[Finding]:
        """Find secrets in what a shell reads: `echo 'mysql -psecret' | sh`."""
        for text in texts:
            for secret in self._find_in_commands(text.value, [], depth + 1) or ():
                start, end = text.locate(secret.start, secret.end)
                yield secret._replace(argument=0, start=start, end=end)

    def _find_in_input(
        self, words: Sequence[shell.Word], command: shell.Command, depth: int
    ) -> Iterator[Finding]:
        """Find secrets that are piped into a command; offsets are those in the command line."""
        texts = list(command.input)
        for writer in command.upstream[-1:]:  # cat <<< text | command
            texts += writer.input
        for writer in command.upstream:
            texts += writers.written(shell.strip_keywords(writer))[:_INPUT_WORDS]
        if not texts:
            return
        values = [word.value for word in words]
        running = self._run(values)
        if _runs_lines(running):  # its own input, _find_in_given reads
            yield from self._find_in_piped_commands(texts[len(command.input) :], depth)
        yield from _find_by_readers(values, running, texts, command.upstream)
        if self._wants_input and any(map(writers.STDIN_OPTION.fullmatch, values)):
            for text in texts:
                value = text.value.removesuffix(b"\\n")
                if value and not is_harmless(value, b"password"):
                    yield Finding(0, *text.locate(0, len(value)), "input", "what is piped in")


def _find_by_readers(
    words: Sequence[bytes],
    running: Sequence[_Running],
    texts: Sequence[shell.Word],
    upstream: Sequence[shell.Command],
) -> Iterator[Finding]:
    """Find what programs of the table read as a secret."""
    lines = [text.value for text in texts]
    for program, arguments in _with_arguments(words, running):
        for entry in program.entries:
            for place in entry.find_in_input(arguments, lines):
                start, end = texts[place.argument].locate(place.start, place.end)
                yield Finding(0, start, end, entry.program.name, _reason(entry, place.usage))
            if entry.reads_pairs:
                for start, end in writers.find_formatted(upstream):
                    yield Finding(0, start, end, entry.program.name, "printf USER:%s")


def _with_arguments(
    words: Sequence[bytes], running: Sequence[_Running]
) -> Iterator[tuple[_Running, Sequence[bytes]]]:
    """Yield the programs with their own arguments, which end where another known one begins."""
    for number, program in enumerate(running):
        following = running[number + 1 : number + 2]
        ends = following and (following[0].entries or following[0].prefix)
        yield program, words[program.at + 1 : following[0].at if ends else len(words)]


def _runs_lines(running: Sequence[_Running]) -> bool:
    """Return True if one of the programs takes command lines: a shell, ssh."""
    return any(
        program.prefix is not None and (program.prefix.is_shell or program.prefix.is_runner)
        for program in running
    )


def _reason(entry: Entry, usage: str) -> str:
    return f"{usage}, {entry.program.source}"


def _is_explained(word: bytes, secret: Secret) -> bool:
    """Return True if a text for people only seems to hold this secret, as `use token=abc` does."""
    is_by_name = secret.name in ("password", "environment", "header", "code")
    return is_by_name and not looks_random(word[secret.start : secret.end])


def _is_option(word: bytes) -> bool:
    return word[:1] == b"-" and (len(word) == 2 or (word[1:2] == b"-" and word[2:3].isalpha()))
