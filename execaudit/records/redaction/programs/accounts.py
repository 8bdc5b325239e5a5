# SPDX-License-Identifier: Apache-2.0
"""Accounts of the host and of web servers: where their programs take secrets."""

from execaudit.records.redaction.usage import Program

PROGRAMS = (
    Program(
        "accounts",
        "useradd usermod groupadd groupmod luseradd lusermod lgroupadd lgroupmod adduser",
        ("-p X", "-pX", "-P X"),
        "useradd(8), usermod(8), lusermod(1)",
    ),
    Program(
        "accounts",
        "chpasswd chgpasswd lchpasswd newusers",
        ("< USER:X",),
        "chpasswd(8)",
    ),
    Program(
        "accounts",
        "passwd gpasswd lpasswd yppasswd",
        ("< X",),
        "passwd(1)",
    ),
    Program(
        "accounts",
        "mkpasswd",
        ("... X", "-*s* < X", "-P NUMBER < X"),
        "mkpasswd(1)",
        valued="-m -R -S --method --rounds --salt -l -d -c -C -s --length",
    ),
    Program(
        "accounts",
        "pw",
        ("-*w X", "-h NUMBER < X", "-H NUMBER < X"),
        "pw(8)",
    ),
    Program(
        "accounts",
        "dscl",
        ("-passwd USER ... X", "-create USER password X"),
        "dscl(1)",
    ),
    Program(
        "accounts",
        "vncpasswd grub-mkpasswd-pbkdf2 grub2-mkpasswd-pbkdf2",
        ("< X",),
        "vncpasswd(1)",
    ),
    Program(
        "accounts",
        "base64",
        ("< USER:X",),
        "base64(1): what Basic authentication takes",
    ),
    Program(
        "accounts",
        "argon2",
        ("< X",),
        "argon2(1)",
    ),
    Program(
        "accounts",
        "ocpasswd pamtester newusers htdigest",
        ("< X",),
        "ocpasswd(8), pamtester(1)",
    ),
    Program(
        "accounts",
        "raspi-config",
        ("do_change_pass USER X", "do_wifi_ssid_passphrase SSID X"),
        "raspi-config nonint",
    ),
    Program(
        "sudo",
        "sudo",
        ("-*S* < X", "--stdin < X"),
        "sudo(8)",
    ),
    Program(
        "su",
        "su",
        ("< X",),
        "su(1)",
    ),
    Program(
        "apache",
        "htpasswd",
        ("-*b* ... X", "-*i* < X"),
        "htpasswd(1)",
        valued="-C -r",
    ),
    Program(
        "apache",
        "ab htdbm",
        ("-*b ... X", "-A USER:X", "-P USER:X"),
        "ab(1), htdbm(1)",
    ),
    Program(
        "accounts",
        "cryptpw",
        ("X",),
        "busybox: cryptpw",
        valued="-m -P -S",
    ),
    Program(
        "accounts",
        "oneuser",
        ("create|passwd USER X",),
        "oneuser(1) of OpenNebula",
    ),
)
