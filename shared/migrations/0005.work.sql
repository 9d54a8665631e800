-- depends: 0003.schedules 0004.webhooks

-- Everything that is to be done at a time, by whoever holds the lease, in numbered attempts.
CREATE TABLE work (
    id uuid NOT NULL DEFAULT uuid_v7() PRIMARY KEY,
    account_id bigint NOT NULL REFERENCES accounts ON DELETE CASCADE,
    kind text NOT NULL,
    state text NOT NULL DEFAULT 'pending',
    due_at timestamptz NOT NULL DEFAULT now(),
    priority integer NOT NULL DEFAULT 0,
    attempt integer NOT NULL DEFAULT 0,
    -- Attempts that were given back unharmed (a worker that was told to stop): they do not count against the limit.
    released integer NOT NULL DEFAULT 0,
    max_attempts integer NOT NULL,
    timeout_seconds integer NOT NULL,
    lease_token uuid,
    lease_expires_at timestamptz,
    checklist_id bigint,
    schedule_id bigint,
    scheduled_for timestamptz,
    webhook_id bigint,
    event_id uuid,
    queue text,
    dedup_key text,
    trigger text NOT NULL DEFAULT 'api',
    spec jsonb NOT NULL DEFAULT '{}',
    result jsonb,
    outcome text,
    error text,
    created_at timestamptz NOT NULL DEFAULT now(),
    started_at timestamptz,
    finished_at timestamptz,
    CONSTRAINT work_once_per_instant UNIQUE (schedule_id, scheduled_for),
    CONSTRAINT work_kind_known CHECK (kind IN ('run', 'job', 'delivery', 'task')),
    CONSTRAINT work_state_known CHECK (state IN ('pending', 'running', 'succeeded', 'failed', 'canceled')),
    CONSTRAINT work_trigger_known CHECK (trigger IN ('manual', 'schedule', 'api')),
    CONSTRAINT work_run_outcome_known CHECK (kind <> 'run' OR outcome IN ('passed', 'changed', 'new', 'error')),
    CONSTRAINT work_lease_while_running
        CHECK ((state = 'running') = (lease_token IS NOT NULL) AND (state = 'running') = (lease_expires_at IS NOT NULL)),
    CONSTRAINT work_finished_when_terminal CHECK ((state IN ('pending', 'running')) = (finished_at IS NULL)),
    CONSTRAINT work_attempts_bounded CHECK (attempt BETWEEN 0 AND max_attempts + released AND max_attempts >= 1),
    CONSTRAINT work_timeout_range CHECK (timeout_seconds BETWEEN 1 AND 43200),
    CONSTRAINT work_queue_for_tasks CHECK (kind <> 'task' OR queue IS NOT NULL),
    CONSTRAINT work_event_for_deliveries CHECK (kind <> 'delivery' OR event_id IS NOT NULL),
    CONSTRAINT work_checklist FOREIGN KEY (account_id, checklist_id)
        REFERENCES checklists (account_id, id) ON DELETE SET NULL (checklist_id),
    CONSTRAINT work_schedule FOREIGN KEY (account_id, schedule_id)
        REFERENCES schedules (account_id, id) ON DELETE SET NULL (schedule_id),
    CONSTRAINT work_webhook FOREIGN KEY (account_id, webhook_id)
        REFERENCES webhooks (account_id, id) ON DELETE SET NULL (webhook_id),
    CONSTRAINT work_event FOREIGN KEY (account_id, event_id)
        REFERENCES events (account_id, id) ON DELETE CASCADE
);
CREATE UNIQUE INDEX work_once_per_event_and_webhook ON work (event_id, webhook_id) WHERE event_id IS NOT NULL;
-- The claim of our own workers goes from account to account, so that a flood in one does not hold up the others.
CREATE INDEX work_due ON work (account_id, due_at, id)
    WHERE state = 'pending' AND kind IN ('run', 'job', 'delivery');
-- The scheduler's question is only when the next piece is due, whoever's it is.
CREATE INDEX work_next_due ON work (due_at)
    WHERE state = 'pending' AND kind IN ('run', 'job', 'delivery');
CREATE INDEX work_due_tasks ON work (account_id, queue, priority DESC, due_at, id)
    WHERE state = 'pending' AND kind = 'task';
CREATE INDEX work_leases ON work (lease_expires_at) WHERE state = 'running';
CREATE INDEX work_of_account ON work (account_id, kind, id DESC);
CREATE INDEX work_of_checklist ON work (checklist_id, id DESC) WHERE checklist_id IS NOT NULL;
-- What a schedule has going, and what it last had succeed and fail.
CREATE INDEX work_of_schedule ON work (schedule_id, state, id DESC) WHERE schedule_id IS NOT NULL;
CREATE INDEX work_of_webhook ON work (webhook_id, id DESC) WHERE webhook_id IS NOT NULL;
CREATE INDEX work_by_end ON work (finished_at) WHERE finished_at IS NOT NULL;

-- One row for every execution ever begun: inserted in the claim, closed in the finish.
CREATE TABLE attempts (
    work_id uuid NOT NULL REFERENCES work ON DELETE CASCADE,
    number integer NOT NULL,
    worker text NOT NULL,
    started_at timestamptz NOT NULL,
    finished_at timestamptz,
    outcome text,
    status_code integer,
    error text,
    elapsed_ms integer,
    response_excerpt text,
    CONSTRAINT attempts_pkey PRIMARY KEY (work_id, number),
    CONSTRAINT attempts_number_positive CHECK (number >= 1),
    CONSTRAINT attempts_outcome_known
        CHECK (outcome IN ('succeeded', 'failed', 'timeout', 'lease_expired', 'released', 'canceled')),
    CONSTRAINT attempts_closed_with_outcome CHECK ((finished_at IS NULL) = (outcome IS NULL))
);

CREATE TABLE task_logs (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    work_id uuid NOT NULL REFERENCES work ON DELETE CASCADE,
    attempt integer NOT NULL,
    message text NOT NULL,
    logged_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX task_logs_of_work ON task_logs (work_id, id);
