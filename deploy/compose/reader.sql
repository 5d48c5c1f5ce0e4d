-- The role that Superset uses to read. `numbercheck db grant-reader` grants afterwards what it may read.
-- Run this again after its password has changed.
\set ON_ERROR_STOP on
\set password `cat /run/secrets/reader_password`

SELECT 'CREATE ROLE numbercheck_reader'
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'numbercheck_reader')
\gexec
ALTER ROLE numbercheck_reader LOGIN NOINHERIT PASSWORD :'password';
-- Nobody waits longer than this for a chart, and the job must never wait for one.
ALTER ROLE numbercheck_reader SET statement_timeout = '60s';
ALTER ROLE numbercheck_reader SET default_transaction_read_only = on;
