-- v_number_check for who may see no phone number. What stands in fail_reason and extra, nobody can know.
-- replace() joins texts in the one way that every server understands.
CREATE VIEW v_number_check_masked AS
SELECT
    account.name AS account,
    batch.batch_no,
    batch_day.check_date,
    replace(number_check.message_id, number_check.phone, '****') AS message_id,
    CASE
        WHEN substr(number_check.phone, 8, 1) <> '' THEN replace('#****', '#', substr(number_check.phone, 1, 4))
        WHEN number_check.phone IS NOT NULL THEN '****'
    END AS phone,
    category.check_level,
    check_level.name AS check_level_name,
    number_check.pre_check,
    category.region_code,
    region.name AS region_name,
    number_check.country_code,
    CASE
        WHEN substr(number_check.national_number, 7, 1) <> ''
            THEN replace('#****', '#', substr(number_check.national_number, 1, 2))
        WHEN number_check.national_number IS NOT NULL THEN '****'
    END AS national_number,
    CASE
        WHEN substr(number_check.standard_number, 8, 1) <> ''
            THEN replace('#****', '#', substr(number_check.standard_number, 1, 4))
        WHEN number_check.standard_number IS NOT NULL THEN '****'
    END AS standard_number,
    number_type.code AS number_type,
    number_type.name AS number_type_name,
    carrier.name AS carrier,
    number_check.price,
    category.currency,
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
    number_check.first_seen_at,
    number_check.last_changed_at
FROM number_check
JOIN batch_day ON batch_day.batch_day_id = number_check.batch_day_id
JOIN batch ON batch.batch_id = batch_day.batch_id
JOIN account ON account.account_id = batch.account_id
JOIN category ON category.category_id = number_check.category_id
LEFT JOIN carrier ON carrier.carrier_id = category.carrier_id
LEFT JOIN region ON region.code = category.region_code
LEFT JOIN check_level ON check_level.code = category.check_level
LEFT JOIN number_type ON number_type.vendor_value = category.number_type
LEFT JOIN call_response ON call_response.code = number_check.response
