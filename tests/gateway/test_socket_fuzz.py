"""Any frames on a real socket: each is answered, none is a bug, and the connection goes on."""

from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from tests.gateway.test_protocol_properties import TEXTS
from tests.kit.gateway import a_gateway, connect_params
from tests.kit.service import Server

# NUL and unpaired surrogates are refused with the frame, whose id is then not known.
_CHARACTERS = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
ODD = st.text(_CHARACTERS, max_size=40) | st.sampled_from(
    ("a.b.c", "a..b.c.d", ".." * 20, "é", "\x7f")
)
AT_ANY_PACE = 1_000_000


@settings(max_examples=6)
@given(texts=st.lists(TEXTS | st.binary(max_size=50), min_size=20, max_size=60))
async def test_any_frames_leave_the_connection_answering(
    server: Server, texts: list[str | bytes]
) -> None:
    pair = await server.sign_in()
    async with (
        a_gateway(server, running=False, requests_per_second=AT_ANY_PACE) as gateway,
        gateway.client() as client,
    ):
        with capture_logs() as lines:
            for text in texts:
                await client.socket.send(text)
            assert (await client.refused("last"))[0] == -32601
            await client.connected(pair["token"])
            for text in texts:
                await client.socket.send(text)
            assert await client.lives()
    assert [line for line in lines if line["log_level"] == "error"] == []


@settings(max_examples=6)
@given(
    shown=st.lists(
        st.tuples(ODD, ODD | st.none(), ODD | st.none(), ODD | st.none()), min_size=20, max_size=60
    )
)
async def test_any_credentials_are_refused_and_never_a_bug(
    server: Server, shown: list[tuple[str, str | None, str | None, str | None]]
) -> None:
    pair = await server.sign_in()
    async with (
        a_gateway(server, running=False, requests_per_second=AT_ANY_PACE) as gateway,
        gateway.client() as client,
    ):
        with capture_logs() as lines:
            for token, proof, state, protocol in shown:
                more = {"dpop_token": proof, "authorization_state": state, "protocol": protocol}
                params = connect_params(token, **more)
                code, _ = await client.refused("signalwire.connect", params)
                assert code == (-32602 if not token else -32003 if state else -32002)
                if state or proof is not None:
                    params = connect_params(pair["token"], **more)
                    code, _ = await client.refused("signalwire.connect", params)
                    assert code == (-32003 if state else -32002)
    assert [line for line in lines if line["log_level"] == "error"] == []
