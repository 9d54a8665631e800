-- depends: 0010.instant_text

-- Lists of what few of an account's work and events are. What is common is found by walking the lists themselves, so
-- that what ends well, by the thousand in a second, is in neither.
CREATE INDEX work_not_done ON work (account_id, kind, state, id DESC)
    WHERE kind <> 'task' AND state IN ('failed', 'canceled');
CREATE INDEX events_by_type ON events (account_id, type, id DESC)
    WHERE type NOT IN ('job.succeeded', 'task.succeeded');
