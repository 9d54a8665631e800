-- depends: 0002.checklists

CREATE TABLE schedules (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id bigint NOT NULL REFERENCES accounts ON DELETE CASCADE,
    name text,
    -- when
    cron text,
    timezone text NOT NULL DEFAULT 'UTC',
    interval_seconds integer,
    run_at timestamptz,
    minute bigint,
    recurring text,
    -- what
    kind text NOT NULL,
    checklist_id bigint,
    target jsonb NOT NULL DEFAULT '{}',
    -- bounds and policies
    starts_at timestamptz,
    ends_at timestamptz,
    max_occurrences integer,
    jitter_seconds integer NOT NULL DEFAULT 0,
    overlap text NOT NULL DEFAULT 'skip',
    catchup_window_seconds integer NOT NULL DEFAULT 3600,
    coalesce text NOT NULL DEFAULT 'latest',
    pause_on_failure boolean NOT NULL DEFAULT false,
    pause_on_change boolean NOT NULL DEFAULT false,
    -- where it stands
    state text NOT NULL DEFAULT 'active',
    note text,
    paused_at timestamptz,
    resumed_at timestamptz,
    skip_next boolean NOT NULL DEFAULT false,
    -- While a long outage is told in batches: until when `earliest` has fired its one occurrence already.
    coalesced_until timestamptz,
    anchor timestamptz NOT NULL DEFAULT now(),
    next_run_at timestamptz,
    last_run_at timestamptz,
    fired bigint NOT NULL DEFAULT 0,
    skipped bigint NOT NULL DEFAULT 0,
    missed bigint NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT schedules_account_unique UNIQUE (account_id, id),
    CONSTRAINT schedules_one_when CHECK (num_nonnulls(cron, interval_seconds, run_at, minute) = 1),
    CONSTRAINT schedules_interval_positive CHECK (interval_seconds >= 1),
    CONSTRAINT schedules_recurring_known CHECK (recurring IN ('none', 'daily', 'weekly')),
    CONSTRAINT schedules_recurring_with_minute CHECK ((minute IS NULL) = (recurring IS NULL)),
    CONSTRAINT schedules_kind_known CHECK (kind IN ('run', 'job', 'task')),
    CONSTRAINT schedules_checklist_for_runs CHECK ((kind = 'run') = (checklist_id IS NOT NULL)),
    CONSTRAINT schedules_bounds_in_order CHECK (ends_at >= starts_at),
    CONSTRAINT schedules_max_occurrences_positive CHECK (max_occurrences >= 1),
    CONSTRAINT schedules_jitter_not_negative CHECK (jitter_seconds >= 0),
    CONSTRAINT schedules_window_not_negative CHECK (catchup_window_seconds >= 0),
    CONSTRAINT schedules_overlap_known CHECK (overlap IN ('skip', 'queue_one', 'allow', 'cancel_running')),
    CONSTRAINT schedules_coalesce_known CHECK (coalesce IN ('latest', 'earliest', 'all')),
    CONSTRAINT schedules_state_known CHECK (state IN ('active', 'paused', 'finished', 'invalid')),
    CONSTRAINT schedules_checklist FOREIGN KEY (account_id, checklist_id)
        REFERENCES checklists (account_id, id) ON DELETE CASCADE
);
CREATE UNIQUE INDEX schedules_name_unique ON schedules (account_id, name) WHERE name IS NOT NULL;
-- A paused schedule is due as well: each instant that it sleeps through is told to have been skipped.
CREATE INDEX schedules_due ON schedules (next_run_at, id) WHERE state IN ('active', 'paused');
CREATE INDEX schedules_of_checklist ON schedules (checklist_id) WHERE checklist_id IS NOT NULL;

-- One row for every instant that was due: fired with its work, or skipped or missed with the reason.
CREATE TABLE occurrences (
    schedule_id bigint NOT NULL,
    scheduled_for timestamptz NOT NULL,
    outcome text NOT NULL,
    reason text,
    work_id uuid,
    recorded_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT occurrences_pkey PRIMARY KEY (schedule_id, scheduled_for),
    CONSTRAINT occurrences_schedule FOREIGN KEY (schedule_id) REFERENCES schedules ON DELETE CASCADE,
    CONSTRAINT occurrences_outcome_known CHECK (outcome IN ('fired', 'skipped', 'missed')),
    CONSTRAINT occurrences_reason_unless_fired CHECK ((outcome = 'fired') = (reason IS NULL))
);
