# SPDX-License-Identifier: Apache-2.0
"""Directories and Windows networks: where their programs take secrets."""

from execaudit.records.redaction.usage import Program

PROGRAMS = (
    Program(
        "ldap",
        "ldapsearch ldapadd ldapmodify ldapdelete ldapmodrdn ldapcompare ldapwhoami ldapexop"
        " ldapurl ldapvi ldapdiff ldapns shelldap ldif2ldap ldclt dsconf dsidm dsctl ldapsh",
        ("-*w X", "-wX"),
        "ldapsearch(1)",
    ),
    Program(
        "ldap",
        "ldappasswd",
        ("-*w X", "-wX", "-*s X", "-sX", "-*a X", "-aX"),
        "ldappasswd(1)",
    ),
    Program(
        "ldap",
        "slappasswd",
        ("-*s X", "-sX"),
        "slappasswd(8)",
    ),
    Program(
        "ldap",
        "ldapdomaindump ldeep adidnsdump windapsearch windapsearch.py ldap-checker ad-ldap-enum",
        ("-p X", "-pX"),
        "ldapdomaindump --help",
    ),
    Program(
        "ipa",
        "ipa-server-install ipa-replica-install ipa-adtrust-install ipa-dns-install"
        " ipa-ca-install ipa-kra-install ipa-replica-prepare ipa-replica-manage"
        " ipa-csreplica-manage ipa-otptoken",
        ("-p X", "-a X", "-w X"),
        "ipa-server-install(1)",
    ),
    Program(
        "ipa",
        "ipa-client-install ipa-getkeytab ipa-join ipa-certupdate",
        ("-w X", "-wX"),
        "ipa-client-install(1), ipa-getkeytab(1)",
    ),
    Program(
        "ipa",
        "ipa",
        ("passwd USER X",),
        "ipa(1)",
    ),
    Program(
        "kerberos",
        "kadmin kadmin.local ktadmin",
        ("-*w X", "-wX"),
        "kadmin(1)",
        scripts="-q",
    ),
    Program(
        "kerberos",
        "kdb5_util kdb5_ldap_util kpropd",
        ("-P X", "-w X"),
        "kdb5_util(8)",
    ),
    Program(
        "kerberos",
        "kinit kinit.heimdal pkinit",
        ("< X",),
        "kinit(1)",
    ),
    Program(
        "kerberos",
        "ktpass adcli realm",
        ("/pass X", "< X"),
        "adcli(8), realm(8)",
    ),
    Program(
        "samba",
        "rpcclient",
        ("setuserinfo|setuserinfo0 USER LEVEL X", "chgpasswd|chgpasswd0 USER OLD X"),
        "rpcclient(1)",
        scripts="-c",
    ),
    Program("samba", "smbget", ("-u USER%X",), "smbget(1)"),
    Program(
        "samba",
        "smbclient rpcclient smbget smbcacls smbcquotas smbtree nmblookup sharesec smbspool"
        " winexe pth-winexe wmic pth-wmic pth-smbclient pth-rpcclient pth-net wmis regshell"
        " regdiff regtree ldbsearch ldbmodify ldbadd ldbdel ldbedit ldbrename mdsearch cifsdd"
        " masktest smbtorture locktest gentest",
        ("-*U USER%X", "-UUSER%X", "--user USER%X", "--username USER%X"),
        "smbclient(1), rpcclient(1)",
    ),
    Program(
        "samba",
        "smbclient",
        ("SHARE X",),
        "smbclient(1)",
        valued="-U -A -L -M -I -p -m -T -D -c -W -O -t -b -d -s -l -n -k --user --command -e",
    ),
    Program(
        "samba",
        "net",
        ("-*U USER%X", "-UUSER%X", "--user USER%X", "password USER X", "user add USER X"),
        "net(8)",
        valued="-I -S -U -W -w -p -s -l -d",
    ),
    Program(
        "samba",
        "samba-tool",
        (
            "user create|add USER X",
            "-U USER%X",
            "-UUSER%X",
            "--adminpass|--krbtgtpass|--machinepass|--dnspass|--ldapadminpass X",
            "--user-pass X",
        ),
        "samba-tool(8)",
        valued="-H -U -d -s -W",
    ),
    Program(
        "samba",
        "smbpasswd",
        ("-U USER X", "-w X", "< X"),
        "smbpasswd(8)",
        valued="-r -R -D -c",
    ),
    Program(
        "samba",
        "pdbedit",
        ("-*t* < X",),
        "pdbedit(8)",
    ),
    Program(
        "samba",
        "wbinfo ntlm_auth",
        (
            "-a USER%X",
            "-K USER%X",
            "--authenticate USER%X",
            "--krb5auth USER%X",
            "--pam-logon USER%X",
            "--set-auth-user USER%X",
            "--nt-response X",
        ),
        "wbinfo(1), ntlm_auth(1)",
    ),
    Program(
        "mount",
        "mount mount.cifs mount.smb3 mount.davfs sshfs curlftpfs smbnetfs fusesmb mount.ecryptfs"
        " gocryptfs encfs cryfs rclone-mount",
        ("-o user=USER:X", "-o password_stdin < X", "-*S* < X"),
        "mount.cifs(8), curlftpfs(1)",
    ),
    Program(
        "mount",
        "curlftpfs",
        ("USER:X@HOST",),
        "curlftpfs(1)",
    ),
    Program(
        "mount",
        "iscsiadm",
        (
            "node.session.auth.password|node.session.auth.password_in"
            "|discovery.sendtargets.auth.password|discovery.sendtargets.auth.password_in -v X",
        ),
        "iscsiadm(8)",
    ),
    Program(
        "radius",
        "radtest",
        ("USER X", "USER PASS HOST PORT X"),
        "radtest(1)",
        valued="-t -P -x -4 -6",
    ),
    Program(
        "radius",
        "radclient",
        ("HOST COMMAND X", "< User-Password=X"),
        "radclient(1)",
        valued="-c -d -D -f -F -i -n -p -P -r -t -S",
    ),
    Program(
        "radius",
        "eapol_test radeapclient radperf",
        ("-s X", "-sX"),
        "eapol_test(8)",
    ),
    Program(
        "windows",
        "runas cmdkey psexec psexec64 wusa netdom dsadd dsmod schtasks",
        ("/pass:X", "/p X", "-p X", "/rp X", "/pd:X", "/passwordd:X"),
        "https://learn.microsoft.com/windows-server/administration/windows-commands",
    ),
    Program(
        "windows",
        "winrs wevtutil tasklist taskkill systeminfo getmac driverquery",
        ("-p:X", "/p:X", "/p X", "/P X"),
        "https://learn.microsoft.com/windows-server/administration/windows-commands",
    ),
    Program(
        "windows",
        "bitsadmin",
        ("/setcredentials JOB SERVER BASIC USER X",),
        "bitsadmin setcredentials",
    ),
    Program(
        "powershell",
        "convertto-securestring",
        ("-String X", "X"),
        "Microsoft.PowerShell.Security: ConvertTo-SecureString",
    ),
    Program(
        "kerberos",
        "kpasswd ktutil",
        ("< X",),
        "kpasswd(1), ktutil(1)",
    ),
    Program(
        "windows",
        "net net.exe net1 net1.exe",
        (
            "user !add|delete|info|rename|password|list|edit|setprimarygroup X",
            "use \\HOST|//HOST X",
        ),
        "net user /?, net use /?",
        signs="-/",
    ),
    Program(
        "windows",
        "ldifde csvde dsquery dsget dsmove dsrm paexec remcom csexec certutil certutil.exe",
        ("-b USER DOMAIN X", "-p X"),
        "ldifde /?, certutil -importpfx /?",
    ),
    Program(
        "windows",
        "rasdial",
        ("ENTRY USER X",),
        "rasdial /?",
        signs="-/",
    ),
    Program(
        "windows",
        "reg reg.exe",
        ("DefaultPassword|AltDefaultPassword /d X",),
        "reg add /?; Winlogon: automatic logon",
    ),
    Program(
        "windows",
        "sc sc.exe",
        ("password= X",),
        "sc create /?",
    ),
    Program(
        "windows",
        "slmgr slmgr.vbs",
        ("/ipk X", "-ipk X"),
        "slmgr.vbs /?",
    ),
    Program(
        "mount",
        "mount_smbfs smbutil mount_afp",
        ("//USER:X@HOST",),
        "mount_smbfs(8)",
    ),
    Program(
        "mount",
        "mount.ceph ceph rbd rados cephfs-shell ceph-fuse",
        ("--key X",),
        "ceph(8), rbd(8)",
    ),
    Program(
        "ldap",
        "pwdhash",
        ("X",),
        "pwdhash(1) of 389 Directory Server",
        valued="-D -s -H",
    ),
)
