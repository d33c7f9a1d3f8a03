"""What the tests share: frozen time, known dice, and a whole server in one value."""
