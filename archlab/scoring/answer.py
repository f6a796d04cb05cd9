"""A study's answer in a few sentences a choice, which follow from the effects alone, also where nothing is decided."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import pandas as pd

from archlab.foundation.words import duration, listed
from archlab.scoring.effects import Effects
from archlab.scoring.reading import decimals, points
from archlab.scoring.tidy import records
from archlab.scoring.verdicts import BETTER, SAME, UNDECIDED, WORSE

KIND_IN_WORDS = {"equal_budget": "At equal budget", "raw": "With the edit alone, parameters as they fall"}
TURNED = {BETTER: WORSE, WORSE: BETTER, SAME: SAME, UNDECIDED: UNDECIDED}
Row = dict[str, Any]


def answer(effects: Effects, seconds: Mapping[str, float] | None = None) -> str:
    """For each choice, those first of which something is decided: what is decided, then the option with the highest xScore,
    then what is open and what would decide it.

    Effects at equal budget are used where there are such, else the raw ones. Options are held against each other in what
    the study says to matter, else in xScore, else in points; a difference that is decided in points over all datasets or on
    single ones alone is told too.

    Args:
        seconds: By model, what one more seed of it takes on this machine, where it is known.
    """
    if effects.rows.empty:
        return "No answer: no option can be held against the base yet."
    rows = effects.rows[effects.rows["of"] != "interaction"]
    found = [_Choice(effects, seconds or {}, choice, part) for choice, part in rows.groupby("choice", sort=False)]
    said = [each.said() for each in found]
    return " ".join(text for text, _ in sorted(said, key=lambda each: not each[1]))


def verdict_in_short(row: Row, effects: Effects) -> str:
    """`attention=se worse than none (-9.20 points)`."""
    said = {
        BETTER: "better than",
        WORSE: "worse than",
        SAME: f"no difference that matters ({_limit(row, effects)}) to",
        UNDECIDED: "against",
    }
    difference = f"{row['difference']:+.{_digits(row, effects)}f} {_unit(row, effects)}"
    return f"{row['choice']}={row['option']} {said[row['verdict']]} {row['against']} ({difference})"


class _Choice:
    """What is to be said of one choice."""

    def __init__(self, effects: Effects, seconds: Mapping[str, float], choice: Any, rows: pd.DataFrame):
        self.effects, self.seconds, self.choice = effects, seconds, choice
        self.kind = "equal_budget" if (rows["kind"] == "equal_budget").any() else "raw"
        rows = rows[rows["kind"] == self.kind]
        rows = rows.assign(
            unit=[_unit(row, effects) for row in records(rows)],
            digits=[_digits(row, effects) for row in records(rows)],
        )
        self.options = list(dict.fromkeys(rows["option"]))
        over_all = rows[rows["dataset"].isna()]
        if over_all["about"].any():
            over_all = over_all[over_all["about"]]
        measure = "xscore" if (over_all["measure"] == "xscore").any() else "points"
        self.pairs = records(over_all[over_all["measure"] == measure])
        other = rows[(rows["dataset"].notna()) | (rows["measure"] != measure)]
        self.elsewhere = [row for row in records(other) if row["verdict"] in (BETTER, WORSE)]

    def said(self) -> tuple[str, bool]:
        """The sentences, and whether they tell anything that is decided."""
        start = f"{KIND_IN_WORDS[self.kind]}, "
        if not self.pairs:
            lacking = f"{self.choice} cannot be answered over all datasets: runs are missing"
            elsewhere = self._decided_elsewhere()
            return f"{start}{'; '.join([*elsewhere, lacking])}.", bool(elsewhere)
        turned = list(_both_ways(self.pairs))
        options = dict.fromkeys(row["option"] for row in turned)
        worse = {row["option"] for row in turned if row["verdict"] == WORSE}  # once decided, whatever it looks like now
        self.best = max(
            options,
            key=lambda name: (name not in worse, min(row["difference"] for row in turned if row["option"] == name)),
        )
        against = [row for row in turned if row["option"] == self.best]
        open_ = [row for row in against if row["verdict"] == UNDECIDED]
        decided = self._decided(against)
        if not open_:
            return f"{start}{'; '.join(decided)}.{self._lacking()}", True
        leader = f"{self.choice}={self.best} scores highest ({listed(map(_size, open_))}), but this is undecided"
        why = self._what_would_decide(open_)
        if not decided:
            return f"{start}{leader}: {why}.{self._lacking()}", False
        return f"{start}{'; '.join(decided)}. Of the rest, {leader}: {why}.{self._lacking()}", True

    def _lacking(self) -> str:
        """The options of which only single datasets are known."""
        there = {row[side] for row in self.pairs for side in ("option", "against")}
        gone = [f"{self.choice}={name}" for name in self.options if name not in there]
        return f" Over all datasets {listed(gone)} cannot be compared: runs are missing." if gone else ""

    def _decided(self, against: list[Row]) -> list[str]:
        """What is decided, one statement each: of the best, of effects of others, and where the score is open, in points."""
        name = f"{self.choice}={self.best}"
        better = [row for row in against if row["verdict"] == BETTER]
        same = [row for row in against if row["verdict"] == SAME]
        found = [f"{name} is better than {listed(map(_in_words, better))}"] if better else []
        if same:
            limit = _limit(same[0], self.effects)
            found.append(f"{name} makes no difference that matters ({limit}) to {listed(map(_in_words, same))}")
        mine = {(row["option"], row["against"]) for row in against}
        for row in self.pairs:
            pair = row["option"], row["against"]
            if row["of"] == "effect" and row["verdict"] != UNDECIDED and not {pair, pair[::-1]} & mine:
                said = f"is {row['verdict']} than"
                if row["verdict"] == SAME:
                    said = f"makes no difference that matters ({_limit(row, self.effects)}) to"
                found.append(f"{self.choice}={row['option']} {said} {_in_words(row)}")
        return [*found, *self._decided_elsewhere()]

    def _decided_elsewhere(self) -> list[str]:
        """Of pairs whose score is open: over all datasets in another measure, else on single datasets."""
        rows = self.pairs or self.elsewhere
        open_ = {(row["option"], row["against"]) for row in rows if not self.pairs or row["verdict"] == UNDECIDED}
        found, told = [], set()
        for over_all in (True, False):
            groups: dict[tuple[str, str, str], list[Row]] = {}
            for row in self.elsewhere:
                pair = row["option"], row["against"]
                if pair in open_ and pd.isna(row["dataset"]) == over_all and (over_all or pair not in told):
                    groups.setdefault((*pair, row["verdict"]), []).append(row)
            for (option, other, verdict), rows in groups.items():
                told.add((option, other))
                where = "" if over_all else f" on {listed(str(row['dataset']) for row in rows)}"
                sizes = listed(map(_difference, rows))
                found.append(f"{self.choice}={option} is {verdict} than {other}{where} ({sizes})")
        return found

    def _what_would_decide(self, rows: list[Row]) -> str:
        unknown = [row for row in rows if pd.isna(row["low"])]
        if unknown:
            one = any(row["seeds"] == 1 for row in unknown)
            seeds = "one seed cannot tell" if one else "seeds that agree to the last digit cannot tell"
            return f"{seeds} whether it is more than noise"
        by_seeds = [row for row in rows if not pd.isna(row["seeds_needed"])]
        by_images = [row for row in rows if pd.isna(row["seeds_needed"]) and not pd.isna(row["images_needed"])]
        hopeless = [row for row in rows if pd.isna(row["seeds_needed"]) and pd.isna(row["images_needed"])]
        several = len(rows) > 1
        found = []
        if by_seeds:
            most = max(row["seeds_needed"] for row in by_seeds)
            which = f" ({_against(by_seeds)})" if several and len(by_seeds) < len(rows) else ""
            found.append(
                f"about {most:.0f} seeds would be needed to decide a difference as small as this{which}"
                f"{self._time(by_seeds)}"
            )
        if by_images:
            times = max(row["images_needed"] for row in by_images)
            which = _against(by_images) if several else "it"
            found.append(f"no number of seeds decides {which}, {times:.1f} times the test images would")
        if hopeless:
            found.append(
                f"beside the noise, the difference to {listed(row['against'] for row in hopeless)} is too small to decide"
            )
        return "; ".join(found)

    def _time(self, rows: list[Row]) -> str:
        """What the missing seeds take, where that is known."""
        more: dict[str, float] = {}
        for row in rows:
            models = [*row["models"], *(self.effects.frame_models if row["measure"] == "xscore" else ())]
            for model in models:
                more[model] = max(more.get(model, 0), row["seeds_needed"] - row["most_seeds"])
        if not set(more) <= set(self.seconds):
            return ""
        shares = self.effects.shares.values()
        share = sum(shares) / len(shares) if shares else 1.0
        total = share * sum(seeds * self.seconds[model] for model, seeds in more.items())
        return f", {duration(total)} of work on this machine" if total >= 1 else ""


def _both_ways(rows: Iterable[Row]) -> Iterator[Row]:
    """Every pair of options, each way round."""
    for row in rows:
        yield row
        turned = {"difference": -row["difference"], "low": -row["high"], "high": -row["low"]}
        names = {"option": row["against"], "against": row["option"], "verdict": TURNED[row["verdict"]]}
        yield row | turned | names


def _unit(row: Row, effects: Effects) -> str:
    """`points`, `of xScore`, `points of macro-F1`; of a metric that is better lower, `points less log loss`."""
    metric = effects.metric
    of_metric = "" if metric.name == "accuracy" else f" of {metric.words}"
    if row["measure"] == "xscore":
        return f"of xScore{of_metric}"
    return f"{points(metric)}{of_metric}" if metric.higher_is_better else f"{points(metric)} less {metric.words}"


def _digits(row: Row, effects: Effects) -> int:
    return 3 if row["measure"] == "xscore" else decimals(effects.metric)


def _limit(row: Row, effects: Effects) -> str:
    """What matters: `1 point`, `0.05 of xScore`."""
    limit = effects.matters.of(row["measure"])
    if limit is None:
        return "nothing"
    unit = "of xScore" if row["measure"] == "xscore" else "point" if limit == 1 else "points"
    return f"{limit:g} {unit}"


def _size(row: Row) -> str:
    over = "than" if " less " in row["unit"] else "over"
    return f"{_number(row, 'difference')} {row['unit']} {over} {row['against']}"


def _difference(row: Row) -> str:
    return f"{_number(row, 'difference')} {row['unit']}, 95 % {_number(row, 'low')} to {_number(row, 'high')}"


def _in_words(row: Row) -> str:
    return f"{row['against']} ({_difference(row)})"


def _against(rows: Iterable[Row]) -> str:
    return f"that to {listed(str(row['against']) for row in rows)}"


def _number(row: Row, name: str) -> str:
    return format(row[name], f"+.{row['digits']}f")
