# SPDX-License-Identifier: Apache-2.0
"""Remote shells and desktops, SNMP, IPMI, network devices: where their programs take secrets."""

from execaudit.records.redaction.usage import Program

PROGRAMS = (
    Program(
        "sshpass",
        "sshpass",
        ("-p X", "-pX"),
        "sshpass(1)",
    ),
    Program(
        "ssh",
        "ssh-keygen",
        ("-N X", "-P X", "-NX", "-PX"),
        "ssh-keygen(1)",
    ),
    Program(
        "ssh",
        "puttygen",
        ("-P < X",),
        "puttygen(1)",
    ),
    Program(
        "ssh",
        "ssh-add sshpk-conv ssh-copy-id",
        ("< X",),
        "ssh-add(1)",
    ),
    Program(
        "rdp",
        "xfreerdp xfreerdp3 wlfreerdp wlfreerdp3 sdl-freerdp sdl-freerdp3 freerdp"
        " freerdp-shadow-cli xfreerdp.exe mstsc",
        (
            "/p:X",
            "-p X",
            "/pth:X",
            "/gp:X",
            "/gateway:p:X",
            "/gateway:HOST,p:X",
            "/gateway:HOST,USER,p:X",
            "/gateway:HOST,USER,DOMAIN,p:X",
            "/from-stdin < X",
            "--p X",
        ),
        "xfreerdp(1)",
    ),
    Program(
        "rdp",
        "rdesktop rdesktop-vrdp",
        ("-p X", "-pX"),
        "rdesktop(1)",
    ),
    Program(
        "vnc",
        "vncviewer xtightvncviewer xvncviewer vncserver x0vncserver",
        ("-autopass < X",),
        "vncviewer(1)",
        plain="-passwd -PasswordFile",
    ),
    Program(
        "vnc",
        "vncdotool vncdo vnccapture",
        ("-p X",),
        "vncdo --help",
    ),
    Program(
        "rdp",
        "grdctl",
        ("set-credentials USER X", "set-password X"),
        "grdctl(1)",
    ),
    Program(
        "rdp",
        "sunshine",
        ("--creds USER X",),
        "sunshine --help",
    ),
    Program(
        "vnc",
        "spicy",
        ("-w X", "-wX"),
        "spicy(1)",
    ),
    Program(
        "teamviewer",
        "teamviewer anydesk rustdesk",
        ("passwd X", "--set-password < X", "--with-password < X"),
        "teamviewer help",
    ),
    Program(
        "snmp",
        "snmpget snmpwalk snmpset snmpbulkget snmpbulkwalk snmpgetnext snmptable snmpdelta"
        " snmpdf snmpnetstat snmpstatus snmptest snmptranslate snmptrap snmpinform snmpusm"
        " snmpvacm snmpping snmpps snmptop encode_keychange",
        (
            "-A X",
            "-AX",
            "-X X",
            "-XX",
            "-c X",
            "-cX",
            "-3m X",
            "-3M X",
            "-3k X",
            "-3K X",
            "passwd OLD X",
            "passwd X",
        ),
        "snmpcmd(1), snmpusm(1)",
        valued="-v -l -u -a -x -A -X -n -m -M -r -t -O -I -L -C -c -e -E -Z",
    ),
    Program(
        "snmp",
        "net-snmp-create-v3-user net-snmp-config",
        ("-A X", "-X X", "-a X", "-x X"),
        "net-snmp-create-v3-user(1)",
    ),
    Program(
        "snmp",
        "onesixtyone",
        ("-c X", "HOST X"),
        "onesixtyone(1)",
    ),
    Program(
        "snmp",
        "braa snmp-check snmpenum snmpcheck snmp-brute",
        ("-c X", "-cX"),
        "snmp-check -h",
    ),
    Program(
        "ipmi",
        "ipmitool ipmiutil ipmievd ipmish",
        (
            "-P X",
            "-PX",
            "-k X",
            "-y X",
            "user set password ID X",
            "user test ID SIZE X",
            "set password ID X",
            "lan set NUMBER password|snmp X",
        ),
        "ipmitool(1)",
        valued="-H -U -P -I -p -L -C -A -O -o -t -b -B -T -l -N -R -e -S",
    ),
    Program(
        "ipmi",
        "ipmipower ipmi-power ipmi-sensors ipmi-sel ipmi-fru ipmi-chassis ipmi-config ipmi-raw"
        " ipmi-console ipmiconsole ipmi-oem ipmi-dcmi ipmi-pef ipmi-pet ipmi-locate bmc-info"
        " bmc-config bmc-device bmc-watchdog ipmiping rmcpping ipmi-chassis-config",
        ("-p X", "-pX", "-k X"),
        "ipmipower(8), freeipmi(7)",
    ),
    Program(
        "bmc",
        "racadm idracadm idracadm7 idracadm8 ilorest redfishtool rf_power_reset rf_sys_inventory"
        " rf_accounts",
        (
            "-p X",
            "-pX",
            "set iDRAC.Users.NUMBER.Password X",
            "-o cfgUserAdminPassword -i NUMBER X",
        ),
        "racadm help, redfishtool -h",
    ),
    Program(
        "bmc",
        "smcipmitool",
        ("HOST USER X",),
        "SMCIPMITool: HOST USER PASSWORD COMMAND",
    ),
    Program(
        "bmc",
        "ipmicfg",
        ("setpwd ID X",),
        "IPMICFG -help",
    ),
    Program(
        "bmc",
        "onecli asu asu64",
        ("--bmc|--imm USER:X@HOST", "--bmc|--imm USER:X"),
        "OneCLI user's guide",
    ),
    Program(
        "fence",
        "fence_ipmilan fence_apc fence_apc_snmp fence_ilo fence_ilo2 fence_ilo3 fence_ilo4"
        " fence_ilo5 fence_idrac fence_drac5 fence_vmware_soap fence_vmware_rest fence_wti"
        " fence_brocade fence_cisco_ucs fence_bladecenter fence_eaton_snmp fence_rhevm"
        " fence_redfish fence_xvm fence_virt fence_azure_arm fence_aws fence_hpblade"
        " fence_ibmblade fence_imm",
        ("-p X", "-pX"),
        "fence_ipmilan(8)",
    ),
    Program(
        "ups",
        "upscmd upsrw",
        ("-p X", "-pX"),
        "upscmd(8), upsrw(8)",
    ),
    Program(
        "network",
        "vtysh fastcli",
        ("password|secret|key-string X", "neighbor PEER password X"),
        "vtysh(1), bgpd(8)",
        scripts="-c",
    ),
    Program(
        "network",
        "tcpdump",
        ("-M X", "-E ADDRESS~ALGORITHM:X", "-E ALGORITHM:X"),
        "tcpdump(1)",
    ),
    Program(
        "network",
        "tacacs_client tacc tactest",
        ("-k X", "-p X"),
        "tacacs_client --help, tacc(1)",
    ),
    Program(
        "network",
        "clogin jlogin flogin hlogin nlogin mactelnet gnmic gnmi_cli ciscocmd netconf-console",
        ("-p X", "-e X", "-v X"),
        "clogin(1), mactelnet(1), gnmic --help",
    ),
    Program(
        "snmp",
        "cfgmaker indexmaker snmpbrute",
        ("X@HOST",),
        "cfgmaker(1)",
    ),
    Program(
        "network",
        "coap-client coap-client-openssl coap-client-gnutls",
        ("-k X", "-kX"),
        "coap-client(5)",
    ),
)
