"""The version of the product."""

from __future__ import annotations


def version() -> str:
    """Version of the installed distribution, "0+unknown" when it was not installed."""
    from importlib.metadata import PackageNotFoundError
    from importlib.metadata import version as installed

    try:
        return installed("l7mp-mesh")
    except PackageNotFoundError:
        return "0+unknown"
