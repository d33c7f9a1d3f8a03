"""What an inspection finds in a database, which it only reads."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID

from satmint.model.incarnation import Incarnation, StoredMark


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """What is known of a PostgreSQL server, by its settings and views."""

    version: int
    """`server_version_num`."""
    clock_difference: float
    """Seconds that this machine's clock is ahead of the server's, to a second."""
    round_trip: float
    """Seconds that the question for the time took."""
    max_connections: int
    """Connections for users that are not superusers."""
    other_connections: int
    """Connections that other programs than satmint have now."""
    fsync: bool
    synchronous_commit: str
    """Of a new connection."""
    full_page_writes: bool
    synchronous_standbys: str
    """`synchronous_standby_names`; "" if commits wait for no standby."""
    connected_standbys: int | None
    """Synchronous standbys that are connected; None if the role may not see them."""
    idle_session_seconds: float
    """After how long the server ends an idle connection; 0: never."""
    autovacuum: bool
    """Whether `autovacuum` and `track_counts` are on."""
    tables_without_autovacuum: tuple[str, ...]
    """Tables of satmint for which it was turned off."""
    behind_pooler: bool
    """Whether a pooler is in between, as far as that can be told."""


@dataclass(frozen=True, slots=True)
class DatabaseInspection:
    """What was found."""

    pending: tuple[str, ...]
    """Migrations that the database lacks. Unless empty, nothing else of its content was read."""
    cause: str = ""
    """The condition of writing that does not hold; see `Store.ready`. "": all do."""
    incarnation: Incarnation | None = None
    location: str = ""
    """See `IncarnationStore.location`."""
    is_empty: bool = True
    """Whether there is no project."""
    marks: Mapping[UUID, StoredMark] = field(default_factory=dict)
    """The database's part of each mark."""
    known_keys: frozenset[str] = frozenset()
    """See `KnownKeyStore.ids`."""
    faults: tuple[str, ...] = ()
    """References to rows that do not exist, and indexes that are not valid."""
    server: ServerFacts | None = None
    """None: the database is a file."""
