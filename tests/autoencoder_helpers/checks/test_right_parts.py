"""Right answers that stand in for a learner's wrong ones die with the question."""

import numpy as np
import pytest
import tensorflow_probability as tfp
from autoencoder_helpers import check
from autoencoder_helpers.checks.right_parts import RIGHT_PARTS, with_right_parts


@pytest.fixture
def notebook():
    """The names of a notebook whose function keeps what stands in for an answer, and says what it made of it."""
    names = dict.fromkeys(("kept", *RIGHT_PARTS)) | {"np": np}
    exec("def keep(): kept.update({name: globals()[name] for name in wanted})", names)
    names |= {"kept": {}, "wanted": list(RIGHT_PARTS)}
    return names


def test_they_answer_while_the_question_is_answered_and_no_longer(notebook):
    x, p = np.array([[0.0, 1.0]]), np.array([[0.5, 0.5]])
    exec(
        "def use(x, p): keep(); return bce_per_image(x, p), prior.log_prob(np.zeros(2, 'f4')), prior.sample(3)",
        notebook,
    )
    loss, density, draws = with_right_parts(notebook["use"], tuple(RIGHT_PARTS))(x, p)
    assert np.allclose(loss, 2 * np.log(2)) and np.allclose(density, -np.log(2 * np.pi)) and draws.shape == (3, 2)
    assert set(notebook["kept"]) == set(RIGHT_PARTS) and notebook["prior"] is None
    for name in ("bce_per_image", "reconstruction_loss", "gaussian_kl"):
        with pytest.raises(RuntimeError, match="not yours to keep"):
            notebook["kept"][name](x, p)
    for name in ("log_prob", "sample", "event_shape", "distribution", "copy"):
        with pytest.raises(RuntimeError, match="not yours to keep"):
            getattr(notebook["kept"]["prior"], name)


def test_they_die_when_the_function_raises_too(notebook):
    exec("def use(): keep(); raise ValueError", notebook)
    with pytest.raises(ValueError):
        with_right_parts(notebook["use"], ("bce_per_image",))()
    with pytest.raises(RuntimeError, match="not yours to keep"):
        notebook["kept"]["bce_per_image"](1, 1)


def test_the_prior_that_stands_in_is_a_distribution_like_others(notebook):
    notebook["tfd"] = tfp.distributions
    exec("def use(cloud): return tfd.kl_divergence(cloud, prior)", notebook)
    cloud = tfp.distributions.Independent(tfp.distributions.Normal(np.ones(2, "f4"), 1.0), 1)
    assert np.isclose(float(with_right_parts(notebook["use"], ("prior",))(cloud)), 1.0)


def test_a_stand_in_that_was_kept_gives_no_points_to_its_own_check(notebook):
    exec(
        "def bce_per_image(x, p): return 0 * x.sum(-1)\n"
        "def floor_and_baseline(x_train, x):\n"
        "    kept['bce'] = bce_per_image\n"
        "    return bce_per_image(x, x).mean(), bce_per_image(x, np.broadcast_to(x_train.mean(0), x.shape)).mean()\n"
        "def later(x, p): return kept['bce'](x, p)",
        notebook,
    )
    assert check("dense.floor_and_baseline", notebook["floor_and_baseline"]).points == 1
    assert check("dense.bce_per_image", notebook["later"]).points == 0
