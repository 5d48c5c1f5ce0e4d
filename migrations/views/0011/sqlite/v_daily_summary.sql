-- What has expired is added from daily_total.
-- A price is a text here, in plain notation without needless zeros. Its whole units and its millionths, both with its
-- sign, are added up as integers, each on their own so that neither overflows.
-- The cost for each reachable number is divided in whole units first, and rounded half away from zero.
CREATE VIEW v_daily_summary AS
WITH summary AS (
    SELECT
        united.check_date,
        united.account_id,
        united.check_level,
        united.region_code,
        united.carrier_id,
        united.currency,
        sum(united.checked_rows) AS checked_rows,
        sum(united.valid_rows) AS valid_rows,
        sum(united.reachable_rows) AS reachable_rows,
        sum(united.answered_rows) AS answered_rows,
        sum(united.priced_rows) AS priced_rows,
        sum(united.units) AS units,
        sum(united.millionths) AS millionths
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
            sum(CAST(number_check.price AS INTEGER)) AS units,
            sum(
                CASE
                    WHEN instr(number_check.price, '.') = 0 THEN 0
                    ELSE CAST(substr(substr(number_check.price, instr(number_check.price, '.') + 1) || '00000', 1, 6) AS INTEGER)
                        * CASE WHEN substr(number_check.price, 1, 1) = '-' THEN -1 ELSE 1 END
                END
            ) AS millionths
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
            sum(CAST(daily_total.cost AS INTEGER)) AS units,
            sum(
                CASE
                    WHEN instr(daily_total.cost, '.') = 0 THEN 0
                    ELSE CAST(substr(substr(daily_total.cost, instr(daily_total.cost, '.') + 1) || '00000', 1, 6) AS INTEGER)
                        * CASE WHEN substr(daily_total.cost, 1, 1) = '-' THEN -1 ELSE 1 END
                END
            ) AS millionths
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
),
carried AS (
    SELECT *, units + millionths / 1000000 AS total, millionths % 1000000 AS rest FROM summary
),
signed AS (
    SELECT
        *,
        CASE WHEN total < 0 OR total = 0 AND rest < 0 THEN '-' ELSE '' END AS sign,
        abs(total) - (total > 0 AND rest < 0 OR total < 0 AND rest > 0) AS whole,
        CASE WHEN total > 0 AND rest < 0 OR total < 0 AND rest > 0 THEN 1000000 - abs(rest) ELSE abs(rest) END AS part
    FROM carried
),
divided AS (
    SELECT
        *,
        whole / reachable_rows AS whole_each,
        (2 * (whole % reachable_rows * 1000000 + part) + reachable_rows) / (2 * reachable_rows) AS part_each
    FROM signed
)
SELECT
    divided.check_date,
    account.name AS account,
    divided.check_level,
    check_level.name AS check_level_name,
    divided.region_code,
    region.name AS region_name,
    carrier.name AS carrier,
    divided.currency,
    divided.checked_rows,
    divided.valid_rows,
    divided.reachable_rows,
    divided.answered_rows,
    divided.priced_rows,
    CASE
        WHEN units IS NOT NULL THEN sign || rtrim(rtrim(printf('%d.%06d', whole, part), '0'), '.')
    END AS cost,
    CASE
        WHEN reachable_rows > 0 AND units IS NOT NULL
            THEN CASE WHEN whole_each > 0 OR part_each > 0 THEN sign ELSE '' END
                || rtrim(
                    rtrim(printf('%d.%06d', whole_each + part_each / 1000000, part_each % 1000000), '0'), '.'
                )
    END AS cost_per_reachable
FROM divided
JOIN account ON account.account_id = divided.account_id
LEFT JOIN check_level ON check_level.code = divided.check_level
LEFT JOIN region ON region.code = divided.region_code
LEFT JOIN carrier ON carrier.carrier_id = divided.carrier_id
