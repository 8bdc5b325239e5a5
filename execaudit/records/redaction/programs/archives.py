# SPDX-License-Identifier: Apache-2.0
"""Archives and documents: where their programs take secrets."""

from execaudit.records.redaction.usage import Program

PROGRAMS = (
    Program(
        "archive",
        "7z 7za 7zr 7zz 7zzs p7zip 7za.exe 7z.exe",
        ("-pX",),
        "7z(1)",
    ),
    Program(
        "archive",
        "rar unrar unrar-free unrar-nonfree winrar wrar rarcrack",
        ("-hpX", "-pX"),
        "rar(1), unrar(1)",
    ),
    Program(
        "archive",
        "zip zipcloak zipnote zipsplit",
        ("-*P X", "-PX"),
        "zip(1)",
    ),
    Program(
        "archive",
        "unzip funzip zipinfo bsdunzip",
        ("-*P X", "-PX"),
        "unzip(1)",
    ),
    Program(
        "archive",
        "bsdtar bsdcat tar",
        (),
        "bsdtar(1)",
        plain="--pass",
        commands="-I --use-compress-program --to-command",
    ),
    Program(
        "archive",
        "unar lsar",
        ("-p X", "-password X"),
        "unar(1)",
    ),
    Program(
        "archive",
        "arj unarj",
        ("-gX",),
        "arj(1)",
    ),
    Program(
        "archive",
        "lha unace ace",
        ("-pX",),
        "unace(1)",
    ),
    Program(
        "archive",
        "lrzip lrunzip lrzcat lrztar",
        ("--encrypt=X", "-eX"),
        "lrzip(1)",
    ),
    Program(
        "archive",
        "zpaq",
        ("-key X",),
        "zpaq(1)",
    ),
    Program(
        "archive",
        "dar",
        ("-K X", "-J X"),
        "dar(1)",
    ),
    Program(
        "document",
        "qpdf",
        ("--encrypt X", "--encrypt USER X"),
        "qpdf(1)",
        plain="--password-file",
    ),
    Program(
        "document",
        "pdftk pdftk-java",
        ("user_pw X", "owner_pw X", "input_pw HANDLE=X", "input_pw X"),
        "pdftk(1)",
    ),
    Program(
        "document",
        "mutool mudraw muconvert",
        ("-p X", "clean -U X", "clean -O X"),
        "mutool(1)",
    ),
    Program(
        "document",
        "gs ghostscript",
        ("-sPDFPassword=X",),
        "gs(1)",
    ),
    Program(
        "document",
        "msoffcrypto-tool msoffice-crypt",
        ("-p X",),
        "msoffcrypto-tool -h",
    ),
)
