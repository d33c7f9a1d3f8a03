"""`python -m satmint` is `satmint`."""

from satmint.cli import main

main()
