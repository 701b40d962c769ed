"""Compiled decisions: fields, predicates, rewrites and the rule tables made of them.

Everything here is computed when the configuration is compiled; a look-up allocates next to nothing and never
raises for what a peer sent.
"""
