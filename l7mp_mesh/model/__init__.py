"""What is configured: frozen, hashable values without behaviour. Equality is the diff.

Every configuration language (L7mp YAML/JSON, REST, Envoy bootstrap, xDS) translates into these.
"""
