"""The HTTP API: parses requests, calls one flow for each, and formats responses.

The rules of the service are in `satmint.flows`.
"""
