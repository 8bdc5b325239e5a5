# SPDX-License-Identifier: Apache-2.0
"""The literals without which no name, URL or look of a secret is there.

Owns the test for them, which nearly every command goes through and which is all that most of them
need. Whoever adds a name or a look with other literals adds them here; a test says so.
"""

import re

# Tokens with an underscore, by what is before it, and what follows it.
_UNDERSCORE = re.compile(
    rb"_(?:(?<=gh[opusr]_)|(?<=hub_)pat_|(?<=k_)live_|(?<=k_)test_|(?<=whsec_)|(?<=npm_)|(?<=dckr_)"
    rb"|v0_|(?<=hf_)|(?<=shp(?:at|ca|pa|ss)_)|(?<=gl(?:sa)_)|(?<=glc_)|(?<=lin_)api_|(?<=sntry[su]_)"
    rb"|(?<=pscale_)|(?<=rubygems_))"
).search


def may_show_secret(lower: bytes) -> bool:
    """Return True if a text may hold a secret that shows by its name or looks.

    The text is in lower case, its digits are folded, and each argument has a NUL behind it. False
    is certain, True a guess. Of literals with a rare sign, the sign is looked for first; a token
    has a digit.
    """
    return (
        b"pass" in lower
        or (b"cre" in lower and (b"secret" in lower or b"cred" in lower))
        or b"auth" in lower
        or (b":" in lower and (b"://" in lower or b":thin:" in lower))
        or b" by" in lower
        or (
            b"k" in lower
            and (
                b"key" in lower
                or b"token" in lower
                or b"psk" in lower
                or b"cookie" in lower
                or b"akia" in lower
                or b"sk-" in lower
                or b"nrak-" in lower
                or b"pmak-" in lower
            )
        )
        or (
            b"pw" in lower
            and (
                b"pwd" in lower
                or b"pw=" in lower
                or b"pw\0" in lower
                or b"pw:" in lower
                or b"pw " in lower
                or b"pw'" in lower
                or b'pw"' in lower
            )
        )
        or (b"glp" in lower and (b"glpat-" in lower or b"glptt-" in lower))
        or (b"_" in lower and _UNDERSCORE(lower) is not None)
        or (b"0" in lower and _may_show_token(lower))
    )


def _may_show_token(lower: bytes) -> bool:
    return (
        b"eyj" in lower
        or b"aiza" in lower
        or b"asia" in lower
        or (b"hv" in lower and (b"hvs." in lower or b"hvb." in lower or b"hvr." in lower))
        or (b"x" in lower and (b"xox" in lower or b"xapp-" in lower or b"gocspx-" in lower))
        or (b"y" in lower and (b"ya00." in lower or b"pypi-" in lower))
        or b"sg." in lower
    )
