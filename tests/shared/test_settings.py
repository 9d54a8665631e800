"""Settings: read once, all errors told together, each with what is accepted."""

import ipaddress

import pytest

from shared.errors import InvalidSettings
from shared.settings import VARIABLES, Settings, read_settings

WRONG = {
    "DATABASE_URL": "mysql://db/x",
    "REDIS_URL": "http://redis/",
    "ROUNDSMAN_PORT": "65536",
    "ROUNDSMAN_API_PROCESSES": "0",
    "ROUNDSMAN_SIGNUP": "maybe",
    "ROUNDSMAN_SECRET_KEY": "long enough a key,too short",
    "ROUNDSMAN_MAX_BODY_BYTES": "1k",
    "ROUNDSMAN_CONCURRENCY": "1001",
    "ROUNDSMAN_CALLS_PER_HOST": "0",
    "ROUNDSMAN_EGRESS_ALLOW": "10.0.0.1/8",
    "ROUNDSMAN_SWEEP_SECONDS": "nan",
    "ROUNDSMAN_LEASE_MARGIN_SECONDS": "inf",
    "ROUNDSMAN_GRACE_SECONDS": "-1",
    "ROUNDSMAN_WEBHOOK_RETRY_SECONDS": "5,,300",
    "ROUNDSMAN_WEBHOOK_DISABLE_SECONDS": "5 days",
    "ROUNDSMAN_QUEUE_UNATTENDED_SECONDS": "0",
    "ROUNDSMAN_RETENTION_DAYS": "1.5",
    "ROUNDSMAN_LOG_FORMAT": "xml",
    "ROUNDSMAN_LOG_LEVEL": "INFO",
}
TAKES_ANYTHING = {"ROUNDSMAN_HOST", "ROUNDSMAN_ADMIN_TOKEN"}


def refusal(environment: dict[str, str]) -> str:
    with pytest.raises(InvalidSettings) as refused:
        read_settings(environment)
    return str(refused.value)


def test_an_empty_environment_gives_the_defaults() -> None:
    assert read_settings({}) == Settings()


def test_an_empty_variable_is_as_good_as_none() -> None:
    assert read_settings(dict.fromkeys(VARIABLES, "")) == Settings()


def test_what_is_none_of_ours_is_left_alone() -> None:
    assert read_settings({"PATH": "/bin"}) == Settings()


def test_every_error_is_told_at_once_with_what_is_accepted() -> None:
    message = refusal(WRONG)
    for variable in WRONG:
        assert f"{variable} is " in message
        assert f"it accepts {VARIABLES[variable][2]}" in message
    assert message.count("it accepts") == len(WRONG)


def test_every_variable_is_tried_here() -> None:
    assert set(VARIABLES) == set(WRONG) | TAKES_ANYTHING


def test_an_error_does_not_tell_the_password_of_a_url() -> None:
    message = refusal({"DATABASE_URL": "postgres//me:hunter2@db/x", "REDIS_URL": "rediss:/:hunter2@redis/0"})
    assert "DATABASE_URL" in message
    assert "REDIS_URL" in message
    assert "hunter2" not in message


@pytest.mark.parametrize("text", ["hunter2", ",", " , ", "hunter2 but longer than 16,hunter2"])
def test_an_error_does_not_tell_a_key(text: str) -> None:
    message = refusal({"ROUNDSMAN_SECRET_KEY": text})
    assert "keys of at least 16 characters" in message
    assert "hunter2" not in message


@pytest.mark.parametrize("text", ["0", "-1", "86401", "nan", "5;300", ",".join(["1"] * 31)])
def test_delays_that_cannot_be_are_refused(text: str) -> None:
    assert "at most 30 numbers of seconds" in refusal({"ROUNDSMAN_WEBHOOK_RETRY_SECONDS": text})


@pytest.mark.parametrize(("text", "attempts"), [("", 8), ("0.1", 2), ("1, 2,3", 4)])
def test_a_delivery_is_tried_once_more_than_there_are_delays(text: str, attempts: int) -> None:
    assert read_settings({"ROUNDSMAN_WEBHOOK_RETRY_SECONDS": text}).delivery_attempts == attempts


@pytest.mark.parametrize(
    ("variable", "text", "value"),
    [
        ("DATABASE_URL", "postgres://db/x", "postgres://db/x"),
        ("REDIS_URL", "unix:///run/redis.sock", "unix:///run/redis.sock"),
        ("ROUNDSMAN_HOST", "::1", "::1"),
        ("ROUNDSMAN_PORT", "65535", 65535),
        ("ROUNDSMAN_SIGNUP", "open", "open"),
        ("ROUNDSMAN_ADMIN_TOKEN", "s3cret", "s3cret"),
        (
            "ROUNDSMAN_SECRET_KEY",
            " the new key of 2026, the old key of 2025,",
            ("the new key of 2026", "the old key of 2025"),
        ),
        ("ROUNDSMAN_MAX_BODY_BYTES", "1024", 1024),
        ("ROUNDSMAN_CALLS_PER_HOST", "1000", 1000),
        ("ROUNDSMAN_WEBHOOK_RETRY_SECONDS", "0.01, 5,86400", (0.01, 5.0, 86_400.0)),
        ("ROUNDSMAN_WEBHOOK_DISABLE_SECONDS", "432000", 432_000.0),
        ("ROUNDSMAN_SWEEP_SECONDS", "0.05", 0.05),
        ("ROUNDSMAN_GRACE_SECONDS", "0", 0.0),
        (
            "ROUNDSMAN_EGRESS_ALLOW",
            "10.0.0.0/8, ::1/128,",
            (ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("::1/128")),
        ),
    ],
)
def test_what_is_accepted_is_read(variable: str, text: str, value: object) -> None:
    assert getattr(read_settings({variable: text}), VARIABLES[variable][0]) == value
