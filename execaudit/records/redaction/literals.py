# SPDX-License-Identifier: Apache-2.0
"""The literals without which no name, URL or look of a secret is there.

Owns the test for them, which nearly every command goes through and which is all that most of them
need. Whoever adds a name or a look with other literals adds them here; a test says so.
"""

import re

# Tokens with an underscore, by what is before it (in groups of a length), and what follows it.
_UNDERSCORE = re.compile(
    rb"_(?:(?<=(?:gh[opusr]|npm|ntn|gsk|sbp|ph[cx]|sgp|rnd|ops|nfp|glc)_)"
    rb"|(?<=(?:figd|lsv0|avns|glsa|dckr)_)|(?<=(?:whsec|shpat|shpca|shppa|shpss)_)|(?<=(?:hf|r0)_)"
    rb"|(?<=(?:sntry[su]|pscale)_)|(?<=rubygems_)|(?<=clojars_)"
    rb"|(?<=k_)(?:live_|test_)|pat_(?<=hub_pat_)|api_(?<=lin_api_)|v0_)"
).search
_PW = re.compile(rb"pw[d=\0: '\"]").search
_GITLAB = re.compile(rb"gl(?:pat|ptt|dt|rt|cbt|ft|imt|agent|soat|ffct|wt)-").search
# Functions that take a secret, by what is before their parenthesis.
_CALL = re.compile(
    rb"\((?:(?<=connect\()|(?<=pdo\()|(?<=mysqli\()|(?<=login\()|(?<=hashpw\()|(?<=crypt\()"
    rb"|(?<=bind\()|(?<=bind_s\()|(?<=_open\()|(?<=connection\()|(?<=fernet\()|(?<=ftp\()|(?<=_tls\())"
).search
_BEFORE_HOST = re.compile(rb":[^\0\s@/:]{0,256}@").search  # bob:secret@host


def may_show_secret(lower: bytes) -> bool:
    """Return True if a text may hold a secret that shows by its name or looks.

    The text is in lower case, its digits are folded, and each argument has a NUL behind it. False
    is certain, True a guess. Of literals with a rare sign, the sign is looked for first; a token
    has a digit.
    """
    return (
        (b"ass" in lower and (b"pass" in lower or b"assw" in lower))
        or (b"cre" in lower and (b"secret" in lower or b"cred" in lower))
        or b"auth" in lower
        or (
            b":" in lower
            and (
                b"://" in lower
                or b":thin:" in lower
                or b":oci" in lower
                or b":aa" in lower
                or (b"@" in lower and _BEFORE_HOST(lower) is not None)
            )
        )
        or b" by" in lower
        or (
            b"k" in lower
            and (
                b"key" in lower
                or b"token" in lower
                or b"cookie" in lower
                or (b"sk" in lower and (b"psk" in lower or b"sk-" in lower))
                or (b"ak" in lower and (b"akia" in lower or b"nrak-" in lower or b"pmak-" in lower))
            )
        )
        or (b"pw" in lower and _PW(lower) is not None)
        or (b"gl" in lower and b"t-" in lower and _GITLAB(lower) is not None)
        or (b"_" in lower and _UNDERSCORE(lower) is not None)
        or (b"(" in lower and _CALL(lower) is not None)
        or b"-pin" in lower
        or (b"hv" in lower and (b"hvs." in lower or b"hvb." in lower or b"hvr." in lower))
        or (b"0" in lower and _may_show_token(lower))
    )


def _may_show_token(lower: bytes) -> bool:
    return (
        (b"y" in lower and (b"eyj" in lower or b"ya00." in lower or b"pypi-" in lower))
        or b"aiza" in lower
        or b"asia" in lower
        or (
            b"x" in lower
            and (b"xox" in lower or b"xapp-" in lower or b"gocspx-" in lower or b"atatt0x" in lower)
        )
        or b"sg." in lower
    )
