"""Configuration languages, and the store they all write to."""
