# SPDX-License-Identifier: Apache-2.0
"""Values are read in each of their spellings, and what is shown reads as the same value."""

import tomllib
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execaudit.config.quantities import (
    DAY,
    TIB,
    Count,
    Duration,
    Rate,
    RateLimit,
    Size,
)
from execaudit.config.schema import Capture, File, Journal, Redact, RedactPattern
from execaudit.config.toml_text import show_key, show_path, show_value
from execaudit.config.values import LABEL, Kind, ListOf, Mode, kinds
from execaudit.records.quoting import make_printable

ENV_NAME = cast("ListOf", kinds(Capture)["env"]).element
HMAC_KEY = kinds(Redact)["hmac_key"]


@pytest.mark.parametrize(
    ("text", "size"),
    [("0", 0), ("65536", 65536), ("64K", 65536), ("64k", 65536), ("10M", 10 << 20),
     ("2G", 2 << 30), ("1T", 1 << 40), (7, 7), ("", None), ("K", None), ("1 K", None),
     ("1KB", None), ("-1", None), ("1.5M", None), ("٣", None), (True, None), (1.0, None)],
)  # fmt: skip
def test_size_is_read(text: object, size: int | None) -> None:
    assert Size.parse(text) == size


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("10", 10), ("10s", 10), ("500ms", 0.5), ("1.5s", 1.5), ("5m", 300), ("5min", 300),
     ("1h", 3600), ("1d", 86400), ("2w", 14 * 86400), (3, 3), (0.25, 0.25), ("", None),
     ("s", None), ("1M", None), ("1 s", None), ("-1s", None), ("1h30m", None), (True, None),
     (-1, None), (float("inf"), None), (float("nan"), None), (10**400, None)],
)  # fmt: skip
def test_duration_is_read(text: object, seconds: float | None) -> None:
    assert Duration.parse(text) == seconds


def read_again(kind: Kind, value: object) -> object:
    return kind.read(tomllib.loads(f"value = {kind.show(value)}")["value"])


@given(st.integers(0, 1 << 50))
def test_size_shown_reads_as_the_same(size: int) -> None:
    kind = Size(1, 1024 * TIB, zero="off")

    assert read_again(kind, size) == size


@given(st.one_of(st.floats(0.01, 1e6), st.integers(1, 1000 * DAY)))
def test_duration_shown_reads_as_the_same(seconds: float) -> None:
    kind = Duration(0.01, 1000 * DAY, zero="off")
    value = kind.read(seconds)

    assert read_again(kind, value) == value


@given(st.integers(1, 10**6), st.sampled_from([1, 60, 3600]), st.integers(1, 10**6))
def test_rate_shown_reads_as_the_same(count: int, per_s: int, burst: int) -> None:
    assert read_again(RateLimit(), Rate(count, per_s, burst)) == Rate(count, per_s, burst)


@given(st.integers(0, 0o777))
def test_mode_is_taken_if_and_only_if_the_owner_alone_can_write(mode: int) -> None:
    is_fine = mode & 0o600 == 0o600 and mode & 0o133 == 0
    try:
        assert Mode().read(f"{mode:03o}") == mode
    except ValueError:
        assert not is_fine
    else:
        assert is_fine


@given(
    st.recursive(
        st.one_of(
            st.text(), st.integers(-(2**63), 2**63), st.booleans(), st.floats(allow_nan=False)
        ),
        lambda each: st.lists(each) | st.dictionaries(st.text(), each),
        max_leaves=8,
    )
)
def test_value_shown_is_toml_in_one_printable_line(value: object) -> None:
    shown = show_value(value)

    assert shown.isprintable()
    assert tomllib.loads(f"value = {shown}")["value"] == value


@given(st.text(min_size=1))
def test_key_shown_is_toml(key: str) -> None:
    assert tomllib.loads(f"{show_key(key)} = 1") == {key: 1}


def test_path_is_shown_as_toml_with_indices() -> None:
    assert show_path(("rule", 3, "not", "a b", 0)) == 'rule[3].not."a b"[0]'


@given(st.text())
def test_text_made_printable_has_nothing_a_terminal_obeys(text: str) -> None:
    assert make_printable(text).isprintable()


@pytest.mark.parametrize(
    ("kind", "right", "wrong"),
    [
        (LABEL, ["a", "web.shell", "x:y-1"], ["", "-a", "a b", "a" * 65, "é"]),
        (kinds(RedactPattern)["name"], ["a", "AWS-key_1"], ["", "a.b", "_a"]),
        (ENV_NAME, ["PATH", "_", "a.b"], ["", "1A", "A=B", "LC_*", "A B", "A\n"]),
        (kinds(File)["group"], ["", "adm", "domain-users"], ["a:b", "a\n", "a b"]),
        (kinds(Journal)["identifier"], ["execaudit", "a/b"], ["", "a b", "é", "a\n"]),
        (HMAC_KEY, ["", "redact.key", "/etc/k"], ["a/b", "/", "/a/", "//a", "..", "/a\n/"]),
        (Count(1, 3, zero="x"), [0, 1, 3], [4, -1, True, 1.0, "1"]),
        (Count(1, 3), [1, 3], [0]),
    ],
)  # fmt: skip
def test_value_is_taken_or_refused(kind: Kind, right: list[object], wrong: list[object]) -> None:
    for value in right:
        assert kind.read(value) == value
    for value in wrong:
        with pytest.raises(ValueError, match=r"^is .*, expected "):
            kind.read(value)
