"""TCP (RFC 9293): listeners and clusters."""
