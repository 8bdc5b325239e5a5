# SPDX-License-Identifier: Apache-2.0
"""Remote shells and desktops, SNMP, IPMI, Wi-Fi and VPN: where their programs take secrets."""

from execaudit.records.redaction.usage import Program

PROGRAMS = (
    Program("sshpass", "sshpass", ("-p X", "-pX"), "sshpass(1)"),
    Program(
        "putty",
        "plink pscp psftp putty kitty klink puttytel pterm tunnelier winscp winscp.com",
        ("-pw X", "/password=X", "-passphrase X"),
        "plink(1), pscp(1)",
    ),
    Program("ssh", "ssh-keygen", ("-N X", "-P X", "-NX", "-PX"), "ssh-keygen(1)"),
    Program("ssh", "puttygen", ("--new-passphrase X", "-P < X"), "puttygen(1)"),
    Program("ssh", "ssh-add sshpk-conv ssh-copy-id", ("< X",), "ssh-add(1)"),
    Program("rdp", "xfreerdp xfreerdp3 wlfreerdp wlfreerdp3 sdl-freerdp sdl-freerdp3 freerdp"
            " freerdp-shadow-cli xfreerdp.exe mstsc",
            ("/p:X", "-p X", "/pth:X", "/gp:X", "/gateway:p:X", "/from-stdin < X", "--p X"),
            "xfreerdp(1)"),
    Program("rdp", "rdesktop rdesktop-vrdp", ("-p X", "-pX"), "rdesktop(1)"),
    Program("vnc", "x11vnc", ("-passwd X", "-viewpasswd X", "-storepasswd X"), "x11vnc(1)"),
    Program("vnc", "vncviewer vncdotool vncdo vnccapture vncsnapshot xtightvncviewer vncserver",
            ("-p X", "-autopass < X"), "vncdo --help"),
    Program("teamviewer", "teamviewer anydesk rustdesk", ("passwd X", "--passwd X", "--password X",
            "--set-password < X", "--with-password < X"), "teamviewer help"),
    Program(
        "snmp",
        "snmpget snmpwalk snmpset snmpbulkget snmpbulkwalk snmpgetnext snmptable snmpdelta"
        " snmpdf snmpnetstat snmpstatus snmptest snmptranslate snmptrap snmpinform snmpusm snmpvacm"
        " snmpping snmpps snmptop encode_keychange",
        (
            "-A X", "-AX", "-X X", "-XX", "-c X", "-cX", "-3m X", "-3M X",
            "-3k X", "-3K X", "passwd OLD X", "passwd X",
        ),
        "snmpcmd(1), snmpusm(1)",
        valued="-v -l -u -a -x -A -X -n -m -M -r -t -O -I -L -C -c -e -E -Z",
    ),
    Program("snmp", "net-snmp-create-v3-user net-snmp-config", ("-A X", "-X X", "-a X", "-x X"),
            "net-snmp-create-v3-user(1)"),
    Program("snmp", "onesixtyone braa snmp-check snmpenum snmpcheck snmp-brute", ("-c X", "-cX"),
            "snmp-check -h"),
    Program("ipmi", "ipmitool ipmiutil ipmievd ipmish",
            ("-P X", "-PX", "-k X", "-y X", "user set password ID X",
             "user test ID SIZE X", "set password ID X"),
            "ipmitool(1)", valued="-H -U -P -I -p -L -C -A -O -o -t -b -B -T -l -N -R -e -S"),
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
        "racadm idracadm idracadm7 idracadm8 ilorest hponcfg redfishtool redfish rf_power_reset"
        " rf_sys_inventory rf_accounts asu64",
        ("-p X", "-pX", "set iDRAC.Users.NUMBER.Password X",
         "-o cfgUserAdminPassword -i NUMBER X"),
        "racadm help, redfishtool -h",
    ),
    Program(
        "fence",
        "fence_ipmilan fence_apc fence_apc_snmp fence_ilo fence_ilo2 fence_ilo3 fence_ilo4"
        " fence_ilo5 fence_idrac fence_drac5 fence_vmware_soap fence_vmware_rest fence_wti"
        " fence_brocade fence_cisco_ucs fence_bladecenter fence_eaton_snmp fence_rhevm fence_redfish"
        " fence_xvm fence_virt fence_azure_arm fence_aws fence_hpblade fence_ibmblade fence_imm",
        ("-p X", "-pX"),
        "fence_ipmilan(8)",
    ),
    Program("vmware", "esxcli vifs vmkfstools resxtop vmrun vicfg-user", ("-p X", "-vp X", "-gp X"), "esxcli --help, vmrun"),
    Program("libvirt", "virsh", ("secret-set-value ID X", "set-user-password NAME USER X",
            "secret-set-value ID ... --base64 X"), "virsh(1)", valued="-c --connect"),
    Program("libvirt", "virt-customize virt-builder virt-sysprep guestfish virt-install",
            ("--root-password password:X", "--password USER:password:X", "--user-password X",
             "--root-password=password:X"), "virt-customize(1)"),
    Program("proxmox", "pvesh pveum qm pct proxmox-backup-client pvecm", ("--password X",
            "-password X", "--cipassword X", "-cipassword X", "passwd USER < X"), "pveum(1), qm(1)"),
    # Wi-Fi
    Program(
        "wifi",
        "nmcli",
        (
            "password X", "wifi-sec.psk|802-11-wireless-security.psk X", "psk X",
            "wifi-sec.wep-key0|wep-key0|802-11-wireless-security.wep-key0 X",
            "802-1x.password|802-1x.private-key-password|802-1x.phase2-private-key-password X",
            "gsm.password|gsm.pin|pppoe.password|cdma.password|vpn.secrets X",
            "vpn.secrets password=X", "wifi-sec.leap-password X", "wireguard.private-key X",
        ),
        "nmcli(1), nm-settings-nmcli(5)",
        plain="--ask --show-secrets -s",
    ),
    Program("wifi", "wpa_passphrase", ("SSID X", "SSID < X"), "wpa_passphrase(8)"),
    Program(
        "wifi",
        "wpa_cli hostapd_cli",
        ("set_network NUMBER psk|password|wep_key0|sae_password|private_key_passwd|pin X",
         "password NUMBER X", "passphrase NUMBER X", "pin NUMBER X", "wps_pin any X",
         "set wpa_passphrase|wpa_psk X", "otp NUMBER X", "new_password NUMBER X"),
        "wpa_cli(8)", valued="-i -p -g -a",
    ),
    Program("wifi", "iwctl", ("--passphrase|-P X", "-PX", "--password|-p X"), "iwctl(1)"),
    Program("wifi", "iwconfig", ("key s:X", "key restricted|open X", "key X"), "iwconfig(8)"),
    Program("wifi", "iw", ("keys|key NUMBER:X", "keys|key d:NUMBER:X"), "iw(8)"),
    Program("wifi", "create_ap linux-wifi-hotspot lnxrouter", ("WIFI NET SSID X", "-p X"),
            "create_ap --help",
            valued="-c -w -g -d -m -e --freq-band --country --driver --channel -n --mac"),
    Program("wifi", "wicd-cli", ("-p X",), "wicd-cli(8)"),
    Program("wifi", "airdecap-ng airtun-ng tkiptun-ng", ("-p X", "-w X", "-k X"), "airdecap-ng(1)"),
    Program("wifi", "networksetup", ("-setairportnetwork DEVICE SSID X",
            "-addpreferredwirelessnetworkatindex DEVICE SSID NUMBER TYPE X"), "networksetup(8)"),
    Program("wifi", "netsh", ("key=X", "keyMaterial=X"), "netsh wlan"),
    Program("wifi", "uci", ("set wireless.SECTION.key=X",), "uci help"),
    # VPN
    Program("vpn", "openconnect openfortivpn snx gpclient globalprotect forticlient fortisslvpn"
            " fortivpn f5fpc nxMonitor netExtender jvpn juniper-vpn.py juniper_ncui pulsesvc"
            " pulselauncher ncsvc expressvpn protonvpn-cli protonvpn nordvpn mullvad windscribe"
            " surfshark-vpn piactl barracudavpn sstpc sophos-vpn",
            ("-p X", "-pX", "--password X", "--token X", "-w X", "--cookie|-C X", "login ... -p X",
             "account login|set X", "--passwd-on-stdin < X", "< X"),
            "openconnect(8), openfortivpn(1)", plain="--key-password-from"),
    Program("vpn", "vpnc pptpsetup pppd xl2tpd sstp-client pptp", ("--password X", "password X",
            "< X"), "pptpsetup(8), pppd(8)"),
    Program("vpn", "wg wg-quick", ("< X",), "wg(8)", plain="private-key preshared-key"),
    Program("vpn", "tailscale headscale", ("--auth-key|--authkey X", "-authkey X"), "tailscale up --help"),
    Program("vpn", "zerotier-cli netbird netclient twingate firezone", ("--setup-key|-k X",
            "-t X"), "netbird up --help"),
    Program("vpn", "vpncmd", ("/password:X", "/PASSWORD:X", "UserPasswordSet USER ... /password:X"), "vpncmd /help"),
    Program("tunnel", "ngrok", ("authtoken|add-authtoken X", "--authtoken X", "--basic-auth USER:X",
            "--basic-auth=USER:X", "-auth=USER:X", "--auth USER:X"), "ngrok help"),
    Program("tunnel", "cloudflared", ("service install X", "run --token X", "--token X"),
            "cloudflared tunnel run --help"),
    Program("tunnel", "chisel gost", ("--auth USER:X",), "chisel --help"),
    Program("tunnel", "ss-local ss-server ss-redir ss-tunnel sslocal ssserver", ("-k X", "-kX"),
            "ss-local(1)"),
    Program("tunnel", "bore rathole frpc frps pagekite", ("-s X", "-t X"), "bore --help"),
    Program("tunnel", "iodine iodined", ("-P X", "-PX"), "iodine(8)"),
    Program("tunnel", "ptunnel ptunnel-ng", ("-x X", "-p X"), "ptunnel(8)"),
    Program("phone", "sipp", ("-ap X",), "sipp --help"),
    Program("phone", "sipsak", ("-a X",), "sipsak(1)"),
    Program("phone", "fs_cli svcrack", ("-p X",), "fs_cli -h"),
    Program("ups", "upscmd upsrw", ("-p X", "-pX"), "upscmd(8), upsrw(8)"),
    Program("monitoring", "check_mysql check_mysql_query check_pgsql check_dbi check_radius"
            " check_postgres.pl", ("-p X", "-pX"), "Monitoring Plugins, --help of each"),
    Program("monitoring", "check_snmp check_snmp_int.pl check_snmp_load.pl check_snmp_storage.pl"
            " check_ifstatus check_ifoperstatus",
            ("-C X", "-CX", "-A X", "-X X", "-x X"), "check_snmp --help"),
    Program("monitoring", "check_http check_curl", ("-a USER:X", "-b USER:X", "--authorization USER:X",
            "--proxy-authorization USER:X"), "check_http --help"),
    Program("monitoring", "check_ldap check_ldaps check_smtp", ("-P X",), "check_ldap --help"),
    Program("monitoring", "check_nt", ("-s X",), "check_nt --help"),
    Program("monitoring", "check_ncpa.py", ("-t X",), "check_ncpa.py --help"),
    Program("monitoring", "icinga2", ("--ticket X",), "icinga2 node setup --help"),
)  # fmt: skip
