# SPDX-License-Identifier: Apache-2.0
"""Secrets in arguments: what is replaced, what is not, and how work grows with the arguments."""

import re
import shlex
import sys
import tracemalloc
from types import FrameType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from execaudit.records.redact import Redactor
from execaudit.records.redact_record import redact_record
from execaudit.records.secret_patterns import PATTERNS, Pattern

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl"
GITHUB = "ghp_" + "a1B2" * 9

# Command, and what becomes of it. The marks are written as <NAME>.
REPLACED = [
    ("mysql -uroot -phunter2 db", "mysql -uroot -p<mysql> db"),
    ("mysqldump --password=hunter2 db", "mysqldump --password=<password> db"),
    ("sudo mysql -phunter2", "sudo mysql -p<mysql>"),
    ("/usr/bin/mariadb -phunter2", "/usr/bin/mariadb -p<mysql>"),
    ("curl -u bob:hunter2 http://h/", "curl -u bob:<curl> http://h/"),
    ("curl -ubob:hunter2 http://h/", "curl -ubob:<curl> http://h/"),
    ("curl -su bob:hunter2 http://h/", "curl -su bob:<curl> http://h/"),
    ("curl --user bob:hunter2 http://h/", "curl --user bob:<curl> http://h/"),
    ("curl --user=bob:hunter2 http://h/", "curl --user=bob:<curl> http://h/"),
    ("curl -U bob:hunter2 http://h/", "curl -U bob:<curl> http://h/"),
    ("xargs curl -u bob:hunter2", "xargs curl -u bob:<curl>"),
    ("curl http://bob:hunter2@h/x", "curl http://bob:<url>@h/x"),
    ("git clone https://bob:hunter2@h/x.git", "git clone https://bob:<url>@h/x.git"),
    ("psql postgres://bob:hunter2@h:5432/d", "psql postgres://bob:<url>@h:5432/d"),
    ("sshpass -p hunter2 ssh h", "sshpass -p <sshpass> ssh h"),
    ("sshpass -phunter2 ssh h", "sshpass -p<sshpass> ssh h"),
    ("redis-cli -a hunter2 ping", "redis-cli -a <redis> ping"),
    ("env PGPASSWORD=hunter2 psql", "env PGPASSWORD=<environment> psql"),
    ("env MYSQL_PWD=hunter2 mysql", "env MYSQL_PWD=<environment> mysql"),
    ("env MY_API_KEY=hunter2 x", "env MY_API_KEY=<environment> x"),
    ("docker run -e DB_PASSWORD=hunter2 i", "docker run -e DB_PASSWORD=<environment> i"),
    ("env AWS_SECRET_ACCESS_KEY=abc aws", "env AWS_SECRET_ACCESS_KEY=<environment> aws"),
    ("x --password hunter2 y", "x --password <password> y"),
    ("x -password hunter2 y", "x -password <password> y"),
    ("x --db-password hunter2 y", "x --db-password <password> y"),
    ("x --token=hunter2", "x --token=<password>"),
    ("x --api-key hunter2", "x --api-key <password>"),
    ("x --client-secret=hunter2", "x --client-secret=<password>"),
    ("java -Dpassword=hunter2 Main", "java -Dpassword=<password> Main"),
    ("curl -d 'a=b&password=hunter2&c=d' h", "curl -d 'a=b&password=<password>&c=d' h"),
    ("""curl -d '{"password":"hunter2"}' h""", """curl -d '{"password":"<password>"}' h"""),
    (
        """curl -d '{"user": "u", "token": "hunter2"}' h""",
        """curl -d '{"user": "u", "token": "<password>"}' h""",
    ),
    (
        "curl -H 'Authorization: Bearer abc.def' h",
        "curl -H 'Authorization: Bearer <authorization>' h",
    ),
    ("curl -H 'authorization: abcdef' h", "curl -H 'authorization: <authorization>' h"),
    (
        "curl '--header=Authorization: Basic Ym9i' h",
        "curl '--header=Authorization: Basic <authorization>' h",
    ),
    ("curl -H 'X-Api-Key: abc' h", "curl -H 'X-Api-Key: <header>' h"),
    ("curl -H 'Cookie: sid=abc' h", "curl -H 'Cookie: <header>' h"),
    ("x AKIAABCDEFGHIJKLMNOP", "x <aws>"),
    (f"x {GITHUB} y", "x <github> y"),
    (f"git clone https://{GITHUB}@github.com/x", "git clone https://<github>@github.com/x"),
    ("x github_pat_" + "a" * 30, "x <github>"),
    ("x glpat-" + "a" * 20, "x <gitlab>"),
    ("x xoxb-123456789012-abcdef", "x <slack>"),
    ("x AIza" + "b1" * 17 + "c", "x <google>"),
    ("x sk_live_" + "c" * 24, "x <stripe>"),
    (f"x {JWT}", "x <jwt>"),
    ("openssl rsa -passin pass:hunter2", "openssl rsa -passin pass:<openssl>"),
    ("env 'PGPASSWORD=a b' psql", "env PGPASSWORD=<environment> psql"),
    ("x '--password=a b' y", "x --password=<password> y"),
    ("sh -c 'mysql -phunter2 db'", "sh -c 'mysql -p<mysql> db'"),
    ("bash -lc 'cd /x && curl -u bob:hunter2 h'", "bash -lc 'cd /x && curl -u bob:<curl> h'"),
    ("su - bob -c 'x --password hunter2; y'", "su - bob -c 'x --password <password>; y'"),
    ("ssh h 'REDISCLI_AUTH=ab redis-cli'", "ssh h 'REDISCLI_AUTH=<environment> redis-cli'"),
    ("""sh -c "PGPASSWORD='a b' psql" """, """sh -c "PGPASSWORD='<environment>' psql" """),
    ("""sh -c "x --password='a b' y" """, """sh -c "x --password='<password>' y" """),
    ("""sh -c "x --token 'a b' y" """, """sh -c "x --token '<password>' y" """),
    ("curl -d 'password=a&b#1*@9' h", "curl -d password=<password> h"),
    ("psql 'postgresql://bob:a@b@h/d'", "psql postgresql://bob:<url>@h/d"),
    ("psql 'postgresql://bob:a/b?c@h/d'", "psql postgresql://bob:<url>@h/d"),
    ("git clone https://a1B2c3D4e5@github.com/a/b", "git clone https://<url>@github.com/a/b"),
    ("x 'Driver=d;Pwd={a;b};Server=s'", "x 'Driver=d;Pwd={<password>};Server=s'"),
    (
        r"""curl -d '{"password":"a\"b","n":1}' h""",
        """curl -d '{"password":"<password>","n":1}' h""",
    ),
    ("mount -o user=u,password=ab,ro a b", "mount -o user=u,password=<password>,ro a b"),
    ("sh -c 'echo \"a b\" | sudo -S id'", "sh -c 'echo \"<sudo>\" | sudo -S id'"),
    (
        "sh -c '(echo ab; echo cd) | passwd u'",
        "sh -c '(echo <accounts>; echo <accounts>) | passwd u'",
    ),
    (
        "sh -c 'chpasswd <<E\nu:ab\nv:cd\nE\n'",
        "sh -c 'chpasswd <<E\nu:<accounts>\nv:<accounts>\nE\n'",
    ),
    ("sh -c 'x --password-stdin <<< ab'", "sh -c 'x --password-stdin <<< <input>'"),
    ("x -u bob -p hunter2", "x -u bob -p <login>"),
    ("sh -c 'x --token=abc'", "sh -c 'x --token=<password>'"),
    (
        "x '-----BEGIN RSA PRIVATE KEY-----\nMIIE'",
        "x '-----BEGIN RSA PRIVATE KEY-----<private-key>'",
    ),
]

KEPT = [
    "mysql -p db",
    "mysql -u root db",
    "ls -p /tmp",
    "tar -p -xf a.tar",
    "mkdir -p /var/lib/mysql",
    "grep -u bob:x file",
    "sort -u a:b",
    "curl http://h:8080/x",
    "curl -o out http://h/",
    "git clone ssh://git@github.com/x",
    "ssh bob@h",
    "redis-cli ping",
    "sshpass -f file ssh h",
    "x --no-password y",
    "x --password-file /etc/x",
    "x --passwd-file /etc/x",
    "x --token-ttl 5",
    "passwd bob",
    "ls password.txt",
    "git commit -m password",
    "man 5 passwd",
    "make monkey=1 keyboard=us",
    "x bypass=1",
    "x compass=north",
    "x --key=value",
    "x --keyring /etc/apt/keyrings",
    "docker run -v /x/token:/token i",
    "echo the token: abc",
    "x AKIA123",
    "x --password=7",
    "x --password '$PASS'",
    "x ghp_short",
    "x xoxb-1",
    "x eyJhbGciOiJIUzI1NiJ9",
    "cat /etc/ssl/private/key.pem",
    "x '-----BEGIN CERTIFICATE-----'",
    "x authorization",
    "sh -c 'mkdir -p /var/lib/mysql; ls -p'",
    "git commit -m 'add --password as an option'",
    "sh -c 'echo \"don'\"'\"'t\"'",
    "",
]


def words_of(command: str) -> list[bytes]:
    return [word.encode() for word in shlex.split(command)]


def block_of(words: list[bytes]) -> bytes:
    return b"".join(word + b"\0" for word in words)


def marked(expected: str) -> list[bytes]:
    names = {pattern.name for pattern in PATTERNS}
    for name in names:
        expected = expected.replace(f"<{name}>", f"<redacted:{name}>")
    return [word.encode() for word in shlex.split(expected)]


@pytest.mark.parametrize(("command", "expected"), REPLACED)
def test_secret_is_replaced_and_the_rest_kept(command: str, expected: str) -> None:
    words = words_of(command)
    result = Redactor().redact(words)
    assert result.values == marked(expected)
    assert result.touched == [i for i, w in enumerate(words) if w != result.values[i]] != []


@pytest.mark.parametrize("command", KEPT)
def test_what_is_no_secret_is_kept(command: str) -> None:
    words = words_of(command)
    assert Redactor().redact(words) == (words, [])


@pytest.mark.parametrize(("command", "expected"), REPLACED)
def test_secret_in_a_block_is_replaced_whatever_came_before(command: str, expected: str) -> None:
    block, clean = block_of(words_of(command)), block_of(marked(expected))
    for _ in range(2):  # the second time all is remembered
        for others, _ in REPLACED:
            BUSY.redact_block(block_of(words_of(others)))
        result = BUSY.redact_block(block)
        assert result is not None
        assert result[0] == clean
        assert result[1] == Redactor().redact(words_of(command)).touched


@pytest.mark.parametrize("command", KEPT)
def test_block_without_secrets_is_kept(command: str) -> None:
    for _ in range(2):
        assert BUSY.redact_block(block_of(words_of(command))) is None


BUSY = Redactor()
"""One that has seen much."""
PIECES = sorted(
    {part for command, _ in REPLACED for part in re.split(r"([=: @/'\"-])", command)}
    | {"=", ":", '"', "'", "@", "://", "//", " ", "-", "--", "A", "AKIA", "1", "\\", "\xff", "\n"}
)
HOSTILE = st.lists(st.sampled_from(PIECES), max_size=8).map(lambda parts: "".join(parts).encode())


@settings(max_examples=400)
@given(st.lists(st.one_of(HOSTILE, st.binary(max_size=20)), min_size=1, max_size=6))
def test_what_is_remembered_changes_nothing(words: list[bytes]) -> None:
    words = [word.replace(b"\0", b"") for word in words]
    fresh = Redactor().redact(words)
    for _ in range(2):
        result = BUSY.redact_block(block_of(words))
        assert result == ((block_of(fresh.values), fresh.touched) if fresh.touched else None)


@pytest.mark.parametrize("expected", [expected for _, expected in REPLACED])
def test_redacted_command_stays_as_it_is(expected: str) -> None:
    clean = marked(expected)
    assert Redactor().redact(clean) == (clean, [])


@given(st.sampled_from(REPLACED), st.lists(st.text("abc =:/-", max_size=12), max_size=4))
def test_other_arguments_are_never_changed(case: tuple[str, str], others: list[str]) -> None:
    words = words_of(case[0])
    more = [word.encode() for word in others]
    result = Redactor().redact([*words, b"x", *more])
    assert result.values[: len(words)] == marked(case[1])
    assert result.values[len(words) + 1 :] == more


HOSTILE_PIECES = [
    b"a", b"a-", b"password", b"PASSWORD_", b"://", b"://a:", b"eyJ", b"-----BEGIN ", b"x-a-",
    b"authorization:", b"curl -u a:b ", b'"', b"'\"", b"mysql -p", b"--token ", b"xoxb-", b"ghp_",
    b"password=", b'"password":', b"cookie ", b"$(", b"`", b"password a|", b"((", b"echo x|su;",
    b"connect('", b"login(a,", b"pgpass a:1:", b"password send ", b"create secret (",
    b'"name":"a","value"',
    b"bash <<E\n", b"x <<<a ", b"set token ", b"a:b1@", b":", b"['pass']=", b"$'", b"sudo ",
    b"|sudo ", b"secret,a=b,",
    b"token: ", b'key="a\\"', b"s/key=/", b"&key=", b":thin:a/", b"<<a\npass", b"\\a pass",
    b"echo " + b"a " * 200 + b"|su|su|su|su|su|su|su|su;",
]  # fmt: skip


def count_calls(words: list[bytes]) -> int:
    """Count the calls of functions, those of the interpreter included."""
    calls = 0

    def count(_frame: FrameType, event: str, _arg: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    redactor = Redactor()
    redactor.redact([b"warm", b"--password=up"])
    sys.setprofile(count)
    try:
        redactor.redact(words)
    finally:
        sys.setprofile(None)
    return calls


@pytest.mark.parametrize("piece", HOSTILE_PIECES)
@pytest.mark.parametrize("program", [b"curl", b"sh"])
def test_work_grows_no_faster_than_the_arguments(piece: bytes, program: bytes) -> None:
    few, many = (
        count_calls([program, b"-c", piece * (size // len(piece)) + b" x"])
        for size in (4096, 16384)
    )
    assert many <= 5 * few + 500


@pytest.mark.parametrize(
    "word",
    [
        b"password=x" + b" " * 500_000 + b"!",
        b"password=x" + b"\t" * 500_000,
        b"a,password=x" + b"]" * 500_000 + b"!",
        b"(a,password=x" + b")" * 500_000 + b"\n!",
    ],
    ids=["blanks", "tabs", "brackets", "brackets before a line"],
)
@pytest.mark.timeout(60)  # a run that is tried from each of its bytes takes many minutes
def test_long_run_of_blanks_or_brackets_is_looked_at_once(word: bytes) -> None:
    result = Redactor().redact([b"x", word])
    assert result.touched == [1]
    assert b"<redacted:password>" in result.values[1]


@pytest.mark.parametrize("piece", [b"{a:?}", b"{a:?$A}", b"{a", b"(a)", b"{a:-}"])
@pytest.mark.timeout(60)  # with two ways for each piece it would never end
def test_row_of_variables_is_read_in_one_way(piece: bytes) -> None:
    word = b"password=" + (b"\x01" + piece) * 60 + b"!"
    assert Redactor().redact([b"x", word]).touched == [1]
    script = b"x password=" + (b"$" + piece) * 60 + b"!"
    Redactor().redact([b"sh", b"-c", script])


def test_substitutions_in_one_another_are_read_a_few_times() -> None:
    script = b"echo password=" + b"$(cat " * 100 + b"x y | sudo -S x"
    assert count_calls([b"sh", b"-c", script]) < 2_000_000


def test_secret_that_a_gap_cuts_is_replaced_on_both_sides() -> None:
    result = Redactor().redact([b"x", b"--password=abc", b"def", b"y"], gaps=[1])
    assert result.values == [
        b"x",
        b"--password=<redacted:password>",
        b"<redacted:password>",
        b"y",
    ]


def test_key_makes_equal_secrets_comparable() -> None:
    redactor = Redactor(key=b"k" * 32)
    values = redactor.redact([b"--token=abc", b"--token=abc", b"--token=abd"]).values
    assert values[0] == values[1] != values[2]
    assert values[0].startswith(b"--token=<redacted:password:")
    assert values != Redactor(key=b"l" * 32).redact([b"--token=abc"] * 3).values


def test_exact_bytes_that_ride_along_are_clean_too() -> None:
    fields = {"argv": ["x", "--token=\ufffdabc"], "argv_b64": {"1": "LS10b2tlbj3/YWJj"}}
    clean = redact_record(fields, Redactor())
    assert clean["argv"] == ["x", "--token=<redacted:password>"]
    assert "argv_b64" not in clean
    assert clean["redacted"] == {"argv": [1]}


def test_record_without_secrets_is_left_alone() -> None:
    fields = {"argv": ["x", "\ufffd"], "argv_b64": {"1": "/w=="}, "env": ["A=b"]}
    assert redact_record(fields, Redactor()) == fields


def test_what_is_remembered_of_clean_commands_is_bounded() -> None:
    redactor = Redactor()
    tracemalloc.start()
    try:
        for number in range(3000):
            letters = str(number).translate(str.maketrans("0123456789", "abcdefghij"))
            assert redactor.redact_block(letters.encode() + b"i" * 4000 + b"\0") is None
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert 1 << 20 < kept < 3 << 20


def test_pattern_of_the_user_is_replaced_and_tells_digits_apart() -> None:
    own = Pattern("badge", re.compile(rb"badge=(?P<secret>7\d+)"))
    redactor = Redactor((*PATTERNS, own))
    assert redactor.redact_block(b"x\0badge=812\0") is None
    assert redactor.redact_block(b"x\0badge=712\0") == (b"x\0badge=<redacted:badge>\0", [1])


@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("mysql", "mysql -phunter2"),
        ("sshpass", "sshpass -p hunter2 ssh h"),
        ("redis", "redis-cli -a hunter2"),
        ("curl", "curl -u bob:hunter2 h"),
        ("openssl", "openssl passwd hunter2"),
        ("environment", "env PGPASSWORD=hunter2 psql"),
        ("password", "x --token hunter2"),
        ("url", "x http://bob:hunter2@h/"),
        ("authorization", "curl -H 'Authorization: Bearer hunter2' h"),
        ("header", "curl -H 'X-Api-Key: hunter2' h"),
        ("jwt", f"x {JWT}"),
        ("login", "x -u bob -p hunter2"),
        ("input", "sh -c 'echo hunter2 | x --password-stdin'"),
    ],
)
def test_pattern_that_is_switched_off_replaces_nothing(name: str, command: str) -> None:
    words = words_of(command)
    assert Redactor().redact(words).touched
    fewer = [pattern for pattern in PATTERNS if pattern.name != name]
    assert Redactor(fewer).redact(words) == (words, [])
    assert Redactor(fewer).redact_block(block_of(words)) is None


def test_explanation_names_the_pattern_and_the_entry_of_the_table() -> None:
    (found,) = Redactor().explain(words_of("sudo ldapsearch -xw hunter2"))
    assert found == (3, 0, 7, "ldap", "-*w X, ldapsearch(1)")
    (found,) = Redactor().explain(words_of("x --token hunter2"))
    assert found[3:] == ("password", "behind --token")
