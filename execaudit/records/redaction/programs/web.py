# SPDX-License-Identifier: Apache-2.0
"""HTTP and FTP clients, mail, and tools that try a host's doors: where they take secrets."""

from execaudit.records.redaction.usage import Program

PROGRAMS = (
    Program(
        "curl",
        "curl curlie curl.exe wcurl curl-impersonate",
        (
            "-*u USER:X", "-*uUSER:X", "--user USER:X", "-*U USER:X", "-*UUSER:X",
            "--proxy-user USER:X", "-*x USER:X@HOST", "--proxy|--preproxy USER:X@HOST",
            "-*E FILE:X", "--cert|--proxy-cert FILE:X", "--pass|--proxy-pass X",
            "-*b NAME=X", "--cookie NAME=X", "--oauth2-bearer X", "--tlspassword X",
        ),
        "curl(1)",
    ),
    Program("wget", "wget wget2", ("--header=Cookie:~X",), "wget(1)", plain="--load-cookies"),
    Program("aria2", "aria2c aria2p axel", ("--http-passwd|--ftp-passwd|--all-proxy-passwd X",
            "--http-proxy-passwd|--https-proxy-passwd|--ftp-proxy-passwd X"), "aria2c(1)"),
    Program("httpie", "http https httpie xh xhs ht", ("-*a USER:X", "-aUSER:X", "--auth USER:X",
            "-*a X", "--auth X"), "http(1), xh(1)"),
    Program("http", "hurl restish bruno newman oha hey bombardier wrk wrk2 vegeta siege autocannon drill"
            " k6 cassowary plow gatling locust ffuf wfuzz feroxbuster gobuster dirb dirsearch"
            " whatweb nuclei httpx katana commix xsstrike arjun",
            ("--user|-u USER:X", "-a USER:X", "--auth USER:X", "--basic USER:X",
             "--ntlm USER:X"), "--help of each"),
    Program("http", "websocat wscat grpcurl evans rsocket-cli", ("--basic-auth USER:X", "--auth USER:X"),
            "websocat --help, wscat --help"),
    Program("http", "cadaver davix-get davix-put davix-ls lynx links elinks w3m",
            ("-auth USER:X", "-pauth USER:X", "--userpass X"), "lynx(1)"),
    Program("http", "youtube-dl yt-dlp gallery-dl you-get lux streamlink svtplay-dl",
            ("-*p X", "--video-password X", "--ap-password X", "-2 X", "--twofactor X"),
            "yt-dlp(1)"),
    Program("ftp", "ncftp ncftpput ncftpget ncftpls ncftpbatch", ("-p X", "-pX"), "ncftp(1)"),
    Program("ftp", "lftp lftpget", ("-u USER,X", "open -u USER,X", "user USER X"), "lftp(1)"),
    Program("ftp", "tnftp ftp wput weex sftpcmd ftpsync", ("-P USER:X",), "tnftp(1)"),
    # Mail
    Program("mail", "swaks", ("-ap X", "--auth-password X", "--ap X"), "swaks(1)"),
    Program("mail", "sendemail sendEmail", ("-xp X",), "sendEmail(1)"),
    Program("mail", "imapsync", ("--password1|--password2 X", "--pass1|--pass2 X"), "imapsync(1)"),
    Program("mail", "mailsend mailsend-go smtp-cli mailx s-nail mail mutt neomutt msmtp fetchmail"
            " mpop getmail email smtp-user-enum",
            ("-pass X", "--pass X", "-S smtp-auth-password=X", "auth -pass X", "-Ssmtp-auth-password=X"),
            "mailsend(1), s-nail(1)"),
    Program("mail", "zmprov zmmailbox zmsoap zmcontrol", ("-p X", "ca USER X", "sp USER X",
            "createAccount|setPassword USER X", "-y X"), "zmprov help", valued="-a -l -m -s -z"),
    # Tools that try passwords, or use them on many hosts
    Program(
        "attack",
        "crackmapexec cme netexec nxc smbmap enum4linux enum4linux-ng bloodhound-python"
        " bloodhound.py bloodhound-ce-python certipy certipy-ad evil-winrm evil-winrm.rb coercer"
        " ldeep pywerview pygpoabuse lsassy sprayhound donpapi dploot manspider bloodyad"
        " bloodyad.py pywhisker ntlmrelayx.py petitpotam.py zerologon printerbug.py adidnsdump"
        " gmsadumper.py targetedkerberoast.py ldapsearch-ad rdp_check smbclient-ng krbrelayx.py"
        " addspn.py dnstool.py pre2k powerview powerview.py webclientservicescanner conpass"
        " crackmapexec.py netexec.py wmiexec-pro.py aclpwn rusthound"
        " dfscoerce.py shadowcoerce.py nopac.py sam_the_admin.py",
        ("-p X", "-pX", "-H X", "--hashes|-hashes X", "-hp X", "--hash X", "-aesKey X",
         "--aesKey|-aes X"),
        "netexec --help, certipy -h, evil-winrm -h",
        plain="--pass-pol",
    ),
    Program(
        "impacket",
        " ".join(
            f"impacket-{name} {name}.py"
            for name in (
                "psexec smbexec wmiexec atexec dcomexec secretsdump getuserspns getnpusers gettgt"
                " getst getadusers getadcomputers smbclient smbserver mssqlclient rpcdump samrdump"
                " lookupsid reg services netview wmiquery wmipersist rdp_check ticketer raisechild"
                " goldenpac getlapspassword getpac finddelegation addcomputer rbcd owneredit dacledit"
                " changepasswd smbpasswd ntlmrelayx describeticket mqtt_check tstool exchanger"
                " get_gpppassword net dpapi machine_role registry-read esentutl keylistattack"
                " badsuccessor dumpntlminfo attrib filetime"
            ).split()
        ),
        ("DOMAIN/USER:X@HOST", "USER:X@HOST", "DOMAIN/USER:X", "-hashes X", "-aesKey X",
         "-newpass X", "-computer-pass X", "-nthash X", "-password X", "-newhashes X",
         "-altpass X", "-p X"),
        "https://github.com/fortra/impacket",
        plain="-no-pass",
    ),
    Program("attack", "rpcclient.py lookupsid polenum", ("USER:X@HOST",), "polenum -h"),
    Program("hydra", "hydra pw-inspector medusa ncrack patator legba thc-hydra xhydra", ("-p X", "-pX",
            "--pass X", "password=X", "--password X"), "hydra(1), medusa(1)"),
    Program("attack", "sqlmap sqlmap.py sqlninja ghauri", ("--auth-cred USER:X", "--proxy-cred USER:X",
            "--cookie NAME=X"), "sqlmap(1)"),
    Program("attack", "wpscan droopescan joomscan nikto nikto.pl wapiti skipfish",
            ("--http-auth USER:X", "--proxy-auth USER:X", "-id USER:X", "-A USER:X", "-a USER%X"),
            "wpscan --help, nikto(1)"),
    Program("attack", "msfconsole msfcli armitage msfrpc msfrpcd msfvenom", ("-P X",
            "set SECRET_NAME X"), "msfrpcd -h"),
    Program("attack", "teamserver", ("HOST X",), "teamserver HOST PASSWORD"),
    Program("attack", "kerbrute", ("passwordspray USERS X",), "kerbrute --help",
            valued="-d --domain --dc -t --threads -o --output --delay"),
    Program("attack", "responder mitm6 mitmproxy mitmdump mitmweb bettercap ettercap",
            ("--proxyauth USER:X", "--upstream-auth USER:X", "--set upstream_auth=USER:X",
             "--set proxyauth=USER:X"), "mitmproxy --options"),
    Program("attack", "mimikatz mimikatz.exe rubeus rubeus.exe seatbelt sharpup.exe snaffler",
            ("/rc4:X", "/aes256:X", "/ntlm:X", "/credpassword:X", "/hash:X"), "Rubeus help"),
)  # fmt: skip
