-- depends: 0002.checklists

CREATE TABLE schedules (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id bigint NOT NULL REFERENCES accounts ON DELETE CASCADE,
    name text,
    cron text,
    timezone text NOT NULL DEFAULT 'UTC',
    interval_seconds integer,
    run_at timestamptz,
    minute bigint,
    recurring text,
    kind text NOT NULL,
    checklist_id bigint,
    spec jsonb NOT NULL DEFAULT '{}',
    paused boolean NOT NULL DEFAULT false,
    note text,
    next_run_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT schedules_name_unique UNIQUE (account_id, name),
    CONSTRAINT schedules_account_unique UNIQUE (account_id, id),
    CONSTRAINT schedules_one_when CHECK (num_nonnulls(cron, interval_seconds, run_at, minute) = 1),
    CONSTRAINT schedules_interval_positive CHECK (interval_seconds >= 1),
    CONSTRAINT schedules_recurring_known CHECK (recurring IN ('none', 'daily', 'weekly')),
    CONSTRAINT schedules_recurring_with_minute CHECK ((minute IS NULL) = (recurring IS NULL)),
    CONSTRAINT schedules_kind_known CHECK (kind IN ('run', 'job', 'task')),
    CONSTRAINT schedules_checklist_for_runs CHECK ((kind = 'run') = (checklist_id IS NOT NULL)),
    CONSTRAINT schedules_checklist FOREIGN KEY (account_id, checklist_id)
        REFERENCES checklists (account_id, id) ON DELETE CASCADE
);
CREATE INDEX schedules_due ON schedules (next_run_at, id) WHERE NOT paused AND next_run_at IS NOT NULL;
CREATE INDEX schedules_of_checklist ON schedules (checklist_id) WHERE checklist_id IS NOT NULL;
