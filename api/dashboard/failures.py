"""What goes wrong below /ui, as a page."""

from http import HTTPStatus

from flask import Flask, Response, g, render_template

from api.dashboard.blueprint import POLICY
from api.errors import Problem, tell_in_words_of

SENTENCES = {
    404: "There is nothing here.",
    403: "That was not done.",
    503: "The service cannot answer right now.",
    500: "Something went wrong here.",
}


def show_errors_as_pages(app: Flask) -> None:
    """Answer every error below /ui with a page that says what happened and leads on."""
    tell_in_words_of(app, "/ui", _page)


def _page(problem: Problem) -> Response:
    title = SENTENCES.get(problem.status, HTTPStatus(problem.status).phrase)
    text = render_template(
        "ui/failure.html", title=title, problem=problem, request_id=g.get("request_id"), logged_in="key" in g
    )
    return Response(text, problem.status, headers={"Content-Security-Policy": POLICY}, mimetype="text/html")
