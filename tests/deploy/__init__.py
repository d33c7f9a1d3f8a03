"""The ways of running it that the documents describe, tried."""
