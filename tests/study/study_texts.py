"""Writing studies in tests."""

import re

from archlab.foundation import read_yaml_text
from archlab.study.loading import load_study
from archlab.study.study import Study


def study(text: str) -> Study:
    """The study of a YAML text; MobileNetV2 is its base unless it names one."""
    if not re.search("^(base|compare):", text, re.MULTILINE):
        text += "\nbase: mobilenetv2"
    return load_study(read_yaml_text(text.strip(), source="study.yaml"))


SE = "{set: {channel_attention: {se: {ratio: 0.25}}}, where: {block: inverted_residual}}"
ECA = "{set: {channel_attention: eca}, where: {block: inverted_residual}}"
ATTENTION = f"attention: {{none: [], se: [{SE}], eca: [{ECA}]}}"
LAYOUT = """layout:
    pyramidal: []
    isotropic:
      - replace: {from: first, to: last}
        with: [{patch: {out: 512, size: {choose: [4, 7, 14]}}}, {isotropic: {out: 512, kernel: 5, repeat: 8}}]"""
LATE_SE = """late_se:
    when: {layout: pyramidal}
    options:
      none: []
      se: [{set: {channel_attention: {se: {ratio: 0.25}}}, where: {block: inverted_residual, stage: [-2, -1]}}]"""
DEPTH = "depth: [{set: {repeat: {range: [1, 4]}}, each: stage}]"


def choices(*given: str) -> str:
    """The choices of a study."""
    return "choices:\n" + "".join(f"  {choice}\n" for choice in given)
