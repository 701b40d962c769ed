"""What holds for every test: property tests try the same examples in every run (`make soak` tries others)."""

from __future__ import annotations

import os

from hypothesis import settings

settings.register_profile("same", derandomize=True, deadline=None)
settings.register_profile("soak", deadline=None)
settings.load_profile("soak" if "L7MP_SOAK_SECONDS" in os.environ else "same")
