# SPDX-License-Identifier: Apache-2.0
"""Wi-Fi, VPN and tunnels: where their programs take secrets."""

from execaudit.records.redaction.usage import Program

PROGRAMS = (
    Program(
        "wifi",
        "nmcli",
        (
            "password X",
            "add|modify|mod|m|edit wifi-sec.psk|802-11-wireless-security.psk|psk X",
            "add|modify|mod|m|edit wifi-sec.wep-key0|wep-key0|802-11-wireless-security.wep-key0 X",
            "add|modify|mod|m|edit 802-1x.password|802-1x.private-key-password"
            "|802-1x.phase2-private-key-password X",
            "add|modify|mod|m|edit gsm.password|gsm.pin|pppoe.password|cdma.password X",
            "add|modify|mod|m|edit vpn.secrets|wifi-sec.leap-password|wireguard.private-key X",
        ),
        "nmcli(1), nm-settings-nmcli(5)",
        plain="--ask --show-secrets -s",
    ),
    Program(
        "wifi",
        "wpa_passphrase",
        ("SSID X", "SSID < X"),
        "wpa_passphrase(8)",
    ),
    Program(
        "wifi",
        "wpa_cli hostapd_cli",
        (
            "set_network NUMBER psk|password|wep_key0|sae_password|private_key_passwd|pin X",
            "password NUMBER X",
            "passphrase NUMBER X",
            "pin NUMBER X",
            "wps_pin any X",
            "set wpa_passphrase|wpa_psk X",
            "otp NUMBER X",
            "new_password NUMBER X",
        ),
        "wpa_cli(8)",
        valued="-i -p -g -a",
    ),
    Program(
        "wifi",
        "iwctl",
        ("--passphrase|-P X", "-PX", "--password|-p X"),
        "iwctl(1)",
    ),
    Program(
        "wifi",
        "iwconfig",
        ("key s:X", "key restricted|open X"),
        "iwconfig(8)",
    ),
    Program(
        "wifi",
        "iw",
        ("keys|key d:NUMBER:X", "keys|key NUMBER:X"),
        "iw(8)",
    ),
    Program(
        "wifi",
        "create_ap linux-wifi-hotspot lnxrouter",
        ("WIFI NET SSID X",),
        "create_ap --help",
        valued="-c -w -g -d -m -e --freq-band --country --driver --channel -n --mac",
    ),
    Program(
        "wifi",
        "adb cmd",
        ("wifi connect-network SSID TYPE X",),
        "adb shell cmd wifi help",
    ),
    Program(
        "wifi",
        "airdecap-ng airtun-ng tkiptun-ng airbase-ng",
        ("-p X", "-w X", "-k X"),
        "airdecap-ng(1)",
    ),
    Program(
        "wifi",
        "networksetup",
        (
            "-setairportnetwork DEVICE SSID X",
            "-addpreferredwirelessnetworkatindex DEVICE SSID NUMBER TYPE X",
        ),
        "networksetup(8)",
    ),
    Program(
        "wifi",
        "netsh",
        ("key=X", "keyMaterial=X"),
        "netsh wlan",
    ),
    Program(
        "wifi",
        "uci",
        ("set wireless.SECTION.key=X",),
        "uci help",
    ),
    Program(
        "vpn",
        "openconnect openfortivpn snx netextender f5fpc jvpn pulselauncher ncsvc gpclient",
        ("-p X", "-pX", "--cookie|-C X", "< X"),
        "openconnect(8), openfortivpn(1)",
        plain="--key-password-from",
    ),
    Program(
        "vpn",
        "mullvad",
        ("account login|set X",),
        "mullvad account --help",
    ),
    Program(
        "vpn",
        "vpnc pptpsetup pppd xl2tpd sstp-client pptp",
        ("password X", "< X"),
        "pptpsetup(8), pppd(8)",
    ),
    Program(
        "vpn",
        "wg wg-quick",
        ("< X",),
        "wg(8)",
    ),
    Program(
        "vpn",
        "netbird",
        ("--setup-key|-k X",),
        "netbird up --help",
    ),
    Program(
        "vpn",
        "netclient",
        ("-t X",),
        "netclient join --help",
    ),
    Program(
        "vpn",
        "zerotier-cli",
        ("-TX",),
        "zerotier-cli(1)",
    ),
    Program(
        "tunnel",
        "ngrok",
        ("authtoken|add-authtoken X", "--basic-auth=USER:X", "-auth=USER:X"),
        "ngrok help",
    ),
    Program(
        "tunnel",
        "cloudflared",
        ("service install X",),
        "cloudflared tunnel run --help",
    ),
    Program(
        "tunnel",
        "ss-local ss-server ss-redir ss-tunnel sslocal ssserver",
        ("-k X", "-kX"),
        "ss-local(1)",
    ),
    Program(
        "tunnel",
        "bore",
        ("-s X",),
        "bore --help",
    ),
    Program(
        "tunnel",
        "frpc frps",
        ("-t X",),
        "frpc --help",
    ),
    Program(
        "tunnel",
        "iodine iodined",
        ("-P X", "-PX"),
        "iodine(8)",
    ),
    Program(
        "tunnel",
        "ptunnel ptunnel-ng",
        ("-x X",),
        "ptunnel(8)",
    ),
    Program(
        "tunnel",
        "brook",
        ("-p X", "-pX"),
        "brook --help",
    ),
)
