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
            "--user USER:X",
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
        "wget",
        "wget wget2",
        ("--header=Cookie:~X",),
        "wget(1)",
        plain="--load-cookies",
    ),
    Program(
        "httpie",
        "http https httpie xh xhs ht",
        ("-*a USER:X", "-aUSER:X", "-*a X", "--auth X"),
        "http(1), xh(1)",
    ),
    Program(
        "http",
        "hurl restish bruno newman oha hey bombardier wrk wrk2 vegeta siege autocannon drill k6"
        " cassowary plow gatling locust ffuf wfuzz feroxbuster gobuster dirb dirsearch whatweb"
        " nuclei httpx katana commix xsstrike arjun",
        ("--user|-u USER:X", "-a USER:X", "--ntlm USER:X"),
        "--help of each",
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
        ("-*p X", "-2 X", "--twofactor X"),
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
        "lftp lftpget",
        ("-u USER,X", "open -u USER,X", "user USER X"),
        "lftp(1)",
    ),
    Program(
        "ftp",
        "tnftp ftp wput weex sftpcmd ftpsync",
        ("-P USER:X",),
        "tnftp(1)",
    ),
)
