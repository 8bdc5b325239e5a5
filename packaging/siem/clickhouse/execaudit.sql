-- SPDX-License-Identifier: Apache-2.0
-- ClickHouse: a table for records in our own format (file.format = "execaudit"), docs/record.md.
--
--   clickhouse-client --multiquery < execaudit.sql
--   clickhouse-client --query "INSERT INTO execaudit FORMAT JSONEachRow" < execaudit.jsonl
--
-- A line that a shipper delivers twice becomes one row once parts are merged; SELECT … FINAL does
-- not wait for that. Objects of which only a part is ever asked for are kept as JSON text:
-- JSONExtract…(truncated, …) looks into them. A column that a newer version of execaudit adds is
-- left out unless it is added here.
CREATE TABLE IF NOT EXISTS execaudit
(
    -- generated: columns, by ./dev generate
    time DateTime64(9, 'UTC') CODEC(Delta, ZSTD),
    type LowCardinality(String),
    host LowCardinality(String),
    boot LowCardinality(String),
    cpu UInt16,
    seq UInt64,
    hook LowCardinality(String) DEFAULT if(type = 'exec', 'exec', ''),

    -- who
    id String,
    parent_id String,
    pid UInt32,
    tid UInt32 DEFAULT pid,
    nspid UInt32 DEFAULT pid,
    ppid UInt32,
    uid Nullable(UInt32),
    gid Nullable(UInt32),
    euid Nullable(UInt32),
    egid Nullable(UInt32),
    suid Nullable(UInt32),
    sgid Nullable(UInt32),
    fsuid Nullable(UInt32),
    fsgid Nullable(UInt32),
    auid Nullable(UInt32),
    ses Nullable(UInt32),
    user LowCardinality(String),
    euser LowCardinality(String) DEFAULT user,
    auser LowCardinality(String),
    caps Tuple(permitted String, effective String, inheritable String, ambient String, bounding String),
    securebits UInt32,
    privileged Bool,
    tty LowCardinality(String),
    tty_b64 String,
    start Nullable(DateTime64(9, 'UTC')),
    ns Tuple(mnt UInt32, pid UInt32, net UInt32, user UInt32, cgroup UInt32, uts UInt32, ipc UInt32),
    ancestors Array(Tuple(id String, pid UInt32, start Nullable(DateTime64(9, 'UTC')), comm String, comm_b64 String)),
    origin String,

    -- what
    comm LowCardinality(String),
    comm_b64 String,
    old_comm LowCardinality(String),
    old_comm_b64 String,
    pcomm LowCardinality(String),
    pcomm_b64 String,
    pexe LowCardinality(String),
    pexe_b64 String,
    pcmdline String,
    filename String,
    filename_b64 String,
    exe LowCardinality(String),
    exe_b64 String,
    root String,
    root_b64 String,
    other_root Bool,
    script String,
    script_b64 String,
    interp LowCardinality(String),
    interp_b64 String,
    script_ino UInt64,
    script_dev LowCardinality(String),
    argv Array(String),
    argc UInt32,
    env Array(String),
    cwd String,
    cwd_b64 String,
    deleted Bool,
    memfd Bool,
    cwd_deleted Bool,
    arch LowCardinality(String),
    exe_ino UInt64,
    exe_dev LowCardinality(String),
    exe_dev_inexact Bool,
    exe_upper Bool,
    exe_mode LowCardinality(String),
    exe_uid Nullable(UInt32),
    exe_gid Nullable(UInt32),
    exe_nlink UInt32,

    -- where
    cgroup String,
    cgroup_b64 String,
    cgroup_id UInt64,
    unit LowCardinality(String),
    user_unit LowCardinality(String),
    slice LowCardinality(String),
    session LowCardinality(String),
    container String,
    pod String,

    -- how it ended; what rules say
    result LowCardinality(String),
    errno LowCardinality(String),
    errno_code Int32,
    execveat_flags UInt32,
    checked Bool,
    path_search Array(String),
    labels Array(LowCardinality(String)),
    severity LowCardinality(String),
    technique Array(LowCardinality(String)),
    rule Array(LowCardinality(String)),
    first_seen Array(LowCardinality(String)),

    -- what is missing or altered
    truncated String,
    unreadable Array(LowCardinality(String)),
    argv_b64 String,
    env_b64 String,
    redacted String,

    -- ends of processes
    exit_code Nullable(UInt8),
    signal LowCardinality(String),
    core_dumped Bool,
    duration_ns Nullable(UInt64),

    -- losses, limits and the daemon itself
    count UInt64,
    reason LowCardinality(String),
    first Nullable(DateTime64(9, 'UTC')),
    last Nullable(DateTime64(9, 'UTC')),
    first_missed String,
    last_missed String,
    cut_bytes UInt64,
    sink LowCardinality(String),
    version LowCardinality(String),
    kernel LowCardinality(String),
    engine LowCardinality(String),
    failure_hook LowCardinality(String),
    failure_hook_error String,
    cgroups LowCardinality(String),
    config_hash String,
    config_error String,
    last_record String,
    gap String,
    previous String,
    seen UInt64,
    dropped UInt64,
    limited UInt64,
    collapsed UInt64,
    lost UInt64,
    undecodable UInt64,
    checks UInt64,
    old_hash String,
    programs Array(LowCardinality(String)),
    epoch UInt64,
    chain LowCardinality(String),
    file String,
    covers String,
    hash String,
    previous_hash String,
    removed String,
    events String,
    next_chain LowCardinality(String),
    mac String,
    certificate String,
    next_key String,
    signature String,
    endorsement String,
    size UInt64,
    changed Nullable(DateTime64(9, 'UTC')),
    modified Nullable(DateTime64(9, 'UTC')),
    sha256 String,
    package LowCardinality(String)
    -- end of generated
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(time)
-- boot, cpu, hook and seq tell an exec from all others; records of the daemon have no seq, but times
-- of their own.
ORDER BY (host, type, time, boot, hook, cpu, seq, sink, reason)
-- Change to what you must keep: TTL toDateTime(time) + INTERVAL 1 YEAR
SETTINGS index_granularity = 8192;
