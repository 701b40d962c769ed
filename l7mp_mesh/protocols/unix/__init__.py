"""UNIX stream sockets (unix(7))."""
