"""WebSocket (RFC 6455): messages with text and binary kept apart, over an upgraded HTTP exchange."""
