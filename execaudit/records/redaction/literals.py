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
    rb"|(?<=bind\()|(?<=bind_s\()|(?<=_open\()|(?<=connection\()|(?<=_user\()|(?<=superuser\()|(?<=ftp\.open\()|(?<=instance\()|(?<=fernet\()|(?<=ftp\()|(?<=_tls\())"
).search
_BEFORE_HOST = re.compile(rb":[^\0\s@/:]{0,256}@").search  # bob:secret@host


def may_show_secret(lower: bytes) -> bool:
    """Return True if a text may hold a secret that shows by its name or looks.

    The text is in lower case, its digits are folded, and each argument has a NUL behind it. False
    is certain, True a guess. Of literals with a rare sign, the sign is looked for first; a token
    has a digit.
    """
    find = lower.find  # `in` takes twice as long: it asks first if the bytes are a number
    return (
        (find(b"ass") >= 0 and (find(b"pass") >= 0 or find(b"assw") >= 0))
        or (find(b"cre") >= 0 and (find(b"secret") >= 0 or find(b"cred") >= 0))
        or find(b"auth") >= 0
        or (
            find(b":") >= 0
            and (
                find(b"://") >= 0
                or find(b":thin:") >= 0
                or find(b":oci") >= 0
                or find(b":aa") >= 0
                or (find(b"@") >= 0 and _BEFORE_HOST(lower) is not None)
            )
        )
        or find(b" by") >= 0
        or (
            find(b"k") >= 0
            and (
                find(b"key") >= 0
                or find(b"token") >= 0
                or find(b"cookie") >= 0
                or (find(b"sk") >= 0 and (find(b"psk") >= 0 or find(b"sk-") >= 0))
                or (
                    find(b"ak") >= 0
                    and (find(b"akia") >= 0 or find(b"nrak-") >= 0 or find(b"pmak-") >= 0)
                )
            )
        )
        or (find(b"pw") >= 0 and _PW(lower) is not None)
        or (find(b"gl") >= 0 and find(b"t-") >= 0 and _GITLAB(lower) is not None)
        or (find(b"_") >= 0 and _UNDERSCORE(lower) is not None)
        or (find(b"(") >= 0 and _CALL(lower) is not None)
        or find(b"-pin") >= 0
        or _may_have_name(lower)
        or (find(b"hv") >= 0 and (find(b"hvs.") >= 0 or find(b"hvb.") >= 0 or find(b"hvr.") >= 0))
        or (find(b"0") >= 0 and _may_show_token(lower))
    )


def _may_have_name(lower: bytes) -> bool:
    find = lower.find
    return (
        find(b"otp") >= 0
        or find(b"mfa") >= 0
        or find(b"bearer") >= 0
        or find(b"mnemonic") >= 0
        or find(b"phrase") >= 0
        or (find(b"j") >= 0 and find(b"jwt") >= 0)
    )


def _may_show_token(lower: bytes) -> bool:
    find = lower.find
    return (
        (find(b"y") >= 0 and (find(b"eyj") >= 0 or find(b"ya00.") >= 0 or find(b"pypi-") >= 0))
        or find(b"aiza") >= 0
        or find(b"asia") >= 0
        or (
            find(b"x") >= 0
            and (
                find(b"xox") >= 0
                or find(b"xapp-") >= 0
                or find(b"gocspx-") >= 0
                or find(b"atatt0x") >= 0
            )
        )
        or find(b"sg.") >= 0
    )
