-- SPDX-License-Identifier: Apache-2.0
-- ClickHouse: what a fleet is watched by, kept up to date as records are inserted into the table of
-- execaudit.sql. Load it after that one, and before records; for records that are there already, run
-- each SELECT once with INSERT INTO before it.
--
--   clickhouse-client --multiquery < fleet.sql
--
-- A record that is delivered twice changes nothing here either: times are minima and maxima, pairs
-- count different records, losses are replaced by themselves.

-- When each host ran each program for the first and for the last time, and how it did at first.
CREATE TABLE IF NOT EXISTS execaudit_programs_of_hosts
(
    host LowCardinality(String),
    exe String,
    first_seen SimpleAggregateFunction(min, DateTime64(9, 'UTC')),
    last_seen SimpleAggregateFunction(max, DateTime64(9, 'UTC')),
    first_user AggregateFunction(argMin, String, DateTime64(9, 'UTC')),
    first_argv AggregateFunction(argMin, Array(String), DateTime64(9, 'UTC'))
)
ENGINE = AggregatingMergeTree
ORDER BY (exe, host);

CREATE MATERIALIZED VIEW IF NOT EXISTS execaudit_programs_of_hosts_view
TO execaudit_programs_of_hosts AS
SELECT
    host, exe,
    min(time) AS first_seen,
    max(time) AS last_seen,
    argMinState(toString(user), time) AS first_user,
    argMinState(argv, time) AS first_argv
FROM execaudit
WHERE type = 'exec' AND result = 'success' AND exe != ''
GROUP BY host, exe;

-- The same for all hosts together: which one was the first, and how many have run it.
CREATE TABLE IF NOT EXISTS execaudit_programs
(
    exe String,
    first_seen SimpleAggregateFunction(min, DateTime64(9, 'UTC')),
    last_seen SimpleAggregateFunction(max, DateTime64(9, 'UTC')),
    first_host AggregateFunction(argMin, String, DateTime64(9, 'UTC')),
    hosts AggregateFunction(uniqExact, String)
)
ENGINE = AggregatingMergeTree
ORDER BY exe;

CREATE MATERIALIZED VIEW IF NOT EXISTS execaudit_programs_view TO execaudit_programs AS
SELECT
    exe,
    min(time) AS first_seen,
    max(time) AS last_seen,
    argMinState(toString(host), time) AS first_host,
    uniqExactState(toString(host)) AS hosts
FROM execaudit
WHERE type = 'exec' AND result = 'success' AND exe != ''
GROUP BY exe;

-- Which program was started by what: how often, and on how many hosts. Counts up to a few thousand
-- are exact, beyond that they are within one per cent.
CREATE TABLE IF NOT EXISTS execaudit_pairs
(
    pcomm LowCardinality(String),
    exe String,
    first_seen SimpleAggregateFunction(min, DateTime64(9, 'UTC')),
    last_seen SimpleAggregateFunction(max, DateTime64(9, 'UTC')),
    execs AggregateFunction(uniqCombined64(17), String, String, UInt16, UInt64),
    hosts AggregateFunction(uniqCombined64(17), String)
)
ENGINE = AggregatingMergeTree
ORDER BY (pcomm, exe);

CREATE MATERIALIZED VIEW IF NOT EXISTS execaudit_pairs_view TO execaudit_pairs AS
SELECT
    pcomm, exe,
    min(time) AS first_seen,
    max(time) AS last_seen,
    uniqCombined64State(17)(toString(host), toString(boot), cpu, seq) AS execs,
    uniqCombined64State(17)(toString(host)) AS hosts
FROM execaudit
WHERE type = 'exec' AND result = 'success' AND exe != '' AND pcomm != ''
GROUP BY pcomm, exe;

-- Whatever is known to be missing: lost events, times in which nothing was traced, repairs, and what
-- rate limits kept back.
CREATE TABLE IF NOT EXISTS execaudit_missing
(
    host LowCardinality(String),
    time DateTime64(9, 'UTC'),
    type LowCardinality(String),
    hook LowCardinality(String),
    cpu UInt16,
    sink LowCardinality(String),
    reason LowCardinality(String),
    count UInt64,
    since DateTime64(9, 'UTC'),
    until DateTime64(9, 'UTC')
)
ENGINE = ReplacingMergeTree
ORDER BY (host, time, type, hook, cpu, sink, reason);

CREATE MATERIALIZED VIEW IF NOT EXISTS execaudit_missing_view TO execaudit_missing AS
SELECT
    host, time, type, hook, cpu, sink,
    if(type = 'start', JSONExtractString(gap, 'ended'), reason) AS reason,
    count,
    if(JSONExtractString(gap, 'first') = '', ifNull(first, time),
       parseDateTime64BestEffort(JSONExtractString(gap, 'first'), 9, 'UTC')) AS since,
    if(JSONExtractString(gap, 'last') = '', ifNull(last, time),
       parseDateTime64BestEffort(JSONExtractString(gap, 'last'), 9, 'UTC')) AS until
FROM execaudit
WHERE type IN ('lost', 'repair', 'summary')
   OR (type = 'start' AND gap != '' AND NOT JSONExtractBool(gap, 'traced'));
