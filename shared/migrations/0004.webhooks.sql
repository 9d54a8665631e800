-- depends: 0001.accounts

CREATE TABLE webhooks (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id bigint NOT NULL REFERENCES accounts ON DELETE CASCADE,
    url text NOT NULL,
    event_types text[] NOT NULL,
    description text,
    enabled boolean NOT NULL DEFAULT true,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT webhooks_account_unique UNIQUE (account_id, id),
    CONSTRAINT webhooks_some_event_type CHECK (cardinality(event_types) >= 1)
);

CREATE TABLE events (
    id uuid NOT NULL DEFAULT uuid_v7() PRIMARY KEY,
    account_id bigint NOT NULL REFERENCES accounts ON DELETE CASCADE,
    type text NOT NULL,
    data jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT events_account_unique UNIQUE (account_id, id)
);
CREATE INDEX events_of_account ON events (account_id, id DESC);
