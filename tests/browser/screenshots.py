"""Pictures of every page, in both themes and at two widths: `python -m tests.browser.screenshots DIRECTORY`.

Starts the whole service with its own Postgres and Redis, fills it, and says which page is wider than its window.
"""

import sys
import tempfile
from pathlib import Path

from roundsman.local.postgres import EmbeddedPostgres
from roundsman.local.redis import EmbeddedRedis
from shared.migrate import migrate
from tests.browser import showcase
from tests.browser.chromium import has_settled, running_browser, window
from tests.browser.pages import pages_of
from tests.browser.service import whole_service
from tests.target import Target

THEMES = ("light", "dark")
WIDTHS = (1440, 390)


def main(directory: Path) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as temporary,
        EmbeddedPostgres(Path(temporary), fsync=False) as postgres,
        EmbeddedRedis(Path(temporary)) as redis,
        Target() as target,
    ):
        migrate(postgres.url)
        environment = {
            "DATABASE_URL": postgres.url,
            "REDIS_URL": redis.url,
            "ROUNDSMAN_SIGNUP": "open",
            "ROUNDSMAN_SECRET_KEY": "a key for pictures alone",
            "ROUNDSMAN_EGRESS_ALLOW": "127.0.0.0/8",
            "ROUNDSMAN_LOG_FORMAT": "json",
        }
        with whole_service(environment, Path(temporary)) as api, running_browser() as browser:
            pages = pages_of(showcase.fill(api, target))
            for theme in THEMES:
                for width in WIDTHS:
                    with window(browser, api, width=width, theme=theme) as (context, problems):
                        for name, path in pages.items():
                            page = context.new_page()
                            page.goto(path)
                            has_settled(page)
                            picture = directory / f"{name}-{theme}-{width}.png"
                            page.screenshot(path=picture, full_page=True)
                            too_wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
                            remark = f" is {too_wide} px too wide" if too_wide > 0 else ""
                            sys.stdout.write(f"{picture}{remark}\n")
                            page.close()
                    for problem in problems:
                        sys.stdout.write(f"the console says: {problem}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
