-- after the column cost
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
