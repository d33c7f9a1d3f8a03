"""A database's URL is shown without its password, whatever the password is made of."""

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from satmint.model.database_url import DatabaseUrl, is_postgres, without_password
from satmint.settings import Settings


@pytest.mark.parametrize(
    ("url", "shown", "secrets"),
    [
        ("sqlite:////var/lib/satmint.db", "sqlite:////var/lib/satmint.db", {}),
        ("postgresql://h/x", "postgresql://h/x", {}),
        ("postgresql://u@h:5/x", "postgresql://u@h:5/x", {}),
        ("postgresql://u:p@h/x", "postgresql://u@h/x", {"password": "p"}),
        ("postgres://u:p%40%2F@h/x", "postgres://u@h/x", {"password": "p@/"}),
        ("postgresql://u:a@b@h/x", "postgresql://u@h/x", {"password": "a@b"}),
        ("postgresql://u:p@a:1,b:2/x", "postgresql://u@a:1,b:2/x", {"password": "p"}),
        (
            "postgresql://u@/x?host=/run/pg&password=p&sslpassword=q",
            "postgresql://u@/x?host=/run/pg",
            {"password": "p", "sslpassword": "q"},
        ),
        ("postgresql://u:p@[/x", "postgresql://[", {}),
        ("postgresql://u:p/x", "postgresql://[", {}),
        ("postgresql://u:\u0661\u0662/x", "postgresql://[", {}),
        ("postgresql://h:/x", "postgresql://h:/x", {}),
        ("postgresql://u:p@[::1]:5/x", "postgresql://u@[::1]:5/x", {"password": "p"}),
        ("postgresql://u@h/x?password=p@q", "postgresql://u@h/x", {"password": "p@q"}),
        ("postgresql://h/x?options=&password=p", "postgresql://h/x?options=", {"password": "p"}),
        ("postgresql://u@h/x?p@q", "postgresql://[", {}),
    ],
)
def test_url_is_taken_apart(url: str, shown: str, secrets: dict[str, str]) -> None:
    found = DatabaseUrl.of(url)
    assert (found.redacted, found.secrets) == (shown, secrets)
    assert is_postgres(url) is not url.startswith("sqlite")


@pytest.mark.parametrize(
    "sign", ["/", "?", "#", "@/", "?@", "/@", "#@", "@?x@", "]", "[", ":/", "1/"]
)
@pytest.mark.parametrize("rest", ["h/x", "h:5432/x", "a,b/x", "[::1]:5432/x", "/x?host=/run"])
def test_password_that_is_not_escaped_is_not_shown_either(sign: str, rest: str) -> None:
    url = f"postgresql://u:zq7{sign}7qz@{rest}"
    shown = without_password(url)
    assert "zq7" not in shown
    assert "7qz" not in shown


@given(st.text(min_size=1))
def test_password_is_kept_and_never_shown(password: str) -> None:
    secret = f"zq7{password}7qz"
    url = f"postgresql://u:{quote(secret, safe='', errors='surrogatepass')}@h/x"
    found = DatabaseUrl.of(url)
    assert without_password(url) == "postgresql://u@h/x"
    assert "zq7" not in repr(found)
    assert "zq7" not in repr(Settings(database=url))
    assert found.secrets.keys() == {"password"}
