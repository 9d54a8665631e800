-- depends: 0006.calls

-- What is known of a queue besides its tasks; made with the first push or pop, or when somebody sets something.
CREATE TABLE queues (
    account_id bigint NOT NULL REFERENCES accounts ON DELETE CASCADE,
    name text NOT NULL,
    -- Nobody asked for its tasks for so long although some are due: an event. NULL: as the service is set.
    unattended_after_seconds integer,
    last_popped_at timestamptz,
    -- Since when it has been told to be unattended; NULL while somebody looks after it.
    unattended_since timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT queues_pkey PRIMARY KEY (account_id, name),
    CONSTRAINT queues_name_length CHECK (length(name) BETWEEN 1 AND 100),
    CONSTRAINT queues_unattended_after_range CHECK (unattended_after_seconds BETWEEN 1 AND 31536000)
);

ALTER TABLE work
    -- A task may take as long as its leases are extended.
    ALTER COLUMN timeout_seconds DROP NOT NULL,
    ADD CONSTRAINT work_timeout_unless_task CHECK (kind = 'task' OR timeout_seconds IS NOT NULL),
    -- The run whose observations this task is to bring.
    ADD COLUMN run_id uuid REFERENCES work ON DELETE CASCADE,
    -- Its worker is asked to stop; it hears of that when it extends its lease.
    ADD COLUMN cancel_requested boolean NOT NULL DEFAULT false;

-- A second push with the key of a task that has not ended makes none.
CREATE UNIQUE INDEX work_once_per_dedup_key ON work (account_id, queue, dedup_key)
    WHERE dedup_key IS NOT NULL AND state IN ('pending', 'running');
CREATE UNIQUE INDEX work_once_per_run ON work (run_id) WHERE run_id IS NOT NULL;
CREATE INDEX work_failed_tasks ON work (account_id, queue, id) WHERE kind = 'task' AND state = 'failed';
CREATE INDEX work_running_tasks ON work (account_id, queue) WHERE kind = 'task' AND state = 'running';
CREATE INDEX work_tasks_of_queue ON work (account_id, queue, id DESC) WHERE kind = 'task';

-- Which lease an attempt was: the same ack again is answered as the first one was.
ALTER TABLE attempts ADD COLUMN lease_token uuid;
-- What waits for work before it, and for no time: shared.store.schedules.HELD_UNTIL.
CREATE INDEX work_held ON work (schedule_id) WHERE state = 'pending' AND due_at = '9999-12-31T00:00:00Z';
