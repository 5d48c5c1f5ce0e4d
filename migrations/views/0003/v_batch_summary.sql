-- The cost is looked up for each batch: who asks for one batch reads no other one's rows.
CREATE VIEW v_batch_summary AS
SELECT
    ledger.account,
    ledger.batch_no,
    ledger.first_date,
    ledger.last_date,
    ledger.batch_days,
    ledger.pending_days,
    ledger.incomplete_days,
    ledger.open_days,
    ledger.settled_days,
    ledger.lost_days,
    CASE
        WHEN ledger.batch_days > 0 AND ledger.open_days + ledger.settled_days = ledger.batch_days THEN 'YES'
        ELSE 'NO'
    END AS complete,
    (
        SELECT CAST(sum(batch_listing.submitted_rows) AS BIGINT)
        FROM batch_listing
        WHERE batch_listing.batch_id = ledger.batch_id
    ) AS submitted_rows,
    ledger.reported_rows,
    ledger.stored_rows,
    ledger.missing_rows,
    (
        SELECT count(*)
        FROM awaited_check
        JOIN batch_day ON batch_day.batch_day_id = awaited_check.batch_day_id
        WHERE batch_day.batch_id = ledger.batch_id
    ) AS unresolved_rows,
    ledger.repeated_rows,
    ledger.rejected_rows,
    (
        SELECT
            CASE
                WHEN min(coalesce(number_check.currency, '')) = max(coalesce(number_check.currency, ''))
                    THEN min(number_check.currency)
            END
        FROM number_check
        JOIN batch_day ON batch_day.batch_day_id = number_check.batch_day_id
        WHERE batch_day.batch_id = ledger.batch_id AND number_check.price IS NOT NULL
    ) AS currency,
    (
        SELECT
            CASE
                WHEN min(coalesce(number_check.currency, '')) = max(coalesce(number_check.currency, ''))
                    THEN sum(number_check.price)
            END
        FROM number_check
        JOIN batch_day ON batch_day.batch_day_id = number_check.batch_day_id
        WHERE batch_day.batch_id = ledger.batch_id AND number_check.price IS NOT NULL
    ) AS cost
FROM (
    SELECT
        batch.batch_id,
        account.name AS account,
        batch.batch_no,
        min(batch_day.check_date) AS first_date,
        max(batch_day.check_date) AS last_date,
        count(batch_day.batch_day_id) AS batch_days,
        count(CASE WHEN batch_day.state = 'pending' THEN 1 END) AS pending_days,
        count(CASE WHEN batch_day.state = 'incomplete' THEN 1 END) AS incomplete_days,
        count(CASE WHEN batch_day.state = 'open' THEN 1 END) AS open_days,
        count(CASE WHEN batch_day.state = 'settled' THEN 1 END) AS settled_days,
        count(CASE WHEN batch_day.state = 'lost' THEN 1 END) AS lost_days,
        CAST(sum(batch_day.reported_rows) AS BIGINT) AS reported_rows,
        CAST(coalesce(sum(batch_day.stored_rows), 0) AS BIGINT) AS stored_rows,
        CAST(
            sum(
                batch_day.reported_rows - batch_day.stored_rows - batch_day.repeated_rows - batch_day.rejected_rows
            ) AS BIGINT
        ) AS missing_rows,
        CAST(coalesce(sum(batch_day.repeated_rows), 0) AS BIGINT) AS repeated_rows,
        CAST(coalesce(sum(batch_day.rejected_rows), 0) AS BIGINT) AS rejected_rows
    FROM batch
    JOIN account ON account.account_id = batch.account_id
    LEFT JOIN batch_day ON batch_day.batch_id = batch.batch_id
    GROUP BY batch.batch_id, account.name, batch.batch_no
) ledger
