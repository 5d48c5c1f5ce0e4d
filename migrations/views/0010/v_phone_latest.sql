-- The row number is taken over account and phone, so that a condition on phone gets to its index.
-- TODAY is the date in UTC, whatever the session's zone; DAYS(date) how many lie between. Each server has its own words.
CREATE VIEW v_phone_latest AS
SELECT
    account.name AS account,
    number_check.phone,
    newest.check_date,
    CASE WHEN newest.check_date < TODAY THEN DAYS(newest.check_date) ELSE 0 END AS age_days,
    newest.checks,
    batch.batch_no,
    number_check.message_id,
    category.check_level,
    check_level.name AS check_level_name,
    number_check.pre_check,
    category.region_code,
    region.name AS region_name,
    number_check.country_code,
    number_type.code AS number_type,
    number_type.name AS number_type_name,
    carrier.name AS carrier,
    number_check.validity,
    number_check.reachable,
    number_check.roaming,
    number_check.mcc,
    number_check.mnc,
    number_check.ported,
    number_check.active,
    number_check.early,
    number_check.answered,
    number_check.response,
    call_response.name AS response_name,
    number_check.fail_reason,
    number_check.first_seen_at,
    number_check.last_changed_at
FROM (
    SELECT
        number_check.message_id,
        number_check.phone,
        batch_day.batch_id,
        batch_day.check_date,
        row_number() OVER (
            PARTITION BY batch.account_id, number_check.phone
            ORDER BY batch_day.check_date DESC, number_check.first_seen_at DESC, number_check.message_id DESC
        ) AS place,
        count(*) OVER (PARTITION BY batch.account_id, number_check.phone) AS checks
    FROM number_check
    JOIN batch_day ON batch_day.batch_day_id = number_check.batch_day_id
    JOIN batch ON batch.batch_id = batch_day.batch_id
) newest
JOIN number_check ON number_check.message_id = newest.message_id AND number_check.phone = newest.phone
JOIN batch ON batch.batch_id = newest.batch_id
JOIN account ON account.account_id = batch.account_id
JOIN category ON category.category_id = number_check.category_id
LEFT JOIN carrier ON carrier.carrier_id = category.carrier_id
LEFT JOIN region ON region.code = category.region_code
LEFT JOIN check_level ON check_level.code = category.check_level
LEFT JOIN number_type ON number_type.vendor_value = category.number_type
LEFT JOIN call_response ON call_response.code = number_check.response
WHERE newest.place = 1
