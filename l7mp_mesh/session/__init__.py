"""Sessions: one leg routed; the unit of control, of statistics and of re-routing."""
