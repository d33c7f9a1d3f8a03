"""A world to test in: a clock that is driven, dice that are loaded, a whole token service."""
