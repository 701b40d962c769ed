"""Configuration from a management server: Envoy's discovery protocol, and its resources in our model.

`source` runs the stream, `stream` knows its rules, `inventory` what is held, `translate` what it means.
"""
