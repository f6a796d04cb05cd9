"""Reports of finished studies, or of any table of accuracies: Markdown, CSV, LaTeX, one page, plots."""

from archlab.report.analysis import analyse
from archlab.report.combining import in_frame_of
from archlab.report.material import Material, namesake, read_material, read_standard
from archlab.report.study_files import keys_of_study
from archlab.report.writing import text, write

__all__ = [
    "Material",
    "analyse",
    "in_frame_of",
    "keys_of_study",
    "namesake",
    "read_material",
    "read_standard",
    "text",
    "write",
]
