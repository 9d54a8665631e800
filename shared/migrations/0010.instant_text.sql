-- depends: 0009.processors

-- An instant as it is written everywhere: RFC 3339 in UTC, with microseconds where there are any.
CREATE FUNCTION instant_text(instant timestamptz) RETURNS text LANGUAGE sql STABLE PARALLEL SAFE
RETURN to_char(
    instant AT TIME ZONE 'UTC',
    CASE WHEN date_trunc('second', instant) = instant THEN 'YYYY-MM-DD"T"HH24:MI:SS"Z"' ELSE 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"' END
);
