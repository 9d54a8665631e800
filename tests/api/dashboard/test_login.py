"""Coming in: with a key, or by a link that works once; and what keeps others out."""

import re

import pytest

from tests.api.dashboard.reading import HOSTILE, Browser
from tests.api_client import ApiClient


@pytest.fixture
def nobody(browser: Browser) -> Browser:
    """Somebody who has not logged in."""
    return Browser(browser.client.application.test_client())


@pytest.mark.parametrize("path", ["/ui", "/ui/runs?state=failed", "/ui/checklists"])
def test_who_has_not_logged_in_is_asked_to_and_then_gets_the_page_that_was_asked_for(
    nobody: Browser, account: ApiClient, path: str
) -> None:
    asked = nobody.get(path)
    form = nobody.follow(asked)
    assert form.one("h1").text == "Log in"
    back = nobody.post("/ui/login", on="/ui/login", key=account.key, next=form.field("next"))
    assert (back.status, back.location) == (303, path)
    assert nobody.get(path).status == 200


@pytest.mark.parametrize("key", ["", "rk_no", "rk_aaaaaaaaaaaa_bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb", HOSTILE])
def test_a_key_that_is_none_is_refused_in_words(nobody: Browser, key: str) -> None:
    refused = nobody.post("/ui/login", on="/ui/login", key=key)
    assert "does not know this key" in refused.one("p", role="alert").text
    assert nobody.get("/ui").status == 303


@pytest.mark.parametrize(
    "there", ["https://example.org/", "//example.org", "/\\example.org", "/ui/../x\n", "/runs", "/ui/login"]
)
def test_the_way_after_logging_in_leads_to_our_pages_only(nobody: Browser, account: ApiClient, there: str) -> None:
    back = nobody.post("/ui/login", on="/ui/login", key=account.key, next=there)
    assert back.location in ("/ui", "/ui/../x"), "only ours"


def test_a_link_logs_in_once(nobody: Browser, account: ApiClient) -> None:
    link = account.post("/login-links", {}).json["path"]
    assert nobody.get(link).location == "/ui"
    assert nobody.get("/ui").status == 200
    second = Browser(nobody.client.application.test_client())
    assert "has been used" in second.get(link).one("p", role="alert").text
    assert second.get("/ui").status == 303


def test_a_link_needs_a_key(api: ApiClient) -> None:
    assert api.without_key().post("/login-links", {}).status_code == 401


def test_a_revoked_key_ends_its_sessions(nobody: Browser, account: ApiClient) -> None:
    second = account.post("/api-keys", {"name": "second"}).json
    nobody.log_in(second["api_key"])
    assert nobody.get("/ui").status == 200
    assert account.delete(f"/api-keys/{second['id']}").status_code == 204
    assert nobody.get("/ui").status == 303


def test_logging_out_ends_the_session(browser: Browser) -> None:
    browser.post("/ui/logout")
    assert browser.get("/ui").location == "/ui/login?next=/ui"


def test_the_cookie_is_not_for_scripts_nor_for_other_sites_and_is_signed(browser: Browser) -> None:
    answer = browser.client.application.test_client().get("/ui/login")
    cookie = answer.headers["Set-Cookie"]
    assert {"HttpOnly", "SameSite=Lax", "Path=/ui"} <= set(cookie.split("; "))
    value = re.match("roundsman_session=([^;]+)", cookie)
    assert value is not None
    forged = browser.client.application.test_client()
    forged.set_cookie("roundsman_session", value[1][:-2] + "aa", path="/ui")
    assert forged.get("/ui").status_code == 303


def test_over_tls_the_cookie_stays_there(browser: Browser) -> None:
    client = browser.client.application.test_client()
    assert "; Secure" in client.get("/ui/login", base_url="https://here/").headers["Set-Cookie"]
    assert "; Secure" in client.get("/ui/login", headers={"X-Forwarded-Proto": "https"}).headers["Set-Cookie"]


@pytest.mark.parametrize(
    ("fields", "headers"),
    [({}, {}), ({"csrf": "0" * 32}, {}), ({"csrf": "é"}, {}), ({"csrf": "own"}, {"Sec-Fetch-Site": "cross-site"})],
)
def test_a_form_that_is_not_ours_does_nothing(
    browser: Browser, fields: dict[str, str], headers: dict[str, str]
) -> None:
    if fields.get("csrf") == "own":
        fields = {"csrf": browser.get("/ui/workers").field("csrf")}
    answer = browser.client.post("/ui/logout", data=fields, headers=headers)
    assert answer.status_code == 403
    assert browser.get("/ui").status == 200


def test_the_token_of_another_session_is_none(browser: Browser, account: ApiClient) -> None:
    other = Browser(browser.client.application.test_client())
    other.log_in(account.key or "")
    token = other.get("/ui/workers").field("csrf")
    assert browser.client.post("/ui/logout", data={"csrf": token}).status_code == 403


def test_pages_let_a_browser_load_nothing_but_our_own_files(browser: Browser) -> None:
    for path in ("/ui", "/ui/login", "/ui/nothing"):
        policy = browser.client.get(path).headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy


@pytest.mark.parametrize("name", ["dashboard.css", "dashboard.js", "icon.svg"])
def test_the_files_of_the_pages_are_there_without_a_key(nobody: Browser, name: str) -> None:
    with nobody.client.get(f"/ui/assets/{name}") as answer:
        assert answer.status_code == 200
        assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize("path", ["/ui/assets/../blueprint.py", "/ui/assets/secret", f"/ui/{HOSTILE}"])
def test_what_is_not_there_is_told_on_a_page(browser: Browser, path: str) -> None:
    page = browser.get(path)
    assert page.status == 404
    assert page.one("h1").text == "There is nothing here."
    assert not page.all("script")


def test_a_theme_stays_chosen(browser: Browser) -> None:
    assert browser.get("/ui").one("html").attributes["data-theme"] == "auto"
    assert browser.post("/ui/theme", theme="dark", next="/ui/runs").location == "/ui/runs"
    assert browser.get("/ui").one("html").attributes["data-theme"] == "dark"
    browser.post("/ui/theme", theme=HOSTILE)
    assert browser.get("/ui").one("html").attributes["data-theme"] == "dark"


def test_a_form_that_is_too_large_is_refused_on_a_page(browser: Browser) -> None:
    refused = browser.post("/ui/theme", theme="x" * 1_100_000)
    assert refused.status == 413
    assert refused.one("h1").text
