# SPDX-License-Identifier: Apache-2.0
"""HTTP and FTP clients: where their programs take secrets."""

from execaudit.records.redaction.usage import Program

PROGRAMS = (
    Program(
        "curl",
        "curl curlie curl.exe wcurl curl-impersonate",
        (
            "-*u USER:X",
            "-*uUSER:X",
            "--user|--proxy-user USER:X",
            "-*U USER:X",
            "-*UUSER:X",
            "-*x USER:X@HOST",
            "--proxy|--preproxy USER:X@HOST",
            "-*E FILE:X",
            "--cert|--proxy-cert FILE:X",
            "-*b NAME=X",
            "--cookie NAME=X",
        ),
        "curl(1)",
    ),
    Program(
        "httpie",
        "http https httpie xh xhs ht",
        (
            "-*a USER:X",
            "-aUSER:X",
            "--auth USER:X",
            "-A|--auth-type bearer -a|--auth X",
            "--auth-type=bearer --auth=X",
            "--bearer X",
            "--bearer=X",
            "token==X",
            "access_token==X",
            "api_key==X",
            "apikey==X",
            "key==X",
            "secret==X",
            "password==X",
        ),
        "http(1), xh(1)",
    ),
    Program(
        "http",
        "hurl restish",
        ("--user|-u USER:X",),
        "hurl(1)",
    ),
    Program(
        "http",
        "hey oha",
        ("-a USER:X",),
        "hey --help, oha --help",
    ),
    Program(
        "http",
        "wfuzz",
        ("--basic|--ntlm|--digest USER:X",),
        "wfuzz --help",
    ),
    Program(
        "http",
        "cadaver davix-get davix-put davix-ls lynx links elinks w3m",
        ("-pauth USER:X", "--userpass X"),
        "lynx(1)",
    ),
    Program(
        "http",
        "youtube-dl yt-dlp gallery-dl you-get lux streamlink svtplay-dl",
        ("-p X", "--twofactor X"),
        "yt-dlp(1)",
    ),
    Program(
        "ftp",
        "ncftp ncftpput ncftpget ncftpls ncftpbatch",
        ("-p X", "-pX"),
        "ncftp(1)",
    ),
    Program(
        "ftp",
        "ftp tnftp inetutils-ftp",
        ("< user~USER~X", "< quote~pass~X", "< pass~X"),
        "ftp(1)",
    ),
    Program(
        "ftp",
        "lftp lftpget",
        ("-u USER,X", "open -u USER,X", "user USER X"),
        "lftp(1)",
        scripts="-e -c",
    ),
    Program(
        "http",
        "ab gobuster dirb",
        ("-C NAME=X", "-c NAME=X"),
        "ab(1), gobuster help dir",
    ),
    Program(
        "http",
        "httpx",
        ("--auth USER X",),
        "httpx --help, of the Python package",
    ),
    Program(
        "httpie",
        "http https httpie xh xhs",
        ("-A|--auth-type jwt -a|--auth X", "--auth-type=jwt --auth=X"),
        "httpie-jwt-auth",
    ),
)
