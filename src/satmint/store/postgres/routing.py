"""Statements for rows of several projects, and their form for rows of one shard.

On a Citus cluster, a statement that locks or changes rows has to be of one shard: every table that
is distributed needs a condition that equates its `project_id` with constants of that shard. So a
batch is cut by shard there, and each part runs the form for one. Other databases run a batch as it
is.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from satmint.store.postgres.connecting import Connection

_MARK: Final = re.compile(r"/\*one shard of (\w+)\*/")

_OF_PARAMETER: Final = re.compile(r"\bproject_id = (\$\d+)")
_OF_OTHER: Final = re.compile(r"\b(\w+)\.project_id = \w+\.project_id\b")


def one_shard(table: str) -> str:
    """Marks where the condition on a table (or its alias) follows another condition."""
    return f"/*one shard of {table}*/"


def mark_correlated(sql: str, table: str) -> str:
    """Marks the condition of a subquery of a table (or its alias) on the project of another one."""
    return re.sub(rf"\b{table}\.project_id = \w+\.project_id\b", rf"\g<0>{one_shard(table)}", sql)


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement with the marks of `one_shard`."""

    several: str
    """The form for several projects: without these conditions."""
    one: str
    """The form for projects of one shard. It has the same arguments."""

    def form_for(self, connection: Connection) -> str:
        """The form for the database of a connection."""
        return self.one if connection.is_distributed else self.several


def statement(sql: str, projects: str = "$1") -> Statement:
    """Make both forms.

    Args:
        sql: With the marks of `one_shard`.
        projects: The argument that is the array of projects.
    """
    condition = rf" AND \1.project_id = ANY ({projects}::uuid[])"
    return Statement(_MARK.sub("", sql), _MARK.sub(condition, sql))


@lru_cache(maxsize=1024)
def repeat_project(sql: str) -> str:
    """A statement about the project of one parameter, which says so of every table in it.

    A cluster derives the project of a table from an equality with that of another one, but not in a
    correlated subquery.
    """
    parameters = set(_OF_PARAMETER.findall(sql))
    if len(parameters) != 1:
        return sql
    return _OF_OTHER.sub(rf"\g<0> AND \1.project_id = {parameters.pop()}", sql)
