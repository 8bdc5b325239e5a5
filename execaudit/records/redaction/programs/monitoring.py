# SPDX-License-Identifier: Apache-2.0
"""Monitoring, its plugins and agents, security scanners: where their programs take secrets."""

from execaudit.records.redaction.usage import Program

PROGRAMS = (
    Program(
        "monitoring",
        "check_nrpe check_nrpe_ns check_nt_nrpe",
        ("-u~USER~-p~X", "-U~USER~-P~X", "-u~USER~-P~X", "-p~X"),
        "check_nrpe --help, -a",
    ),
    Program(
        "monitoring",
        "check_by_ssh",
        (),
        "check_by_ssh --help",
        plain="--password",
        commands="-C",
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
    Program(
        "monitoring",
        "check_mysqld check_mysqld.pl check_mongodb check_mongodb.py check_rabbitmq"
        " check_rabbitmq_server check_rabbitmq_overview check_rabbitmq_queue"
        " check_rabbitmq_aliveness check_vmware_api check_vmware_api.pl check_vmware_esx"
        " check_vmware_esx.pl check_esxi_hardware check_esxi_hardware.py check_wmi_plus"
        " check_wmi_plus.pl check_ilo0_health check_ilo0_health.pl check_redfish"
        " check_redfish.py check_disk_smb check_pve check_pve.py check_netapp_ontap.pl"
        " check_nsc_web",
        ("-p X", "-pX"),
        "--help of each",
    ),
    Program(
        "monitoring",
        "check_ipmi_sensor check_imap_receive check_email_delivery check_elasticsearch check_es"
        " check_mssql_server.py",
        ("-P X",),
        "check_ipmi_sensor --help, check_imap_receive --help",
    ),
    Program(
        "monitoring",
        "check_tomcat check_tomcat.pl check_nscp_api",
        ("-a X",),
        "check_tomcat.pl --help, check_nscp_api --help",
    ),
    Program(
        "monitoring",
        "check_oracle",
        ("--cache|--tablespace SID USER X",),
        "check_oracle --help",
    ),
    Program(
        "monitoring",
        "check_redis check_redis.pl",
        ("-x X",),
        "check_redis.pl --help",
    ),
    Program(
        "monitoring",
        "check_nwc_health check_iftraffic check_iftraffic.pl check_iftraffic00 check_hpasm"
        " check_interface_table check_interface_table_v0t.pl check_openmanage check_printer"
        " check_snmp_interfaces check_ups_health",
        ("-C X", "-CX", "--community X"),
        "check_nwc_health --help",
    ),
    Program(
        "monitoring",
        "send_nrdp send_nrdp.py send_nrdp.sh send_nrdp.php",
        ("-t X",),
        "send_nrdp.sh --help",
    ),
    Program(
        "monitoring",
        "cmk-update-agent cmk-agent-ctl agent-auth",
        ("-P X", "-S X"),
        "cmk-update-agent register --help; agent-auth -h, of Wazuh",
    ),
    Program(
        "monitoring",
        "kibana-keystore logstash-keystore filebeat metricbeat packetbeat auditbeat heartbeat"
        " apm-server elastic-agent",
        ("--stdin < X", "enroll URL X"),
        "filebeat help keystore add",
    ),
    Program(
        "monitoring",
        "dogwrap",
        ("-k X",),
        "dogwrap --help",
    ),
    Program(
        "scanner",
        "omp nessuscli sentinelctl",
        ("-w X", "--register X", "token set X"),
        "omp(8), nessuscli help, sentinelctl help",
    ),
)
