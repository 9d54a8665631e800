"""The dashboard: pages for people, below /ui. They have no powers of their own: all they do, they ask the API for."""

from flask import Flask

from api.dashboard import filters, login, pages
from api.dashboard.blueprint import blueprint
from api.dashboard.failures import show_errors_as_pages

VIEWS = (login, pages)  # importing them is what adds their views to the blueprint


def register(app: Flask) -> None:
    """Add the pages to the application."""
    filters.register(app)
    app.register_blueprint(blueprint)
    show_errors_as_pages(app)
