-- after the column version
    CASE WHEN sync_run.narrowed THEN 'YES' ELSE 'NO' END AS narrowed
