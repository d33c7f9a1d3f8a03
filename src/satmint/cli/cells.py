"""Values as text for people."""

from rich.text import Text


def format_cell(value: object) -> Text:
    """A value as text for people."""
    match value:
        case None | "" | ():
            return Text("-", "dim")
        case bool():
            return Text("yes" if value else "no")
        case tuple():
            return Text(escape_unprintable(", ".join(map(str, value))))
        case Text():
            return value
        case _:
            return Text(escape_unprintable(str(value)))


def escape_unprintable(text: str) -> str:
    """Escape the characters of `text` that are not printable.

    Clients choose names and user agents: these must not control the terminal or forge a line.
    """
    if text.isprintable():
        return text
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode("ascii")
        for letter in text
    )
