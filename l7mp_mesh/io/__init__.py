"""The only I/O: event loop, sockets, clock, tasks."""
