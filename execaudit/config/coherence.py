# SPDX-License-Identifier: Apache-2.0
"""Values that are right alone and make no sense together.

Owns these rules and their texts. A contradiction is reported at a key that somebody has set, and
names the other key.
"""

from collections.abc import Collection, Iterator

from execaudit.config.quantities import Size
from execaudit.config.schema import Config
from execaudit.config.toml_places import KeyPath
from execaudit.config.toml_text import show_path, show_short
from execaudit.config.values import suggest
from execaudit.records.secret_patterns import PATTERNS

Contradiction = tuple[KeyPath, str]
_SINKS = ("file", "journal", "stdout")


def find_contradictions(
    config: Config, given: Collection[KeyPath], labels: set[str] | None
) -> list[Contradiction]:
    """Return the contradictions: the key to change, and what is wrong with it.

    Args:
        config: all values.
        given: the keys that files set, as (section, key).
        labels: all labels that rules give; None where that is not known.

    """
    found = [
        *_find_no_sink(config, given),
        *_find_wrong_order(config, given),
        *_find_same_file(config, given),
        *_find_unknown_patterns(config),
    ]
    if labels is not None:
        found += _find_unused_labels(config, labels)
    return found


def _find_no_sink(config: Config, given: Collection[KeyPath]) -> Iterator[Contradiction]:
    if config.file.enabled or config.journal.enabled or config.stdout.enabled:
        return
    key = next(path for sink in _SINKS if (path := (sink, "enabled")) in given)
    others = " and ".join(f"{sink}.enabled" for sink in _SINKS if sink != key[0])
    yield key, f"is false, as {others} are: records would go nowhere, expected one of them true"


def _find_wrong_order(config: Config, given: Collection[KeyPath]) -> Iterator[Contradiction]:
    file, capture = config.file, config.capture

    def size(section: str, key: str) -> str:
        return Size.spell(getattr(getattr(config, section), key))

    for is_wrong, key, expected, other, reverse in (
        (0 < file.space_left <= file.space_low,
         ("file", "space_low"), "less than", ("file", "space_left"), "more than"),
        (0 < file.keep_bytes < file.max_file_bytes,
         ("file", "keep_bytes"), "at least", ("file", "max_file_bytes"), "at most"),
        (capture.ring_bytes < 2 * capture.argv_bytes,
         ("capture", "ring_bytes"), "at least twice", ("capture", "argv_bytes"), "at most half of"),
    ):  # fmt: skip
        if is_wrong:
            if other in given and key not in given:
                key, expected, other = other, reverse, key  # noqa: PLW2901
            text = f"is {size(*key)}, expected {expected} {show_path(other)} ({size(*other)})"
            yield key, text


def _find_same_file(config: Config, given: Collection[KeyPath]) -> Iterator[Contradiction]:
    paths: dict[str, KeyPath] = {}
    candidates: list[tuple[KeyPath, str]] = [
        (("status", "metrics"), config.status.metrics),
        (("status", "path"), config.status.path),
    ]
    if config.file.enabled:
        candidates.append((("file", "path"), config.file.path))
        if config.seal.enabled:
            candidates.append((("seal", "state"), config.seal.state))
    if config.baseline.enabled:
        candidates.append((("baseline", "path"), config.baseline.path))
    candidates.sort(key=lambda item: item[0] in given)  # defaults first: nobody has to change them
    for key, path in candidates:
        if path and path in paths:
            other = show_path(paths[path])
            yield key, f"is {show_short(path)}, expected another file than {other}"
        paths.setdefault(path, key)


def _find_unknown_patterns(config: Config) -> Iterator[Contradiction]:
    names = sorted({pattern.name for pattern in PATTERNS})
    for index, name in enumerate(config.redact.disable):
        if name not in names:
            hint = suggest(name, names)
            text = f"is {show_short(name)}, expected the name of a shipped pattern{hint}"
            yield ("redact", "disable", index), text


def _find_unused_labels(config: Config, labels: set[str]) -> Iterator[Contradiction]:
    for sink in _SINKS:
        section = getattr(config, sink)
        for index, label in enumerate(section.labels if section.enabled else ()):
            if label not in labels:
                hint = suggest(label, sorted(labels))
                text = f"is {show_short(label)}, expected a label that a rule gives{hint}"
                yield (sink, "labels", index), text
