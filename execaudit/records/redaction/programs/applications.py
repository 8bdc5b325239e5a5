# SPDX-License-Identifier: Apache-2.0
"""Configuration management and applications: where their programs take secrets."""

from execaudit.records.redaction.usage import Program

PROGRAMS = (
    Program(
        "ansible",
        "ansible ansible-playbook ansible-vault ansible-console ansible-pull ansible-galaxy"
        " ansible-navigator tower-cli awx",
        ("encrypt_string X", "encrypt_string < X"),
        "ansible-vault(1), awx --help",
        valued="-n --name --vault-id --vault-password-file --encrypt-vault-id -i -e --output",
        plain="--ask-pass --ask-become-pass --ask-vault-pass --private-key --key-file",
    ),
    Program(
        "configuration",
        "knife chef-server-ctl chef",
        ("-P X", "user-create NAME FIRST LAST MAIL X", "password NAME X"),
        "knife bootstrap --help",
    ),
    Program(
        "configuration",
        "salt salt-ssh salt-call salt-run salt-key",
        ("shadow.set_password|user.setpassword USER X", "mysql.user_create USER HOST X"),
        "salt(1), salt.modules.shadow",
        valued="-E -L -G -C -t -b",
    ),
    Program(
        "configuration",
        "bolt puppet",
        ("-p X",),
        "bolt help",
    ),
    Program(
        "configuration",
        "vagrant",
        ("login -*p X", "login -t X"),
        "vagrant --help",
        commands="-c --command",
    ),
    Program(
        "configuration",
        "crudini augtool dasel yq-set dconf gsettings snap debconf-set-selections"
        " debconf-communicate ubus nvram fw_setenv kwriteconfig5 kwriteconfig6 kwriteconfig",
        (
            "--set FILE SECTION SECRET_NAME X",
            "set SECRET_NAME X",
            "set SCHEMA SECRET_NAME X",
            "SECRET_NAME X",
            "< PACKAGE~QUESTION~password~X",
        ),
        "crudini(1), gsettings(1), snap(8)",
    ),
    Program(
        "configuration",
        "occ",
        ("config:system:set|config:app:set SECRET_NAME X", "config:system:set secret --value X"),
        "occ help config:system:set, of Nextcloud",
    ),
    Program(
        "wordpress",
        "wp wp-cli.phar",
        ("config set SECRET_NAME X",),
        "wp help user create",
    ),
    Program(
        "drupal",
        "drush",
        ("user:password|user-password|upwd USER X", "config:set NAME SECRET_NAME X"),
        "drush help user:password",
    ),
    Program(
        "keycloak",
        "kcadm.sh kcadm kcreg.sh add-user-keycloak.sh add-user.sh jboss-cli.sh kc.sh jboss-cli",
        ("-p X", "-pX", "-s value=X"),
        "kcadm.sh help, add-user.sh --help",
    ),
    Program(
        "appserver",
        "jmxterm twiddle.sh jolokia",
        ("-p X",),
        "jmxterm --help",
    ),
    Program(
        "appserver",
        "digest.sh",
        ("... X",),
        "Tomcat: Realm configuration",
        valued="-a -e -i -s -k -h",
    ),
    Program(
        "appserver",
        "securityutility",
        ("encode X",),
        "Open Liberty: securityUtility encode",
        valued="--encoding --key",
    ),
    Program(
        "appserver",
        "nifi.sh",
        ("set-single-user-credentials USER X",),
        "nifi.sh help",
    ),
    Program(
        "appserver",
        "solr",
        ("-u USER:X",),
        "solr auth",
    ),
    Program(
        "grafana",
        "grafana-cli grafana grafana-server",
        ("admin reset-admin-password X", "reset-admin-password X"),
        "grafana cli admin --help",
        valued="--homepath --config",
    ),
    Program(
        "airflow",
        "airflow superset fab flask",
        (
            "users create -*p X",
            "create-admin -*p X",
            "variables set SECRET_NAME X",
            "reset-password -*p X",
        ),
        "airflow users create --help",
    ),
    Program(
        "configuration",
        "expect tclsh wish",
        ("set SECRET_NAME X",),
        "expect(1)",
        scripts="-c",
    ),
    Program(
        "caddy",
        "caddy",
        ("hash-password --plaintext X", "hash-password -p X", "hash-password < X"),
        "caddy hash-password --help",
    ),
    Program(
        "minecraft",
        "mcrcon rcon rcon-cli rconclt",
        ("-p X", "-pX"),
        "mcrcon --help",
    ),
    Program(
        "bitcoin",
        "bitcoin-cli litecoin-cli dogecoin-cli geth bitcoind lncli monero-wallet-cli cast forge"
        " solana-keygen electrum electrum.exe elements-cli",
        (
            "walletpassphrase X",
            "encryptwallet X",
            "walletpassphrasechange X",
            "walletpassphrasechange OLD X",
            "importprivkey|signmessagewithprivkey X",
        ),
        "bitcoin-cli help, cast --help",
    ),
    Program(
        "huggingface",
        "huggingface-cli hf wandb llm dvc",
        (
            "login X",
            "keys set NAME --value X",
            "keys set NAME < X",
            "remote modify NAME SECRET_NAME X",
        ),
        "huggingface-cli login --help, wandb login --help",
        valued="--host --project --entity",
    ),
    Program(
        "configuration",
        "eyaml",
        ("encrypt -s X", "encrypt --string X"),
        "eyaml encrypt --help",
    ),
    Program(
        "configuration",
        "hammer pulp-admin katello fab",
        ("-p X",),
        "hammer --help, fab(1)",
    ),
    Program(
        "configuration",
        "console artisan",
        (
            "security:encode-password|security:hash-password X",
            "fos:user:change-password USER X",
            "fos:user:create USER MAIL X",
        ),
        "bin/console list, of Symfony",
    ),
    Program(
        "configuration",
        "dconf defaults",
        ("write SECRET_NAME X", "write DOMAIN SECRET_NAME X"),
        "dconf(1), defaults(1)",
        valued="-currentHost",
    ),
    Program(
        "license",
        "pro ua ubuntu-advantage",
        ("attach X",),
        "pro(1): attach TOKEN",
    ),
    Program(
        "license",
        "canonical-livepatch",
        ("enable X",),
        "canonical-livepatch help enable",
    ),
    Program(
        "license",
        "vim-cmd",
        ("--set=X", "--set X"),
        "vim-cmd vimsvc/license",
    ),
    Program(
        "license",
        "plesk newrelic-install newrelic-daemon newrelic-admin warp-cli",
        (
            "license -i|--install X",
            "--license X",
            "set-license X",
            "registration license X",
        ),
        "plesk bin license --help, warp-cli --help",
    ),
    Program(
        "torrent",
        "transmission-remote",
        ("-n USER:X", "--auth USER:X"),
        "transmission-remote(1)",
    ),
    Program(
        "torrent",
        "mpc",
        ("-h X@HOST", "--host X@HOST", "--host=X@HOST"),
        "mpc(1)",
    ),
)
