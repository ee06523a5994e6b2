"""What NannyML estimates of its bundled data sets by CBPE and DLE, with its defaults, to stand beside ``estimated.py``.

It needs an environment of its own, since it asks for other versions than Lakemill:

    python -m venv others && others/bin/pip install nannyml "pandas<3"
    others/bin/python benchmarks/estimated_by_others.py nannyml.csv
"""

import argparse
import os
import time
import warnings
from pathlib import Path

os.environ["NML_DISABLE_USAGE_LOGGING"] = "1"  # read by nannyml when it is imported

import nannyml
import pandas as pd
from estimated_sets import SETS, BundledSet, read_set

NAMES = {"mean_absolute_error": "mae", "root_mean_squared_error": "rmse", "f1_macro": "f1"}


def estimate(one: BundledSet, folder: Path) -> pd.DataFrame:
    """Return NannyML's estimates: set, metric, the first row of the window, estimate."""
    reference, analysis = read_set(folder, one)
    metrics = {NAMES.get(name, name): name for name in one.compared}
    options = {"y_pred": one.predicted, "y_true": one.label, "metrics": list(metrics)}
    options |= {"timestamp_column_name": None, "chunk_size": one.rows}
    begun = time.process_time()
    if one.problem == "regression":
        estimator = nannyml.DLE(feature_column_names=[*one.numeric, *one.categorical], **options)
    else:
        kind = "binary" if len(one.probabilities) == 1 else "multiclass"
        score = one.probabilities if kind == "multiclass" else next(iter(one.probabilities.values()))
        estimator = nannyml.CBPE(y_pred_proba=score, problem_type=f"classification_{kind}", **options)
    found = estimator.fit(reference).estimate(analysis.drop(columns=one.label)).filter(period="analysis").to_df()
    cpu_seconds = time.process_time() - begun
    rows = []
    for short, name in metrics.items():
        for begins, value in zip(found["chunk"]["start_index"], found[short]["value"], strict=True):
            rows.append({"set": one.name, "metric": name, "first": begins, "estimate": value, "cpu": cpu_seconds})
    return pd.DataFrame(rows)


def main() -> None:
    """Write all estimates into one file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", type=Path)
    given = parser.parse_args()
    warnings.simplefilter("ignore")  # of NannyML, about few chunks and its own use of pandas
    folder = Path(nannyml.__file__).parent / "datasets" / "data"
    pd.concat([estimate(one, folder) for one in SETS]).to_csv(given.output, index=False)


if __name__ == "__main__":
    main()
