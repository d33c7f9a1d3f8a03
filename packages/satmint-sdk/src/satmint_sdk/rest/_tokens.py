"""The methods below `client.fabric.tokens`.

Every method takes `extras`, further members of the body, and `request_options`. Every method raises
the errors of `satmint_sdk.rest.errors`.
"""

from __future__ import annotations

from collections.abc import Sequence

from satmint_sdk.rest._call import Call, Extras, members, path_of
from satmint_sdk.rest._options import RequestOptions
from satmint_sdk.rest._resource import D, Resource, api_method
from satmint_sdk.rest.types import SingleToken, SubscriberToken, TokenPair


class FabricTokens(Resource[D]):
    """Tokens for subscribers, guests, invitees and visitors."""

    @api_method
    def create_subscriber_token(
        self,
        *,
        reference: str,
        expire_at: int | None = None,
        application_id: str | None = None,
        password: str | None = None,
        first_name: str | None = None,
        last_name: str | None = None,
        display_name: str | None = None,
        job_title: str | None = None,
        time_zone: str | None = None,
        country: str | None = None,
        region: str | None = None,
        company_name: str | None = None,
        fingerprint: str | None = None,
        scope: str | Sequence[str] | None = None,
        extras: Extras | None = None,
        request_options: RequestOptions | None = None,
    ) -> Call[SubscriberToken]:
        """Open a session for a subscriber; creates or updates the subscriber.

        Args:
            reference: The subscriber's reference; often an e-mail address.
            expire_at: Expiry of the access token, seconds since the epoch; in two hours if absent.
            application_id: UUID of the application that the token is for.
            password: Set or changed; unchanged if empty or absent.
            first_name: Set or changed, like all members up to `company_name`.
            last_name: See `first_name`.
            display_name: See `first_name`.
            job_title: See `first_name`.
            time_zone: See `first_name`.
            country: See `first_name`.
            region: Which regional cluster the holder connects to.
            company_name: See `first_name`.
            fingerprint: RFC 7638 thumbprint of the key that the session is bound to.
            scope: `sat:refresh` allows the holder to refresh the token with that key.
            extras: Further members of the body.
            request_options: How to send this call.
        """
        named = {
            "reference": reference,
            "expire_at": expire_at,
            "application_id": application_id,
            "password": password,
            "first_name": first_name,
            "last_name": last_name,
            "display_name": display_name,
            "job_title": job_title,
            "time_zone": time_zone,
            "country": country,
            "region": region,
            "company_name": company_name,
            "fingerprint": fingerprint,
            "scope": scope if scope is None or isinstance(scope, str) else list(scope),
        }
        return Call(
            "POST",
            path_of("api", "fabric", "subscribers", "tokens"),
            body=members(named, extras),
            options=request_options,
        )

    @api_method
    def refresh_subscriber_token(
        self,
        *,
        refresh_token: str,
        extras: Extras | None = None,
        request_options: RequestOptions | None = None,
    ) -> Call[TokenPair]:
        """Exchange a refresh token for a new pair.

        The server makes this safe to repeat: if the response was lost, the same refresh token
        returns an equivalent pair. It is therefore tried three times by default.

        Args:
            refresh_token: The refresh token of the current pair.
            extras: Further members of the body.
            request_options: How to send this call.
        """
        return Call(
            "POST",
            path_of("api", "fabric", "subscribers", "tokens", "refresh"),
            body=members({"refresh_token": refresh_token}, extras),
            options=request_options,
            repeatable=True,
            default_retries=2,
        )

    @api_method
    def create_guest_token(
        self,
        *,
        allowed_addresses: Sequence[str],
        expire_at: int | None = None,
        region: str | None = None,
        ch: str | None = None,
        extras: Extras | None = None,
        request_options: RequestOptions | None = None,
    ) -> Call[TokenPair]:
        """Open a session for a guest, who may call only the given addresses.

        Args:
            allowed_addresses: UUIDs of one to ten addresses of the project.
            expire_at: End of the access token, seconds since the epoch; two hours ahead if absent.
            region: Which regional cluster the guest connects to.
            ch: The cluster host, given directly.
            extras: Further members of the body.
            request_options: How to send this call.
        """
        named = {
            "allowed_addresses": list(allowed_addresses),
            "expire_at": expire_at,
            "region": region,
            "ch": ch,
        }
        return Call(
            "POST",
            path_of("api", "fabric", "guests", "tokens"),
            body=members(named, extras),
            options=request_options,
        )

    @api_method
    def create_invite_token(
        self,
        *,
        address_id: str,
        expires_at: int | None = None,
        extras: Extras | None = None,
        request_options: RequestOptions | None = None,
    ) -> Call[SingleToken]:
        """Create a token for an invitee to one address of a subscriber.

        Args:
            address_id: UUID of the address.
            expires_at: End of the token, seconds since the epoch. Note the name: `expires_at`
                here, `expire_at` elsewhere.
            extras: Further members of the body.
            request_options: How to send this call.
        """
        return Call(
            "POST",
            path_of("api", "fabric", "subscriber", "invites"),
            body=members({"address_id": address_id, "expires_at": expires_at}, extras),
            options=request_options,
        )

    @api_method
    def create_embed_token(
        self,
        *,
        token: str,
        extras: Extras | None = None,
        request_options: RequestOptions | None = None,
    ) -> Call[SingleToken]:
        """Exchange a Click-to-Call token for an access token of a page's visitor.

        Args:
            token: The Click-to-Call token, `c2c_` and 32 hexadecimal digits.
            extras: Further members of the body.
            request_options: How to send this call.
        """
        return Call(
            "POST",
            path_of("api", "fabric", "embeds", "tokens"),
            body=members({"token": token}, extras),
            options=request_options,
        )
