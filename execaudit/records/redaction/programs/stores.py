# SPDX-License-Identifier: Apache-2.0
"""Password stores: where their programs take secrets."""

from execaudit.records.redaction.usage import Program

PROGRAMS = (
    Program(
        "password-store",
        "bw",
        ("login USER X", "unlock X", "--session X", "unlock < X"),
        "bw --help",
    ),
    Program(
        "password-store",
        "op op.exe",
        ("signin ADDRESS USER KEY X", "--session X"),
        "op --help",
    ),
    Program(
        "password-store",
        "pass gopass lpass passage pass-otp",
        ("insert ... < X", "login < X", "add < X"),
        "pass(1), lpass(1)",
    ),
    Program(
        "password-store",
        "keepassxc-cli kpcli keepass-cli kpscript secret-tool kwallet-query keyring",
        ("< X", "-pw:X"),
        "keepassxc-cli(1), secret-tool(1)",
    ),
    Program(
        "password-store",
        "oathtool totp",
        ("-b X", "--base32 X", "X"),
        "oathtool(1)",
        valued="-w -S -N -s -d -c",
    ),
    Program(
        "vault",
        "vault bao",
        (
            "login X",
            "token lookup|revoke|renew X",
            "operator unseal|rekey|generate-root X",
            "unwrap X",
            "kv put|patch value=X",
            "kv put|patch key=X",
            "write secret_id=X",
            "write value=X",
            "login < X",
            "kv put PATH KEY < X",
        ),
        "https://developer.hashicorp.com/vault/docs/commands",
        valued="-address -namespace -path -method -mount -ca-cert -client-cert -client-key -nonce",
    ),
    Program(
        "vault",
        "consul nomad boundary consul-template envconsul waypoint terraform-login",
        ("kv put SECRET_NAME X", "var put PATH value=X", "acl set-agent-token KIND X"),
        "https://developer.hashicorp.com/consul/commands",
    ),
    Program(
        "vault",
        "doppler infisical chamber credstash akeyless teller confd berglas summon conjur",
        (
            "secrets set NAME=X",
            "secrets set NAME X",
            "write SERVICE KEY X",
            "put NAME X",
            "set-secret-val -n NAME -v X",
            "variable set -i NAME -v X",
            "login -p X",
        ),
        "doppler secrets --help, chamber help",
    ),
)
