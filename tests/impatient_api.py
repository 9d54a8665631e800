"""The API as a process that waits for its clients only shortly: `python -m tests.impatient_api`."""

PATIENCE_SECONDS = 0.7


def main() -> None:
    """Become the API. gunicorn forks its processes from this one, which has the modules as they are changed here."""
    from gevent import monkey

    monkey.patch_all()
    from api import json_body, server
    from api.__main__ import main as become_the_api

    json_body.READING_SECONDS = PATIENCE_SECONDS  # type: ignore[misc]  # final for everybody but this test
    server.ANSWER_SECONDS = PATIENCE_SECONDS  # type: ignore[misc]  # final for everybody but this test
    become_the_api()


if __name__ == "__main__":
    main()
