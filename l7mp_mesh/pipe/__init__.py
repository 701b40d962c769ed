"""How data moves: four verbs with the flow, two against it, and the few stages every session needs.

Nothing here knows a socket, an event loop or a configuration; see `docs/life-of-a-session.md`.
"""
