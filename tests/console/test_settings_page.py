"""The page of settings: values, sources, and no secrets."""

from pathlib import Path

import pytest

from satmint.console_assembly import settings_in_force
from satmint.settings import Settings
from satmint.settings_sources import sources_of
from tests.console.visitor import visiting
from tests.kit.service import Server

PASSWORD = "very-secret"


async def test_page_says_where_a_value_comes_from(server: Server) -> None:
    async with visiting(server) as visitor:
        await visitor.sign_in_as_operator()
        page = (await visitor.get("/console/settings")).text
        assert ">--database</code>" in page
        assert ">SATMINT_KEYRING</code>" in page
        assert f"<code>{server.service.settings.keyring}</code>" in page
        found = (await visitor.get("/console/settings?search=keep_alive")).text
    assert "keep_alive_seconds" in found
    assert "event_retention_days" not in found


def test_password_of_the_database_is_left_out() -> None:
    url = f"postgresql://satmint:{PASSWORD}@db.example.com/satmint"
    shown = settings_in_force(Settings(database=url), {})
    assert PASSWORD not in str(shown)
    assert "db.example.com" in next(one.value for one in shown if one.name == "database")


def test_last_source_wins(tmp_path: Path) -> None:
    file = tmp_path / "satmint.toml"
    file.write_text("port = 1\nhost = '::1'\nissuer = 'x'\n")
    environment = {"SATMINT_PORT": "2", "SATMINT_HOST": "127.0.0.1"}
    found = sources_of({"port": 3, "workers": None}, environment, file)
    assert found == {"port": "--port", "host": "SATMINT_HOST", "issuer": str(file)}


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("cors_origins", ("https://a.example", "*"), "https://a.example, *"),
        ("regions", {"us": "a.b.example", "eu": None}, "us=a.b.example, eu="),
        ("private_webhooks", True, "true"),
        ("public_url", None, ""),
    ],
)
def test_value_is_written_as_in_a_variable(name: str, value: object, text: str) -> None:
    shown = settings_in_force(Settings(**{name: value}), {})  # type: ignore[arg-type]
    assert next(one.value for one in shown if one.name == name) == text
