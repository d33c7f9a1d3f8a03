"""Whether a cluster that distributes tables by project sends a statement to one node.

By its text: every table that is distributed has a condition that equates its project with a
constant. A condition without a table's name counts for every table without an alias.
"""

import re
from typing import Final

from satmint.store.postgres.distribution import DISTRIBUTED_TABLES

_TABLE: Final = re.compile(
    rf"\b(?:FROM|JOIN|UPDATE)\s+({'|'.join(DISTRIBUTED_TABLES)})\b(?:\s+(?:AS\s+)?([a-z]\w*))?"
)
_INSERT: Final = re.compile(rf"\bINSERT\s+INTO\s+(?:{'|'.join(DISTRIBUTED_TABLES)})\b")
_CONSTANT: Final = r"project_id = (?:\$\d+|ANY \(\$\d+::uuid\[\]\))"


def unrouted_tables(sql: str) -> list[str]:
    """The distributed tables that lack the condition. The target of an INSERT needs none."""
    lacking = []
    for table, alias in _TABLE.findall(sql):
        name = alias or table
        bare = rf"(?<![\w.]){_CONSTANT}" if not alias else r"(?!)"
        if not re.search(rf"\b{name}\.{_CONSTANT}|{bare}", sql):
            lacking.append(name)
    return lacking


def inserts_copies(sql: str) -> bool:
    """Whether rows for a distributed table go through the coordinator, in two phases."""
    return bool(_INSERT.search(sql)) and not re.search(r"\bVALUES\b", sql)
