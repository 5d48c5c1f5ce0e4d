-- What is NULL of the four counts makes missing_rows NULL: a batch day that was never asked for. Once that is lost,
-- all that was submitted is missing.
CREATE VIEW v_coverage AS
SELECT
    account.name AS account,
    batch.batch_no,
    batch_day.check_date,
    batch_day.state,
    batch_day.reported_rows,
    batch_day.stored_rows,
    CASE
        WHEN batch_day.state = 'lost' AND batch_day.reported_rows IS NULL THEN (
            SELECT CAST(sum(batch_listing.submitted_rows) AS BIGINT)
            FROM batch_listing
            WHERE batch_listing.batch_id = batch_day.batch_id AND batch_listing.check_date = batch_day.check_date
        )
        ELSE batch_day.reported_rows - batch_day.stored_rows - batch_day.repeated_rows - batch_day.rejected_rows
    END AS missing_rows,
    (
        SELECT count(*) FROM awaited_check WHERE awaited_check.batch_day_id = batch_day.batch_day_id
    ) AS unresolved_rows,
    batch_day.repeated_rows,
    batch_day.rejected_rows,
    (
        SELECT CAST(sum(batch_listing.submitted_rows) AS BIGINT)
        FROM batch_listing
        WHERE batch_listing.batch_id = batch_day.batch_id AND batch_listing.check_date = batch_day.check_date
    ) AS submitted_rows,
    batch_day.last_synced_at,
    batch_day.deadline,
    batch_day.note
FROM batch_day
JOIN batch ON batch.batch_id = batch_day.batch_id
JOIN account ON account.account_id = batch.account_id
