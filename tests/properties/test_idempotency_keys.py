"""Any sequence of keyed requests against a model: what each key has made, and who may see it."""

from dataclasses import dataclass
from typing import Final, Literal

import httpx
from hypothesis import given, settings
from hypothesis import strategies as st

from satmint.model.idempotency import KEPT_SECONDS
from satmint.model.lifetimes import CONCURRENT_REPLAY_SECONDS
from tests.kit.service import Server, said

PATH: Final = "/api/project/tokens"
SUBSCRIBERS: Final = "/api/fabric/resources/subscribers"


@dataclass(frozen=True)
class Post:
    """A request of one of two callers, with one of two keys and one of two bodies."""

    caller: int
    key: str
    name: str


@dataclass(frozen=True)
class Act:
    """What happens to the token that was made last with a key of that caller."""

    caller: int
    key: str
    what: Literal["use", "delete"]


STEPS: Final = st.lists(
    st.builds(Post, st.integers(0, 1), st.sampled_from("ab"), st.sampled_from(["x", "y"]))
    | st.builds(Act, st.integers(0, 1), st.sampled_from("ab"), st.sampled_from(["use", "delete"]))
    | st.sampled_from([1, CONCURRENT_REPLAY_SECONDS + 1, KEPT_SECONDS // 2, KEPT_SECONDS]),
    max_size=14,
)


@dataclass
class Made:
    """What the model knows of a key."""

    name: str
    id: str
    token: str
    at: int
    used: bool = False
    deleted: bool = False


async def manager(server: Server) -> httpx.BasicAuth:
    body = {"name": "manager", "permissions": ["management", "calling"]}
    answer = await server.client.post(PATH, json=body, auth=server.tenant.auth)
    return httpx.BasicAuth(str(server.tenant.id), said(answer, 200)["token"])


@settings(max_examples=40)
@given(steps=STEPS)
async def test_a_key_makes_one_thing_a_day_for_each_caller(
    server: Server, steps: list[Post | Act | int]
) -> None:
    """Each example has two callers of its own."""
    callers = [await manager(server), await manager(server)]
    model: dict[tuple[int, str], Made] = {}
    seen: set[str] = set()
    for step in steps:
        now = server.clock.now()
        if isinstance(step, int):
            server.clock.advance(step)
            continue
        at = step.caller, step.key
        known = model.get(at)
        if isinstance(step, Act):
            if known is not None and not known.deleted:
                await act(server, known, step.what, callers[step.caller])
            continue
        answer = await server.client.post(
            PATH,
            json={"name": step.name, "permissions": ["calling"]},
            auth=callers[step.caller],
            headers={"Idempotency-Key": step.key},
        )
        if known is None or now - known.at >= KEPT_SECONDS:
            made = said(answer, 200)
            assert "Idempotent-Replayed" not in answer.headers
            assert made["token"] not in seen
            seen.add(made["token"])
            model[at] = Made(step.name, made["id"], made["token"], now)
        elif step.name != known.name:
            assert code(answer) == "idempotency_key_reused"
        elif known.deleted or (known.used and now - known.at > CONCURRENT_REPLAY_SECONDS):
            assert code(answer) == "idempotency_result_unavailable"
        else:
            assert answer.headers["Idempotent-Replayed"] == "true"
            again = said(answer, 200)
            assert (again["id"], again["token"]) == (known.id, known.token)


async def act(server: Server, known: Made, what: str, auth: httpx.BasicAuth) -> None:
    if what == "use":
        own = httpx.BasicAuth(str(server.tenant.id), known.token)
        assert (await server.client.get(SUBSCRIBERS, auth=own)).status_code == 200
        known.used = True
    else:
        answer = await server.client.delete(f"{PATH}/{known.id}", auth=auth)
        assert answer.status_code == 204
        known.deleted = True


def code(answer: httpx.Response) -> str:
    (error,) = said(answer, 422)["errors"]
    return str(error["code"])
