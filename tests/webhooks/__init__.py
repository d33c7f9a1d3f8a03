"""What is carried to webhooks, to a real receiver on this machine."""
