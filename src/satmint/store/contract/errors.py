"""What a store raises beside `StoreUnavailable`."""


class NotUnique(Exception):
    """Another record of the project has this value already; `attribute` names which."""

    def __init__(self, attribute: str) -> None:
        super().__init__(attribute)
        self.attribute = attribute


class SchemaUnknown(Exception):
    """The database's schema is not the one that this version of satmint knows."""
