"""What operators ask the process itself: metrics now, Envoy's admin endpoints with its configuration."""
