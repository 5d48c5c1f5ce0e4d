CREATE VIEW v_sync_run AS
SELECT
    sync_run.run_id,
    account.name AS account,
    sync_run.started_at,
    sync_run.finished_at,
    sync_run.status,
    sync_run.exit_code,
    sync_run.window_first,
    sync_run.window_last,
    sync_run.requests,
    sync_run.retries,
    sync_run.rows_received,
    sync_run.rows_inserted,
    sync_run.rows_updated,
    sync_run.rows_unchanged,
    sync_run.rows_rejected,
    sync_run.version
FROM sync_run
JOIN account ON account.account_id = sync_run.account_id
