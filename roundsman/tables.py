"""Tables in the manner of the house."""

from rich.table import Table


def table(*titles: str, first_is_copied: bool = True) -> Table:
    """A table of these columns, folded where there is no room; the first one is not if it is there to be copied."""
    made = Table(box=None, pad_edge=False, header_style="dim")
    for number, title in enumerate(titles):
        made.add_column(title, no_wrap=number == 0 and first_is_copied, overflow="fold")
    return made
