"""The flows: functions that apply the rules of `satmint.model` to a request and call the store."""
