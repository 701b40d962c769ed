"""Model in, running objects out: the only place where plug-ins meet."""
