"""The SDK beside the server: their environments, the wheel, and what the documents say."""
