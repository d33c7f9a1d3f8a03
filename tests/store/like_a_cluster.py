"""A PostgreSQL database that looks like a cluster with two shards: tables make it look so."""

from typing import Final

from tests.kit.postgres import execute, the_server

TWO_SHARDS: Final = """
CREATE OR REPLACE FUNCTION get_shard_id_for_distribution_column(regclass, uuid) RETURNS bigint
LANGUAGE sql AS 'SELECT 1 + get_byte(uuid_send($2), 0) % 2'
"""
"""The first byte of a project is even in the first shard, and odd in the second."""
CATALOG_MAY_CHANGE: Final = "SET allow_system_table_mods = on"
_LIKE_A_CLUSTER: Final = (
    CATALOG_MAY_CHANGE,
    "CREATE TABLE pg_catalog.pg_dist_partition AS SELECT 'sessions'::regclass AS logicalrelid",
    "CREATE TABLE pg_catalog.pg_dist_local_group AS SELECT 0 AS groupid",
    TWO_SHARDS,
)


def new_cluster() -> str:
    """The URL of such a database, new and empty but for the schema."""
    url = the_server().new_database()
    execute(url, *_LIKE_A_CLUSTER)
    return url
