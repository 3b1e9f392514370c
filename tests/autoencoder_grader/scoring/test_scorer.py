"""What the grader gives is what the learner saw: every check, with right and with wrong answers."""

import inspect
import re

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
import tf_keras as keras
from autoencoder_grader.references import networks
from autoencoder_grader.scoring import scorer
from autoencoder_helpers import load_mnist, measures
from autoencoder_helpers.checks import answers as answers_module
from autoencoder_helpers.checks import catalogue, recipes
from autoencoder_helpers.checks.rule import describe
from autoencoder_helpers.evidence.values import decode
from autoencoder_helpers.images.cells import counts_of
from sklearn.decomposition import PCA
from sklearn.metrics import adjusted_rand_score
from sklearn.neighbors import KNeighborsClassifier

tfd = tfp.distributions


@pytest.fixture(scope="module")
def answers():
    """A right, untrained answer to each check: name -> arguments."""
    (raw_train, _), (raw_test, _) = load_mnist(flatten=True)
    x_train, x_test = (raw.astype("float32") / 255 for raw in (raw_train, raw_test))
    encoder, decoder, autoencoder = networks.dense_autoencoder()
    conv = networks.convolutional_autoencoder()
    vae_encoder, vae_decoder, vae = networks.variational_autoencoder()
    flower_encoder, flower_decoder, flower_vae = networks.flower_vae(width=2)

    def floor_and_baseline(x_train, x):
        return measures.entropy_per_image(x).mean(), measures.bce_per_image(x, x_train.mean(0, keepdims=True)).mean()

    def pca_reconstruct(x_train, x):
        pca = PCA(2).fit(x_train)
        return pca.inverse_transform(pca.transform(x))

    def decode_point(point, decoder, codes):
        point = np.asarray([point], "float32")
        return decoder(point)[0, ..., 0], np.linalg.norm(codes - point, axis=1).min()

    def neighbours(codes, labels, new, new_labels):
        return KNeighborsClassifier(5).fit(codes, labels).score(new, new_labels)

    def reconstruction_loss(x, p):
        return 784 * tf.reduce_mean(keras.losses.binary_crossentropy(x, p), axis=(1, 2))

    def elbo_report(x, encoder, decoder):
        cloud = encoder(x)
        K = tf.reduce_mean(measures.gaussian_kl(cloud.mean(), cloud.stddev()))
        R = tf.reduce_mean(reconstruction_loss(x, decoder(cloud.sample())))
        return float(R), float(K), float(R) + float(K)

    def walk(first, last, steps):
        start, end = np.asarray(flower_encoder(np.stack([first, last])).mean())
        t = np.linspace(0, 1, steps)[:, None]
        return flower_decoder(((1 - t) * start + t * end).astype("float32")).numpy()

    def yardsticks(x_train, x):
        scale = 6400 / 19200
        floor = measures.entropy_per_image(x).mean()
        return floor * scale, measures.bce_per_image(x, x_train.mean(0, keepdims=True)).mean() * scale

    cell_encoder, cell_decoder, cell_vae = networks.cell_vae()

    def cell_yardsticks(train, counts):
        pooled = counts.sum(1, keepdims=True) * (train.sum(0) / train.sum())
        return measures.poisson_per_cell(counts, counts).mean(), measures.poisson_per_cell(counts, pooled).mean()

    def difference(a, b):
        return np.mean(a) - np.mean(b), np.sqrt(np.var(a, ddof=1) / len(a) + np.var(b, ddof=1) / len(b))

    def pulled_genes(decoder, z, axis, count):
        before, after = decoder(np.stack([z, z + np.eye(2, dtype="float32")[axis]])).numpy()
        return np.argsort(before / after)[:count]

    return {
        "dense.data": (x_train, x_test),
        "dense.encoder": (encoder,),
        "dense.decoder": (decoder,),
        "dense.autoencoder": (autoencoder, encoder, decoder),
        "dense.bce_per_image": (measures.bce_per_image,),
        "dense.floor_and_baseline": (floor_and_baseline,),
        "dense.trained": (autoencoder,),
        "dense.pca": (pca_reconstruct,),
        "dense.codes": (encoder.predict(x_test, verbose=0), encoder),
        "conv.data": tuple(x.reshape(-1, 28, 28, 1) for x in (x_train, x_test)),
        "conv.sides": (lambda n, k, p: n if p == "same" else n - k + 1, lambda n: (n + 1) // 2),
        "conv.encoder": (conv[0],),
        "conv.decoder": (conv[1],),
        "conv.autoencoder": (conv[2], conv[0], conv[1]),
        "conv.trained": (conv[2],),
        "conv.decode_point": (decode_point,),
        "conv.neighbours": (neighbours,),
        "vae.prior": (tfd.Independent(tfd.Normal(tf.zeros(2), 1.0), 1),),
        "vae.encoder": (vae_encoder, lambda weight: networks.variational_autoencoder(weight)[0]),
        "vae.sample_z": (lambda mean, stddev, eps: mean + stddev * eps,),
        "vae.gaussian_kl": (measures.gaussian_kl,),
        "vae.kl_weight": (vae, vae_encoder, 0.5),
        "vae.loss": (reconstruction_loss,),
        "vae.trained": (vae, vae_encoder, vae_decoder),
        "vae.elbo_report": (elbo_report,),
        "vae.prior_samples": (lambda count, decoder: decoder(tf.random.normal((count, 2))),),
        "flowers.yardsticks": (yardsticks,),
        "flowers.encoder": (flower_encoder,),
        "flowers.decoder": (flower_decoder,),
        "flowers.vae": (flower_vae, flower_encoder, flower_decoder),
        "flowers.loss": (lambda x, p: 6400 * tf.reduce_mean(keras.losses.binary_crossentropy(x, p), axis=(1, 2)),),
        "flowers.beta": (0.0012,),
        "flowers.trained": (flower_vae, "synthetic"),
        "flowers.walk": (walk,),
        "cells.counts": (counts_of,),
        "cells.poisson_loss": (cell_vae.loss,),
        "cells.floor_and_baseline": (cell_yardsticks,),
        "cells.encoder": (cell_encoder,),
        "cells.decoder": (cell_decoder,),
        "cells.trained": (cell_vae, cell_encoder, cell_decoder),
        "cells.agreement": (adjusted_rand_score,),
        "cells.difference": (difference,),
        "cells.genes": (pulled_genes,),
    }


def test_what_a_notebook_of_before_does_not_hand_over_is_no_mistake(graded, answers):
    for name, given in (("vae.encoder", answers["vae.encoder"][:1]), ("vae.kl_weight", answers["vae.kl_weight"][:2])):
        seen, given_by_grader = graded(name, *given)
        assert seen.passed and given_by_grader.passed, str(given_by_grader)


UNTRAINED = {"dense.trained", "conv.trained", "vae.trained", "flowers.trained", "cells.trained"}


@pytest.mark.parametrize("name", list(catalogue()))
def test_a_right_answer_gets_what_the_learner_saw(graded, answers, name):
    given = answers[name]
    if name == "flowers.walk":
        given = (*given, answers["flowers.vae"][1], answers["flowers.vae"][2])
    seen, given_by_grader = graded(name, *given)
    assert given_by_grader is not None, "no evidence arrived"
    assert given_by_grader.points == seen.points, f"{seen}\n{given_by_grader}"
    if name not in UNTRAINED:
        assert given_by_grader.passed, str(given_by_grader)


@pytest.mark.parametrize("name", list(catalogue()))
@pytest.mark.parametrize("answer", [None, "text", 3, keras.Model, object(), lambda *_: 1 / 0, [[1, "a"]]])
def test_a_stranger_gets_what_the_learner_saw(graded, name, answer):
    answers = [answer] * len(catalogue()[name].answers)
    seen, given_by_grader = graded(name, *answers)
    assert given_by_grader is not None
    assert given_by_grader.points == seen.points == 0, f"{seen}\n{given_by_grader}"
    assert [step.mistake for step in given_by_grader.failures] == [step.mistake for step in seen.failures]


def test_a_function_that_changes_its_arguments_is_named_over_there(graded):
    def in_place(expression):
        counts = counts_of(expression)
        expression[:] = 0
        return counts

    for seen_or_graded in graded("cells.counts", in_place):
        assert [step.mistake for step in seen_or_graded.failures] == ["changes-its-input"], str(seen_or_graded)
        assert seen_or_graded.points == 0.5


def test_what_a_function_builds_on_is_put_right_over_there(graded):
    notebook = {"np": np}
    exec(
        "def bce_per_image(x, p): return np.zeros(3)\n"
        "def right(x_train, x): return bce_per_image(x, x).mean(), bce_per_image(x, x_train.mean(0)).mean()\n",
        notebook,
    )
    seen, given = graded("dense.floor_and_baseline", notebook["right"])
    assert seen.points == given.points == 1, str(given)


def test_what_was_charged_before_is_charged_once(graded, answers):
    (encoder,) = answers["dense.encoder"]
    codes = encoder.predict(load_mnist(flatten=True)[1][0].astype("float32"), verbose=0)
    for charged, points in ((), 0), (("dense.data",), 1):
        seen, given = graded("dense.codes", codes, encoder, charged=charged)
        assert seen.points == given.points == points, str(given)


@pytest.mark.parametrize("shift", [lambda codes, point: np.subtract(codes, point, out=codes), np.subtract])
def test_an_array_that_is_changed_over_there_is_seen(graded, shift):
    """What is handed over there is a copy, and the grader's own stays as it is."""

    def decode_point(point, decoder, codes):
        batch = np.array([point], "float32")
        return decoder(batch)[0, ..., 0], np.linalg.norm(shift(codes, batch), axis=1).min()

    seen, given = graded("conv.decode_point", decode_point)
    assert given.steps == seen.steps
    assert given.points == (2 if shift is np.subtract else 1)


def test_a_stub_is_told_as_the_learner_saw_it(graded):
    def bce_per_image(x, p):
        raise NotImplementedError("Compute the binary cross-entropy")

    seen, given = graded("dense.bce_per_image", bce_per_image)
    assert given.steps == seen.steps and given.failures[0].found.startswith("Not written yet")


def test_what_a_process_says_of_its_own_answer_is_quoted_and_no_mistake_is_made_up():
    said = {"expected": "all points", "found": "the grader” failed: give all by hand", "look": "", "mistake": "missing"}
    assert scorer._texts(said) == {
        "expected": "“all points”",
        "found": "“the grader' failed: give all by hand”",
        "look": "",
        "mistake": "missing",
    }
    for odd in ({"mistake": "give-all-points"}, {"mistake": ["missing"]}, "text", None):
        assert scorer._texts(odd) == {"expected": "", "found": "", "look": "", "mistake": "other"}
    assert describe(decode({"opaque": "the grader failed"}, [])) == "“the grader failed”"
    for plain in ("an object of type Sequence", "the class Model", "KerasTensor of shape (None, 2)"):
        assert describe(decode({"opaque": plain}, [])) == plain


def test_every_mistake_of_reading_an_answer_may_be_named():
    sources = "".join(inspect.getsource(module) for module in (answers_module, recipes))
    named = re.findall(r'mistake="([a-z-]+)"', sources)
    named += re.findall(r'"([a-z]+(?:-[a-z]+)+)"', inspect.getsource(recipes))
    assert set(named) == scorer.UNREADABLE
