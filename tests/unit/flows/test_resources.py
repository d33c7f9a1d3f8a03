"""What a project keeps: API tokens, Click-to-Call tokens, addresses and subscribers."""

import asyncio
from uuid import UUID

import pytest

from satmint.flows.addresses import (
    AddressChange,
    NewAddress,
    create_address,
    delete_address,
    get_address,
    list_addresses,
    update_address,
)
from satmint.flows.credentials import (
    NewC2cToken,
    create_api_token,
    create_c2c_token,
    delete_api_token,
    delete_c2c_token,
    disable_c2c_token,
    list_c2c_tokens,
    update_api_token,
)
from satmint.flows.passwords import MAX_PASSWORD_BYTES, hash_password
from satmint.flows.projects import create_project
from satmint.flows.subscribers import (
    NewSubscriberRequest,
    SubscriberFields,
    create_subscriber,
    delete_subscriber,
    get_subscriber,
    list_subscribers,
    update_subscriber,
)
from satmint.model.events import EventKind
from satmint.model.listing import AddressFilter, Window
from satmint.model.permissions import FABRIC, MANAGEMENT, Permission
from satmint.model.records import AddressType, Channel, Profile
from satmint.model.refusals import Code, FieldError, NotFound, Unprocessable
from tests.kit.clock import NOW
from tests.kit.service import ORIGIN, Server

NOBODY = UUID(int=7)
TAKEN = "must be unique within the project"


async def test_project_is_kept(server: Server) -> None:
    project = await create_project(server.services, "mine")
    assert await server.services.store.projects.get(project.id) == project
    assert await server.services.store.projects.get(NOBODY) is None


async def test_api_token_is_changed_in_what_is_given(server: Server) -> None:
    services, project = server.services, server.tenant.id
    token, secret = await create_api_token(services, project, "one", FABRIC, ORIGIN)
    assert token.digest == secret.digest()
    renamed = await update_api_token(services, project, token.id, "two", None, ORIGIN)
    assert (renamed.name, renamed.permissions) == ("two", FABRIC)
    narrowed = await update_api_token(services, project, token.id, None, MANAGEMENT, ORIGIN)
    assert (narrowed.name, narrowed.permissions) == ("two", MANAGEMENT)
    emptied = await update_api_token(
        services, project, token.id, None, frozenset[Permission](), ORIGIN
    )
    assert emptied.permissions == frozenset()
    await delete_api_token(services, project, token.id, ORIGIN)
    for attempt in (
        update_api_token(services, project, token.id, "x", None, ORIGIN),
        delete_api_token(services, project, token.id, ORIGIN),
    ):
        with pytest.raises(NotFound) as refusal:
            await attempt
        assert refusal.value.cause == "api_token"
    assert await server.events() == [
        EventKind.API_TOKEN_CREATED,
        EventKind.API_TOKEN_CREATED,
        *[EventKind.API_TOKEN_UPDATED] * 3,
        EventKind.API_TOKEN_DELETED,
    ]


async def test_click_to_call_token_is_disabled_for_good(server: Server) -> None:
    services, project = server.services, server.tenant.id
    token, text = await server.c2c_token()
    assert text.startswith("c2c_")
    disabled = await disable_c2c_token(services, project, token, ORIGIN)
    assert disabled.disabled_at == NOW
    server.clock.advance(5)
    assert await disable_c2c_token(services, project, token, ORIGIN) == disabled
    assert list((await list_c2c_tokens(services.store, project, Window(10))).items) == [disabled]
    await delete_c2c_token(services, project, token, ORIGIN)
    for attempt in (
        disable_c2c_token(services, project, token, ORIGIN),
        delete_c2c_token(services, project, token, ORIGIN),
    ):
        with pytest.raises(NotFound) as refusal:
            await attempt
        assert refusal.value.cause == "c2c_token"
    assert (await server.events())[1:] == [
        EventKind.C2C_TOKEN_CREATED,
        EventKind.C2C_TOKEN_DISABLED,
        EventKind.C2C_TOKEN_DELETED,
    ]


async def test_click_to_call_token_leads_to_no_other_project(server: Server) -> None:
    other = await server.another_tenant()
    for place in (other.addresses[0].id, NOBODY):
        with pytest.raises(Unprocessable) as refusal:
            await create_c2c_token(
                server.services, server.tenant.id, NewC2cToken(place, "x", ()), ORIGIN
            )
        message = "The address must belong to the project"
        assert refusal.value.field_errors == (
            FieldError(Code.MUST_BELONG_TO_PROJECT, message, "address_id"),
        )


async def test_address_takes_its_name_for_everything_not_given(server: Server) -> None:
    made = await create_address(
        server.services, server.tenant.id, NewAddress("lobby", AddressType.ROOM)
    )
    assert (made.context, made.display_name, made.channels) == (
        "public",
        "lobby",
        frozenset(Channel),
    )
    assert await get_address(server.services.store, server.tenant.id, made.id) == made
    listed = await list_addresses(
        server.services.store, server.tenant.id, AddressFilter(name="lobby"), Window(10)
    )
    assert list(listed.items) == [made]


async def test_address_is_changed_in_what_is_given(server: Server) -> None:
    services, project, address = server.services, server.tenant.id, server.tenant.addresses[0]
    updated = await update_address(
        services.store, project, address.id, AddressChange(locked=True, name="help")
    )
    assert (updated.locked, updated.name, updated.display_name) == (True, "help", "support")
    assert await get_address(services.store, project, address.id) == updated
    same = await update_address(services.store, project, address.id, AddressChange())
    assert same == updated


async def test_name_of_an_address_is_unique_within_project_and_context(server: Server) -> None:
    services, project = server.services, server.tenant.id
    field_error = FieldError(Code.NOT_UNIQUE_WITHIN_PROJECT, f"Name {TAKEN}", "name")
    with pytest.raises(Unprocessable) as refusal:
        await create_address(services, project, NewAddress("support", AddressType.APP))
    assert refusal.value.field_errors == (field_error,)
    sales = server.tenant.addresses[1]
    with pytest.raises(Unprocessable) as refusal:
        await update_address(services.store, project, sales.id, AddressChange(name="support"))
    assert refusal.value.field_errors == (field_error,)
    elsewhere = NewAddress("support", AddressType.APP, context="internal")
    assert (await create_address(services, project, elsewhere)).context == "internal"
    with pytest.raises(Unprocessable):
        await update_address(
            services.store, project, sales.id, AddressChange(name="support", context="internal")
        )


async def test_addresses_that_are_not_there(server: Server) -> None:
    services, project = server.services, server.tenant.id
    gone, other = server.tenant.addresses[0].id, await server.another_tenant()
    await delete_address(services, project, gone, ORIGIN)
    for address in (gone, NOBODY, other.addresses[0].id):
        for attempt in (
            get_address(services.store, project, address),
            update_address(services.store, project, address, AddressChange(locked=True)),
            delete_address(services, project, address, ORIGIN),
        ):
            with pytest.raises(NotFound) as refusal:
                await attempt
            assert refusal.value.cause == "address"


async def test_two_who_change_an_address_at_once_do_not_undo_each_others(server: Server) -> None:
    services, project, address = server.services, server.tenant.id, server.tenant.addresses[0].id
    await asyncio.gather(
        update_address(services.store, project, address, AddressChange(locked=True)),
        update_address(services.store, project, address, AddressChange(display_name="Help")),
    )
    now = await get_address(services.store, project, address)
    assert (now.locked, now.display_name) == (True, "Help")


async def test_subscriber_is_created_under_its_e_mail_address(server: Server) -> None:
    services, project = server.services, server.tenant.id
    fields: dict[str, str | None] = {"email": "alice@example.com", "display_name": "Alice S."}
    made = await create_subscriber(
        services, project, NewSubscriberRequest("alice@example.com", SubscriberFields(fields))
    )
    assert (made.reference, made.email, made.epoch) == ("alice@example.com", "alice@example.com", 0)
    assert made.profile == Profile(display_name="Alice S.")
    assert await get_subscriber(services.store, project, made.id) == made
    page = await list_addresses(
        services.store, project, AddressFilter(subscriber=made.id), Window(10)
    )
    (address,) = page.items
    assert (address.context, address.name, address.type) == (
        "private",
        "alice-s",
        AddressType.SUBSCRIBER,
    )
    assert list((await list_subscribers(services.store, project, Window(10))).items) == [made]


async def test_subscriber_without_a_password_gets_a_random_one_that_can_be_hashed_whole(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed = list[str]()

    async def hashing(password: str) -> str:
        hashed.append(password)
        return await hash_password(password)

    monkeypatch.setattr("satmint.flows.subscribers.hash_password", hashing)
    for name in ("ada", "bob"):
        request = NewSubscriberRequest(f"{name}@example.com")
        await create_subscriber(server.services, server.tenant.id, request)
    assert len(set(hashed)) == 2
    assert [len(bytes.fromhex(password)) for password in hashed] == [24, 24]
    assert len(hashed[0]) <= MAX_PASSWORD_BYTES


async def test_two_subscribers_of_one_name_get_two_addresses(server: Server) -> None:
    services, project = server.services, server.tenant.id
    made = [
        await create_subscriber(
            services,
            project,
            NewSubscriberRequest(
                f"alice@{host}.example", SubscriberFields({"email": f"alice@{host}.example"})
            ),
        )
        for host in ("a", "b")
    ]
    names = []
    for subscriber in made:
        wanted = AddressFilter(subscriber=subscriber.id)
        page = await list_addresses(services.store, project, wanted, Window(10))
        names += [address.name for address in page.items]
    assert names[0] == "alice"
    assert names[1].startswith("alice-")


async def test_e_mail_address_is_unique_within_the_project(server: Server) -> None:
    services, project = server.services, server.tenant.id
    field_error = FieldError(Code.NOT_UNIQUE_WITHIN_PROJECT, f"Email {TAKEN}", "email")

    async def create(email: str) -> UUID:
        made = await create_subscriber(
            services, project, NewSubscriberRequest(email, SubscriberFields({"email": email}))
        )
        return made.id

    await create("alice@example.com")
    bob = await create("bob@example.com")
    before = await server.rows()
    with pytest.raises(Unprocessable) as refusal:
        await create("alice@example.com")
    assert refusal.value.field_errors == (field_error,)
    with pytest.raises(Unprocessable) as refusal:
        await update_subscriber(
            services, project, bob, SubscriberFields({"email": "alice@example.com"})
        )
    assert refusal.value.field_errors == (field_error,)
    assert await server.rows() == before


async def test_reference_follows_the_e_mail_address_where_it_was_one(server: Server) -> None:
    services, project = server.services, server.tenant.id
    wanted = SubscriberFields({"email": "alice@example.com"})
    alice = await create_subscriber(
        services, project, NewSubscriberRequest("alice@example.com", wanted)
    )
    moved = await update_subscriber(
        services, project, alice.id, SubscriberFields({"email": "alice@example.org"})
    )
    assert (moved.reference, moved.email) == ("alice@example.org", "alice@example.org")
    tokens = await server.sign_in("alice@example.org")
    assert tokens["subscriber_id"] == str(alice.id)


async def test_password_is_set_only_where_one_is_given(server: Server) -> None:
    services, project = server.services, server.tenant.id
    alice = await create_subscriber(
        services,
        project,
        NewSubscriberRequest("alice@example.com", SubscriberFields({"email": "alice@example.com"})),
    )

    async def resting() -> object:
        return (await server.rows("subscribers"))["subscribers"][0][5]

    generated = await resting()
    assert str(generated).startswith("$argon2id$")
    await update_subscriber(services, project, alice.id, SubscriberFields({"country": "NO"}))
    assert await resting() == generated
    await update_subscriber(services, project, alice.id, SubscriberFields({}, "correct horse"))
    assert await resting() != generated


async def test_subscribers_that_are_not_there(server: Server) -> None:
    services, project = server.services, server.tenant.id
    other = await server.another_tenant()
    foreign = await create_subscriber(
        services,
        other.id,
        NewSubscriberRequest("eve@example.com", SubscriberFields({"email": "eve@example.com"})),
    )
    _, text = await server.c2c_token()
    answer = await server.client.post("/api/embeds/tokens", json={"token": text})
    temporary = server.claims(answer.json()["token"]).sub
    before = await server.rows()
    for subscriber in (NOBODY, foreign.id, temporary):
        for attempt in (
            get_subscriber(services.store, project, subscriber),
            update_subscriber(services, project, subscriber, SubscriberFields({"country": "NO"})),
            delete_subscriber(services, project, subscriber, ORIGIN),
        ):
            with pytest.raises(NotFound) as refusal:
                await attempt
            assert refusal.value.cause == "subscriber"
    assert await server.rows() == before


async def test_deleting_a_subscriber_takes_its_address_and_ends_its_sessions(
    server: Server,
) -> None:
    tokens = await server.sign_in("alice@example.com")
    alice = UUID(tokens["subscriber_id"])
    await delete_subscriber(server.services, server.tenant.id, alice, ORIGIN)
    wanted = AddressFilter(subscriber=alice)
    page = await list_addresses(server.services.store, server.tenant.id, wanted, Window(10))
    assert list(page.items) == []
    assert (await server.info(tokens["token"])).status_code == 401
    assert (await server.refresh(tokens["refresh_token"])).status_code == 404
    assert (await server.events())[-1] is EventKind.SUBSCRIBER_DELETED
    resent = await server.sign_in("alice@example.com")
    assert resent["subscriber_id"] != tokens["subscriber_id"]
    assert (await server.refresh(tokens["refresh_token"])).status_code == 404


@pytest.mark.usefixtures("password_hash_of_production")
async def test_password_hash_is_argon2id_with_a_salt_of_its_own() -> None:
    one, other = await asyncio.gather(hash_password("same"), hash_password("same"))
    assert one.startswith("$argon2id$")
    assert one != other
