"""Errors of a store, in addition to `StoreUnavailable`."""


class NotUnique(Exception):
    """Another record of the project has the same value of `attribute`."""

    def __init__(self, attribute: str) -> None:
        super().__init__(attribute)
        self.attribute = attribute


class SchemaUnknown(Exception):
    """The database's schema is not known to this version of satmint."""
