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
    ),
    Program(
        "archive",
        "unar lsar arj unarj unace ace lha zpaq freearc arc dar peazip",
        ("-password|-p X", "-gX", "-pX", "-hpX", "-key X", "-K X"),
        "unar(1), arj(1), zpaq(1)",
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
        "pdfcpu mutool mudraw muconvert gs ghostscript",
        ("-p X", "-U X", "-O X", "-sPDFPassword=X"),
        "mutool(1), pdfcpu help",
    ),
    Program(
        "document",
        "msoffcrypto-tool libreoffice soffice unoconv office2john oletools msoffice-crypt",
        ("-p X",),
        "msoffcrypto-tool -h",
    ),
)
