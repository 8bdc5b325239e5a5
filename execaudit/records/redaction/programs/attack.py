# SPDX-License-Identifier: Apache-2.0
"""Tools that try passwords, or use them on many hosts: where their programs take secrets."""

from execaudit.records.redaction.usage import Program

PROGRAMS = (
    Program(
        "attack",
        "crackmapexec cme netexec nxc smbmap enum4linux enum4linux-ng bloodhound-python"
        " bloodhound.py bloodhound-ce-python evil-winrm evil-winrm.rb coercer"
        " ldeep pywerview pygpoabuse lsassy sprayhound donpapi dploot manspider bloodyad"
        " bloodyad.py pywhisker ntlmrelayx.py petitpotam.py zerologon printerbug.py adidnsdump"
        " gmsadumper.py targetedkerberoast.py ldapsearch-ad rdp_check smbclient-ng krbrelayx.py"
        " addspn.py dnstool.py pre2k powerview powerview.py webclientservicescanner conpass"
        " crackmapexec.py netexec.py wmiexec-pro.py aclpwn rusthound dfscoerce.py shadowcoerce.py"
        " nopac.py sam_the_admin.py",
        (
            "-p X",
            "-pX",
            "-H X",
            "--hashes|-hashes X",
            "-hp X",
            "--hash X",
            "-aesKey X",
            "--aesKey|-aes X",
        ),
        "netexec --help, evil-winrm -h",
        plain="--pass-pol",
        commands="-x -X",
    ),
    Program(
        "attack",
        "bloodyad bloodyad.py",
        ("set password USER X", "add user USER X", "add computer NAME X"),
        "bloodyAD --help",
        valued="-u -d -p -k -H --host -s --dc-ip",
    ),
    Program(
        "impacket",
        "impacket-psexec psexec.py impacket-smbexec smbexec.py impacket-wmiexec wmiexec.py"
        " impacket-atexec atexec.py impacket-dcomexec dcomexec.py impacket-secretsdump"
        " secretsdump.py impacket-getuserspns getuserspns.py impacket-getnpusers getnpusers.py"
        " impacket-gettgt gettgt.py impacket-getst getst.py impacket-getadusers getadusers.py"
        " impacket-getadcomputers getadcomputers.py impacket-smbclient smbclient.py"
        " impacket-smbserver smbserver.py impacket-mssqlclient mssqlclient.py impacket-rpcdump"
        " rpcdump.py impacket-samrdump samrdump.py impacket-lookupsid lookupsid.py impacket-reg"
        " reg.py impacket-services services.py impacket-netview netview.py impacket-wmiquery"
        " wmiquery.py impacket-wmipersist wmipersist.py impacket-rdp_check rdp_check.py"
        " impacket-ticketer ticketer.py impacket-raisechild raisechild.py impacket-goldenpac"
        " goldenpac.py impacket-getlapspassword getlapspassword.py impacket-getpac getpac.py"
        " impacket-finddelegation finddelegation.py impacket-addcomputer addcomputer.py"
        " impacket-rbcd rbcd.py impacket-owneredit owneredit.py impacket-dacledit dacledit.py"
        " impacket-changepasswd changepasswd.py impacket-smbpasswd smbpasswd.py"
        " impacket-ntlmrelayx ntlmrelayx.py impacket-describeticket describeticket.py"
        " impacket-mqtt_check mqtt_check.py impacket-tstool tstool.py impacket-exchanger"
        " exchanger.py impacket-get_gpppassword get_gpppassword.py impacket-net net.py"
        " impacket-dpapi dpapi.py impacket-machine_role machine_role.py impacket-registry-read"
        " registry-read.py impacket-esentutl esentutl.py impacket-keylistattack keylistattack.py"
        " impacket-badsuccessor badsuccessor.py impacket-dumpntlminfo dumpntlminfo.py"
        " impacket-attrib attrib.py impacket-filetime filetime.py",
        (
            "DOMAIN/USER:X@HOST",
            "USER:X@HOST",
            "DOMAIN/USER:X",
            "-hashes X",
            "-aesKey X",
            "-nthash X",
            "-newhashes X",
            "-altpass X",
        ),
        "https://github.com/fortra/impacket",
        plain="-no-pass",
    ),
    Program(
        "attack",
        "rpcclient.py lookupsid polenum",
        ("USER:X@HOST",),
        "polenum -h",
    ),
    Program(
        "hydra",
        "hydra pw-inspector medusa ncrack patator legba thc-hydra xhydra",
        ("-p X", "-pX"),
        "hydra(1), medusa(1)",
    ),
    Program(
        "attack",
        "sqlmap sqlmap.py sqlninja ghauri",
        ("--cookie NAME=X",),
        "sqlmap(1)",
    ),
    Program(
        "attack",
        "wpscan droopescan joomscan nikto nikto.pl wapiti skipfish",
        ("-id USER:X", "-A USER:X", "-a USER%X"),
        "wpscan --help, nikto(1)",
    ),
    Program(
        "attack",
        "dirb whatweb",
        ("-u USER:X", "--user USER:X"),
        "dirb(1), whatweb(1)",
    ),
    Program(
        "attack",
        "ffuf feroxbuster wfuzz httpx dirsearch",
        ("-b NAME=X",),
        "ffuf -h, feroxbuster --help",
    ),
    Program(
        "hydra",
        "legba",
        ("-P X",),
        "legba --help",
    ),
    Program(
        "attack",
        "crowbar",
        ("-c X",),
        "crowbar --help",
    ),
    Program(
        "attack",
        "o365spray trevorspray brutespray ruler smbspray gobuster kerbeus spray.py o365spray.py",
        ("-p X", "-P X"),
        "gobuster help, trevorspray --help",
    ),
    Program(
        "attack",
        "msfrpc msfrpcd",
        ("-P X",),
        "msfrpcd -h",
    ),
    Program(
        "attack",
        "teamserver",
        ("HOST X",),
        "teamserver HOST PASSWORD",
    ),
    Program(
        "attack",
        "kerbrute",
        ("passwordspray USERS X",),
        "kerbrute --help",
        valued="-d --domain --dc -t --threads -o --output --delay",
    ),
    Program(
        "attack",
        "responder mitm6 mitmproxy mitmdump mitmweb bettercap ettercap",
        (
            "--proxyauth USER:X",
            "--upstream-auth USER:X",
            "--set upstream_auth=USER:X",
            "--set proxyauth=USER:X",
        ),
        "mitmproxy --options",
    ),
    Program(
        "attack",
        "mimikatz mimikatz.exe rubeus rubeus.exe seatbelt sharpup.exe snaffler",
        ("/rc4:X", "/aes256:X", "/ntlm:X", "/credpassword:X", "/hash:X"),
        "Rubeus help",
        scripts="...",
    ),
    Program(
        "attack",
        "certipy certipy-ad",
        ("-p X", "-hashes X", "-aes X"),
        "certipy -h",
    ),
    Program(
        "attack",
        "godap masky evil-winrm-py autobloody silenthound.py sccmhunter.py getlaps.py getnthash.py",
        ("-p X", "-P X", "-H X", "-key X"),
        "evil-winrm-py --help, getnthash.py -h",
    ),
    Program(
        "attack",
        "odat odat.py",
        ("-P X",),
        "odat.py --help",
    ),
    Program(
        "attack",
        "gpp-decrypt gpp-decrypt.py hashid",
        ("X",),
        "gpp-decrypt CPASSWORD",
    ),
    Program(
        "attack",
        "weevely weevely.py weevely0",
        ("generate X", "http://HOST|https://HOST X"),
        "weevely --help",
    ),
)
