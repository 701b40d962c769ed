"""`python -m l7mp_mesh` is `l7mp-mesh`."""

import sys

from l7mp_mesh.app.cli import main

sys.exit(main())
