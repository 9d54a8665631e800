"""What a person reads once the service is up."""

import shlex
from pathlib import Path


def announcement(
    listening_url: str, reachable_url: str, key_file: Path, login_link: str | None, *, with_demo: bool
) -> str:
    """One line that says it is ready, then what to try next, to be copied as it is."""
    dashboard = (
        f"{reachable_url}/ui"
        if login_link is None
        else f"{login_link}\n(this link logs in once; `roundsman ui` makes another)"
    )
    example = "" if with_demo else "\n# an example that finds a change: start it again with --demo\n"
    return f"""ready: {listening_url}

See it in the browser: {dashboard}

Try this in another terminal (the key is in {key_file}):

export ROUNDSMAN_URL={reachable_url}
export ROUNDSMAN_API_KEY="$(cat {shlex.quote(str(key_file))})"
# a first checklist: does this service answer as it did before?
curl "$ROUNDSMAN_URL/checklists" -u "$ROUNDSMAN_API_KEY:" -H 'Content-Type: application/json' -d '
  {{"name": "first", "flows": [{{"name": "health", "steps": [
    {{"act": "ask", "request": {{"url": "{reachable_url}/health"}}}}, {{"check": "the answer"}}]}}]}}'
roundsman run first
# every route, to be tried in the browser: {reachable_url}/docs
{example}"""
