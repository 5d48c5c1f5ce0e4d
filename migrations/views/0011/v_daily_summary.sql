-- What has expired is added from daily_total.
-- Grouped by numbers and codes, which is quicker than by names. Ten more digits before it is divided: then
-- rounding once more to six is exact.
CREATE VIEW v_daily_summary AS
SELECT
    summary.check_date,
    account.name AS account,
    summary.check_level,
    check_level.name AS check_level_name,
    summary.region_code,
    region.name AS region_name,
    carrier.name AS carrier,
    summary.currency,
    summary.checked_rows,
    summary.valid_rows,
    summary.reachable_rows,
    summary.answered_rows,
    summary.priced_rows,
    summary.cost,
    round(summary.cost * 1.0000000000 / nullif(summary.reachable_rows, 0), 6) AS cost_per_reachable
FROM (
    SELECT
        united.check_date,
        united.account_id,
        united.check_level,
        united.region_code,
        united.carrier_id,
        united.currency,
        CAST(sum(united.checked_rows) AS BIGINT) AS checked_rows,
        CAST(sum(united.valid_rows) AS BIGINT) AS valid_rows,
        CAST(sum(united.reachable_rows) AS BIGINT) AS reachable_rows,
        CAST(sum(united.answered_rows) AS BIGINT) AS answered_rows,
        CAST(sum(united.priced_rows) AS BIGINT) AS priced_rows,
        sum(united.cost) AS cost
    FROM (
        SELECT
            batch_day.check_date,
            batch.account_id,
            category.check_level,
            category.region_code,
            category.carrier_id,
            category.currency,
            count(*) AS checked_rows,
            count(CASE WHEN number_check.validity = 'YES' THEN 1 END) AS valid_rows,
            count(CASE WHEN number_check.reachable = 'YES' THEN 1 END) AS reachable_rows,
            count(CASE WHEN number_check.answered = 'YES' THEN 1 END) AS answered_rows,
            count(number_check.price) AS priced_rows,
            sum(number_check.price) AS cost
        FROM number_check
        JOIN batch_day ON batch_day.batch_day_id = number_check.batch_day_id
        JOIN batch ON batch.batch_id = batch_day.batch_id
        JOIN category ON category.category_id = number_check.category_id
        GROUP BY
            batch_day.check_date,
            batch.account_id,
            category.check_level,
            category.region_code,
            category.carrier_id,
            category.currency
        UNION ALL
        SELECT
            batch_day.check_date,
            batch.account_id,
            category.check_level,
            category.region_code,
            category.carrier_id,
            category.currency,
            sum(daily_total.checked_rows) AS checked_rows,
            sum(daily_total.valid_rows) AS valid_rows,
            sum(daily_total.reachable_rows) AS reachable_rows,
            sum(daily_total.answered_rows) AS answered_rows,
            sum(daily_total.priced_rows) AS priced_rows,
            sum(daily_total.cost) AS cost
        FROM daily_total
        JOIN batch_day ON batch_day.batch_day_id = daily_total.batch_day_id
        JOIN batch ON batch.batch_id = batch_day.batch_id
        JOIN category ON category.category_id = daily_total.category_id
        GROUP BY
            batch_day.check_date,
            batch.account_id,
            category.check_level,
            category.region_code,
            category.carrier_id,
            category.currency
    ) united
    GROUP BY
        united.check_date,
        united.account_id,
        united.check_level,
        united.region_code,
        united.carrier_id,
        united.currency
) summary
JOIN account ON account.account_id = summary.account_id
LEFT JOIN check_level ON check_level.code = summary.check_level
LEFT JOIN region ON region.code = summary.region_code
LEFT JOIN carrier ON carrier.carrier_id = summary.carrier_id
