"""`roundsman ui`: the way to the dashboard."""

import click

from roundsman.commands.access import connected


@click.command()
@click.option("--open", "opens", is_flag=True, help="Open it in the browser of this machine.")
def ui(opens: bool) -> None:
    """Print a link to the dashboard that logs in once, within an hour."""
    with connected() as client:
        link = client.keys.login_link()
    click.echo(link)
    if opens:
        click.launch(link)
