"""The commands: `l7mp-mesh` and `l7mpctl`."""
