-- depends: 0008.compat

-- Due tasks of such a queue do not wait for ever: each time that nobody asks for them counts as a failed attempt.
ALTER TABLE queues ADD COLUMN needs_processor boolean NOT NULL DEFAULT false;
CREATE INDEX queues_needing_processor ON queues (account_id, name) WHERE needs_processor;
