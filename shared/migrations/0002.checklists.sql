-- depends: 0001.accounts

CREATE TABLE checklists (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id bigint NOT NULL REFERENCES accounts ON DELETE CASCADE,
    name text NOT NULL,
    worker_url text,
    flows jsonb,
    queue text,
    timeout_seconds integer NOT NULL,
    first_value text NOT NULL,
    rules jsonb NOT NULL DEFAULT '[]',
    variables jsonb NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT checklists_name_unique UNIQUE (account_id, name),
    CONSTRAINT checklists_account_unique UNIQUE (account_id, id),
    CONSTRAINT checklists_one_source CHECK (num_nonnulls(worker_url, flows, queue) = 1),
    CONSTRAINT checklists_timeout_range CHECK (timeout_seconds BETWEEN 1 AND 900),
    CONSTRAINT checklists_first_value_known CHECK (first_value IN ('accept', 'review'))
);

-- Every value ever approved. The one in force has no superseded_at; the others are its history.
CREATE TABLE snapshots (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id bigint NOT NULL,
    checklist_id bigint NOT NULL,
    flow text NOT NULL,
    name text NOT NULL,
    value jsonb NOT NULL,
    -- When the value was seen, which is not when it was approved: a later observation beats an earlier one.
    observed_at timestamptz NOT NULL,
    accepted_at timestamptz NOT NULL DEFAULT now(),
    accepted_by text NOT NULL,
    run_id uuid,
    superseded_at timestamptz,
    obsolete boolean NOT NULL DEFAULT false,
    CONSTRAINT snapshots_checklist FOREIGN KEY (account_id, checklist_id)
        REFERENCES checklists (account_id, id) ON DELETE CASCADE
);
CREATE UNIQUE INDEX snapshots_in_force ON snapshots (checklist_id, flow, name) WHERE superseded_at IS NULL;
CREATE INDEX snapshots_history ON snapshots (checklist_id, flow, name, id);
