"""Why a message has not arrived: the words that its webhook's owner reads.

`unreachable` is the same for a name that does not resolve, one that resolves to a private address
and an address that does not answer. Otherwise it would tell which names and addresses the server's
network has.
"""

from typing import Final

TIMEOUT: Final = "timeout"
UNREACHABLE: Final = "unreachable"
INVALID_RESPONSE: Final = "invalid_response"
