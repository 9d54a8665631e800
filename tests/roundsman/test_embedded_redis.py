"""The Redis of our own, for real."""

import stat
from contextlib import closing
from pathlib import Path

import pytest
import redis

from roundsman.local.failures import CannotStart
from roundsman.local.redis import EmbeddedRedis


def test_it_answers_on_a_private_socket_and_keeps_nothing(tmp_path: Path) -> None:
    directory = tmp_path / 'with spaces and "quotes"'
    directory.mkdir()
    with EmbeddedRedis(directory) as server, closing(redis.Redis.from_url(server.url)) as client:
        client.set("bell", "rung")
        settings = [
            client.config_get(name)[name] for name in ("maxmemory-policy", "maxmemory", "save", "appendonly", "port")
        ]
        sockets = Path(server.url.removeprefix("unix://")).parent
        assert stat.S_IMODE(sockets.stat().st_mode) == 0o700
    assert settings == ["noeviction", str(256 * 1024 * 1024), "", "no", "0"]
    assert not sockets.exists()
    with EmbeddedRedis(directory) as server, closing(redis.Redis.from_url(server.url)) as client:
        assert client.get("bell") is None


def test_the_socket_directory_that_a_killed_one_left_is_removed(tmp_path: Path) -> None:
    killed = EmbeddedRedis(tmp_path)
    killed.start()
    left = Path(killed.url.removeprefix("unix://")).parent
    killed.process.stop(1.0)
    assert left.exists()
    with EmbeddedRedis(tmp_path):
        assert not left.exists()


def test_a_missing_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(CannotStart, match=r"pip install 'roundsman\[local\]', or set REDIS_URL"):
        EmbeddedRedis(tmp_path).start()


def test_a_server_that_cannot_run_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("roundsman.local.redis.package_directory", lambda _package, _variable: tmp_path)
    with pytest.raises(CannotStart, match=r"redis cannot be started: .*redis-server"):
        EmbeddedRedis(tmp_path).start()
    assert not (tmp_path / "redis-socket-directory").exists()
