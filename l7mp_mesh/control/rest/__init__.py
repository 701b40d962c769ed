"""REST `/api/v1`: the control API of L7mp."""
