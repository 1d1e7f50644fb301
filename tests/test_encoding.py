"""What a network reads of a column: ranks where numbers have no range, and encodings of older files."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from chainrule.tabular.encoding import Encoding
from chainrule.tabular.tables import Table, read_table


def test_numbers_whose_quartiles_are_equal_have_the_normal_score_of_their_rank():
    rng = np.random.default_rng(0)
    counts = np.where(rng.random(500) < 0.8, 0.0, rng.poisson(3.0, 500))
    (column,) = Encoding.learned(Table({"visits": counts}, 500), np.ones(500)).columns
    assert type(column).__name__ == "RankedColumn"
    ranks = (stats.rankdata(counts) - 0.5) / 500
    expected = stats.norm.ppf(np.clip(ranks, 0.001, 0.999)) / (stats.norm.ppf(0.75) - stats.norm.ppf(0.25))
    np.testing.assert_allclose(column.features(counts), expected, atol=1e-6)
    # In between is a line; beyond the last one nothing rises.
    below, middle, above = column.features(np.array([1.0, 1.5, 2.0]))
    assert middle == pytest.approx((below + above) / 2)
    first, last, far = column.features(np.array([-1e308, counts.max(), 1.7e308]))
    assert first == column.scores[0]
    assert last == far == column.scores[-1]


def test_the_number_that_most_rows_have_has_the_score_of_its_rank():
    rng = np.random.default_rng(0)
    values = np.concatenate([-rng.exponential(500, 20), np.zeros(800), rng.exponential(3, 80)])
    (column,) = Encoding.learned(Table({"balance": values}, 900), np.ones(900)).columns
    rank = (20 + 400) / 900
    assert column.feature(0.0) == pytest.approx(stats.norm.ppf(rank) / (2 * stats.norm.ppf(0.75)), abs=1e-6)
    heavy = Encoding.learned(Table({"balance": values}, 900), np.full(900, 1.9e305)).columns[0]
    assert heavy == column


@pytest.mark.parametrize(
    "values",
    [
        [0, 0, 0, 0, 5e-324],
        [0, 0, 0, 0, 0, 0, -1.7e308, 1.7e308],
        [1.7e308] * 9 + [-1.7e308],
        [-1e-308] * 8 + [1e-308, 2e-308],
        [3, 3, 3, np.nan],
        [*[0.0] * 800, *np.geomspace(1e-300, 1e300, 200)],
    ],
    ids=lambda values: f"{len(values)} to {max(values)}",
)
def test_ranks_of_any_numbers_are_finite_and_ascend(values):
    values = np.array(values, dtype=np.float64)
    (column,) = Encoding.learned(Table({"x": values}, len(values)), np.ones(len(values))).columns
    around = np.sort(np.concatenate([values[values == values], np.linspace(-17, 17, 101) * 1e307]))
    scores = column.features(around)
    assert np.isfinite(scores).all()
    assert (np.diff(scores) >= -1e-12).all()
    assert [column.feature(value) for value in around] == scores.tolist()


def test_a_row_of_weight_two_ranks_as_two_rows():
    values = np.array([0.0, 0, 0, 0, 0, 2, 7, 7, 9])
    weights = np.array([1.0, 2, 1, 1, 3, 1, 2, 1, 1])
    repeated = np.repeat(values, weights.astype(int))[::-1]
    once = Encoding.learned(Table({"x": values}, len(values)), weights)
    twice = Encoding.learned(Table({"x": repeated}, len(repeated)), np.ones(len(repeated)))
    assert once == twice


def test_encodings_of_older_files_are_read():
    """Files of versions that had flags for all categories."""
    letters = list("abcdefghijkl")
    config = [{"kind": "category", "name": "job", "categories": letters}]
    encoding = Encoding.from_config(config)
    assert encoding.encode_row(["b"]).tolist() == pytest.approx([0.0, 2 / (1 + 4 / 9) ** 0.5] + [0.0] * 10)
    assert encoding.config() == [{**config[0], "categories": tuple(letters)}]


def test_rare_categories_count_as_unseen():
    names = np.array([f"n{i}" for i in range(1000)])
    table = read_table(pd.DataFrame({"name": np.concatenate([names, np.repeat(names[500:510], 50)])}))
    encoding = Encoding.learned(table, np.ones(1500))
    assert len(encoding.columns[0].categories) == 256
    assert set(names[500:510]) < set(encoding.columns[0].categories)
    codes = encoding.encode(table)[:1000, 0]
    assert (codes > 0).sum() == 256 and codes.max() == 256
