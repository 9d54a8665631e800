"""Files inside the packages that bring the servers."""

import importlib.util
from pathlib import Path

from roundsman.local.failures import CannotStart


def package_directory(package: str, variable: str) -> Path:
    """Where an installed package lies, found without importing it: both warn or patch things on import.

    Raises CannotStart if it is not installed; `variable` is the setting that makes it unnecessary.
    """
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise CannotStart(
            f"the package {package} is not installed: pip install 'roundsman[local]', or set {variable} "
            "to use a server of your own"
        )
    return Path(spec.origin).parent
