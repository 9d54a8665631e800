"""WebSockets for external workers: tasks come as soon as they are due, over one connection that is both ways."""
