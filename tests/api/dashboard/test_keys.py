"""Keys: made, shown once, revoked; the last one only on purpose."""

from api.dashboard.pages.keys import LAST_WORD
from tests.api.dashboard.reading import HOSTILE, Browser
from tests.api_client import ApiClient


def test_a_key_that_is_made_is_shown_once_and_belongs_to_the_same_account(browser: Browser, account: ApiClient) -> None:
    checklist = account.make_checklist()
    shown = browser.post("/ui/keys", name="deploy")
    secret = shown.one("pre", id="secret").text
    assert shown.status == 200
    assert (
        account.client.get(f"/checklists/{checklist['id']}", headers={"Authorization": f"Bearer {secret}"}).json
        == checklist
    )
    listed = browser.get("/ui/keys")
    assert "deploy" in listed.text
    assert secret not in listed.source


def test_the_name_of_a_key_is_text(browser: Browser) -> None:
    assert browser.post("/ui/keys", name=HOSTILE).status == 200
    page = browser.get("/ui/keys")
    assert HOSTILE in page.text
    assert HOSTILE not in page.source


def test_a_key_without_a_name_is_refused_at_the_field(browser: Browser) -> None:
    page = browser.post("/ui/keys", name="")
    assert page.status == 422
    assert page.one("p", id="name-error").text == "must be a string of 1 to 200 characters"


def test_a_revoked_key_is_refused(browser: Browser, account: ApiClient) -> None:
    other = account.post("/api-keys", {"name": "other"}).json
    assert browser.follow(browser.post(f"/ui/keys/{other['id']}/revoke")).status == 200
    assert account.client.get("/runs", headers={"Authorization": f"Bearer {other['api_key']}"}).status_code == 401


def test_who_revokes_the_own_key_is_logged_out(browser: Browser, account: ApiClient) -> None:
    account.post("/api-keys", {"name": "other"})
    [own, _] = account.get("/api-keys").json["data"]
    assert browser.post(f"/ui/keys/{own['id']}/revoke").location == "/ui/login"


def test_the_last_key_goes_only_with_a_word_and_the_account_with_it(browser: Browser, account: ApiClient) -> None:
    [own] = account.get("/api-keys").json["data"]
    refused = browser.post(f"/ui/keys/{own['id']}/revoke")
    assert refused.status == 422
    assert LAST_WORD in refused.one("p", id="word-error").text
    assert account.get("/runs").status_code == 200
    assert browser.post(f"/ui/keys/{own['id']}/revoke", word=LAST_WORD).location == "/ui/login"
    assert account.get("/runs").status_code == 401


def test_a_key_of_another_account_is_none(browser: Browser, api: ApiClient) -> None:
    stranger = api.without_key().signed_up()
    [theirs] = stranger.get("/api-keys").json["data"]
    assert browser.post(f"/ui/keys/{theirs['id']}/revoke", word=LAST_WORD).status == 404
    assert stranger.get("/runs").status_code == 200


def test_nobody_outside_can_call_as_the_dashboard_does(api: ApiClient) -> None:
    for name in ("roundsman.caller", "roundsman-caller", "Roundsman_Caller"):
        assert api.without_key().get("/runs", headers={name: "1"}).status_code == 401
