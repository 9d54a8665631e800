"""Every page there is, by name, with the objects of the showcase."""

from tests.browser.showcase import Showcase


def pages_of(shown: Showcase) -> dict[str, str]:
    """The paths of all pages."""
    return {
        "overview": "/ui",
        "checklists": "/ui/checklists",
        "checklist": f"/ui/checklists/{shown.checklist_id}",
        "checklist-new": "/ui/checklists/new",
        "checklist-edit": f"/ui/checklists/{shown.checklist_id}/edit",
        "checklist-history": f"/ui/checklists/{shown.checklist_id}/history?flow=to-dos&name=all+to-dos",
        "runs": "/ui/runs",
        "run": f"/ui/runs/{shown.missed_run_id}",
        "schedules": "/ui/schedules",
        "schedule": f"/ui/schedules/{shown.schedule_id}",
        "schedule-new": "/ui/schedules/new",
        "schedule-edit": f"/ui/schedules/{shown.schedule_id}/edit",
        "jobs": "/ui/jobs",
        "job": f"/ui/jobs/{shown.failed_job_id}",
        "job-new": "/ui/jobs/new",
        "queues": "/ui/queues",
        "queue": f"/ui/queues/{shown.queue}",
        "task": f"/ui/tasks/{shown.failed_task_id}",
        "webhooks": "/ui/webhooks",
        "webhook": f"/ui/webhooks/{shown.webhook_id}",
        "webhook-new": "/ui/webhooks/new",
        "webhook-edit": f"/ui/webhooks/{shown.webhook_id}/edit",
        "delivery": f"/ui/deliveries/{shown.failed_delivery_id}",
        "events": "/ui/events",
        "workers": "/ui/workers",
        "keys": "/ui/keys",
        "not-found": "/ui/nothing-here",
    }
