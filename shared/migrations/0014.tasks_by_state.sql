-- depends: 0010.instant_text

-- Lists of tasks by a state that few of an account's have. Those that have not ended have indexes of their own.
CREATE INDEX work_ended_tasks ON work (account_id, state, id DESC)
    WHERE kind = 'task' AND state IN ('succeeded', 'failed', 'canceled');
