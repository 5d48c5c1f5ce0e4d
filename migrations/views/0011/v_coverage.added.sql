-- after the column note
    coalesce(erased.erased_rows, 0) AS erased_rows,
    batch_day.expired_at
-- after the line JOIN account ON account.account_id = batch.account_id
LEFT JOIN (
    SELECT marked.batch_day_id, count(*) AS erased_rows
    FROM (
        SELECT number_check.batch_day_id FROM number_check WHERE number_check.phone = 'erased'
        UNION ALL
        SELECT further_sighting.batch_day_id FROM further_sighting WHERE further_sighting.phone = 'erased'
    ) marked
    GROUP BY marked.batch_day_id
) erased ON erased.batch_day_id = batch_day.batch_day_id
