# SPDX-License-Identifier: Apache-2.0
"""Find the prose in the project's files. Each text keeps its place; code becomes blanks."""

import io
import re
import tokenize
from collections.abc import Callable, Iterator
from pathlib import Path

_CODE_IN_MARKDOWN = re.compile(
    r"^```.*?^```|`[^`\n]*`|\]\([^)\n]*\)|<!--.*?-->", re.MULTILINE | re.DOTALL
)
_CODE_IN_TEXT = re.compile(r"`[^`\n]*`")
_STRING_START = re.compile(r"\A[a-zA-Z]*('''|\"\"\"|'|\")")
_FORMATTED = re.compile(r"\{[^{}\n]*\}")
_C_COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)
_C_MARKS = re.compile(r"^[ \t]*\*(?!/)|/\*+|\*+/|//", re.MULTILINE)
_HASH_COMMENT = re.compile(r"(?:^|(?<=\s))#[^\n]*")
# Python strings of one word are names and keys; a sentence has a space.
_SENTENCE = re.compile(r"[A-Za-z]{2,}[,:;]? [A-Za-z]{2,}")


def _blank(text: str) -> str:
    return re.sub(r"[^\n]", " ", text)


def _without(pattern: re.Pattern[str], text: str) -> str:
    return pattern.sub(lambda match: _blank(match[0]), text)


def _only(pattern: re.Pattern[str], text: str) -> str:
    """Return the text with all but the matches of the pattern made blank."""
    parts: list[str] = []
    end = 0
    for match in pattern.finditer(text):
        parts += (_blank(text[end : match.start()]), match[0])
        end = match.end()
    return "".join((*parts, _blank(text[end:])))


def _markdown(text: str) -> str:
    return _without(_CODE_IN_MARKDOWN, text)


def _hash_comments(text: str) -> str:
    return _without(_CODE_IN_TEXT, _only(_HASH_COMMENT, text).replace("#", " "))


def _c_comments(text: str) -> str:
    return _without(_CODE_IN_TEXT, _without(_C_MARKS, _only(_C_COMMENT, text)))


def _python(text: str) -> str:
    """Return the comments, and the strings that hold sentences; the rest is blank."""
    rows = text.splitlines(keepends=True)
    starts = [0]
    for row in rows:
        starts.append(starts[-1] + len(row))
    prose = list(_blank(text))
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        words = ""
        if token.type == tokenize.COMMENT:
            words = token.string.replace("#", " ")
        elif token.type == tokenize.STRING and _SENTENCE.search(token.string):
            words = _without(_STRING_START, token.string)
            words = _without(_FORMATTED, words.replace("\\n", "  ")).rstrip("\"'")
        if words:
            start = starts[token.start[0] - 1] + token.start[1]
            prose[start : start + len(words)] = _without(_CODE_IN_TEXT, words)
    return "".join(prose)


_KINDS: dict[str, Callable[[str], str]] = {
    ".md": _markdown,
    ".py": _python,
    ".c": _c_comments,
    ".h": _c_comments,
    ".toml": _hash_comments,
    ".sample": _hash_comments,
    ".service": _hash_comments,
    ".socket": _hash_comments,
    ".conf": _hash_comments,
}
FOLDERS = ("execaudit", "bpf", "docs", "systemd", "packaging")


def texts(root: Path) -> Iterator[tuple[Path, str]]:
    """Yield each file that people read, with its prose at the place where the file has it."""
    files = [*root.glob("*.md"), *(path for name in FOLDERS for path in (root / name).rglob("*"))]
    for path in sorted(files):
        if path.suffix in _KINDS and path.is_file():
            yield path, _KINDS[path.suffix](path.read_text(encoding="utf-8"))
