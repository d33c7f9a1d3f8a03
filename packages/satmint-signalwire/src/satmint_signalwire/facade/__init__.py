"""`satmint_sdk` by the import name of the vendor's SDK.

`signalwire.rest` and `signalwire.credentials` are `satmint_sdk.rest` and `satmint_sdk.credentials`;
every class is the same object under both names. Agents and the vendor's other parts are in
`signalwire-sdk`, which takes over where it is installed.
"""

from satmint_sdk import __version__

__all__ = ["__version__"]
