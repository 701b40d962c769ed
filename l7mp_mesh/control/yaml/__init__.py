"""Configuration from a file, followed as it changes."""
