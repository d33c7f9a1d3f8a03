"""Credential providers: static, Click-to-Call, a backend's API token."""
