"""Why a message has not arrived: the words that its webhook's owner reads.

Where private addresses are not allowed, `unreachable` is the same for a name that does not resolve,
one that resolves to a private address and an address that does not answer. Otherwise it would tell
which names and addresses the server's network has. Where they are allowed, the cause is told.
"""

from typing import Final

TIMEOUT: Final = "timeout"
UNREACHABLE: Final = "unreachable"
NAME_NOT_RESOLVED: Final = "name_not_resolved"
CONNECTION_REFUSED: Final = "connection_refused"
TLS_FAILED: Final = "tls_failed"
"""There is a connection to an allowed address, and TLS has failed, such as for its certificate."""
INVALID_RESPONSE: Final = "invalid_response"
