# SPDX-License-Identifier: Apache-2.0
"""Remote shells and desktops, SNMP, IPMI, monitoring: where their programs take secrets."""

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
        "monitoring",
        "check_mysql check_mysql_query check_pgsql check_radius",
        ("-p X", "-pX"),
        "Monitoring Plugins, --help of each",
    ),
    Program(
        "monitoring",
        "check_snmp check_ifstatus check_ifoperstatus",
        ("-C X", "-CX", "-A X", "-X X"),
        "check_snmp --help",
    ),
    Program(
        "monitoring",
        "check_snmp_int.pl check_snmp_load.pl check_snmp_storage.pl check_snmp_process.pl",
        ("-C X", "-CX", "-x X", "-X X"),
        "check_snmp_int.pl --help",
    ),
    Program(
        "monitoring",
        "check_http check_curl",
        ("-a USER:X", "-b USER:X", "--authorization USER:X", "--proxy-authorization USER:X"),
        "check_http --help",
    ),
    Program(
        "monitoring",
        "check_ldap check_ldaps check_smtp",
        ("-P X",),
        "check_ldap --help",
    ),
    Program(
        "monitoring",
        "check_nt",
        ("-s X",),
        "check_nt --help",
    ),
    Program(
        "monitoring",
        "check_ncpa.py",
        ("-t X",),
        "check_ncpa.py --help",
    ),
    Program(
        "monitoring",
        "icinga2",
        ("--ticket X",),
        "icinga2 node setup --help",
    ),
)
