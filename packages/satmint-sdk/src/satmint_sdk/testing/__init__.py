"""Parts for tests of programs that use this package: a clock that a test drives, a fake service.

    from satmint_sdk.testing import FakeClock, FakeTokenService

    clock = FakeClock()
    service = FakeTokenService(clock)
    async with service.async_client() as client:
        provider = SubscriberCredentialProvider(client, reference="alice", clock=clock)
        async with CredentialSession(provider, clock=clock) as session:
            await clock.advance(3 * 3600)
            assert service.accepts(await session.token())

`check_store` checks a refresh token store of your own against its contract. Nothing here needs a
test framework.
"""

from satmint_sdk.testing._clock import FakeClock, FakeEntropy, settle
from satmint_sdk.testing._service import FakeTokenService
from satmint_sdk.testing._stores import check_store
from satmint_sdk.testing._tokens import make_token

__all__ = [
    "FakeClock",
    "FakeEntropy",
    "FakeTokenService",
    "check_store",
    "make_token",
    "settle",
]
