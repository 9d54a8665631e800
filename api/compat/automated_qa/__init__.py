"""automated-qa: its manager's routes, under /v1 and without it. Names of checklists are made up, for it knows none."""

from flask import Blueprint, Flask

from api.compat.automated_qa import checklists, keys, running, schedules, snapshots, webhooks
from api.compat.automated_qa.errors import write_problem
from api.errors import tell_in_words_of

PREFIX = "/compat/automated-qa"


def register(app: Flask) -> None:
    blueprint = Blueprint("automated-qa", __name__)
    for module in (keys, checklists, running, snapshots, schedules, webhooks):
        blueprint.register_blueprint(module.blueprint)
    app.register_blueprint(blueprint, url_prefix=PREFIX)
    app.register_blueprint(blueprint, url_prefix=f"{PREFIX}/v1", name="automated-qa-v1")
    tell_in_words_of(app, PREFIX, write_problem)
