-- depends: 0010.instant_text

-- Of each priority with pending tasks in a queue, when the first of them is due. One probe of the index for each: what
-- stands behind the first task of its priority is never read.
CREATE FUNCTION waiting_priorities(of_account bigint, of_queue text) RETURNS TABLE (priority integer, due_at timestamptz)
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    WITH RECURSIVE first_tasks AS (
        (
            SELECT work.priority, work.due_at
            FROM work
            WHERE work.account_id = of_account AND work.queue = of_queue
              AND work.state = 'pending' AND work.kind = 'task'
            ORDER BY work.priority DESC, work.due_at
            LIMIT 1
        )
        UNION ALL
        SELECT next_task.priority, next_task.due_at
        FROM first_tasks
        CROSS JOIN LATERAL (
            SELECT work.priority, work.due_at
            FROM work
            WHERE work.account_id = of_account AND work.queue = of_queue
              AND work.state = 'pending' AND work.kind = 'task'
              AND work.priority < first_tasks.priority
            ORDER BY work.priority DESC, work.due_at
            LIMIT 1
        ) AS next_task
    )
    SELECT first_tasks.priority, first_tasks.due_at
    FROM first_tasks;
END;

-- Those that are told to be unattended are few, and are looked at whether they have due tasks or not.
CREATE INDEX queues_unattended ON queues (account_id, name) WHERE unattended_since IS NOT NULL;
-- The tasks that runs wait for: first those that were begun, oldest first, then the others from queue to queue.
CREATE INDEX work_awaited_tasks ON work (started_at, account_id, queue, due_at)
    WHERE run_id IS NOT NULL AND state IN ('pending', 'running');
