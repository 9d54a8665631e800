"""A program with a processor: python run_processor.py URL SECONDS-OF-GRACE; it says when a task has begun."""

import sys
import threading

from roundsman import Client


def main(url: str, grace_seconds: str) -> None:
    client = Client(url, "rk_test_key")

    @client.processor("mail", grace_seconds=float(grace_seconds))
    def send(job):
        sys.stdout.write("begun\n")
        sys.stdout.flush()
        if grace_seconds == "0":
            threading.Event().wait(60)
        return "sent"

    client.process()
    sys.stdout.write("ended\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
