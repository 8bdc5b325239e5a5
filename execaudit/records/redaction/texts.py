# SPDX-License-Identifier: Apache-2.0
"""Secrets that are known by their looks, whatever the command: tokens, keys, SQL, headers.

Owns the regular expressions. Each names the literals without which it cannot match, so that it is
hardly ever tried without one. All repetitions are bounded: attackers choose arguments, and an
expression that starts again at each of many positions must stop soon at each.
"""

import re
from typing import NamedTuple


class Pattern(NamedTuple):
    """A regular expression for secrets.

    Attributes:
        name: shown in the record, and what `redact.disable` takes.
        regex: searched in each argument; its group "secret", or else all of it, is secret.
        needs: literals in lower case, each match has one of them; empty where none is known.

    """

    name: str
    regex: re.Pattern[bytes]
    needs: tuple[bytes, ...] = ()


def _pattern(name: str, regex: str, needs: str) -> Pattern:
    return Pattern(name, re.compile(regex.encode()), tuple(needs.lower().encode().split(b"|")))


_SQL_VALUE = r"N?(?P<q>['\"])?(?P<secret>(?(q)(?:[^'\"\\]|\\.|''){1,4096}|[^\s;'\"()]{1,4096}))"
_SCHEMES = (
    r"(?:basic|bearer|token|digest|negotiate|apikey|ntlm|geniekey|splunk|bot|hmac"
    r"|oauth|aws4-hmac-sha\d{3})"
)

TEXTS = (
    # RFC 9110, 11.6.2: a scheme, then the credentials. Headers behind `-H` are of `assignments`.
    _pattern(
        "authorization",
        rf"(?i)authorization[\"'\\]{{0,4}}\s{{0,8}}[:=]\s{{0,8}}[\"'\\]{{0,4}}{_SCHEMES}\s{{1,8}}"
        r"(?P<secret>(?!<redacted)[^\r\n\"'\\]{1,65536})",
        "authorization",
    ),
    _pattern(
        "authorization",
        rf"(?i)(?<![^=\"'\n,{{(H])authorization:\s{{0,8}}(?!{_SCHEMES}?\s)"
        r"(?P<secret>(?!<redacted)[^\s\"']{1,65536}+)(?![^\r\n\"'])",
        "authorization",
    ),
    # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html
    _pattern("aws", r"A(?:KIA|SIA)(?<![A-Z0-9]....)[A-Z0-9]{16}(?![A-Z0-9])", "akia|asia"),
    # https://github.blog/engineering/behind-githubs-new-authentication-token-formats/
    _pattern(
        "github",
        r"(?:gh[pousr]_[A-Za-z0-9]{16,255}|github_pat_[A-Za-z0-9_]{22,255})",
        "ghp_|gho_|ghu_|ghs_|ghr_|github_pat_",
    ),
    # https://docs.gitlab.com/security/tokens/#token-prefixes
    _pattern(
        "gitlab",
        r"gl(?:pat|ptt|dt|rt|cbt|ft|imt|agent|soat|ffct|wt)-[A-Za-z0-9_.=-]{16,255}",
        "glpat-|glptt-|gldt-|glrt-|glcbt-|glft-|glimt-|glagent-|glsoat-|glffct-|glwt-",
    ),
    _pattern(
        "slack", r"xox[abeprs]-[A-Za-z0-9-]{10,255}|xapp-\d-[A-Za-z0-9-]{10,255}", "xox|xapp-"
    ),
    _pattern(
        "google",
        r"AIza[A-Za-z0-9_-]{35}|ya\d\d\.[\w-]{20,1024}|GOCSPX-[\w-]{20,64}",
        "aiza|ya00.|gocspx-",
    ),
    _pattern(
        "stripe", r"(?:[rs]k_(?:live|test)|whsec)_[A-Za-z0-9]{16,255}", "k_live_|k_test_|whsec_"
    ),
    _pattern(
        "jwt",
        r"(?P<secret>eyJ[A-Za-z0-9_-]{8,2048}+\.eyJ[A-Za-z0-9_-]{4,8192}+\.[A-Za-z0-9_-]{0,2048})"
        r"|eyJ[A-Za-z0-9_-]{8,2048}+",  # what has no dot is passed over at once, and is no secret
        "eyj",
    ),
    _pattern(
        "private-key",
        r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----(?s:(?P<secret>.+))",
        "private key-----",
    ),
    # Tokens with a prefix of their issuer: npm, PyPI, Docker, DigitalOcean, Hugging Face, OpenAI,
    # Anthropic, SendGrid, Shopify, Grafana, Vault, Linear, Tailscale, age, Sentry,
    # PlanetScale, Postman, RubyGems, New Relic, Atlassian, Telegram, Figma,
    # Notion, Groq, Supabase, PostHog, Sourcegraph, Render, 1Password, Netlify, LangSmith, Aiven,
    # Clojars, Replicate.
    _pattern(
        "token",
        r"(?:npm_[A-Za-z0-9]{24,64}|pypi-Ag[\w-]{16,512}|dckr_(?:pat|oat)_[\w-]{16,64}"
        r"|do[oprs]_v\d_[a-f0-9]{32,64}|hf_[A-Za-z0-9]{24,64}|sk-(?:proj-|ant-|svcacct-)[\w-]{16,255}"
        r"|sk-[\w-]{32,255}"
        r"|SG\.[\w-]{16,32}\.[\w-]{16,64}|shp(?:at|ca|pa|ss)_[a-fA-F0-9]{24,64}"
        r"|gl(?:c|sa)_[\w=-]{32,255}|hv[sbr]\.[\w-]{16,255}"
        r"|lin_api_[A-Za-z0-9]{24,64}|tskey-[a-z]{3,10}-[\w-]{16,64}|AGE-SECRET-KEY-[A-Z0-9-]{16,1024}"
        r"|sntry[su]_[\w=+/-]{40,255}|pscale_(?:tkn|pw)_[\w.-]{32,64}"
        r"|PMAK-[a-f0-9]{24}-[a-f0-9]{34}|rubygems_[a-f0-9]{48}|NRAK-[A-Z0-9]{27}"
        r"|ATATT0x[\w=-]{20,512}|[0-9]{8,10}:AA[\w-]{33}"
        r"|figd_[\w-]{20,64}|(?<!\w)(?:ntn|gsk|sbp|ph[cx]|sgp|rnd|ops|nfp)_(?=[A-Za-z]{0,64}0)\w{24,1024}|(?<!\w)r0_[A-Za-z0-9]{37}"
        r"|lsv0_[\w-]{20,128}|AVNS_[\w-]{16,64}|CLOJARS_[a-f0-9]{40,128}"
        r")",
        "npm_|pypi-|dckr_|_v0_|hf_|sk-|nrak-|pmak-|sg.|shpat_|shpca_|shppa_|shpss_|glc_|glsa_|hvs.|hvb.|hvr."
        "|lin_api_|key-|sntrys_|sntryu_|pscale_|rubygems_|atatt0x|:aa|figd_|ntn_|gsk_|sbp_|phc_|phx_|sgp_|rnd_|ops_|nfp_"
        "|r0_|lsv0_|avns_|clojars_",
    ),
    # CREATE USER, ALTER USER, SET PASSWORD of MySQL, PostgreSQL, Oracle, SQL Server, ClickHouse.
    _pattern(
        "sql",
        r"(?i)\bidentified(?:\s{1,8}with\s{1,8}\S{1,64})?\s{0,8} by\s{1,8}"
        r"(?:(?:password|values)\s{1,8})?"
        + _SQL_VALUE,
        " by",
    ),
    _pattern(
        "sql",
        r"(?i)\b(?:alter|create|set|grant)\s[^;]{0,256}?\bpassword"
        r"(?:\s{0,8}[(=]|\s{1,8}for\s{1,8}[^=;]{1,128}=|\s{1,8}(?=N?['\"]))"
        r"\s{0,8}(?:password\s{0,8}\(\s{0,8})?" + _SQL_VALUE,
        "password",
    ),
    # ALTER CURRENT USER SET PASSWORD FROM 'old' TO 'new' of Neo4j
    _pattern("sql", r"(?i)\bpassword from '(?P<secret>[^']{1,1024})'", "password from"),
    _pattern(
        "sql", r"(?i)\bpassword from '[^']{1,1024}' to '(?P<secret>[^']{1,1024})'", "password from"
    ),
    # PRAGMA key = 'secret' of SQLCipher
    _pattern(
        "sql",
        r"(?i)\bpragma\s{1,8}(?:hex|re|hexre)?key\s{0,8}[=(]\s{0,8}[\"'](?P<secret>[^\"']{1,1024})",
        "key",
    ),
    # mongosh: db.auth("user", "secret"); redis-cli: AUTH, CONFIG SET requirepass.
    _pattern(
        "password",
        r"(?i)\.auth\(\s{0,8}[\"'][^\"']{1,256}[\"']\s{0,8},\s{0,8}[\"'](?P<secret>[^\"']{1,4096})",
        ".auth(",
    ),
    _pattern(
        "password",
        r"(?i)\b(?:requirepass|masterauth)\s{1,8}(?P<secret>[^\s\"']{1,4096})",
        "requirepass|masterauth",
    ),
    # jdbc:oracle:thin:user/secret@host
    _pattern(
        "url",
        r":(?:thin|oci\d?):[^\s/@]{1,256}/(?P<secret>[^\s@]{1,1024})@",
        ":thin:|:oci",
    ),
    # qemu -object secret,id=x,data=secret
    _pattern(
        "password", r"\bsecret,(?:[\w-]{1,32}=[^,]{0,256},){0,4}data=(?P<secret>[^,]+)", "secret,"
    ),
    # netrc: machine host login user password secret
    _pattern(
        "password",
        r"(?i)\blogin\s{1,8}\S{1,256}\s{1,8}password\s{1,8}(?P<secret>[^\s\\\"']{1,1024})",
        "password",
    ),
    # osascript -e 'do shell script "x" password "secret" with administrator privileges'
    _pattern(
        "password",
        r"password\s{1,8}\\?\"(?P<secret>[^\"\\]{1,1024})\\?\"\s{1,8}with\s{1,8}administrator",
        "password",
    ),
    # CREATE SECRET (TYPE s3, SECRET 'secret') of DuckDB
    _pattern("sql", r"(?i)[(,]\s{0,8}secret\s{1,8}'(?P<secret>[^']{1,1024})", "secret"),
    # msfconsole -x "set SMBPass secret; run"
    _pattern(
        "password",
        r"\bsetg? (?:[A-Z]\w{0,32}(?:Pass|Password)|PASSWORD|PASS|TOKEN) "
        r"(?P<secret>[^\s;\"']{1,1024})",
        "pass|token",
    ),
    # <password>secret</password>
    _pattern(
        "password",
        r"(?i)<(?:\w{1,32}:)?\w{0,32}(?:password|passwd|secret|token|apikey)\b[^<>]{0,64}>"
        r"(?P<secret>[^<>]{1,4096})</",
        "password|passwd|secret|token|apikey",
    ),
    # LDIF: userPassword: secret
    _pattern(
        "password", r"(?i)\buserpassword::?\s{1,8}(?P<secret>[^\s\\]{1,4096})", "userpassword:"
    ),
)  # fmt: skip
"""The shipped expressions."""
