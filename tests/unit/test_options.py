# SPDX-License-Identifier: Apache-2.0
"""Wrong values of options are answered before anything is loaded."""

import pytest

from execaudit.cli import build_parser
from execaudit.errors import InvalidArgument

WRONG = (
    ["--env", ""],
    ["--env", "LD_PRELOAD=x"],
    ["--argv-bytes", "1023"],
    ["--argv-bytes", "1025K"],
    ["--argv-bytes", "-1"],
    ["--ring-bytes", "65535"],
    ["--ring-bytes", "5M"],
    ["--ring-bytes", "1G"],
    ["--ring-bytes", "٤M"],
    ["--max-args", "0"],
    ["--max-args", "1.5"],
    ["--engine", "ebpf"],
    ["--failure-hook", "kprobe"],
    ["--json", "--table"],
)


@pytest.mark.parametrize("words", WRONG, ids=" ".join)
def test_wrong_value_is_refused_by_name_of_option(words: list[str]) -> None:
    with pytest.raises(InvalidArgument, match=words[0].split("=")[0]) as caught:
        build_parser().parse_args(["trace", *words])
    assert caught.value.exit_status == 2


def test_sizes_have_units_of_1024() -> None:
    args = build_parser().parse_args(["trace", "--argv-bytes", "2k", "--ring-bytes", "1M"])
    assert (args.argv_bytes, args.ring_bytes) == (2048, 1 << 20)
