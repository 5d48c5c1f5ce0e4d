CREATE VIEW v_privacy_log AS
SELECT
    privacy_log.privacy_log_id AS id,
    privacy_log.happened_at,
    privacy_log.action,
    account.name AS account,
    privacy_log.who,
    privacy_log.phones,
    privacy_log.changed_rows,
    privacy_log.reason
FROM privacy_log
JOIN account ON account.account_id = privacy_log.account_id
