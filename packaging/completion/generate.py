# SPDX-License-Identifier: Apache-2.0
"""Writes the completion of a shell from the command line's parser: they cannot differ.

    generate.py bash|zsh|fish >file

Owns what is completed, and the text for each shell. The name of a value in the help tells its kind:
a file, a user, a process.
"""

import argparse
import functools
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from execaudit.cli import build_parser

HEAD = "# Made by packaging/completion/generate.py from the command line's parser.\n"
_KINDS = {"FILE": "file", "PATH": "file", "DIR": "directory", "USER": "user", "PID": "process",
          "PPID": "process"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Option:
    """An option: its spellings and its help; with a value also its name, kind and choices."""

    strings: tuple[str, ...]
    text: str
    value: str | None
    kind: str
    choices: tuple[str, ...]
    repeats: bool


@dataclass(frozen=True, slots=True)
class Verb:
    """A verb or the subject of one, by its words. The command itself has no words."""

    words: tuple[str, ...]
    text: str
    options: tuple[Option, ...]
    has_arguments: bool


@functools.cache
def verbs() -> tuple[Verb, ...]:
    """Return the command itself, its verbs and their subjects; each before what follows it."""
    return tuple(_walk(build_parser(), (), ""))


def _walk(parser: argparse.ArgumentParser, words: tuple[str, ...], text: str) -> Iterator[Verb]:
    formatter = parser._get_formatter()  # noqa: SLF001 - argparse has no public way
    options: list[Option] = []
    below: list[Verb] = []
    has_arguments = False
    for action in parser._actions:  # noqa: SLF001
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
            helps = {each.dest: each.help or "" for each in action._choices_actions}  # noqa: SLF001
            for name, child in action.choices.items():
                below += _walk(child, (*words, name), helps[name])
        elif action.option_strings:
            options.append(_option(action, formatter._expand_help(action)))  # noqa: SLF001
        else:
            has_arguments = True
    yield Verb(words, text, tuple(options), has_arguments)
    yield from below


def _option(action: argparse.Action, text: str) -> Option:
    takes_value = action.nargs != 0
    value = str(action.metavar or action.dest.upper()) if takes_value else None
    repeats = isinstance(action, argparse._AppendAction)  # noqa: SLF001
    choices = tuple(map(str, action.choices or ()))
    kind = _KINDS.get(value or "", "")
    return Option(tuple(action.option_strings), text, value, kind, choices, repeats)


def children(words: tuple[str, ...]) -> list[Verb]:
    """Return the verbs or subjects that can follow these words."""
    return [verb for verb in verbs() if verb.words and verb.words[:-1] == words]


# bash: the package bash-completion may be missing, so none of its functions is used.
_BASH = """\
_execaudit()
{
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} words= i
	COMPREPLY=()
	# bash makes three words of --engine=auto.
	if [[ $cur == = ]]; then
		cur=
	elif [[ $prev == = ]]; then
		prev=${COMP_WORDS[COMP_CWORD - 2]}
	fi
	for ((i = 1; i < COMP_CWORD; i++)); do
		case "$words ${COMP_WORDS[i]}" in
		*" --") words="$words --" && break ;;
@VERBS@
		esac
	done
	case "$words $prev" in
@VALUES@
	esac
	case $words in
@WORDS@
	esac
}
complete -F _execaudit execaudit
"""
_BASH_KINDS = {
    "file": 'compopt -o filenames\n\t\tCOMPREPLY=($(compgen -f -- "$cur"))',
    "directory": 'compopt -o filenames\n\t\tCOMPREPLY=($(compgen -d -- "$cur"))',
    "user": 'COMPREPLY=($(compgen -u -- "$cur"))',
    "process": 'COMPREPLY=($(cd /proc && compgen -G "$cur[0-9]*" | grep -x "[0-9]*"))',
}


def bash() -> str:
    """Return bash's completion."""
    known = [verb for verb in verbs() if verb.words]
    names = [f'\t\t"{_spaced(verb)}") words="{_spaced(verb)}" ;;' for verb in known]
    values = [line for verb in verbs() for line in _bash_values(verb)]
    lists = [f'\t"{_spaced(verb)}") {_bash_words(verb)} ;;' for verb in verbs()]
    text = _BASH.replace("@VERBS@", "\n".join(names)).replace("@VALUES@", "\n".join(values))
    return HEAD + text.replace("@WORDS@", "\n".join(lists))


def _spaced(verb: Verb) -> str:
    return "".join(f" {word}" for word in verb.words)


def _bash_values(verb: Verb) -> Iterator[str]:
    for option in verb.options:
        if option.value is None:
            continue
        patterns = "|".join(f'"{_spaced(verb)} {string}"' for string in option.strings)
        by_kind = _BASH_KINDS.get(option.kind, "")
        action = _bash_list(option.choices) if option.choices else by_kind
        yield f"\t{patterns})\n\t\t{action or ':'}\n\t\treturn\n\t\t;;"


def _bash_list(words: tuple[str, ...]) -> str:
    return f"COMPREPLY=($(compgen -W '{' '.join(words)}' -- \"$cur\"))"


def _bash_words(verb: Verb) -> str:
    options = [string for option in verb.options for string in option.strings]
    return _bash_list((*(child.words[-1] for child in children(verb.words)), *options))


# zsh
_ZSH_KINDS = {
    "file": "_files",
    "directory": "_files -/",
    "user": "_users",
    "process": "_pids",
    "": " ",
}


def zsh() -> str:
    """Return zsh's completion: a function per verb that has options."""
    parts = [f"#compdef execaudit\n{HEAD}"]
    for verb in reversed(verbs()):  # a function stands before the one that calls it
        below = children(verb.words)
        specs = [_zsh_spec(option) for option in verb.options]
        if below:
            specs += ["'1: :->word'", "'*:: :->rest'"]
        elif verb.has_arguments:
            specs.append("'*:: :_normal'")
        body = " \\\n\t\t".join(["_arguments -S", *specs])
        if below:
            names = " ".join(_quoted(f"{_colons(each.words[-1])}:{each.text}") for each in below)
            cases = "\n".join(f"\t\t{each.words[-1]}) {_zsh_name(each)} ;;" for each in below)
            body = (
                f"local state line words_here\n\ttypeset -A opt_args\n\t{body.replace('-S', '-C')}"
                f"\n\tcase $state in\n\tword)\n\t\twords_here=({names})\n"
                f"\t\t_describe word words_here\n\t\t;;\n\trest)\n\t\tcase $line[1] in\n{cases}\n"
                "\t\tesac\n\t\t;;\n\tesac"
            )
        parts.append(f"{_zsh_name(verb)}() {{\n\t{body}\n}}\n")
    return "\n".join([*parts, '_execaudit "$@"\n'])


def _zsh_name(verb: Verb) -> str:
    return "_".join(["_execaudit", *verb.words])


def _colons(text: str) -> str:
    return text.replace(":", "\\:")


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


def _zsh_spec(option: Option) -> str:
    text = option.text.replace("[", "\\[").replace("]", "\\]").replace(":", "\\:")
    takes = ""
    if option.value is not None:
        choices = f"({' '.join(option.choices)})" if option.choices else _ZSH_KINDS[option.kind]
        takes = f":{option.value.lower()}:{choices}"
    others = "*" if option.repeats else f"({' '.join(option.strings)})"
    spellings = [f"{string}=" if takes and string.startswith("--") else string
                 for string in option.strings]  # fmt: skip
    specs = [_quoted(f"{others}{string}[{text}]{takes}") for string in spellings]
    return " ".join(specs)


# fish
_FISH_KINDS = {
    "file": "-r -F",
    "directory": "-x -a '(__fish_complete_directories)'",
    "user": "-x -a '(__fish_complete_users)'",
    "process": "-x -a '(__fish_complete_pids)'",
    "": "-x",
}


def fish() -> str:
    """Return fish's completion."""
    lines = [HEAD, "complete -c execaudit -f\n"]
    for verb in verbs():
        condition = _fish_condition(verb)
        lines += [
            f"complete -c execaudit -n {condition} -a {child.words[-1]} "
            f"-d {_fish_quoted(child.text)}\n"
            for child in children(verb.words)
        ]
        lines += [f"complete -c execaudit -n {condition} {_fish(each)}\n" for each in verb.options]
    return "".join(lines)


def _fish_condition(verb: Verb) -> str:
    if not verb.words:
        return "__fish_use_subcommand"
    seen = [f"__fish_seen_subcommand_from {word}" for word in verb.words]
    below = " ".join(child.words[-1] for child in children(verb.words))
    seen += [f"not __fish_seen_subcommand_from {below}"] if below else []
    return _fish_quoted("; and ".join(seen))


def _fish_quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _fish(option: Option) -> str:
    spellings = [f"-l {s[2:]}" if s.startswith("--") else f"-s {s[1:]}" for s in option.strings]
    if option.choices:
        spellings.append(f"-x -a '{' '.join(option.choices)}'")
    elif option.value is not None:
        spellings.append(_FISH_KINDS[option.kind])
    return " ".join([*spellings, f"-d {_fish_quoted(option.text)}"])


SHELLS = {"bash": bash, "zsh": zsh, "fish": fish}

if __name__ == "__main__":
    sys.stdout.write(SHELLS[sys.argv[1]]())
