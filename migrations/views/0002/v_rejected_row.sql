CREATE VIEW v_rejected_row AS
SELECT
    rejected_row.rejected_row_id AS id,
    account.name AS account,
    batch.batch_no,
    batch_day.check_date,
    rejected_row.page,
    rejected_row.reason,
    rejected_row.payload,
    rejected_row.seen_at
FROM rejected_row
JOIN batch_day ON batch_day.batch_day_id = rejected_row.batch_day_id
JOIN batch ON batch.batch_id = batch_day.batch_id
JOIN account ON account.account_id = batch.account_id
