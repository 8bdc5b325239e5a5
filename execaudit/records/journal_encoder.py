# SPDX-License-Identifier: Apache-2.0
"""Journal entries of Events.

Owns what an entry has beside the record's fields: the command line as a shell reads it, whole and
shortened for the message. `journal` defines the form of both.
"""

from functools import partial
from typing import Any

from execaudit.records.command import command_words
from execaudit.records.encoder import Encoder
from execaudit.records.host import Host
from execaudit.records.journal import MESSAGE_LIMIT, command_line, shorten, wire_entry
from execaudit.records.journal_fields import chosen_fields
from execaudit.records.record import strings_of
from execaudit.records.words import is_bare_block, quote_word
from execaudit.wire import record
from execaudit.wire.event import Event

_WORDS_LIMIT = 4096
_WORD_BYTES = 128
_SHORT = 900  # bytes: a shorter command is never cut, even if each byte becomes four


class JournalEncoder(Encoder):
    """Makes entries in the journal's native protocol, for one host."""

    format = "journal"
    derived = (("argv_command", b"%b", False), ("argv_line", b"%b", False))

    def __init__(self, host: Host, identifier: str, fields: str | tuple[str, ...] = "all") -> None:
        """Make entries of the sender `identifier`, with `fields` as `chosen_fields` takes them."""
        chosen = chosen_fields(fields)
        super().__init__(host, partial(wire_entry, identifier=identifier, chosen=chosen))
        self._words = _Words()

    def parent_command(self, text: str) -> bytes:
        """Return `pcmdline` as it is: an entry has no quotes around it, and it has no newline."""
        return text.encode()

    def derive(self, event: Event, argv: bytes) -> tuple[Any, ...]:  # noqa: ARG002 - not needed
        """Return the shortened command, named by its file, and the whole line."""
        block = event.argv
        place = event.place
        if event.type == "exit" or block is None:
            return b"", b""
        is_script = bool(place.flags & record.FLAG_SCRIPT)
        filename = place.filename
        is_short = 0 < len(block) + len(filename) < _SHORT
        is_bare = not is_script and is_bare_block(block)
        if place.flags & record.FLAG_BAD_FILENAME or not (
            is_short or (is_bare and is_bare_block(filename + b"\0"))
        ):
            return _command(event, is_script=is_script)
        words = self._words
        name = words[filename] if is_short else filename
        if is_bare:
            line = block[:-1].replace(b"\0", b" ")
            _, blank, rest = line.partition(b" ")
            text = name + blank + rest
            if not is_short and len(text) > MESSAGE_LIMIT:
                text = text[:MESSAGE_LIMIT] + "…".encode()
            return text, line
        strings = block[:-1].split(b"\0")
        line = b" ".join([words[string] for string in strings])
        if not is_script:
            return name + line[len(words[strings[0]]) :], line
        command = command_words(place.filename, strings, is_script=True)[0]
        return b" ".join([words[string] for string in command]), line


def _command(event: Event, *, is_script: bool) -> tuple[bytes, bytes]:
    texts = [string.decode("utf-8", "surrogateescape") for string in strings_of(event.argv)]
    filename = event.place.filename.decode("utf-8", "surrogateescape")
    is_unreadable = event.place.flags & record.FLAG_BAD_FILENAME
    command = command_words(
        None if is_unreadable else filename, texts, is_script=is_script and not is_unreadable
    )[0]
    return shorten(command).encode(errors="replace"), command_line(texts).encode(errors="replace")


class _Words(dict[bytes, bytes]):
    """Words as a shell reads them, by their bytes: most words come again and again. Bounded."""

    def __missing__(self, raw: bytes) -> bytes:
        quoted = quote_word(raw.decode("utf-8", "surrogateescape")).encode()
        if len(raw) <= _WORD_BYTES:
            if len(self) >= _WORDS_LIMIT:
                self.clear()
            self[raw] = quoted
        return quoted
