"""Copies a deployment from one database to another."""
