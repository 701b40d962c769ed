"""What all versions of HTTP share (RFC 9110)."""
