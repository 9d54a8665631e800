-- depends: 0010.instant_text

-- What infinitas says of a task that a schedule has no place for. While there is such a row, due tasks of the queue
-- that is called like the schedule need a processor; the row goes with its schedule, whoever deletes that.
CREATE TABLE infinitas_tasks (
    schedule_id bigint NOT NULL PRIMARY KEY,
    timeout_ms integer,
    CONSTRAINT infinitas_tasks_schedule FOREIGN KEY (schedule_id) REFERENCES schedules ON DELETE CASCADE,
    CONSTRAINT infinitas_tasks_timeout_positive CHECK (timeout_ms >= 1)
);

INSERT INTO infinitas_tasks (schedule_id)
SELECT schedules.id
FROM queues
JOIN schedules ON schedules.account_id = queues.account_id AND schedules.name = queues.name
WHERE queues.needs_processor
  AND schedules.kind = 'task'
  AND schedules.cron IS NOT NULL
  AND schedules.target ->> 'queue' = schedules.name;

DROP INDEX queues_needing_processor;
ALTER TABLE queues DROP COLUMN needs_processor;
