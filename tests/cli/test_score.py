import json

import numpy as np
import pandas as pd
import pytest

from archlab.scoring import xscore

GOOD = """model,cifar10,dogs,indoor
a,0.90,0.50,0.60
b,0.80,0.55,0.50
c,0.85,0.40,0.70
"""


@pytest.fixture
def table(tmp_path):
    def write(text, name="table.csv"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_the_published_table_as_json(command):
    code, out, err = command("score", "zhang2025", "--json")
    document = json.loads(out)
    assert (code, err) == (0, "")
    assert set(document) == {"lambda", "frame", "models", "regret"}
    assert set(document["regret"]) == {"xscore", "mean", "random", "by_dataset"}
    assert [round(document["regret"][way], 2) for way in ("xscore", "random")] == [0.24, 5.50]
    assert set(document["frame"]) == {"kind", "models", "split", "datasets", "dropped", "weak"}
    assert document["frame"]["kind"] == "cohort"
    assert document["frame"]["datasets"]["cifar10"] == [91.97, 95.19]
    best, *_, worst = document["models"]
    assert (best["model"], round(best["xscore"], 4)) == ("efficientnet", 0.9619)
    assert (worst["model"], round(worst["xscore"], 4)) == ("convnext", 0.0699)


def test_layouts_units_and_formats_give_one_answer(command, table, tmp_path):
    wide = pd.read_csv(table(GOOD))
    tidy = wide.melt("model", var_name="dataset")
    paths = [
        table(GOOD),
        tmp_path / "tidy.csv",
        tmp_path / "wide.parquet",
        tmp_path / "tidy.parquet",
        tmp_path / "semi.csv",
    ]
    tidy.to_csv(paths[1], index=False)
    wide.set_index("model").to_parquet(paths[2])
    tidy.assign(seed=0, split="test", metric="accuracy").to_parquet(paths[3])
    wide.assign(**(wide.set_index("model") * 100).reset_index()).to_csv(paths[4], sep=";", index=False)
    expected = xscore(wide.set_index("model"))["xscore"].to_dict()
    for path in paths:
        code, out, _ = command("score", path, "--json")
        assert code == 0
        assert {m["model"]: m["xscore"] for m in json.loads(out)["models"]} == pytest.approx(expected)


def test_a_saved_frame_scores_a_new_model_in_either_unit(command, table, tmp_path):
    frame = tmp_path / "frame.json"
    frame.write_text(command("score", table(GOOD), "--json")[1])
    for factor in (1, 100):
        numbers = ",".join(str(value * factor) for value in (0.95, 0.475, 0.7))
        code, out, _ = command(
            "score", table(f"model,cifar10,dogs,indoor\nnew,{numbers}\n"), "--frame", frame, "--json"
        )
        document = json.loads(out)
        assert (code, document["frame"]["kind"]) == (0, "file")
        assert document["models"][0]["mean"] == pytest.approx((1.5 + 0.5 + 1) / 3)


def test_references_span_the_frame(command, table):
    code, out, _ = command("score", table(GOOD), "--references", "a, b,a", "--json")
    document = json.loads(out)
    assert (code, document["frame"]["kind"], document["frame"]["models"]) == (0, "references", ["a", "b"])
    assert document["frame"]["datasets"]["indoor"] == [0.5, 0.6]


@pytest.mark.parametrize("lam", [0, 2])
def test_lambda_weighs_the_variance(command, table, lam):
    code, out, _ = command("score", table(GOOD), "--lambda", lam, "--json")
    document = json.loads(out)
    assert code == 0 and document["lambda"] == lam
    for row in document["models"]:
        assert row["xscore"] == pytest.approx(row["mean"] - lam * row["variance"])


def test_seeds_give_intervals_and_a_split_is_chosen(command, tmp_path):
    rng = np.random.default_rng(0)
    rows = [
        (m, d, s, split, metric, rng.uniform(0.2, 0.9))
        for m in "abc"
        for d in "xyz"
        for s in range(3)
        for split in ("validation", "test")
        for metric in ("accuracy", "balanced_accuracy")
    ]
    tidy = pd.DataFrame(rows, columns=["model", "dataset", "seed", "split", "metric", "value"])
    tidy.to_csv(tmp_path / "runs.csv", index=False)
    code, out, _ = command("score", tmp_path / "runs.csv", "--json")
    document = json.loads(out)
    assert (code, document["frame"]["split"]) == (0, "test")
    assert all(m["xscore_low"] < m["xscore_high"] for m in document["models"])
    chosen = tidy[(tidy["split"] == "validation") & (tidy["metric"] == "balanced_accuracy")]
    means = chosen.pivot_table(index="model", columns="dataset", values="value")
    out = command("score", tmp_path / "runs.csv", "--split", "validation", "--metric", "balanced_accuracy", "--json")[1]
    found = {m["model"]: m["xscore"] for m in json.loads(out)["models"]}
    assert found == pytest.approx(xscore(means)["xscore"].to_dict())


def test_a_table_for_the_terminal_best_first(command, table):
    code, out, err = command("score", table(GOOD))
    lines = out.splitlines()[3:6]
    assert code == 0 and "chosen by the xScore on the others" in out
    assert "lowers its xScore" not in err, "who is the best of all takes the frame along"
    err = command("score", table(GOOD), "--references", "a,c")[2]
    assert "b is so far above its mean on dogs that doing better there lowers its xScore" in err
    scores = [float(line.split()[1]) for line in lines]
    assert len(scores) == 3
    assert scores == sorted(scores, reverse=True)
    assert lines[0].split()[-1] in ("cifar10", "dogs", "indoor")


def test_a_score_of_ones_own_is_one_more_column(own_code_forgotten, command, table, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    table("def worst_case(normalised):\n    return normalised.min(axis=1)\n", "mine.py")
    own = ("--score", "mine.py:worst_case")
    code, out, _ = command("score", table(GOOD), *own, "--json")
    assert (code, {m["model"]: m["worst_case"] for m in json.loads(out)["models"]}) == (0, {"a": 0.5, "b": 0, "c": 0})
    plain, shown = (command("score", table(GOOD), *given)[1].splitlines() for given in ((), own))
    assert shown[2].split("variance")[1].split() == ["worst_case", *plain[2].split("variance")[1].split()]
    for reference, message in [
        ("mine.py:worst_cas", "no function or class 'worst_cas' - did you mean 'worst_case'?"),
        ("other.py:worst", "other.py cannot be read"),
        ("worst", "own code is named FILE.py:NAME, not 'worst'"),
    ]:
        code, out, err = command("score", table(GOOD), "--score", reference)
        assert (code, out, err.count("\n")) == (2, "", 1)
        assert message in err


def test_headings_are_read_as_they_are_quoted_and_in_any_case(command, table):
    code, out, _ = command("score", table('"model (a, b, c)";d1;d2\nm1;.5;.6\nm2;.6;.5\nm3;.1;.2\n'), "--json")
    assert code == 0 and list(json.loads(out)["frame"]["datasets"]) == ["d1", "d2"]
    tidy = "Model,DATASET,Seed,Value\na,x,0,.1\na,x,1,.2\na,y,0,.4\na,y,1,.3\nb,x,0,.3\nb,x,1,.2\nb,y,0,.1\nb,y,1,.2\n"
    code, out, _ = command("score", table(tidy), "--json")
    assert code == 0 and json.loads(out) == json.loads(command("score", table(tidy.lower()), "--json")[1])
    wide = table("Model,Value,Accuracy\na,.1,.2\nb,.2,.1\n")
    assert list(json.loads(command("score", wide, "--json")[1])["frame"]["datasets"]) == ["Value", "Accuracy"]


def test_seeds_and_the_row_numbers_of_pandas_are_no_datasets(command, table, tmp_path):
    rows = "a,0,.9,.1,.5\na,1,.8,.3,.4\nb,0,.1,.2,.6\nb,1,.2,.1,.7\n"
    written = table(f"model,seed,x,y,SEED\n{rows}")
    expected, wide = json.loads(command("score", written, "--json")[1]), pd.read_csv(written)
    assert list(expected["frame"]["datasets"]) == ["x", "y", "SEED"]
    wide.to_csv(tmp_path / "numbered.csv")
    wide.set_index(pd.Index([5, 3, 2, 1])).to_parquet(tmp_path / "numbered.parquet")
    capital = table(f"Model,Seed,x,y,SEED\n{rows}", "capital.csv")
    for path in (capital, tmp_path / "numbered.csv", tmp_path / "numbered.parquet"):
        assert json.loads(command("score", path, "--json")[1]) == expected


def test_a_column_of_means_is_pointed_out(command, table):
    papers = table("model,cifar,dogs,avg\na,95.1,70.2,82.7\nb,90.3,75.4,82.8\nc,80.5,60.2,70.4\n")
    said = "warning: avg is the mean of all others, and counts as a dataset: leave it out\n"
    assert said in command("score", papers)[2] and "is the mean" not in command("score", "zhang2025")[2]
    fewer = table("model,cifar,dogs,avg\na,.9,.7,.8\nb,.8,.6,.7\n")
    assert "is the mean" not in command("score", fewer)[2], "two may be so by chance"


def test_names_break_no_line(command, table):
    code, out, err = command(
        "score", table('model,seed,"a\nb",c\n"m\n1",0,.9,.1\n"m\n1",1,.8,.3\nm2,0,.1,.2\nm3,0,.1,.1\n')
    )
    assert code == 0 and "(a b to c)" in out.splitlines()[-1] and out.splitlines()[-1].startswith("On a dataset")
    assert all(line.startswith("warning: ") for line in err.splitlines()) and "m 1" in err


def test_an_unknown_metric_has_no_range_and_a_slip_of_the_pen_is_named(command, table):
    frames = table("model,a,b,c\nm1,120,240,300\nm2,100,140,200\nm3,-80,0.9,400\n")
    code, out, _ = command("score", frames, "--metric", "fps")
    assert code == 0 and "fps below the best model there" in out
    code, out, err = command("score", frames, "--metric", "logloss")
    assert (code, out, err) == (2, "", "error: archlab has no metric 'logloss' - did you mean 'log_loss'?\n")
    said = (
        "warning: archlab does not know the metric rmse: its highest value counts as the best; with --lower-is-better"
    )
    assert said in command("score", frames, "--metric", "rmse")[2]
    assert "archlab does not know" not in command("score", frames, "--metric", "rmse", "--lower-is-better")[2]


def test_the_title_names_the_metric(command, table):
    path = table("model,dataset,metric,value\na,x,auc,0.1\na,y,auc,0.3\nb,x,auc,0.2\nb,y,auc,0.1\n")
    assert "mean auc" in command("score", path, "--metric", "auc")[1]


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        (GOOD.replace("0.55", ""), ":3", "missing cell: no value of 'b' on 'dogs'"),
        (GOOD.replace("0.55", "NaN"), ":3", "missing cell: no value of 'b' on 'dogs'"),
        (GOOD.replace("0.55", "good"), ":3", "'good' is not a number"),
        (GOOD.replace("0.55", "inf"), ":3", "inf is no accuracy"),
        (GOOD.replace("0.55", "-0.1"), ":3", "-0.1 is no accuracy"),
        (GOOD.replace("0.55", "130"), ":3", "130 is no accuracy"),
        (
            GOOD.replace("0.55", "55"),
            ":2",
            "percent mixed with fractions: 'a' on 'cifar10' is 0.9, 'b' on 'dogs' is 55",
        ),
        (GOOD + "a,0.1,0.2,0.3\n", ":5", "'a' on 'cifar10' (seed 0) is given twice, first at"),
        (GOOD.replace("dogs", "cifar10"), ":1", "column 'cifar10' appears twice"),
        (GOOD.replace("0.55,", ""), ":3", "3 cells where the first line has 4"),
        (GOOD.replace("0.50,0.60", "0.55,0.60").replace("0.40", "0.55"), "", "'dogs' tells no models apart"),
        ("model,cifar10\na,0.1\nb,0.2\n", "", "1 dataset"),
        ("model,one,two\na,0.1,0.2\n", "", "one model alone"),
        ("model\na\nb\n", ":1", "has no dataset"),
        ("model,one,two\n", ":1", "no rows"),
        ("", "", "is empty"),
        ("model,one,two\n,0.1,0.2\n", ":2", "a model has no name"),
        ("model,dataset,value\na,x,0.1\na,y,0.2\nb,x,0.3\n", "", "missing cell: no value of 'b' on 'y'"),
        ("model,dataset,value\na,x,0.1\na,x,0.2\n", ":3", "is given twice"),
        ("model,dataset,score\na,x,0.1\n", ":1", "no column 'value'"),
        ("modle,dataset,value\na,x,0.1\n", ":1", "no column 'model' - did you mean 'modle'?"),
        ("model,dataset,metric,value\na,x,accurcy,0.1\n", ":1", "holds no metric 'accuracy', only accurcy"),
    ],
)
def test_a_bad_table_is_named_in_one_line(command, table, text, line, message):
    path = table(text)
    code, out, err = command("score", path)
    assert (code, out) == (2, "")
    assert err.startswith(f"error: {path}{line}: ")
    assert err.count("\n") == 1
    assert message in err


def test_bad_arguments(command, table, tmp_path):
    path = table(GOOD)
    frame = table("{", "frame.json")
    for arguments, message in [
        (["--references", "a,bb"], "no model 'bb' for the frame"),
        (["--references", "a"], "one model alone"),
        (["--frame", frame], "not valid JSON"),
        (["--frame", tmp_path / "none.json"], "none.json: cannot be read: No such file"),
        (["--frame", frame, "--references", "a,b"], "exclude each other"),
        (["--lambda", "nan"], "lambda must be a finite number"),
        (["--split", "test"], "has no column 'split' to choose 'test' from"),
    ]:
        code, out, err = command("score", path, *arguments)
        assert (code, out) == (2, "")
        assert message in err
        assert err.count("\n") == 1
    assert "did you mean 'zhang2025'" in command("score", "zhang205")[2]


def test_a_dataset_that_tells_references_apart_no_longer_counts_in_words(command, table):
    code, _, err = command("score", table(GOOD.replace("0.55", "0.50")), "--references", "a,b")
    assert code == 2
    assert "'dogs' tells no models apart" in err


def test_models_at_chance_are_marked_where_the_datasets_are_prepared_here(command, table, tmp_path, monkeypatch):
    from archlab.data import open_prepared

    path = table("model,digits,dogs,indoor\na,0.90,0.50,0.60\nb,0.10,0.55,0.50\nc,0.85,0.40,0.70\n")
    monkeypatch.setenv("ARCHLAB_HOME", str(tmp_path / "home"))
    code, out, err = command("score", path)
    assert code == 0 and "at chance" not in out + err
    open_prepared("digits", tmp_path / "home", 8)
    code, out, err = command("score", path)
    assert code == 0 and "at chance" in out.splitlines()[2] and "warning: at chance: on digits (b) no more" in err
    assert next(line for line in out.splitlines() if line.startswith("b ")).split()[-2:] == ["digits", "digits"]
    document = json.loads(command("score", path, "--json")[1])
    assert {each["model"]: each["at_chance"] for each in document["models"]} == {"a": [], "b": ["digits"], "c": []}


def test_no_folder_of_runs_is_made_to_score_a_table(command, table, tmp_path, monkeypatch):
    monkeypatch.delenv("ARCHLAB_HOME", raising=False)
    monkeypatch.chdir(tmp_path)
    assert command("score", table(GOOD))[0] == 0
    assert [path.name for path in tmp_path.iterdir()] == ["table.csv"]


def test_the_frame_of_all_models_may_be_asked_for_by_name(command, table):
    path = table(GOOD)
    assert command("score", path, "--frame", "all") == command("score", path)
    assert command("score", path, "--frame", "all", "--references", "a,b")[0] == 2
