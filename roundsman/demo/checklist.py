"""The checklist of the example."""

from typing import Any

CHECKLIST_NAME = "todo-api"


def demo_checklist(todos_url: str) -> dict[str, Any]:
    """A to-do's life in one flow, and a second flow that stays as it is."""
    return {
        "name": CHECKLIST_NAME,
        "flows": [
            {
                "name": "a to-do from beginning to end",
                "steps": [
                    {
                        "act": "create a to-do",
                        "request": {
                            "method": "POST",
                            "url": "{{todos}}/todos",
                            "json": {"title": "water the plants", "priority": 2},
                        },
                        "capture": {"id": "id"},
                        "expect": {"status": 201},
                    },
                    {"check": "what creating answers"},
                    {
                        "act": "read it",
                        "request": {"url": "{{todos}}/todos/{{id}}"},
                        "expect": {"status": 200},
                    },
                    {"check": "what reading answers"},
                    {"act": "list all", "request": {"url": "{{todos}}/todos"}},
                    {"check": "titles in the list", "observe": "body[].title"},
                    {"act": "delete it", "request": {"method": "DELETE", "url": "{{todos}}/todos/{{id}}"}},
                    {"check": "status of deleting", "observe": "status"},
                ],
            },
            {
                "name": "what is not there",
                "steps": [
                    {"act": "read a to-do that never was", "request": {"url": "{{todos}}/todos/999999999"}},
                    {"check": "status", "observe": "status"},
                    {"check": "error"},
                ],
            },
        ],
        "rules": [
            {"path": "/id", "match": "ignore"},
            {"path": "/created_at", "match": "ignore"},
        ],
        "variables": {"todos": todos_url},
        "timeout_seconds": 20,
    }
