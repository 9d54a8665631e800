"""A process that has no descriptor left: told as the fault of this service, and over when there are some again."""

import json
import subprocess
import sys

import pytest

from tests.target import Target
from worker.outbound import failures

# In a process of its own, which may run out of descriptors without harm to the tests.
CALLS = """
import json, os, resource, sys
from ipaddress import ip_network
from worker.outbound import Outbound, Request

url, spare = sys.argv[1], int(sys.argv[2])
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
told = []
with Outbound(concurrency=1, allow=[ip_network("127.0.0.0/8")]) as outbound:
    held = []
    while True:
        try:
            held.append(os.open("/dev/null", os.O_RDONLY))
        except OSError:
            break
    for _ in range(spare):
        os.close(held.pop())
    told.append(outbound.submit(outbound.send(Request("GET", url), 5)).result(10))
    for each in held:
        os.close(each)
    told.append(outbound.submit(outbound.send(Request("GET", url), 5)).result(10))
print(json.dumps([told[0].reason, told[0].detail, told[1].status]))
"""


@pytest.mark.parametrize("spare", [0, 1], ids=["none", "none-for-the-copy"])
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_call_without_a_descriptor_left_is_not_the_fault_of_its_target(target: Target, host: str, spare: int) -> None:
    told = subprocess.run(
        [sys.executable, "-c", CALLS, target.url("/ok", host=host), str(spare)],
        capture_output=True,
        check=True,
        timeout=30,
    )
    assert json.loads(told.stdout) == [*failures.NO_SOCKET_LEFT, 200]
