-- after the line JOIN batch ON batch.batch_id = batch_day.batch_id
    WHERE number_check.phone <> 'erased'
