"""The studies that come with archlab, and finding the file of one."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from archlab.foundation import UserError, is_file

STUDIES = Path(str(resources.files("studies")))


def study_path(source: str | Path) -> Path:
    """The file of a shipped study's name or of a path. Raises UserError where there is none."""
    path = Path(source)
    if path.suffix in (".yaml", ".yml") or is_file(path):
        return path
    known = studies()
    if str(source) in known:
        return STUDIES / f"{source}.yaml"
    raise UserError(
        f"there is no study {str(source)!r}: neither one of archlab's nor a YAML file", name=source, known=known
    )


def studies() -> list[str]:
    """Names of the studies that come with archlab: `quick`, `claims/isotropic_transfers`."""
    found = [*STUDIES.glob("*.yaml"), *STUDIES.glob("claims/*.yaml")]
    return sorted(path.relative_to(STUDIES).with_suffix("").as_posix() for path in found)
