"""Settings: defaults, then a file, then variables, then the command line; and what is refused."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from satmint.settings import FIELDS, Settings, SettingsError, describe
from satmint.settings_sources import load_settings, parse_text, split_regions, split_words

PROXIES = "--trusted-proxies is invalid:"


def written(folder: Path, text: str) -> Path:
    file = folder / "satmint.toml"
    file.write_text(text, encoding="utf-8")
    return file


def test_without_anything_given_the_defaults_stand() -> None:
    settings = load_settings({}, {})
    assert settings == Settings()
    assert (settings.host, settings.port) == ("127.0.0.1", 8080)
    assert settings.regions == {"us-central": None}
    assert settings.replay_seconds == 600


def test_what_is_nearer_to_the_operator_goes_before(tmp_path: Path) -> None:
    file = written(tmp_path, 'port = 1\nissuer = "file"\nhost = "10.0.0.1"\n')
    environment = {"SATMINT_PORT": "2", "SATMINT_ISSUER": "variable"}
    settings = load_settings({"port": 3, "issuer": None}, environment, file)
    assert (settings.port, settings.issuer, settings.host) == (3, "variable", "10.0.0.1")


def test_every_kind_of_value_is_read_from_a_variable() -> None:
    settings = load_settings(
        {},
        {
            "SATMINT_PORT": "0",
            "SATMINT_CLUSTER_HOST": "puc.example.com:8443",
            "SATMINT_REGIONS": "us-central=, eu-west=puc.eu.example.com",
            "SATMINT_CORS_ORIGINS": "https://a.example, https://b.example,",
            "SATMINT_TRUSTED_PROXIES": "",
            "SATMINT_REPLAY_SECONDS": "0",
            "SATMINT_PROOF_AGE_SECONDS": "120",
            "SATMINT_DEVICE_SLACK_SECONDS": "0",
            "SATMINT_STRICT_PROOFS": "c3d2e1f0-a9b8-4c7d-8e6f-5a4b3c2d1e0f, *",
            "SATMINT_MAX_TOKEN_SECONDS": "86400",
            "SATMINT_LOG_FORMAT": "json",
        },
    )
    assert settings.port == 0
    assert settings.cluster_host == "puc.example.com:8443"
    assert settings.regions == {"us-central": None, "eu-west": "puc.eu.example.com"}
    assert settings.cors_origins == ("https://a.example", "https://b.example")
    assert settings.trusted_proxies == ()
    assert (settings.proof_age_seconds, settings.device_slack_seconds) == (120, 0)
    assert settings.strict_proofs == ("c3d2e1f0-a9b8-4c7d-8e6f-5a4b3c2d1e0f", "*")
    assert settings.replay_seconds == 0
    assert settings.max_token_seconds == 86_400
    assert settings.log_format == "json"


def test_every_kind_of_value_is_read_from_a_file(tmp_path: Path) -> None:
    file = written(
        tmp_path,
        """
        port = 9000
        issuer = "Ünïcödé"
        cors_origins = ["https://a.example"]
        max_session_seconds = 86400
        [regions]
        us-central = ""
        eu-west = "puc.eu.example.com"
        """,
    )
    settings = load_settings({}, {}, file)
    assert settings.port == 9000
    assert settings.issuer == "Ünïcödé"
    assert settings.cors_origins == ("https://a.example",)
    assert settings.regions == {"us-central": None, "eu-west": "puc.eu.example.com"}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"prot": 1}, "unknown setting --prot: did you mean port?"),
        ({"port": "http"}, "--port must be an integer"),
        ({"port": -1}, "--port must be at least 0"),
        ({"port": 65_536}, "--port must be at most 65535"),
        ({"issuer": ""}, "--issuer has an invalid value. The `iss` claim of every token."),
        ({"replay_seconds": -1}, "--replay-seconds must be at least 0"),
        ({"max_token_seconds": 59}, "--max-token-seconds must be at least 60"),
        ({"max_session_seconds": 599}, "--max-session-seconds must be at least 600"),
        ({"event_retention_days": 0}, "--event-retention-days must be at least 1"),
        ({"embeds_per_minute": 0}, "--embeds-per-minute must be at least 1"),
        ({"failures_per_minute": 0}, "--failures-per-minute must be at least 1"),
        ({"proof_age_seconds": 119}, "--proof-age-seconds must be at least 120"),
        ({"proof_ahead_seconds": -1}, "--proof-ahead-seconds must be at least 0"),
        ({"device_slack_seconds": -1}, "--device-slack-seconds must be at least 0"),
        # A session is kept for a day after its end, and no longer.
        (
            {"device_slack_seconds": 86_401},
            "--device-slack-seconds must be at most 86400",
        ),
        ({"tls_cert": "cert.pem"}, "set both tls_cert and tls_key, or neither"),
        ({"tls_key": "key.pem"}, "set both tls_cert and tls_key, or neither"),
        (
            {"trusted_proxies": ("10.0.0.1", "*")},
            f"{PROXIES} '*' would let every caller choose its own address: name the proxies",
        ),
        (
            {"trusted_proxies": ("proxy.example",)},
            f"{PROXIES} 'proxy.example' is not an IP address or a network such as 10.0.0.0/8",
        ),
    ],
)
def test_setting_without_sense_is_refused_by_name(given: dict[str, object], message: str) -> None:
    with pytest.raises(SettingsError) as refusal:
        load_settings(given, {})
    assert str(refusal.value) == message


def test_networks_of_trusted_proxies_are_read_from_everywhere(tmp_path: Path) -> None:
    file = written(tmp_path, 'trusted_proxies = ["10.0.0.0/8", "::1"]\n')
    environment = {"SATMINT_TRUSTED_PROXIES": "10.0.0.0/8, ::1"}
    for settings in (
        load_settings({"trusted_proxies": ("10.0.0.0/8", "::1")}, {}),
        load_settings({}, environment),
        load_settings({}, {}, file),
    ):
        assert settings.trusted_proxies == ("10.0.0.0/8", "::1")


def test_asterisk_as_trusted_proxies_is_refused_from_everywhere(tmp_path: Path) -> None:
    file = written(tmp_path, 'trusted_proxies = ["*"]\n')
    with pytest.raises(SettingsError, match="name the proxies"):
        load_settings({}, {}, file)
    with pytest.raises(SettingsError, match="name the proxies"):
        load_settings({}, {"SATMINT_TRUSTED_PROXIES": "*"})


@pytest.mark.parametrize("name", ["log_format", "log_level", "cluster_host"])
def test_setting_of_another_form_is_refused_and_not_repeated(name: str) -> None:
    with pytest.raises(SettingsError) as refusal:
        load_settings({name: "hunter2/secret"}, {})
    assert str(refusal.value).startswith(f"--{name.replace('_', '-')} has an invalid value. ")
    assert "hunter2" not in str(refusal.value)


@pytest.mark.parametrize("text", ["acme", "", "**", "*,", "C3D2E1F0-A9B8-4C7D-8E6F-5A4B3C2D1E0F"])
def test_what_is_no_project_is_no_project_whose_proofs_are_strict(text: str) -> None:
    with pytest.raises(SettingsError) as refusal:
        load_settings({"strict_proofs": (text,)}, {})
    assert "--strict-proofs" in str(refusal.value)


@pytest.mark.parametrize(
    "host",
    [
        "https://puc.example.com",
        "puc.example.com/",
        "puc example.com",
        "puc.example.com\n",
        "é.com",
    ],
)
def test_cluster_host_that_would_make_tokens_that_open_nowhere_is_refused(host: str) -> None:
    """`ch` goes into the header, and a header with anything else in it is never accepted."""
    with pytest.raises(SettingsError):
        load_settings({"cluster_host": host}, {})
    with pytest.raises(SettingsError):
        load_settings({"regions": {"us-central": host}}, {})


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"port = ", "Invalid value"),
        (b"port = 1\nport = 2", "Cannot overwrite a value"),
        (b'issuer = "\xff"', "invalid start byte"),
    ],
)
def test_file_that_cannot_be_read_is_named(tmp_path: Path, content: bytes, complaint: str) -> None:
    file = tmp_path / "satmint.toml"
    file.write_bytes(content)
    with pytest.raises(SettingsError) as refusal:
        load_settings({}, {}, file)
    assert str(refusal.value).startswith(f"cannot read {file}: ")
    assert complaint in str(refusal.value)


def test_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    file = tmp_path / "nowhere.toml"
    with pytest.raises(SettingsError, match="No such file or directory"):
        load_settings({}, {}, file)


def test_every_setting_can_be_spelled_as_text() -> None:
    texts = {"regions": "a=b.c", "cors_origins": "*", "trusted_proxies": "::1,10.0.0.1"}
    values: dict[str, Any] = {name: parse_text(name, text) for name, text in texts.items()}
    assert values == {
        "regions": {"a": "b.c"},
        "cors_origins": ("*",),
        "trusted_proxies": ("::1", "10.0.0.1"),
    }
    assert parse_text("port", "80") == "80"


def test_lists_and_regions_are_forgiving_about_blanks() -> None:
    assert split_words(" a , ,b,") == ("a", "b")
    assert split_words("") == ()
    assert split_regions(" eu = puc.eu.example.com , us= ,ap") == {
        "eu": "puc.eu.example.com",
        "us": None,
        "ap": None,
    }


@pytest.mark.parametrize("name", [field.name for field in FIELDS])
def test_every_setting_has_a_description(name: str) -> None:
    description = describe(name)
    assert description.endswith(".")
    assert len(description) > 15


def test_settings_are_a_value() -> None:
    with pytest.raises(AttributeError):
        Settings().port = 1  # type: ignore[misc]
    assert msgspec.structs.replace(Settings(), port=1).port == 1
