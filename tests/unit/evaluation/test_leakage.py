"""Each leakage proof on rows that break it, and on rows that do not."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from leakage_for_tests import fit_case, with_column, with_sections
from sklearn.base import clone
from sklearn.feature_selection import SelectKBest
from sklearn.pipeline import Pipeline
from workflows_for_tests import make_rows, make_workflow

from lakemill.evaluation.leakage import prove
from lakemill.evaluation.leakage.chance import check_permuted_labels
from lakemill.evaluation.leakage.columns import check_availability
from lakemill.evaluation.leakage.fitting import check_transformers, replace_rows
from lakemill.evaluation.leakage.learnt import digest_learnt
from lakemill.evaluation.leakage.proofs import PROOFS
from lakemill.evaluation.leakage.sides import check_duplicates, check_groups, check_keys, find_on_both_sides
from lakemill.evaluation.leakage.skill import measure_skill
from lakemill.preprocessing.splitting import Split

PROBLEMS = ("binary", "multiclass", "regression")
ENCODINGS = ("one_hot", "ordinal", "target")


def make_case(problem="binary", *, count=300, encode="auto", **sections):
    workflow = make_workflow(problem, **sections)
    candidate = {**workflow.train.candidates["plain"].model_dump(), "encode": encode, "search": {}}
    workflow = with_sections(workflow, train={**workflow.train.model_dump(), "candidates": {"plain": candidate}})
    return fit_case(workflow, make_rows(workflow, "2020-01-01", count, problem=problem))


@pytest.mark.parametrize("problem", PROBLEMS)
def test_sound_training_is_proved_sound_and_each_time_alike(problem):
    case = make_case(problem)
    proofs = prove(case)
    assert len(proofs) == len(PROOFS) == len({proof.name for proof in proofs})
    assert {proof.name: proof.text for proof in proofs if not proof.holds} == {}
    assert prove(case) == proofs


def test_where_the_gate_skips_leakage_nothing_is_looked_at():
    assert prove(make_case(gate={"leakage": "skip"})) == []


@pytest.mark.parametrize("problem", PROBLEMS)
@pytest.mark.parametrize("encode", ENCODINGS)
def test_transformers_fitted_on_training_rows_hold_and_those_fitted_on_all_rows_do_not(problem, encode):
    case = make_case(problem, encode=encode)
    assert check_transformers(case).holds

    on_all = clone(case.pipeline).fit(case.X, case.y)
    assert not check_transformers(replace(case, pipeline=on_all)).holds


def test_replaced_rows_are_others_in_all_but_key_and_time_and_the_rest_stay():
    workflow = make_workflow()
    rows = make_rows(workflow, "2020-01-01", 50)
    changed = replace_rows(workflow, rows, np.arange(40, 50), seed=0)

    assert changed.schema.equals(rows.schema)
    assert changed.slice(0, 40).equals(rows.slice(0, 40))
    for name in ("size", "noise", "colour"):
        assert not set(changed[name].to_pylist()[40:]) & set(rows[name].to_pylist())
    assert changed.select(["id", "at"]).equals(rows.select(["id", "at"]))
    assert sorted(changed["label"].to_pylist()[40:]) == sorted(rows["label"].to_pylist()[40:])


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (np.arange(3), np.arange(3.0)),
        (np.arange(4), np.arange(4).reshape(2, 2)),
        (np.array(["a", "b"], dtype=object), np.array(["b", "a"], dtype=object)),
        ({"a": 1}, {"a": 2}),
        ([1, [2]], [[1], 2]),
        ("1", 1),
        (None, 0),
    ],
)
def test_other_content_has_another_digest(one, other):
    assert digest_learnt(one) != digest_learnt(other)


def test_equal_content_has_one_digest():
    assert digest_learnt({"a": np.arange(3), "b": [None]}) == digest_learnt({"b": [None], "a": np.arange(3)})


def test_a_key_on_both_sides_is_told():
    case = make_case()
    ids = case.rows["id"].to_pylist()
    ids[-1] = ids[0]
    rows = case.rows.set_column(0, "id", pa.array(ids))

    proof = check_keys(replace(case, rows=rows))

    assert (check_keys(case).holds, proof.holds) == (True, False)
    assert "1 times one key is on both sides, like '15" in proof.text
    assert "table.key" in proof.text


def test_a_group_on_both_sides_is_told():
    case = make_case(dataset={"split": "group", "column": "colour"}, features={"numeric": ["size", "noise"]})
    whole = Split(np.arange(200), np.arange(200, 250), np.arange(250, 300))

    assert check_groups(case).holds
    assert not check_groups(replace(case, split=whole)).holds


@pytest.mark.parametrize(("copied", "holds"), [(0, True), (2, True), (3, False), (30, False)])
def test_copies_of_training_rows_among_test_rows_are_told(copied, holds):
    case = make_case(count=300, dataset={"split": "random"})
    X = case.X.copy()
    X.iloc[case.split.test[:copied]] = X.iloc[case.split.train[:copied]].to_numpy()
    proof = check_duplicates(replace(case, X=X))
    assert (proof.holds, round(proof.figures["across"] * len(case.split.test))) == (holds, copied)


def test_rows_that_come_twice_everywhere_are_told_whatever_training_rows_do_among_themselves():
    workflow = make_workflow(dataset={"split": "random"})
    once = make_rows(workflow, "2020-01-01", 200)
    twice = pa.concat_tables([once, once.set_column(0, "id", pa.array(range(200)))])

    proof = check_duplicates(fit_case(workflow, twice))

    assert not proof.holds
    assert "though size tells rows apart" in proof.text


def test_rows_of_few_categories_are_alike_by_coincidence():
    features = {"categorical": ["colour"]}
    proof = check_duplicates(make_case(dataset={"split": "random"}, features=features))
    assert (proof.holds, proof.figures["across"]) == (True, 1.0)


def test_a_feature_declared_as_known_later_fails_even_where_the_file_was_not_asked():
    case = make_case()
    table = case.workflow.table.model_copy(update={"known_after": {"size": 1}})
    late = case.workflow.model_copy(update={"table": table})
    assert not check_availability(replace(case, workflow=late)).holds


class Memory(SelectKBest):
    """A transformer that looks labels up wherever it finds them: all rows that it ever saw are known to it."""

    seen: dict = {}  # noqa: RUF012  # shared on purpose

    def fit(self, X, y):
        return self

    def transform(self, X):
        return np.asarray([[self.seen[float(one)]] for one in X["size"]])


@pytest.mark.parametrize("problem", PROBLEMS)
def test_a_pipeline_that_knows_labels_it_is_not_given_learns_from_permuted_ones(problem, monkeypatch):
    case = make_case(problem)
    from lakemill.evaluation.leakage import chance

    make_target = chance.make_target

    def remember(rows, label):
        y = make_target(rows, label)
        numbers = y if label.problem == "regression" else np.unique(y, return_inverse=True)[1].astype(float)
        Memory.seen = dict(zip(rows["size"].to_pylist(), numbers, strict=True))
        return y

    monkeypatch.setattr(chance, "make_target", remember)
    leaking = Pipeline([("transform", Memory()), ("estimate", clone(case.pipeline[-1]))])

    assert check_permuted_labels(case).holds
    proof = check_permuted_labels(replace(case, pipeline=leaking))
    assert not proof.holds
    assert proof.figures["low"] > 0.3


@pytest.mark.parametrize(
    ("y", "scores", "classes", "skill"),
    [
        (["a", "b"], [[1, 0], [0, 1]], ("a", "b"), 1),
        (["a", "b"], [[0, 1], [1, 0]], ("a", "b"), -1),
        (["a", "b"], [[0.5, 0.5], [0.5, 0.5]], ("a", "b"), 0),
        (["a", "b", "c"], [[1, 0, 0], [0, 1, 0], [0, 0, 1]], ("a", "b", "c"), 1),
        ([1.0, 2.0, 3.0], [1.0, 8.0, 27.0], (), 1),
        ([1.0, 2.0, 3.0], [5.0, 5.0, 5.0], (), 0),
        (["a", "a"], [[1, 0], [0, 1]], ("a", "b"), np.nan),
    ],
)
def test_skill_is_one_where_perfect_and_nothing_where_chance(y, scores, classes, skill):
    assert measure_skill(np.array(y), np.array(scores), classes=classes) == pytest.approx(skill, nan_ok=True)


def test_a_feature_a_little_under_the_limit_is_told_of_and_let_through():
    case = make_case(count=1000)
    labels = (case.y == "true").astype(float)
    hint = labels + np.random.default_rng(0).normal(0, 0.45, len(labels))
    noise = {"numeric": ["noise"], "categorical": []}
    workflow, rows = with_column(with_sections(case.workflow, features=noise), case.rows, hint=hint)

    proof = next(one for one in prove(fit_case(workflow, rows)) if one.name == "no feature tells nearly all alone")

    assert (proof.holds, proof.is_doubtful) == (True, True)
    assert "hint alone reaches 0.8" in proof.text


@pytest.mark.parametrize(
    ("columns", "both"),
    [
        ({"id": [1, 2, 3, 2]}, {"('2',)"}),
        ({"id": [1, 2, 3, 4]}, set()),
        ({"id": ["a", None, "b", None]}, {"(None,)"}),
        ({"id": [1, 2, 1, 2], "day": ["x", "y", "z", "y"]}, {"('2', 'y')"}),
        ({"id": [0.5, 1.5, 0.5, 2.5]}, {"('0.5',)"}),
    ],
)
def test_equal_rows_of_both_sides_are_found_by_their_names(columns, both):
    assert find_on_both_sides(pa.table(columns), np.array([0, 1]), np.array([2, 3])) == both


def test_keys_are_looked_for_in_all_rows_where_those_in_memory_are_a_sample():
    case = make_case()
    ids = pa.chunked_array([[*range(10), 3, 11]])
    whole = pa.table({"id": ids}), Split(np.arange(8), np.arange(8, 10), np.array([10, 11]))

    assert check_keys(case).holds
    assert check_keys(replace(case, whole=whole)).figures == {"both": 1}
