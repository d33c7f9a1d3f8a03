"""Field types for request bodies."""

from satmint.http.fields.choices import Flag, OneOf, SelfRefresh, SetOf
from satmint.http.fields.lists import (
    MAX_ADDRESSES,
    AddressIds,
    Id,
    Origins,
    TokenTexts,
    require_strings,
)
from satmint.http.fields.numbers import (
    Expiry,
    Integer,
    InviteExpiry,
    Number,
    OneOfIntegers,
    Seconds,
    require_integer,
)
from satmint.http.fields.objects import AnyObject, Time
from satmint.http.fields.regions import ClusterHost, Region
from satmint.http.fields.texts import (
    FormattedText,
    Password,
    ReferenceText,
    Text,
    TokenText,
    email,
    fingerprint,
    require_string,
    room_name,
    slug,
    web_url,
)

__all__ = [
    "MAX_ADDRESSES",
    "AddressIds",
    "AnyObject",
    "ClusterHost",
    "Expiry",
    "Flag",
    "FormattedText",
    "Id",
    "Integer",
    "InviteExpiry",
    "Number",
    "OneOf",
    "OneOfIntegers",
    "Origins",
    "Password",
    "ReferenceText",
    "Region",
    "Seconds",
    "SelfRefresh",
    "SetOf",
    "Text",
    "Time",
    "TokenText",
    "TokenTexts",
    "email",
    "fingerprint",
    "require_integer",
    "require_string",
    "require_strings",
    "room_name",
    "slug",
    "web_url",
]
