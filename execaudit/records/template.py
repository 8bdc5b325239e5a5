# SPDX-License-Identifier: Apache-2.0
"""Texts with placeholders for what differs from exec to exec, compiled to a bytes format.

Owns placeholders and their replacement. A function that makes text of a record (JSON of any schema,
a journal entry) runs once, over a record with placeholders. That text, cut at the placeholders,
serves all execs of the same kind. So each text has one definition.
"""

import re
from collections.abc import Callable
from operator import itemgetter
from typing import Any, NamedTuple, cast

Values = tuple[Any, ...]


class Placeholder(str):
    """Stands for the value of a field. Functions that make text move it, or call `derive`."""

    __slots__ = ("name", "token")
    token: str
    name: str

    def __new__(cls, token: str, name: str) -> "Placeholder":
        """`token` is text that occurs in no record."""
        placeholder = super().__new__(cls, f"{token}:{name};")
        placeholder.token = token
        placeholder.name = name
        return placeholder

    def derive(self, suffix: str) -> "Placeholder":
        """Return the placeholder of a value that is made of this one: `<name>_<suffix>`."""
        return Placeholder(self.token, f"{self.name}_{suffix}")


class Filling(NamedTuple):
    """How a placeholder is filled in."""

    form: bytes  # a piece of a bytes format
    values: tuple[int, ...]  # indexes of the values that it takes
    is_text: bool = False  # it stays inside the quotes of a JSON string; others replace the quotes


class Format(NamedTuple):
    """A bytes format, and the function that chooses its values."""

    form: bytes
    choose: Callable[[Values], Values]


class Template:
    """A text cut at its placeholders."""

    def __init__(self, text: bytes, token: str, fillings: dict[str, Filling]) -> None:
        """Cut a text that holds placeholders of this token."""
        mark = re.escape(token.encode())
        pieces = re.split(rb'"%b:(\w+);"|%b:(\w+);' % (mark, mark), text)
        self.size = len(text)
        self._texts = [piece.replace(b"%", b"%%") for piece in pieces[0::3]]
        self._fillings: list[Filling] = []
        for quoted, bare in zip(pieces[1::3], pieces[2::3], strict=True):
            filling = fillings[(quoted or bare).decode()]
            if quoted and filling.is_text:
                filling = filling._replace(form=b'"%b"' % filling.form)
            self._fillings.append(filling)

    def bind(self, fixed: dict[int, bytes]) -> Format:
        """Return the format; `fixed` values, by their index, are part of it."""
        pieces = [self._texts[0]]
        chosen: list[int] = []
        for filling, text in zip(self._fillings, self._texts[1:], strict=True):
            value = fixed.get(filling.values[0])
            if value is None:
                pieces.append(filling.form)
                chosen += filling.values
            else:
                pieces.append(filling.form.replace(b"%b", value.replace(b"%", b"%%")))
            pieces.append(text)
        return Format(b"".join(pieces), _chooser(chosen))


def _chooser(indexes: list[int]) -> Callable[[Values], Values]:
    if len(indexes) > 1:
        return cast("Callable[[Values], Values]", itemgetter(*indexes))
    return lambda values: tuple([values[index] for index in indexes])
