"""Variational autoencoder: it reads digits into clouds of codes, and draws new digits from random codes.

The encoder gives a mean and a variance for each image, a code is drawn from there, and the decoder draws the image
again. Drawing has no derivative; mean + deviation * noise has one, and the noise follows from a random key: the same
key, the same picture. The loss (minus the ELBO) is what the decoder's pixels cost, plus how far the clouds are from
N(0, 1), so that codes drawn from N(0, 1) become digits, too. Look at the map: digits change into each other.

Run it:      graph-engine demo vae
"""

import numpy as np

import graph_engine as ge
import graph_engine_viz as viz
from graph_engine import nn
from graph_engine.gallery import Show, run
from graph_engine_viz import plots

CODE = 2
images = ge.input("images", ("batch", 64))
encoder = nn.Sequential(hidden=nn.Linear(64, 128), act=ge.tanh)
to_mean, to_log_variance = nn.Linear(128, CODE), nn.Linear(128, CODE)
decoder = nn.Sequential(hidden=nn.Linear(CODE, 128), act=ge.tanh, out=nn.Linear(128, 64))


def read(x: ge.Variable) -> tuple[ge.Variable, ge.Variable]:
    """Return the middle and the logarithm of the variance of each image's cloud."""
    features = encoder(x)
    return to_mean(features), to_log_variance(features)


def minus_elbo(x: ge.Variable, key: ge.Variable) -> tuple[ge.Variable, ge.Variable, ge.Variable]:
    """Declare the loss, and its two parts: what the pixels cost, and how far codes are from N(0, 1), in nats."""
    mean, log_variance = read(x)
    noise = ge.random.normal(key, mean.shape)
    code = mean + ge.exp(log_variance / 2) * noise
    pixels = ge.sum(nn.binary_cross_entropy_with_logits(decoder(code), x, reduction="none")) / x.shape[0]
    divergence = ge.sum(ge.exp(log_variance) + mean**2 - 1 - log_variance) / 2
    return pixels + divergence, pixels, divergence
