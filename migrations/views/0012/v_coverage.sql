-- What is archived has left for the lake, whether it was settled or lost.
-- What is NULL of the four counts makes missing_rows NULL: a batch day that was never asked for. Once that is lost,
-- all that was submitted is missing.
CREATE VIEW v_coverage AS
SELECT
    account.name AS account,
    batch.batch_no,
    batch_day.check_date,
    CASE WHEN batch_day.archived_at IS NULL THEN batch_day.state ELSE STATE_ARCHIVED END AS state,
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
    batch_day.note,
    coalesce(erased.erased_rows, 0) AS erased_rows,
    batch_day.expired_at
FROM batch_day
JOIN batch ON batch.batch_id = batch_day.batch_id
JOIN account ON account.account_id = batch.account_id
LEFT JOIN (
    SELECT marked.batch_day_id, count(*) AS erased_rows
    FROM (
        SELECT number_check.batch_day_id FROM number_check WHERE number_check.phone = 'erased'
        UNION ALL
        SELECT further_sighting.batch_day_id FROM further_sighting WHERE further_sighting.phone = 'erased'
    ) marked
    GROUP BY marked.batch_day_id
) erased ON erased.batch_day_id = batch_day.batch_day_id
