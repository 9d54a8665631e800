-- depends: 0007.tasks

ALTER TABLE webhooks
    -- In whose words it is told of events: ours, or those of the system whose client made it.
    ADD COLUMN format text NOT NULL DEFAULT 'roundsman',
    ADD CONSTRAINT webhooks_format_known CHECK (format IN ('roundsman', 'automated-qa'));

ALTER TABLE snapshots
    -- The value as it was written, if it came as a text. One that is no JSON is kept as a string, which nothing equals.
    ADD COLUMN text text,
    ADD COLUMN is_json boolean NOT NULL DEFAULT true,
    ADD CONSTRAINT snapshots_text_unless_json CHECK (is_json OR text IS NOT NULL);
