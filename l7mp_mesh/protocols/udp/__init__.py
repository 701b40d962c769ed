"""UDP (RFC 768): flows by 5-tuple."""
