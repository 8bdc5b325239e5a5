# SPDX-License-Identifier: Apache-2.0
"""Text of any content, and a check that what is shown of it is harmless on a terminal."""

import unicodedata

from hypothesis import strategies as st

# The characters that matter are rare among all of Unicode: favour them.
NASTY = (
    " \t\n\r\x00\x1b\x07\x7f\x80\x85\x9b\x9f\xa0\xad'\"\\$`*?…<>()+-=#~{}[]!|&;"
    "\u0301\u200b\u200e\u202a\u202e\u2028\u2029\u2066\u2069\u3000\u3164\u2800\ufe0f\ufeff\ufffd"
    "\ud800\udbff\udc80\udcff日本한글é\uff41\U0001f600\U000e0041"
)
ANY_TEXT = st.text(
    st.one_of(
        st.sampled_from(NASTY),
        st.characters(min_codepoint=0x20, max_codepoint=0x7E),
        st.characters(exclude_categories=()),
    ),
    max_size=30,
)


def assert_harmless(line: str) -> None:
    """Check that a line has no character that moves, hides or reorders anything."""
    for char in line:
        assert char.isprintable(), repr(char)
        assert unicodedata.category(char) not in ("Cc", "Cf", "Cs", "Zl", "Zp"), repr(char)
        assert char != "\ufffd"
