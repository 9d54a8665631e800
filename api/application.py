"""The application: wiring only."""

from flask import Flask, Response
from werkzeug.routing import IntegerConverter

from api import compat, dashboard
from api.announcements import Announcements
from api.auth import require_keys
from api.errors import register_error_handlers
from api.metrics import count_requests
from api.openapi import Api, openapi_settings, serve_openapi
from api.request_log import log_requests
from api.routes import (
    checklists,
    deliveries,
    events,
    jobs,
    keys,
    login_links,
    queues,
    registry,
    runs,
    schedule_actions,
    schedules,
    service,
    snapshots,
    task_leases,
    tasks,
    webhooks,
)
from api.services import Services
from api.sockets import routes as sockets
from api.task_lines import TaskLines
from api.waiting import Finished
from shared.database import Database
from shared.queues import Bell
from shared.seal import Seal
from shared.settings import Settings

CONNECTIONS = 16


class IdConverter(IntegerConverter):
    """An integer id as our tables make them; anything else is no such object."""

    regex = r"[1-9][0-9]{0,17}"


def build_application(settings: Settings) -> Flask:
    """The application with its services; opens no connection before the first request."""
    app = Flask("api", static_folder=None)
    app.url_map.converters["id"] = IdConverter
    app.url_map.strict_slashes = False
    app.config.update(openapi_settings(), MAX_BODY_BYTES=settings.max_body_bytes)
    announcements = Announcements(settings.redis_url)
    app.extensions["roundsman"] = Services(
        settings,
        Database(settings.database_url, size=CONNECTIONS, name="api"),
        Bell(settings.redis_url),
        Finished(announcements),
        TaskLines(announcements),
        Seal(settings.secret_keys),
    )
    log_requests(app)
    count_requests(app)
    register_error_handlers(app)
    require_keys(app)
    forbid_storing(app)
    api = Api(app)
    for module in (
        *(service, keys, login_links, checklists, runs, snapshots, schedules, schedule_actions, jobs),
        *(queues, tasks, task_leases, registry, webhooks, deliveries, events),
    ):
        api.register_blueprint(module.blueprint)
    compat.register(app)
    sockets.register(app)
    dashboard.register(app)
    serve_openapi(app, api)
    app.add_url_rule("/docs/assets/<name>", view_func=service.docs_asset)
    return app


def forbid_storing(app: Flask) -> None:
    """No answer may be kept by a cache unless it says so itself, and none be taken for another type."""

    @app.after_request
    def add_headers(response: Response) -> Response:
        response.headers.setdefault("Cache-Control", "no-store")
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response
