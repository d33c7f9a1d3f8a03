"""Rate limits: failed credentials, calls, exchanges of Click-to-Call tokens, invites."""

from typing import Final
from uuid import UUID

from satmint.flows.policy import Policy
from satmint.model.clock import Clock
from satmint.model.rate_limiter import RateLimiter, network_of
from satmint.model.refusals import RateLimited

_WEBHOOK_TESTS_PER_MINUTE: Final = 10
"""Per project. A test answers what a URL has answered, so that many of them would be a scan."""


class RateLimits:
    """Rate limits per minute, counted in this process."""

    def __init__(self, policy: Policy, clock: Clock) -> None:
        self._clock = clock
        calls = policy.calls_per_minute
        self._calls = None if calls is None else RateLimiter(calls)
        self._embeds = RateLimiter(policy.embeds_per_minute)
        self._invites = RateLimiter(policy.invites_per_minute)
        self._failures = RateLimiter(policy.failures_per_minute)
        self._webhook_tests = RateLimiter(_WEBHOOK_TESTS_PER_MINUTE)

    def count_failure(self, address: str) -> None:
        """Count a failed credential.

        Args:
            address: The client's IP address. Its network is the key of the limit.

        Raises:
            RateLimited: the network exceeds the limit.
        """
        retry_after = self._take_failure(address)
        if retry_after is not None:
            raise RateLimited(retry_after, "failed_credentials")

    def try_count_failure(self, address: str) -> bool:
        """Count a failed credential; return False if the network of `address` exceeds the limit."""
        return self._take_failure(address) is None

    def count_call(self, caller: UUID) -> None:
        """Count an authenticated call.

        Args:
            caller: The project of a backend, or the session of a subscriber. They are counted
                separately: otherwise, visitors of a page could block the page's owner.

        Raises:
            RateLimited: the caller exceeds the limit.
        """
        if self._calls is not None:
            retry_after = self._calls.take(str(caller), self._clock.monotonic())
            if retry_after is not None:
                raise RateLimited(retry_after, "calls")

    def refund_call(self, caller: UUID) -> None:
        """Undo the count of a call that was a replay or a resend."""
        if self._calls is not None:
            self._calls.refund(str(caller))

    def count_embed(self, c2c_digest: bytes, address: str) -> None:
        """Count an exchange of a Click-to-Call token.

        Args:
            c2c_digest: SHA-256 of the token.
            address: The client's IP address. Its network is part of the key of the limit.

        Raises:
            RateLimited: the network exceeds the limit for this token.
        """
        key = f"{c2c_digest.hex()} {network_of(address)}"
        retry_after = self._embeds.take(key, self._clock.monotonic())
        if retry_after is not None:
            raise RateLimited(retry_after, "embeds")

    def count_invite(self, session: UUID) -> None:
        """Count an invite that a SAT of `session` makes.

        Raises:
            RateLimited: the session exceeds the limit.
        """
        retry_after = self._invites.take(str(session), self._clock.monotonic())
        if retry_after is not None:
            raise RateLimited(retry_after, "invites")

    def count_webhook_test(self, project: UUID) -> None:
        """Count a test of a webhook.

        Raises:
            RateLimited: the project exceeds the limit.
        """
        retry_after = self._webhook_tests.take(str(project), self._clock.monotonic())
        if retry_after is not None:
            raise RateLimited(retry_after, "webhook_tests")

    def reset(self) -> None:
        """Forget all counts."""
        limiters = (self._embeds, self._invites, self._failures, self._webhook_tests)
        for limiter in limiters:
            limiter.reset()
        if self._calls is not None:
            self._calls.reset()

    def _take_failure(self, address: str) -> int | None:
        return self._failures.take(network_of(address), self._clock.monotonic())
