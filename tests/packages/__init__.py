"""The packages as they are released: what is in them, and that they work where nothing else is."""
