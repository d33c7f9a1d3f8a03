"""What the service does: the only place where the rules meet the store."""
