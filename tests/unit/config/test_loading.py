"""Wrong workflow files are told in words: file, key, remedy."""

import copy

import pytest
import yaml

from lakemill.config import find_workflow, load_workflow, load_workflows
from lakemill.exceptions import ConfigError

FILE = "include/workflows/parcels.yaml"
GONE = object()


@pytest.fixture
def said_of(project):
    """Function that changes keys of the good file (a dotted path: its value) and returns the error of reading it."""
    settings, _ = project
    path = settings.workflows / "parcels.yaml"

    def read(changes=None, text=None):
        content = yaml.safe_load(path.read_text())
        for key, value in (changes or {}).items():
            *parents, last = key.split(".")
            place = content
            for parent in parents:
                place = place.setdefault(parent, {})
            if value is GONE:
                del place[last]
            else:
                place[last] = copy.deepcopy(value)
        path.write_text(yaml.safe_dump(content, sort_keys=False) if text is None else text)
        with pytest.raises(ConfigError) as caught:
            load_workflow(path, settings)
        return str(caught.value)

    return read


RULE = {"rule": "range", "columns": ["weight"]}
UNKNOWN_KEYS = {
    "at the top": ({"colect": {}}, "unknown key 'colect'", "did you mean 'collect'?"),
    "in a section": ({"partition.timezon": "UTC"}, "unknown key 'partition.timezon'", "did you mean 'timezone'?"),
    "in a nested section": (
        {"table.label.known_afer": "1 day"},
        "unknown key 'table.label.known_afer'",
        "did you mean 'known_after'?",
    ),
    "in a source": ({"collect.parcels.pth": "x"}, "unknown key 'collect.parcels.pth'", "did you mean 'path'?"),
    "in a candidate": (
        {"train.candidates.plain.estimater": "x"},
        "unknown key 'train.candidates.plain.estimater'",
        "did you mean 'estimator'?",
    ),
    "in a range of a search": (
        {"train.candidates.plain.search": {"C": {"low": 1, "hihg": 2, "high": 3}}},
        "unknown key 'train.candidates.plain.search.C.hihg'",
        "did you mean 'high'?",
    ),
    "in a rule, a union by its rule": (
        {"clean": [{**RULE, "hihg": 3}]},
        "unknown key 'clean.0.hihg'",
        "did you mean 'high'?",
    ),
    "in the second rule": (
        {"clean": [{"rule": "strip"}, {"rule": "duplicates", "kep": "first"}]},
        "unknown key 'clean.1.kep'",
        "did you mean 'keep'?",
    ),
    "like nothing known": (
        {"gate.zzz": 1},
        "unknown key 'gate.zzz'",
        "known: against_champion, behaviour, better_than_naive",
    ),
}


@pytest.mark.parametrize(("changes", "problem", "remedy"), UNKNOWN_KEYS.values(), ids=UNKNOWN_KEYS)
def test_an_unknown_key_is_named_with_the_nearest_known_one(said_of, changes, problem, remedy):
    assert said_of(changes).startswith(f"{FILE}: {problem}\n  -> {remedy}")


WRONG_VALUES = {
    "a metric of another problem": (
        {"train.metric": "r2"},
        ["train.metric: must be one of roc_auc", "for classification; got 'r2'"],
    ),
    "a metric that nobody knows": ({"train.metric": "auc"}, ["train.metric: must be one of roc_auc", "got 'auc'"]),
    "the label as a feature": ({"features.categorical": ["late"]}, ["features: the label 'late' cannot be a feature"]),
    "the event time as a feature": (
        {"features.numeric": ["weight", "sent_at"]},
        ["features: the event time 'sent_at' can only be a feature under dates"],
    ),
    "a scaling that is none": (
        {"features.transform": {"scale": "robst"}},
        ["features.transform.scale: must be 'standard', 'min_max', 'robust'", "got 'robst'"],
    ),
    "a setting that is none": (
        {"features.by_column": {"weight": {"scal": "robust"}}},
        ["unknown key 'features.by_column.weight.scal'", "did you mean 'scale'"],
    ),
    "a setting of another kind": (
        {"features.by_column": {"depot": {"scale": "robust"}}},
        ["features: by_column.depot: scale says nothing of a column under categorical"],
    ),
    "settings of a column that is no feature": (
        {"features.by_column": {"height": {"scale": "robust"}}},
        ["by_column: height is no feature"],
    ),
    "no features in their section": ({"features": {}}, ["features: names no column", "leave features out"]),
    "the label in a list of features": ({"features": ["weight", "late"]}, ["the label 'late' cannot be a feature"]),
    "a feature named twice in a list": ({"features": ["weight", "weight"]}, ["weight named twice"]),
    "runs of text the wrong way round": (
        {"features.transform": {"ngrams": [3, 1]}},
        ["features.transform.ngrams: must be the shortest and the longest run", "[3, 1]"],
    ),
    "a norm of what may be missing": (
        {"features.transform": {"scale": "unit_norm", "impute": "none"}},
        ["unit_norm needs every value"],
    ),
    "a key that names a column twice": ({"table.key": ["id", "id"]}, ["table.key: id named twice"]),
    "a key named as a column of predictions": (
        {"table.key": ["id", "Partition"]},
        ["table: key: the lake has a column 'partition' of its own"],
    ),
    "an event time named as a column of predictions": (
        {"table.event_time": "score"},
        ["table: event_time: the lake has a column 'score' of its own"],
    ),
    "a label named as a column of predictions": (
        {"table.label.column": "predicted"},
        ["table: label.column: the lake has a column 'predicted' of its own"],
    ),
    "nothing to choose from": (
        {"train.candidates.plain.search": {"C": []}},
        ["train.candidates.plain.search: C is an empty list"],
    ),
    "a floor that is no number": ({"gate.floor": float("nan")}, ["gate.floor: must be a finite number; got nan"]),
    "an improvement without an end": (
        {"gate.better_than_naive": float("inf")},
        ["gate.better_than_naive: must be a finite number; got inf"],
    ),
    "a duration longer than time": (
        {"table.label.known_after": "99999999999 days"},
        ["table.label.known_after: must be less than a billion days"],
    ),
    "a start whose partition has no end": (
        {"partition": {"every": "month", "start": "9999-12"}},
        ["partition: the partition 9999-12 must begin and end within the years 1 to 9999"],
    ),
    "no feature": ({"features": {}}, ["features: names no column"]),
    "a missing key": ({"table.event_time": GONE}, ["key 'table.event_time' is missing", "add it"]),
    "a missing section": ({"table": GONE}, ["key 'table' is missing"]),
    "a wrong type": ({"train.seed": "seven"}, ["train.seed: must be a valid integer", "got 'seven'"]),
    "a text for a list": ({"table.key": "id"}, ["table.key: must be a list", "got 'id'"]),
    "an empty list": ({"table.key": []}, ["table.key:", "at least 1 item"]),
    "a share too large": ({"dataset": {"test": "150 %"}}, ["dataset.test: must be a share", "got '150 %'"]),
    "a duration of months": ({"table.label.known_after": "1 month"}, ["table.label.known_after: must be a number"]),
    "an unknown rule": ({"clean": [{"rule": "rang"}]}, ["clean.0: no rule 'rang'", "did you mean 'range'?"]),
    "an unknown kind of source": (
        {"collect": {"x": {"kind": "htp"}}},
        ["collect.x: no kind 'htp'", "did you mean 'http'?"],
    ),
    "a rule without its name": ({"clean": [{"columns": ["x"]}]}, ["clean.0", "rule"]),
    "a rule without its columns": ({"clean": [{"rule": "range"}]}, ["key 'clean.0.columns' is missing"]),
    "a range that falls": (
        {"train.candidates.plain.search": {"C": {"low": 3, "high": 1}}},
        ["train.candidates.plain.search.C: low must be under high"],
    ),
    "a start that is no key": ({"partition.start": "2024-03"}, ["partition: the key", "looks like 2013-01-31"]),
    "an end that is no key": ({"partition.end": "March"}, ["partition: the key", "got 'March'"]),
    "an end before the start": ({"partition.end": "2024-02-01"}, ["partition: end (2024-02-01) lies before start"]),
    "hours that are local": (
        {"partition": {"every": "hour", "start": "2024-03-01T00", "timezone": "Europe/Paris"}},
        ["partition: hourly partitions must be in UTC"],
    ),
    "a zone that is a folder": ({"partition.timezone": "America"}, ["partition.timezone: must be the name of a time"]),
    "several sources without a query": (
        {"table.sql": GONE, "collect.depots": {"path": "x.csv"}},
        ["table.sql: several sources need a query"],
    ),
    "a source named as the table": ({"collect.table": {"path": "x"}}, ["'table' is the name of the built table"]),
    "a source with a capital": ({"collect.Depots": {"path": "x"}}, ["collect.Depots: must match pattern"]),
    "a suite for no source": (
        {"expectations": {"parcel": "include/expectations/parcels.json"}},
        ["expectations.parcel: must be one of parcels, table"],
    ),
    "no file of the suite": (
        {"expectations": "include/expectations/parcel.json"},
        ["expectations.table: no file include/expectations/parcel.json", "paths start at the project's folder"],
    ),
    "no file of the query": ({"table.sql": "parcels.sql"}, ["table.sql: no file parcels.sql"]),
    "no file of a reference": (
        {"clean": [{"rule": "reference", "columns": ["id"], "column": "code", "file": "codes.csv"}]},
        ["clean.0.file: no file codes.csv"],
    ),
    "a path longer than a path can be": ({"table.sql": "x" * 5000}, ["table.sql: no file xxx"]),
    "the name of another file": ({"workflow": "parcel"}, ["is 'parcel', but the file is named parcels.yaml"]),
    "an estimator that is no path": ({"train.candidates.plain.estimator": "Forest"}, ["plain.estimator: "]),
}


@pytest.mark.parametrize(("changes", "parts"), WRONG_VALUES.values(), ids=WRONG_VALUES)
def test_a_wrong_value_is_told_with_its_file_and_key(said_of, changes, parts):
    said = said_of(changes)
    assert said.startswith(f"{FILE}: ")
    assert "\n  -> " in said
    assert [part for part in parts if part not in said] == []


def test_all_that_is_wrong_is_told_at_once_misspelt_keys_first(said_of):
    said = said_of({"table.event_time": GONE, "table.evnt_time": "sent_at", "train.seed": "seven"})
    problems = [line for line in said.splitlines() if not line.startswith("  ->")]
    assert problems[0] == f"{FILE}: unknown key 'table.evnt_time'"
    assert sorted(line.removeprefix(f"{FILE}: ")[:20] for line in problems[1:]) == [
        "key 'table.event_tim",
        "train.seed: must be ",
    ]


def test_a_number_that_is_not_finite_is_not_also_called_no_text(said_of):
    assert "valid string" not in said_of({"gate.better_than_naive": float("nan")})


def test_pydantics_own_names_are_not_shown(said_of):
    said = said_of(
        {"train.candidates.plain.search": {"C": {"low": 3, "high": 1}}, "clean": [{"rule": "range"}], "expectations": 5}
    )
    for word in ("Range", "list[", "LimitRange", "tuple", "pydantic", "Value error", "function-"):
        assert word not in said


BAD_TEXTS = {
    "a key given twice": ("workflow: parcels\nworkflow: parcels\n", f"{FILE}:2: not valid YAML: key 'workflow' given"),
    "a nested key given twice": ("train:\n  seed: 1\n  seed: 2\n", f"{FILE}:3: not valid YAML: key 'seed' given twice"),
    "a bracket left open": ("workflow: [parcels\n", f"{FILE}:2: not valid YAML: "),
    "a tab for indentation": ("train:\n\tseed: 1\n", f"{FILE}:2: not valid YAML: "),
    "a key that is a list": ("[a, b]: 1\n", f"{FILE}:1: not valid YAML: a key must be a single value"),
    "nothing": ("", f"{FILE}: must hold keys and values\n  -> begin with 'workflow: <name>'"),
    "a list": ("- workflow\n", f"{FILE}: must hold keys and values"),
    "python in disguise": ("workflow: !!python/object/apply:os.getcwd []\n", f"{FILE}:1: not valid YAML: "),
}

# what PyYAML and Python fail at with errors of their own
BAD_TEXTS |= {
    "a day that is in no calendar": ("a: 1\nend: 2013-02-30\n", f"{FILE}:2: not valid YAML: '2013-02-30' is no time"),
    "a truth that is none": ("log: !!bool perhaps\n", f"{FILE}:1: not valid YAML: 'perhaps' is no bool"),
    "a time that is none": ("at: !!timestamp soon\n", f"{FILE}:1: not valid YAML: 'soon' is no timestamp"),
    "a number too long to read": (f"seed: {'9' * 5000}\n", f"{FILE}:1: not valid YAML: '{'9' * 40}...' is no int"),
    "lists within lists": (f"seed: {'[' * 3000}{']' * 3000}\n", f"{FILE}: cannot be read: maximum recursion depth"),
    "a mapping that is a text": ("!!map text\n", f"{FILE}: cannot be read: "),
    "a key that is a set": ("? !!set {a: null}\n: 1\n", f"{FILE}: cannot be read: unhashable"),
}


@pytest.mark.parametrize(("text", "start"), BAD_TEXTS.values(), ids=BAD_TEXTS)
def test_what_is_not_yaml_is_told_with_its_line(said_of, text, start):
    assert said_of(text=text).startswith(start)


def test_a_file_that_is_not_utf8_is_told(project):
    settings, _ = project
    path = settings.workflows / "parcels.yaml"
    path.write_bytes("description: Päckchen\n".encode("latin-1"))
    with pytest.raises(ConfigError, match="cannot be read"):
        load_workflow(path, settings)


def test_a_merge_key_is_understood(project):
    settings, _ = project
    path = settings.workflows / "parcels.yaml"
    plain = {"estimator": "sklearn.linear_model.LogisticRegression", "parameters": {"C": 2}}
    text = path.read_text().replace(
        "candidates:\n", f"candidates:\n    shared: &shared {plain}\n    other: {{<<: *shared, encode: target}}\n"
    )
    path.write_text(text)
    candidates = load_workflow(path, settings).train.candidates
    assert list(candidates) == ["shared", "other", "plain"]
    assert candidates["other"].parameters == {"C": 2}


def test_one_bad_file_does_not_hide_the_good_ones(project):
    settings, parcels = project
    (settings.workflows / "alpha.yaml").write_text("workflow: [")
    (settings.workflows / "zeta.yaml").write_text("workflow: zeta\n")
    workflows, errors = load_workflows(settings)
    assert workflows == {"parcels": parcels}
    assert [error.where.split(":")[0] for error in errors] == [
        "include/workflows/alpha.yaml",
        "include/workflows/zeta.yaml",
    ]


@pytest.mark.parametrize("text", BAD_TEXTS.values(), ids=BAD_TEXTS)
def test_no_bad_file_hides_the_good_ones(project, text):
    settings, parcels = project
    (settings.workflows / "alpha.yaml").write_text(text[0])

    workflows, errors = load_workflows(settings)

    assert (workflows, len(errors)) == ({"parcels": parcels}, 1)


def test_a_project_without_workflows_has_none(project):
    settings, _ = project
    (settings.workflows / "parcels.yaml").unlink()
    assert load_workflows(settings) == ({}, [])


def test_a_workflow_is_found_by_its_name(project):
    settings, parcels = project
    assert find_workflow("parcels", settings) == parcels


def test_a_name_without_a_file_is_told_with_the_nearest(project):
    with pytest.raises(ConfigError, match=r"no workflow 'parcel'\n  -> did you mean 'parcels'\?"):
        find_workflow("parcel", project[0])


@pytest.mark.parametrize(
    ("written", "message"),
    [
        (None, "gate.behaviour: no file include/behaviour.yaml"),
        ("- {test: direction, column: wieght, by: 1, score: rises}", "gate.behaviour.0: 'wieght' is no feature"),
        ("- {test: direction, column: depot, by: 1, score: rises}", "direction needs a number, 'depot' is none"),
        ("- {test: direction, column: weight, by: 0, score: rises}", "test 0.by: Input should be greater than 0"),
        ("test: invariance", "must be a list of tests"),
    ],
)
def test_tests_of_behaviour_are_read_from_their_file_and_checked(project, said_of, written, message):
    if written is not None:
        (project[0].project / "include/behaviour.yaml").write_text(written)

    assert message in said_of({"gate.behaviour": "include/behaviour.yaml"})


def test_every_room_sees_the_tests_of_behaviour_in_place_of_their_file(project):
    settings, _ = project
    (settings.project / "include/behaviour.yaml").write_text("- {test: invariance, column: weight, values: [1, 2]}")
    path = settings.workflows / "parcels.yaml"
    content = yaml.safe_load(path.read_text())
    path.write_text(yaml.safe_dump({**content, "gate": {"behaviour": "include/behaviour.yaml"}}))

    assert [test.column for test in load_workflow(path, settings).gate.behaviour] == ["weight"]
