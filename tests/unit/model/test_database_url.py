"""A database's URL is shown without its password, whatever the password is made of."""

from contextlib import suppress
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from satmint.model.database_parameters import KNOWN
from satmint.model.database_url import (
    DatabaseUrl,
    check_database_url,
    is_postgres,
    without_password,
)
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
        ("postgresql://h/x\r\n", "postgresql://h/x", {}),
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


HOSTED: dict[str, str] = {
    "AWS": "postgresql://u:p@db.abc.eu-west-1.rds.amazonaws.com:5432/x?sslmode=verify-full",
    "Azure": "postgresql://u%40srv:p@srv.postgres.database.azure.com/x?sslmode=require",
    "DigitalOcean": "postgresql://doadmin:p@db.ondigitalocean.com:25060/defaultdb?sslmode=require",
    "Heroku": "postgres://u:p%2Fq@ec2-1.compute.amazonaws.com:5432/x",
    "Neon": "postgresql://u:p@ep-a.aws.neon.tech/x?sslmode=require&channel_binding=prefer"
    "&options=endpoint%3Dep-a",
    "Supabase": "postgresql://postgres.a:p@a.pooler.supabase.com:6543/postgres?pgbouncer=true",
    "YugabyteDB": "postgresql://u:p@a.yugabyte.cloud:5433/x?ssl=true&sslmode=verify-full",
    "Patroni": "postgresql://u:p@a:1,[2001:db8::1]:2,c/x?target_session_attrs=read-write"
    "&connect_timeout=3&load_balance_hosts=random",
    "keepalives": "postgresql://u:p@h/x?keepalives=1&keepalives_idle=30&keepalives_interval=10"
    "&keepalives_count=3&tcp_user_timeout=10000&application_name=satmint%20one",
    "socket": "postgresql://u@/x?host=/run/postgresql&port=6432",
    "socket in the authority": "postgresql://u:p@%2Frun%2Fpostgresql/x",
}


@pytest.mark.parametrize("company", HOSTED)
def test_url_of_a_hosting_company_is_understood(company: str) -> None:
    assert check_database_url(HOSTED[company]) == HOSTED[company]


def test_hosts_account_and_parameters_are_those_of_libpq() -> None:
    found = DatabaseUrl.of(HOSTED["Patroni"])
    assert found.hosts == (("a", 1), ("2001:db8::1", 2), ("c", None))
    assert (found.user, found.database) == ("u", "x")
    assert found.parameters["connect_timeout"] == "3"
    assert DatabaseUrl.of(HOSTED["socket"]).hosts == (("/run/postgresql", 6432),)
    assert DatabaseUrl.of(HOSTED["socket in the authority"]).hosts == (("/run/postgresql", None),)
    assert DatabaseUrl.of(HOSTED["Azure"]).user == "u@srv"
    assert DatabaseUrl.of(HOSTED["Supabase"]).behind_pooler
    assert "pgbouncer" not in DatabaseUrl.of(HOSTED["Supabase"]).for_tools
    # A plus sign stands for itself: it is no form of a web page.
    plus = DatabaseUrl.of("postgresql://h/x?password=a+b&application_name=c+d%20e")
    assert plus.secrets == {"password": "a+b"}
    assert plus.parameters == {"application_name": "c+d e"}
    given = DatabaseUrl.of("postgresql://a/x?host=b,c&port=1,2&dbname=y&user=v&sslmode=")
    assert (given.hosts, given.database, given.user) == ((("b", 1), ("c", 2)), "y", "v")
    assert given.parameters == {}


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("channel_binding=require", "channel_binding, which must be disable or prefer: the driver"),
        ("target_session_attrs=standby", "target_session_attrs, which must be any or read-write"),
        ("sslmode=on", "sslmode, which must be disable or allow or prefer or require or"),
        ("connect_timeout=soon", "connect_timeout, which must be a number"),
        ("connect_timeout=-1", "connect_timeout, which must be a number"),
        ("keepalives_idle=x", "keepalives_idle, which must be a number"),
        ("client_encoding=latin1", "client_encoding, which must be utf8"),
        ("sslrootcert=system", "sslrootcert=system: name the file of the system"),
        ("hostaddr=10.0.0.1", "hostaddr: it is not supported; use host"),
        ("connection_limit=5", "connection_limit: it is not supported; set database_connections"),
        ("schema=public", "schema: it is not supported; use options=-c%20search_path%3DNAME"),
        ("pgbouncer=yes", "pgbouncer, which must be true or false"),
        ("ssl_mode=require", "ssl_mode: it is unknown; did you mean sslmode?"),
        ("zq7=1", "zq7: it is unknown; remove it"),
        ("options=%00", "has a zero byte in the parameter options"),
        ("sslmode=&zq7=1", "zq7: it is unknown; remove it"),
        (f"{'z' * 40}=1", f"{'z' * 40}: it is unknown; remove it"),
        (f"{'z' * 41}=1", "with an unknown name: it is unknown; remove it"),
        ("z-q=1", "with an unknown name: it is unknown; remove it"),
        ("z%C3%A4q=1", "with an unknown name: it is unknown; remove it"),
    ],
)
def test_parameter_that_is_not_understood_is_refused_by_name(query: str, message: str) -> None:
    with pytest.raises(ValueError, match="parameter") as refusal:
        check_database_url(f"postgresql://u:7qzp@h/x?{query}")
    assert message in str(refusal.value)
    assert "7qz" not in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    "url",
    [
        *("postgresql://u:7qz@a,,b/x", "postgresql://u:7qz@h:0/x", "postgresql://u:7qz@h:99999/x"),
        *("postgresql://u:7qz@[::1/x", "postgresql://u:7qz@::1/x", "postgresql://u:7qz@:5432/x"),
        *("postgresql://h/x?password=7qz&rest7qz", "postgresql://u:7qz/@h/x", "mysql://u:7qz@h/x"),
        *("postgresql://u:7qz@/x?host=a,b&port=1,2,3", "sqlite:///", "sqlite:///7qz%00", "", "7qz"),
        *("postgresql://h/x?password=7qz&7qz=x", "postgresql://u:7qz%00@h/x"),
    ],
)
def test_url_that_is_not_one_is_refused_without_its_text(url: str) -> None:
    with pytest.raises(ValueError, match=r"^(must|is|has) ") as refusal:
        check_database_url(url)
    assert "7qz" not in str(refusal.value)


def test_one_name_is_suggested_for_one_that_is_near() -> None:
    with pytest.raises(ValueError, match=r"did you mean keepalives_idle\?$"):
        check_database_url("postgresql://h/x?keepalive_idle=1")


def test_certificates_are_files_and_other_parameters_may_say_system() -> None:
    for query in ("sslrootcert=/etc/ca.pem", "application_name=system"):
        url = f"postgresql://h/x?{query}"
        assert check_database_url(url) == url


@pytest.mark.parametrize(("port", "good"), [(1, True), (65535, True), (65536, False), (0, False)])
def test_port_is_from_1_to_65535(port: int, good: bool) -> None:
    found = DatabaseUrl.of(f"postgresql://h:{port}/x")
    assert found.hosts == ((("h", port),) if good else ())
    assert (found.redacted == "postgresql://[") is not good


def test_hosts_of_parameters_share_one_port_or_have_one_each() -> None:
    assert DatabaseUrl.of("postgresql:///x?host=a,b&port=6").hosts == (("a", 6), ("b", 6))
    assert DatabaseUrl.of("postgresql:///x?host=a,[::1]").hosts == (("a", None), ("::1", None))
    assert DatabaseUrl.of("postgresql:///x?host=a,b&port=6,7").hosts == (("a", 6), ("b", 7))
    assert DatabaseUrl.of("postgresql:///x?host=a,&port=6").redacted == "postgresql://["
    assert DatabaseUrl.of("postgresql://a,b:5/x?port=6").hosts == (("a", 6), ("b", 5))


def test_sqlite_url_is_good_with_a_path() -> None:
    assert check_database_url("sqlite:///satmint.db") == "sqlite:///satmint.db"
    assert DatabaseUrl.of("sqlite:///satmint.db").hosts == ()


def test_parts_beside_the_redacted_url_are_not_in_its_repr() -> None:
    found = DatabaseUrl.of("postgresql://user7:p@host7:7/data7?application_name=name7")
    fields = "redacted='postgresql://user7@host7:7/data7?application_name=name7'"
    assert repr(found) == f"DatabaseUrl({fields})"
    assert DatabaseUrl("x", {}) == DatabaseUrl("x", {}, None, (), None)


def test_every_parameter_of_libpq_is_known_or_has_a_remedy() -> None:
    assert {"keepalives", "channel_binding", "options", "connect_timeout"} < KNOWN
    for name in ("hostaddr", "require_auth", "sslcrldir", "requirepeer", "replication"):
        with pytest.raises(ValueError, match="it is not supported"):
            check_database_url(f"postgresql://h/x?{name}=1")


@given(
    st.text(max_size=40)
    | st.text("postgresql://u:p@h,[]?&=%0a1.#+\x00\n", max_size=60).map("postgresql://{}".format)
)
def test_any_text_is_a_url_or_refused(text: str) -> None:
    with suppress(ValueError):
        assert check_database_url(text) == text
