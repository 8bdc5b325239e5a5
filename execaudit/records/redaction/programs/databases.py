# SPDX-License-Identifier: Apache-2.0
"""Databases and their tools: where their programs take secrets."""

from execaudit.records.redaction.usage import Program

PROGRAMS = (
    Program(
        "mysql",
        "mysql mysqladmin mysqldump mysqlimport mysqlshow mysqlcheck mysqlslap mysqlbinlog"
        " mysql_upgrade mysqlpump mysqlsh mysqlrouter mysqlhotcopy mysqlreport mysqltuner"
        " mysqltuner.pl mysqlrepair mysqlanalyze mysqloptimize mysql_secure_installation"
        " mysql_config_editor mariadb mariadb-admin mariadb-dump mariadb-import mariadb-show"
        " mariadb-check mariadb-slap mariadb-binlog mariadb-upgrade mariadb-backup mariabackup",
        ("-pX",),
        "mysql(1)",
        plain="--password",
    ),
    Program(
        "mysql",
        "mydumper myloader xtrabackup innobackupex dumpling",
        ("-p X", "-pX"),
        "mydumper(1), xtrabackup(1)",
    ),
    Program(
        "mysql",
        "mysqladmin mariadb-admin",
        ("password|old-password X",),
        "mysqladmin(1)",
        valued="-u -h -P -S -O -i -w -p --user --host --port --socket",
    ),
    Program(
        "mysql",
        "mysqlsh mysqlfrm mysqldbcompare mysqldbcopy mysqldiff mysqlreplicate mysqlrplshow",
        ("USER:X@HOST", "--uri USER:X@HOST", "--uri=USER:X@HOST"),
        "MySQL Shell: Connecting Using URI-Like Connection Strings",
    ),
    Program(
        "mysql-tools",
        "pt-query-digest pt-online-schema-change pt-table-checksum pt-table-sync pt-archiver"
        " pt-show-grants pt-kill pt-heartbeat pt-slave-delay pt-upgrade pt-duplicate-key-checker",
        (
            "p=X",
            "HOST,p=X",
            "HOST,USER,p=X",
            "HOST,USER,DATABASE,p=X",
            "HOST,USER,DATABASE,TABLE,p=X",
            "HOST,USER,DATABASE,TABLE,PORT,p=X",
        ),
        "pt-table-sync(1), DSN options",
    ),
    Program(
        "mysql-tools",
        "mycli mytop innotop pt-query-digest pt-online-schema-change pt-table-checksum"
        " pt-table-sync pt-archiver pt-show-grants pt-mysql-summary pt-kill pt-heartbeat"
        " pt-slave-delay gh-ost proxysql-admin",
        ("-p X", "-pX"),
        "mycli(1), pt-query-digest(1)",
    ),
    Program(
        "redis",
        "redis-cli valkey-cli keydb-cli redis-benchmark valkey-benchmark memtier_benchmark"
        " iredis sentinel redis-dump redis-load rdb redli",
        (
            "-a X",
            "--askpass=X",
            "--authenticate X",
            "auth ... X",
            "set requirepass|masterauth X",
            "setuser >X",
            "set SECRET_NAME X",
        ),
        "redis-cli(1)",
        valued="-h -p -n -a -u -r -i -s --user --pass",
    ),
    Program(
        "mongo",
        "mongo mongosh mongodump mongorestore mongoexport mongoimport mongostat mongotop"
        " mongofiles mongoperf bsondump",
        ("-p X", "-pX"),
        "mongodump(1), mongosh(1)",
    ),
    Program(
        "postgres",
        "psql pg_dump pg_dumpall pg_restore pg_basebackup pg_isready pg_receivewal"
        " pg_recvlogical createdb dropdb createuser dropuser vacuumdb reindexdb clusterdb pgbench"
        " pg_amcheck pg_rewind pgcli",
        (),
        "psql(1): --password asks",
        plain="--password",
    ),
    Program(
        "vertica",
        "vsql vbr admintools",
        ("-w X", "-wX", "-p X"),
        "vsql(1)",
    ),
    Program(
        "sqlserver",
        "sqlcmd bcp osql isql tsql sqsh fisql mssql-cli defncopy freebcp mssql-scripter dtexec"
        " bsqldb bsqlodbc datacopy",
        ("-P X", "-PX", "-Z X", "-z X"),
        "sqlcmd(1), bcp(1), tsql(1), sqsh(1)",
    ),
    Program(
        "isql",
        "isql-v isql-vt",
        ("PORT USER X",),
        "OpenLink Virtuoso: isql",
    ),
    Program(
        "sqlserver",
        "sqlpackage sqlpackage.exe",
        ("/tp:X", "/sp:X"),
        "SqlPackage reference",
    ),
    Program(
        "databases",
        "asadm asinfo aql asbackup asrestore mclient exaplus ksql pinot-admin.sh",
        ("-P X", "-PX", "-p X"),
        "asadm --help, mclient(1), exaplus -help",
    ),
    Program(
        "isql",
        "isql iusql",
        ("DSN USER X",),
        "isql(1), unixODBC",
    ),
    Program(
        "firebird",
        "isql-fb gbak gfix gsec gstat fbsvcmgr nbackup fbtracemgr",
        ("-pas|-pass|-password|-p|-PAS|-PASSWORD X",),
        "isql-fb(1), gsec(1)",
    ),
    Program(
        "oracle",
        "sqlplus rman expdp impdp exp imp sqlldr sqlcl sql dgmgrl srvctl",
        (
            "userid=USER/X@HOST",
            "userid=USER/X",
            "target=USER/X@HOST",
            "target USER/X@HOST",
            "target USER/X",
            "catalog USER/X@HOST",
            "USER/X@HOST",
            "USER/X",
        ),
        "https://docs.oracle.com/en/database/oracle/oracle-database/23/sqpug/",
    ),
    Program(
        "db2",
        "db2 db2look db2move",
        ("using X", "-w X", "-p X"),
        "IBM Db2: CONNECT, db2look",
        scripts="...",
    ),
    Program(
        "cassandra",
        "cqlsh cqlsh.py cassandra-stress sstableloader dsbulk dsetool",
        ("-p X", "-pX"),
        "cqlsh --help",
    ),
    Program(
        "influx",
        "influx influxd influx_inspect",
        ("-t X", "-p X"),
        "influx help",
    ),
    Program(
        "couchbase",
        "couchbase-cli cbbackupmgr cbq cbimport cbexport cbbackup cbrestore cbstats cbc"
        " cbc-pillowfight cbtransfer couchbase-server",
        ("-p X", "-P X"),
        "couchbase-cli(1)",
    ),
    Program(
        "neo4j",
        "cypher-shell neo4j-shell",
        ("-p X", "-pX"),
        "cypher-shell --help",
    ),
    Program(
        "neo4j",
        "neo4j-admin",
        ("set-initial-password|set-default-admin X",),
        "neo4j-admin dbms set-initial-password",
    ),
    Program(
        "elastic",
        "elasticsearch-users elasticsearch-keystore opensearch-keystore",
        ("-p X", "add NAME < X"),
        "elasticsearch-users --help",
    ),
    Program(
        "hive",
        "beeline sqlline impala-shell",
        ("-p X",),
        "beeline --help",
    ),
    Program(
        "databases",
        "taos hdbsql surreal ycqlsh dolt iisql",
        ("-p X", "-pX"),
        "hdbsql -h, taos --help, surreal help",
    ),
    Program(
        "databases",
        "gsql gs_dump gs_dumpall gs_restore nzsql",
        ("-W X", "-WX"),
        "gsql --help, nzsql -h",
    ),
    Program(
        "databases",
        "hdbuserstore",
        ("set KEY HOST USER X",),
        "hdbuserstore help",
    ),
    Program(
        "etcd",
        "etcdctl",
        ("--user USER:X", "user add USER:X", "put SECRET_NAME X"),
        "etcdctl(1)",
    ),
    Program(
        "zookeeper",
        "zkCli.sh zkcli zookeepercli zookeeper-shell zookeeper-shell.sh",
        ("addauth digest USER:X",),
        "zkCli.sh help",
    ),
    Program(
        "teradata",
        "bteq fastload mload multiload fexp fastexport tpump tdload",
        (".logon USER,X", "< .logon~USER,X", "-p X"),
        "Teradata: Basic Teradata Query Reference, LOGON",
        scripts="...",
    ),
    Program(
        "oracle",
        "mkstore orapki",
        (
            "-createCredential|-modifyCredential ALIAS USER X",
            "-createEntry|-modifyEntry NAME X",
            "-wrl DIRECTORY < X",
        ),
        "Oracle Database Security Guide: mkstore",
        plain="-createCredential -modifyCredential -deleteCredential",
    ),
    Program(
        "oracle",
        "sqlplus sqlcl sql rman brbackup brarchive brrestore brconnect brspace",
        ("< conn~USER/X@HOST", "< connect~USER/X@HOST", "-u USER/X"),
        "SQL*Plus User's Guide: CONNECT; SAP: BR*Tools",
    ),
    Program(
        "oracle",
        "ggsci adminclient",
        ("< dblogin~userid~USER,~password~X", "< dblogin~userid~USER~password~X"),
        "Oracle GoldenGate: DBLOGIN",
    ),
    Program(
        "db2",
        "db2batch asnpwd",
        ("-a USER/X", "password X"),
        "IBM Db2: db2batch, asnpwd",
    ),
    Program(
        "postgres",
        "pg_md5 scram-sha-256",
        ("X",),
        "pg_md5(1) of Pgpool-II",
        valued="-u --username -f -K -k",
        plain="--prompt -p",
    ),
    Program(
        "mysql-tools",
        "maxctrl maxadmin",
        ("create user NAME X", "alter user NAME X", "-p X", "-pX"),
        "MaxScale: MaxCtrl",
    ),
    Program(
        "mysql-tools",
        "orchestrator-client",
        ("-b USER:X",),
        "orchestrator-client --help",
    ),
)
