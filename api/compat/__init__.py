"""Other systems' clients, unchanged: thin translations onto the services of this API, one module for each system."""

from flask import Flask

from api.compat import automated_qa, dsw, infinitas, infinitas_socket, scheduler


def register(app: Flask) -> None:
    """Add the routes of every system, and the way in which each tells what goes wrong."""
    for system in (automated_qa, dsw, infinitas, infinitas_socket, scheduler):
        system.register(app)
