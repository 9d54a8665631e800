-- depends: 0005.work

-- Which calls wait for each other: those to one host, or the runs of one checklist. However many there are in a lane,
-- the others are not held up by them.
CREATE FUNCTION lane_of(url text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN lower(substring(url from '://([^/?#]*)'));

ALTER TABLE work
    ADD COLUMN lane text NOT NULL DEFAULT '',
    -- The job that failed for good, if this one tells its error_uri about it.
    ADD COLUMN error_of uuid REFERENCES work ON DELETE SET NULL,
    -- A delivery that somebody asked for by hand: what becomes of it says nothing about its webhook.
    ADD COLUMN inert boolean NOT NULL DEFAULT false,
    ADD CONSTRAINT work_pending_has_an_attempt_left CHECK (state <> 'pending' OR attempt - released < max_attempts);

UPDATE work
SET lane = 'checklist ' || checklist_id
WHERE state = 'pending' AND checklist_id IS NOT NULL;

DROP INDEX work_due;
-- The claim goes from account to account and from lane to lane, each by one probe.
CREATE INDEX work_due ON work (account_id, lane, due_at, id)
    WHERE state = 'pending' AND kind IN ('run', 'job', 'delivery');
DROP INDEX work_once_per_event_and_webhook;
CREATE UNIQUE INDEX work_once_per_event_and_webhook ON work (event_id, webhook_id)
    WHERE event_id IS NOT NULL AND NOT inert;
-- The replays too: without it, whoever deletes events would read all work for each of them.
CREATE INDEX work_of_event ON work (event_id) WHERE event_id IS NOT NULL;
CREATE UNIQUE INDEX work_once_per_failed_job ON work (error_of) WHERE error_of IS NOT NULL;
-- Most work is of no schedule, and every change of state is a new version in every index that holds the row.
ALTER TABLE work DROP CONSTRAINT work_once_per_instant;
CREATE UNIQUE INDEX work_once_per_instant ON work (schedule_id, scheduled_for) WHERE schedule_id IS NOT NULL;
-- What is old enough to be pruned is found by its id, which begins with the time.
DROP INDEX work_by_end;
CREATE FUNCTION uuid_of_instant(instant timestamptz) RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE
RETURN rpad(lpad(to_hex((extract(epoch FROM instant) * 1000)::bigint), 12, '0'), 32, '0')::uuid;

-- Attempts are born in the statement that claims their work, and each is closed once. Half of a page is left free for
-- that; looking up work that cannot be missing is saved, and they go with their work in one statement, not row by row.
ALTER TABLE attempts DROP CONSTRAINT attempts_work_id_fkey;
ALTER TABLE attempts SET (fillfactor = 50);
CREATE FUNCTION delete_attempts() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM attempts
    USING deleted_work
    WHERE attempts.work_id = deleted_work.id;
    RETURN NULL;
END
$$;
CREATE TRIGGER attempts_go_with_their_work
    AFTER DELETE ON work
    REFERENCING OLD TABLE AS deleted_work
    FOR EACH STATEMENT
    EXECUTE FUNCTION delete_attempts();

ALTER TABLE webhooks
    -- Sealed with the key of the settings; after a rotation the one before signs as well, for a while.
    ADD COLUMN secret bytea NOT NULL,
    ADD COLUMN previous_secret bytea,
    ADD COLUMN previous_secret_until timestamptz,
    -- Since when every attempt has failed; after some days of that it is disabled.
    ADD COLUMN failing_since timestamptz,
    ADD COLUMN disabled_at timestamptz,
    ADD COLUMN disabled_reason text,
    ADD CONSTRAINT webhooks_previous_secret_ends CHECK ((previous_secret IS NULL) = (previous_secret_until IS NULL)),
    ADD CONSTRAINT webhooks_disabled_with_time CHECK (enabled = (disabled_at IS NULL));
CREATE INDEX webhooks_of_account ON webhooks (account_id, id);

-- events_account_unique serves the same questions as these two.
DROP INDEX events_of_account;
ALTER TABLE events DROP CONSTRAINT events_pkey;
