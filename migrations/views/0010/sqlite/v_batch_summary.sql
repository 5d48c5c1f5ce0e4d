-- Prices are texts here: v_daily_summary beside this file says how they are added up exactly.
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
                WHEN min(coalesce(category.currency, '')) = max(coalesce(category.currency, ''))
                    THEN min(category.currency)
            END
        FROM number_check
        JOIN batch_day ON batch_day.batch_day_id = number_check.batch_day_id
        JOIN category ON category.category_id = number_check.category_id
        WHERE batch_day.batch_id = ledger.batch_id AND number_check.price IS NOT NULL
    ) AS currency,
    (
        SELECT
            CASE
                WHEN currencies <> 1 THEN NULL
                WHEN total > 0 AND rest < 0 THEN rtrim(rtrim(printf('%d.%06d', total - 1, 1000000 + rest), '0'), '.')
                WHEN total < 0 AND rest > 0 THEN rtrim(rtrim(printf('-%d.%06d', -total - 1, 1000000 - rest), '0'), '.')
                WHEN total < 0 OR rest < 0 THEN rtrim(rtrim(printf('-%d.%06d', -total, -rest), '0'), '.')
                ELSE rtrim(rtrim(printf('%d.%06d', total, rest), '0'), '.')
            END
        FROM (
            SELECT
                count(DISTINCT coalesce(currency, '')) AS currencies,
                sum(units) + sum(millionths) / 1000000 AS total,
                sum(millionths) % 1000000 AS rest
            FROM (
                SELECT
                    category.currency,
                    CAST(number_check.price AS INTEGER) AS units,
                    CASE
                        WHEN instr(number_check.price, '.') = 0 THEN 0
                        ELSE CAST(substr(substr(number_check.price, instr(number_check.price, '.') + 1) || '00000', 1, 6) AS INTEGER)
                            * CASE WHEN substr(number_check.price, 1, 1) = '-' THEN -1 ELSE 1 END
                    END AS millionths
                FROM number_check
                JOIN batch_day ON batch_day.batch_day_id = number_check.batch_day_id
                JOIN category ON category.category_id = number_check.category_id
                WHERE batch_day.batch_id = ledger.batch_id AND number_check.price IS NOT NULL
            )
        )
    ) AS cost,
    CASE
        WHEN EXISTS (SELECT 1 FROM batch WHERE batch.batch_id = ledger.batch_id AND batch.retired_at IS NOT NULL)
            THEN NULL
        -- No row on any of its dates, all of which are asked for; today may be open for a batch without a date.
        WHEN coalesce(ledger.reported_rows, 0) = 0 AND ledger.stored_rows = 0 AND ledger.pending_days = 0
            AND EXISTS (
                SELECT 1
                FROM batch_day
                WHERE batch_day.batch_id = ledger.batch_id AND batch_day.state = 'settled' AND NOT batch_day.spill
            )
            AND EXISTS (
                SELECT 1
                FROM batch_listing
                WHERE batch_listing.batch_id = ledger.batch_id
                    AND (
                        batch_listing.check_date IS NULL
                        OR NOT EXISTS (
                            SELECT 1
                            FROM batch_day
                            WHERE batch_day.batch_id = ledger.batch_id AND batch_day.state = 'open'
                                AND NOT batch_day.spill
                        )
                    )
            )
            THEN CASE
                WHEN EXISTS (
                    SELECT 1
                    FROM batch_listing
                    WHERE batch_listing.batch_id = ledger.batch_id AND batch_listing.submitted_rows > 0
                        AND (
                            batch_listing.check_date IS NULL
                            OR EXISTS (
                                SELECT 1
                                FROM batch_day
                                WHERE batch_day.batch_id = ledger.batch_id AND batch_day.state = 'settled'
                                    AND batch_day.check_date = batch_listing.check_date
                            )
                        )
                )
                    THEN 'no_rows, fewer_than_submitted'
                ELSE 'no_rows'
            END
        -- Fewer than submitted on a settled date; rows on the spill days that follow it count.
        WHEN EXISTS (
            SELECT 1
            FROM batch_day
            WHERE batch_day.batch_id = ledger.batch_id AND batch_day.state = 'settled'
                AND batch_day.reported_rows + (
                    SELECT coalesce(sum(late.reported_rows), 0)
                    FROM batch_day late
                    WHERE late.batch_id = batch_day.batch_id AND late.spill AND late.check_date > batch_day.check_date
                        AND NOT EXISTS (
                            SELECT 1
                            FROM batch_day own
                            WHERE own.batch_id = batch_day.batch_id AND NOT own.spill
                                AND own.check_date > batch_day.check_date AND own.check_date < late.check_date
                        )
                ) < (
                    -- Not in the WHERE: SQLite would perhaps look through every line of that date.
                    SELECT sum(
                        CASE
                            WHEN batch_listing.check_date = batch_day.check_date THEN batch_listing.submitted_rows
                        END
                    )
                    FROM batch_listing
                    WHERE batch_listing.batch_id = batch_day.batch_id
                )
        )
            THEN 'fewer_than_submitted'
        -- Fewer than submitted on all dates together, where a list names the batch without a date.
        WHEN ledger.settled_days > 0 AND ledger.pending_days = 0
            AND ledger.reported_rows < (
                SELECT sum(batch_listing.submitted_rows)
                FROM batch_listing
                WHERE batch_listing.batch_id = ledger.batch_id
            )
            AND EXISTS (
                SELECT 1
                FROM batch_listing
                WHERE batch_listing.batch_id = ledger.batch_id AND batch_listing.check_date IS NULL
                    AND batch_listing.submitted_rows IS NOT NULL
            )
            AND NOT EXISTS (
                SELECT 1
                FROM batch_day
                WHERE batch_day.batch_id = ledger.batch_id AND batch_day.state = 'open' AND batch_day.reported_rows > 0
            )
            THEN 'fewer_than_submitted'
    END AS doubt
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
