# SPDX-License-Identifier: Apache-2.0
"""Message brokers, mail and telephony: where their programs take secrets."""

from execaudit.records.redaction.usage import Program

PROGRAMS = (
    Program(
        "rabbitmq",
        "rabbitmqctl",
        (
            "add_user|change_password|authenticate_user USER X",
            "add_user|change_password USER < X",
            "encode VALUE X",
        ),
        "rabbitmqctl(8)",
        valued="-n -p --node --vhost -t --timeout",
    ),
    Program(
        "rabbitmq",
        "rabbitmqadmin",
        ("-p X", "-pX"),
        "rabbitmqadmin --help",
    ),
    Program(
        "mqtt",
        "mosquitto_pub mosquitto_sub mosquitto_rr mosquitto_ctrl mqttx mqtt-cli hivemq-cli mqtt",
        ("-P X", "-PX"),
        "mosquitto_pub(1)",
    ),
    Program(
        "mqtt",
        "mosquitto_passwd",
        ("-*b* ... X",),
        "mosquitto_passwd(1)",
    ),
    Program(
        "mqtt",
        "emqx_ctl emqx",
        ("admins add|passwd USER X",),
        "emqx_ctl help",
    ),
    Program(
        "pulsar",
        "pulsar-admin pulsar-client pulsar-perf",
        ("--auth-params token:X",),
        "pulsar-admin --help",
    ),
    Program(
        "activemq",
        "activemq artemis activemq-admin stomp stompclt",
        ("-W X",),
        "artemis help",
    ),
    Program(
        "activemq",
        "qpid-config qpid-stat qpid-tool qpid-route qpid-printevents",
        ("-a|-b|--broker USER/X@HOST",),
        "qpid-config(1)",
    ),
    Program(
        "phone",
        "asterisk",
        ("database put FAMILY SECRET_NAME X",),
        "asterisk(8)",
        scripts="-rx -x",
    ),
    Program(
        "xmpp",
        "prosodyctl",
        ("register USER HOST X",),
        "prosodyctl(8)",
    ),
    Program(
        "xmpp",
        "ejabberdctl mongooseimctl",
        ("register|change_password|check_password USER HOST X",),
        "ejabberdctl help",
    ),
    Program(
        "dovecot",
        "doveadm",
        ("pw -p X", "auth test|login USER X"),
        "doveadm-pw(1)",
        valued="-x -a -s -r -t -u",
    ),
    Program(
        "dovecot",
        "dovecotpw",
        ("-p X", "-pX"),
        "dovecotpw(1)",
    ),
    Program(
        "sasl",
        "saslpasswd2",
        ("-*p* < X",),
        "saslpasswd2(8)",
    ),
    Program(
        "sasl",
        "testsaslauthd",
        ("-p X",),
        "testsaslauthd(8)",
    ),
    Program(
        "phone",
        "sipp",
        ("-ap X",),
        "sipp --help",
    ),
    Program(
        "phone",
        "sipsak",
        ("-a X",),
        "sipsak(1)",
    ),
    Program(
        "phone",
        "fs_cli",
        ("-p X",),
        "fs_cli -h",
    ),
    Program(
        "mail",
        "msmtp",
        ("--passwordeval echo~X", "--passwordeval=echo~X"),
        "msmtp(1)",
    ),
    Program(
        "mail",
        "swaks",
        ("-ap X", "--ap X"),
        "swaks(1)",
    ),
    Program(
        "mail",
        "sendemail sendEmail",
        ("-xp X",),
        "sendEmail(1)",
    ),
    Program(
        "mail",
        "ssmtp cyradm imtest smtptest pop3test mailsend",
        ("-ap X", "-apX", "-w X", "-pass X"),
        "ssmtp(8), cyradm(8), imtest(1)",
    ),
    Program(
        "mail",
        "v-add-user v-change-user-password",
        ("USER X",),
        "Hestia and Vesta: command line reference",
    ),
    Program(
        "mail",
        "v-add-mail-account v-change-mail-account-password v-add-database"
        " v-change-database-password",
        ("USER DOMAIN ACCOUNT X",),
        "Hestia and Vesta: command line reference",
    ),
    Program(
        "mail",
        "zmprov zmmailbox zmsoap zmcontrol",
        ("-p X", "ca USER X", "sp USER X", "createAccount|setPassword USER X", "-y X"),
        "zmprov help",
        valued="-a -l -m -s -z",
    ),
)
