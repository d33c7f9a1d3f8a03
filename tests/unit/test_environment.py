"""Variables: an empty one is unset, Kubernetes' are ignored, and the others must mean something."""

from pathlib import Path

import pytest

from satmint.environment import UnknownVariable, setting_variables, unknown_variables
from satmint.settings import FIELDS, Settings, SettingsError
from satmint.settings_sources import absolute_paths, load_settings

KUBERNETES = {
    "SATMINT_PORT": "tcp://10.96.12.34:8080",
    "SATMINT_SERVICE_HOST": "10.96.12.34",
    "SATMINT_SERVICE_PORT": "8080",
    "SATMINT_SERVICE_PORT_HTTP": "8080",
    "SATMINT_PORT_8080_TCP": "tcp://10.96.12.34:8080",
    "SATMINT_PORT_8080_TCP_PROTO": "tcp",
    "SATMINT_PORT_8080_TCP_PORT": "8080",
    "SATMINT_PORT_8080_TCP_ADDR": "10.96.12.34",
    # A second Service, `satmint-admin`, on IPv6.
    "SATMINT_ADMIN_PORT": "tcp://[fd00::1]:9464",
    "SATMINT_ADMIN_SERVICE_HOST": "fd00::1",
    "SATMINT_ADMIN_SERVICE_PORT": "9464",
    "SATMINT_ADMIN_PORT_9464_TCP": "tcp://[fd00::1]:9464",
    "SATMINT_ADMIN_PORT_9464_TCP_ADDR": "fd00::1",
}


def test_service_links_of_kubernetes_change_nothing_and_are_no_cause_of_a_warning() -> None:
    settings = load_settings({}, KUBERNETES)
    assert settings == Settings()
    assert unknown_variables(KUBERNETES, settings) == ()


@pytest.mark.parametrize("name", [field.name for field in FIELDS])
@pytest.mark.parametrize("text", ["", " ", "\n"])
def test_empty_variable_is_an_unset_one(name: str, text: str, tmp_path: Path) -> None:
    environment = {f"SATMINT_{name.upper()}": text}
    assert load_settings({}, environment) == Settings()
    assert unknown_variables(environment, Settings()) == ()
    if name == "workers":
        file = tmp_path / "satmint.toml"
        file.write_text("workers = 3\n")
        assert load_settings({}, environment, file).workers == 3


def test_blanks_around_a_variable_are_not_part_of_it() -> None:
    environment = {"SATMINT_PORT": " 80\n", "SATMINT_DATABASE": "sqlite:///a.db\n"}
    assert setting_variables(environment) == {
        "port": ("SATMINT_PORT", "80"),
        "database": ("SATMINT_DATABASE", "sqlite:///a.db"),
    }


def test_every_other_variable_is_named_with_the_nearest_setting() -> None:
    environment = {
        **KUBERNETES,
        "SATMINT_CLUSTERHOST": "puc.example.com",
        "SATMINT_PROT": "80",
        "SATMINT_HOSTS": "x",
        "SATMINT_SERVICE_HOST": "not an address",
        "SATMINT_NOTHING_LIKE_IT": "x",
        "SATMINT_CONFIG": "satmint.toml",
        "SATMINT_MASTER_KEYS": "{}",
        "SATMINT_WRAPPING_KEY": "secret",
        "SATMINT_EMPTY": "",
        "PORT": "x",
        "satmint_port": "x",
    }
    settings = Settings(keyring="env:SATMINT_MASTER_KEYS", keyring_kek="env:SATMINT_WRAPPING_KEY")
    found = {one.name: one.nearest for one in unknown_variables(environment, settings)}
    assert found == {
        "SATMINT_CLUSTERHOST": "SATMINT_CLUSTER_HOST",
        "SATMINT_PROT": "SATMINT_PORT",
        "SATMINT_HOSTS": "SATMINT_HOST",
        "SATMINT_SERVICE_HOST": found["SATMINT_SERVICE_HOST"],
        "SATMINT_NOTHING_LIKE_IT": None,
    }
    assert UnknownVariable("SATMINT_PROT", "SATMINT_PORT").remedy == "did you mean SATMINT_PORT?"
    assert UnknownVariable("SATMINT_X", None).remedy == "unset it"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("port", "http"),
        ("workers", "0"),
        ("private_webhooks", "maybe"),
        ("public_url", "not a url"),
        ("public_url", "fabric.example.com"),
        ("cors_origins", "app.example.com"),
        ("cors_origins", "*."),
        ("cluster_host", "https://puc.example.com"),
        ("regions", "eu=localhost"),
        ("trusted_proxies", "*"),
        ("log_level", "loud"),
        ("keyring_kek", "secret"),
    ],
)
def test_fault_names_the_option_the_variable_or_the_key_and_file(
    name: str, value: str, tmp_path: Path
) -> None:
    file = tmp_path / "satmint.toml"
    texts = {
        "regions": '{ eu = "localhost" }',
        "cors_origins": f'["{value}"]',
        "trusted_proxies": '["*"]',
    }
    file.write_text(f"{name} = {texts.get(name, repr(value))}\n")
    option = f"--{name.replace('_', '-')}"
    variable = f"SATMINT_{name.upper()}"
    for label, sources in (
        (f"{name} in {file}", ({}, {}, file)),
        (variable, ({}, {variable: value}, None)),
    ):
        with pytest.raises(SettingsError) as refusal:
            load_settings(*sources)
        assert str(refusal.value).startswith(f"{label} ")
    if name not in texts:
        with pytest.raises(SettingsError) as refusal:
            load_settings({name: value}, {variable: "no matter"}, file)
        assert str(refusal.value).startswith(f"{option} ")


def test_every_setting_with_an_address_gets_its_normal_form() -> None:
    settings = load_settings(
        {
            "host": "[::1]",
            "public_url": "https://Fabric.Example.com:443/",
            "cluster_host": "PUC.example.com:443",
            "regions": {"eu": "PUC.eu.example.com", "us": ""},
            "cors_origins": ("https://WWW.Example.com:443/", "*", "https://www.example.com"),
        },
        {},
    )
    assert settings.host == "::1"
    assert settings.public_url == "https://fabric.example.com"
    assert settings.cluster_host == "puc.example.com"
    assert settings.regions == {"eu": "puc.eu.example.com", "us": None}
    assert settings.cors_origins == ("https://www.example.com", "*")


def test_server_s_files_are_found_from_any_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    given = Settings(
        database="sqlite:///a%20b.db", tls_cert="c", tls_key="/k", keyring_kek="file:kek"
    )
    found = absolute_paths(given)
    assert found.database == f"sqlite:///{tmp_path}/a%20b.db"
    assert (found.keyring, found.tls_cert) == (f"{tmp_path}/keyring.json", f"{tmp_path}/c")
    assert (found.tls_key, found.keyring_kek) == ("/k", f"file:{tmp_path}/kek")
    assert absolute_paths(found) == found
    kept = Settings(database="postgresql://h/x", keyring="env:KEYS", keyring_kek="env:KEK")
    assert absolute_paths(kept) == kept
