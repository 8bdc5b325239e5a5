# SPDX-License-Identifier: Apache-2.0
"""Keystores, OpenSSL, smart cards, disks, signing: where their programs take secrets."""

from execaudit.records.redaction.usage import Program

PROGRAMS = (
    Program(
        "keystore",
        "keytool jarsigner keytool.exe apksigner apksigner.jar zipalign bundletool portecle"
        " ikeyman gskcmd gskcapicmd runmqakm runmqckm ikeycmd keytool-importkeypair",
        (
            "-new X",
            "-srcstorepass X",
            "-deststorepass X",
            "-srckeypass X",
            "-destkeypass X",
            "--ks-pass|--key-pass|--next-signer-ks-pass pass:X",
            "--ks-pass=pass:X",
            "--key-pass=pass:X",
        ),
        "keytool(1), jarsigner(1), apksigner",
        plain="-storepasswd -keypasswd -storepass:env -storepass:file -keypass:env -keypass:file",
    ),
    Program(
        "openssl",
        "openssl openssl3 openssl11 libressl",
        (
            "pass:X",
            "key:X",
            "hexkey:X",
            "hexpass:X",
            "passwd ... X",
            "passwd -*stdin < X",
            "-k X",
            "-K X",
            "-hmac X",
            "-pass stdin < X",
            "-passin|-passout stdin < X",
            "-srppass X",
            "ca -key X",
        ),
        "openssl(1), openssl-passphrase-options(1), openssl-passwd(1)",
        valued="-salt -in -out -k -K -iv -pass -passin -passout",
        plain="-pass -passin -passout -password",
    ),
    Program(
        "nss",
        "pk12util",
        ("-W X", "-K X", "-WX", "-KX"),
        "pk12util(1)",
    ),
    Program(
        "nss",
        "signtool cmsutil",
        ("-p X", "/p X"),
        "signtool(1), cmsutil(1)",
    ),
    Program(
        "keystore",
        "gsk8capicmd gsk8capicmd_64 gsk7cmd gskkyman",
        ("-pw X", "-target_pw X", "-new_pw X"),
        "IBM GSKit: gsk8capicmd",
    ),
    Program(
        "signing",
        "osslsigncode jsign signapk",
        ("-pass X",),
        "osslsigncode(1)",
    ),
    Program(
        "gnutls",
        "certtool p11tool psktool srptool gnutls-cli gnutls-serv tpmtool danetool",
        ("--set-pin X", "--set-so-pin X", "--pskkey X", "--pin X"),
        "p11tool(1)",
    ),
    Program(
        "smartcard",
        "pkcs11-tool pkcs15-tool pkcs15-init pkcs15-crypt softhsm2-util softhsm-util opensc-tool"
        " opensc-explorer eidenv piv-tool cryptoflex-tool netkey-tool sc-hsm-tool iasecc-tool"
        " pkcs11-spy pkcs11-register dnssec-keyfromlabel cardos-tool",
        (
            "--pin X",
            "--so-pin X",
            "--new-pin X",
            "--puk X",
            "--new-so-pin X",
            "--old-pin X",
            "--auth-pin|--verify-pin X",
        ),
        "pkcs11-tool(1), softhsm2-util(1)",
        plain="--login",
    ),
    Program(
        "smartcard",
        "pkcs11-tool",
        ("-p X",),
        "pkcs11-tool(1)",
    ),
    Program(
        "smartcard",
        "ykman yubico-piv-tool yubihsm-shell nitropy",
        (
            "-P X",
            "-N X",
            "-n X",
            "--pin X",
            "--new-pin X",
            "--puk X",
            "--new-puk X",
            "--management-key|-m X",
            "-k X",
            "-p X",
            "oath accounts add NAME X",
            "oath add NAME X",
            "set-lock-code --new-lock-code X",
        ),
        "ykman(1), yubico-piv-tool(1)",
    ),
    Program(
        "tpm",
        "tpm2_create tpm2_createprimary tpm2_load tpm2_unseal tpm2_changeauth tpm2_nvdefine"
        " tpm2_nvread tpm2_nvwrite tpm2_sign tpm2_hmac tpm2_import tpm2_rsadecrypt tpm2_clear"
        " tpm2_evictcontrol tpm2_encryptdecrypt tpm2_policysecret tpm2_nvundefine"
        " tpm2_activatecredential tpm2_quote tpm2_certify tpm2_policypassword tpm2",
        ("-p X", "-P X", "--auth X", "--hierarchy-auth X"),
        "tpm2_create(1)",
    ),
    Program(
        "gpg",
        "gpg gpg2 gpgsm gpgv gpg-zip gpgtar",
        ("--passphrase-fd NUMBER < X",),
        "gpg(1)",
    ),
    Program(
        "gpg",
        "gpg-preset-passphrase gpg-connect-agent gpg-protect-tool",
        ("-P X", "-PX", "--preset < X"),
        "gpg-preset-passphrase(1)",
    ),
    Program(
        "crypt",
        "ccrypt ccencrypt ccdecrypt ccat",
        ("-*K X", "-KX", "-*H X", "--key X"),
        "ccrypt(1)",
    ),
    Program(
        "crypt",
        "mcrypt mdecrypt",
        ("-*k X", "-kX", "--key X"),
        "mcrypt(1)",
    ),
    Program(
        "crypt",
        "aescrypt aesdecrypt aescrypt_gui",
        ("-p X", "-pX"),
        "aescrypt(1)",
    ),
    Program(
        "crypt",
        "scrypt",
        ("-P < X",),
        "scrypt(1)",
    ),
    Program(
        "crypt",
        "steghide stegseek outguess jphide stegsnow snow openstego stegcracker steg zsteg"
        " stegoveritas jsteg stegano-lsb",
        ("-p X", "-pX", "-k X", "-kX"),
        "steghide(1), outguess(1)",
    ),
    Program(
        "disk",
        "cryptsetup veritysetup integritysetup luksmeta clevis tcplay",
        ("< X",),
        "cryptsetup(8)",
    ),
    Program(
        "disk",
        "veracrypt truecrypt zulucrypt-cli zuluCrypt-cli zulumount-cli",
        ("-p X", "-pX"),
        "veracrypt --help",
    ),
    Program(
        "disk",
        "ecryptfs-add-passphrase ecryptfs-wrap-passphrase ecryptfs-unwrap-passphrase"
        " ecryptfs-rewrap-passphrase ecryptfs-insert-wrapped-passphrase-into-keyring"
        " ecryptfs-manager",
        ("FILE X", "< X"),
        "ecryptfs-wrap-passphrase(1)",
    ),
    Program(
        "disk",
        "fscrypt fscryptctl zfs zpool bcachefs hdparm sedutil-cli sed-util nvme keyctl udisksctl"
        " gio systemd-cryptenroll systemd-cryptsetup homectl tomb",
        (
            "--security-set-pass|--security-unlock|--security-disable X",
            "--security-erase|--security-erase-enhanced X",
            "--initialSetup|--listLockingRanges|--revertTPer X",
            "add user NAME X",
            "add logon NAME X",
            "padd < X",
            "< X",
        ),
        "hdparm(8), keyctl(1), sedutil-cli --help",
    ),
    Program(
        "disk",
        "security",
        ("-w X", "unlock-keychain -p X", "import -P X", "-p X"),
        "security(1)",
    ),
    Program(
        "disk",
        "hdiutil diskutil fdesetup",
        ("-stdinpass < X",),
        "hdiutil(1)",
    ),
    Program(
        "mok",
        "mokutil sbsign efi-updatevar",
        ("--password < X", "< X"),
        "mokutil(1)",
    ),
    Program(
        "signing",
        "signtool.exe signcode",
        ("/p X",),
        "signtool sign /?",
    ),
    Program(
        "signing",
        "minisign signify signify-openbsd cosign notation",
        ("< X",),
        "minisign(1)",
    ),
    Program(
        "signing",
        "xcrun",
        ("altool|notarytool -p X",),
        "altool(1)",
    ),
    Program(
        "signing",
        "altool notarytool",
        ("-p X",),
        "altool(1)",
    ),
    Program(
        "dns",
        "dig nsupdate delv host kdig knsupdate drill nslookup",
        ("-y ALGORITHM:NAME:X", "-y NAME:X"),
        "dig(1), nsupdate(1)",
    ),
    Program(
        "jwt",
        "jwt jwt_tool jwt_tool.py jwt-cli",
        ("-p X", "-S X", "decode X"),
        "jwt encode --help, jwt_tool.py -h",
    ),
    Program(
        "sap",
        "sapgenpse",
        ("-x X", "-xo X", "-xn X"),
        "sapgenpse -h",
    ),
)
