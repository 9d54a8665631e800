-- depends: 0010.instant_text

-- What the cookies of the dashboard are signed with, the same in every process of the API.
CREATE TABLE dashboard_secret (
    only_one boolean PRIMARY KEY DEFAULT true CONSTRAINT dashboard_secret_only_one CHECK (only_one),
    secret bytea NOT NULL DEFAULT uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())
);
INSERT INTO dashboard_secret DEFAULT VALUES;

-- Runs that somebody may want to look at; those that went well, which are most, are not in it.
CREATE INDEX work_to_review ON work (account_id, outcome, id DESC) WHERE kind = 'run' AND outcome <> 'passed';

-- Most instants fire; the others are what people look for.
CREATE INDEX occurrences_left_out ON occurrences (schedule_id, scheduled_for DESC) WHERE outcome <> 'fired';

-- Links that log in whoever opens them first. Of the token only the hash is kept.
CREATE TABLE login_links (
    token_sha256 bytea PRIMARY KEY,
    key_id bigint NOT NULL,
    expires_at timestamptz NOT NULL,
    CONSTRAINT login_links_key FOREIGN KEY (key_id) REFERENCES api_keys ON DELETE CASCADE
);
CREATE INDEX login_links_of_key ON login_links (key_id);
