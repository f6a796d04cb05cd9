"""Times of networks that tests make up."""

from __future__ import annotations

from archlab.study.progress import Progress

SLOW = "attention=se"  # in a model's name: what takes 9 ms in these tests; all else takes 3


def has_attention(run):
    return any(layer["arguments"].get("channel_attention") for layer in run.architecture["layers"])


def called(word):
    return lambda run: word in run.model


def maker(monkeypatch):
    """Makes times up by what is timed; gives the names of that, in order."""
    asked = []

    def make(slow=has_attention, unknown=lambda run: False):
        def made_up(runs, *_):
            asked.extend(each.model for each in runs)
            plain = {"low_ms": 1.0, "high_ms": 10.0, "n": 9, "hardware": "a machine", "precision": "float"}
            return {
                each.key: [] if unknown(each) else [{**plain, "median_ms": 9.0 if slow(each) else 3.0}] for each in runs
            }

        monkeypatch.setattr("archlab.deploy.latencies._measured", made_up)
        return asked

    return make


class Said(Progress):
    def __init__(self):
        self.lines = []

    def say(self, words):
        self.lines.append(words)
