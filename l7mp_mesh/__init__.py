"""l7mp-mesh: a programmable dataplane for service meshes.

Listeners emit *sessions*; match-action *rules* give each a *route* through *transforms* to a *cluster*.
`docs/life-of-a-session.md` tells the story; the packages below are ordered by one rule: imports go down.
"""
