"""What is counted and logged: handles resolved when the configuration is compiled, read when asked for."""
