"""Operations with which the vendor's SDK 3.x registers devices for push messages."""

from typing import Final

from satmint.flows.registered_devices import (
    MAX_PER_SESSION,
    DeviceRegistration,
    register_device,
    unregister_device,
)
from satmint.http.answers import NewDeviceAnswer, show_new_device
from satmint.http.body_schema import BodySchema
from satmint.http.call import Call, Response
from satmint.http.fields import OneOf, Text
from satmint.http.operations import (
    NO_CONTENT,
    Authentication,
    BodyHandler,
    HandlerContext,
    Operation,
)
from satmint.model.records import DeviceType
from satmint.model.refusals import Code

_PATH: Final = "/api/fabric/subscriber/devices"
_SDK_PATH: Final = "/subscriber/devices"
"""The path that the vendor's SDK 3.x really requests."""
_MAX_TOKEN_LENGTH: Final = 4096
"""Characters: the longest tokens of push services are shorter."""

_TYPE: Final = OneOf(
    name="device_type", doc="The kind of the device.", required=True, words=DeviceType
)
_TOKEN: Final = Text(
    name="device_token",
    doc="The device's token of its push service.",
    required=True,
    allow_empty=False,
    max_length=_MAX_TOKEN_LENGTH,
)
DEVICE: Final = BodySchema(
    "DeviceRegistrationRequest",
    (_TYPE, _TOKEN),
    lambda members: DeviceRegistration(members[_TYPE], members[_TOKEN]),
)


async def _register(
    context: HandlerContext, call: Call, request: DeviceRegistration
) -> NewDeviceAnswer:
    return show_new_device(await register_device(context.services, call.holder, request))


async def _unregister(context: HandlerContext, call: Call) -> Response:
    await unregister_device(context.services, call.holder, call.path_id("id"))
    return NO_CONTENT


def _operations(path: str, suffix: str, note: str) -> tuple[Operation, Operation]:
    return (
        Operation(
            id=f"register-device{suffix}",
            method="POST",
            path=path,
            tag="Subscriber",
            summary=f"Register a device{note}",
            description=(
                "Stores the device with the session of the SAT. Nothing is pushed to it. A session"
                f" has at most {MAX_PER_SESSION} devices; to register one again returns it as it"
                " is. They end with the session. Only for subscribers: a guest, invite or embed"
                " SAT is refused."
            ),
            authentication=Authentication.SUBSCRIBER_TOKEN,
            handler=BodyHandler(DEVICE, _register),
            status=201,
            answer=NewDeviceAnswer,
            refusals=frozenset({Code.FORBIDDEN}),
            secret=True,
        ),
        Operation(
            id=f"unregister-device{suffix}",
            method="DELETE",
            path=f"{path}/{{id}}",
            tag="Subscriber",
            summary=f"Unregister a device{note}",
            description="A device of the SAT's subscriber, of this session or of another one.",
            authentication=Authentication.SUBSCRIBER_TOKEN,
            handler=_unregister,
            status=204,
            refusals=frozenset({Code.FORBIDDEN, Code.NOT_FOUND}),
        ),
    )


OPERATIONS: Final = (
    *_operations(_PATH, "", ""),
    *_operations(_SDK_PATH, "-alias", " (short path)"),
)
