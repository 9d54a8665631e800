-- Time-ordered ids (UUID version 7), made where the rows are made: milliseconds, then microseconds in the 12 bits
-- that RFC 9562 leaves to them, so that rows of one statement keep their order; the rest is random.
-- Postgres has a function for that from version 18 on, three times as fast.
DO $choose$
BEGIN
    IF current_setting('server_version_num')::integer >= 180000 THEN
        CREATE FUNCTION uuid_v7() RETURNS uuid LANGUAGE sql VOLATILE PARALLEL SAFE AS 'SELECT uuidv7()';
    ELSE
        CREATE FUNCTION uuid_v7() RETURNS uuid LANGUAGE sql VOLATILE PARALLEL SAFE AS $body$
            SELECT (
                lpad(to_hex(microseconds / 1000), 12, '0')
                || '7' || lpad(to_hex((microseconds % 1000) * 4096 / 1000), 3, '0')
                || substr('89ab', 1 + (get_byte(uuid_send(random_part), 15) & 3), 1)
                || right(replace(random_part::text, '-', ''), 15)
            )::uuid
            FROM (
                SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS microseconds,
                       gen_random_uuid() AS random_part
            ) AS parts
        $body$;
    END IF;
END
$choose$;

CREATE TABLE accounts (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    created_at timestamptz NOT NULL DEFAULT now()
);

-- prefix is the public half of a key, rk_<id part>; of the secret half only the hash is kept.
CREATE TABLE api_keys (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id bigint NOT NULL REFERENCES accounts ON DELETE CASCADE,
    name text NOT NULL,
    prefix text NOT NULL,
    secret_sha256 bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    last_used_at timestamptz,
    CONSTRAINT api_keys_prefix_unique UNIQUE (prefix),
    CONSTRAINT api_keys_name_length CHECK (length(name) BETWEEN 1 AND 200),
    CONSTRAINT api_keys_hash_is_sha256 CHECK (length(secret_sha256) = 32)
);
CREATE INDEX api_keys_of_account ON api_keys (account_id, id);

-- The first answer to a request with an Idempotency-Key, written in the transaction that created.
CREATE TABLE idempotency_keys (
    account_id bigint NOT NULL REFERENCES accounts ON DELETE CASCADE,
    key text NOT NULL,
    fingerprint bytea NOT NULL,
    status smallint,
    headers jsonb,
    body jsonb,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT idempotency_keys_pkey PRIMARY KEY (account_id, key),
    CONSTRAINT idempotency_keys_length CHECK (length(key) BETWEEN 1 AND 255)
);
CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_at);

-- Schedulers and workers, as they last said they were alive.
CREATE TABLE processes (
    id uuid PRIMARY KEY,
    kind text NOT NULL,
    host text NOT NULL,
    pid integer NOT NULL,
    started_at timestamptz NOT NULL DEFAULT now(),
    seen_at timestamptz NOT NULL DEFAULT now(),
    counters jsonb NOT NULL DEFAULT '{}',
    CONSTRAINT processes_kind_known CHECK (kind IN ('scheduler', 'worker'))
);
