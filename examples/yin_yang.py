"""Learn to tell yin from yang from dots by the times of spikes, and draw what was learned. Needs matplotlib.

usage: python yin_yang.py [epochs] [picture]

The task is Kriener et al.'s (2022, Proc. NICE); 30 epochs recognise some 98 %, 100 some 99 %.
"""

import sys
import time

import numpy as np
from matplotlib.figure import Figure

import evsim
from evsim.datasets import yin_yang
from evsim.initializers import NormalInitializer
from evsim.learning import Adam, ExponentialDecay, FiringRate, ReadoutCrossEntropy, Trainer

COLORS = ["#20639B", "#E8A33D", "#B23A48"]


def trainer_of(n_hidden=200, seed=1):
    """5-200-3 neurons: the readout with the highest mean potential says the class."""
    net = evsim.SpikingNetwork(seed=seed)
    net.add_layer(
        evsim.Dense(5, n_hidden, NormalInitializer(1.0, 2.0)), evsim.LIF(tau_mem=20.0, tau_syn=5.0), name="hidden"
    )
    net.add_layer(
        evsim.Dense(n_hidden, 3, NormalInitializer(0.0, 0.3)), evsim.LI(tau_mem=20.0, tau_syn=5.0), name="out"
    )
    return Trainer(
        net,
        ReadoutCrossEntropy("out", at="mean", scale=10.0),
        Adam(net, lr=0.01, betas=(0.9, 0.99)),
        until=60.0,
        schedule=ExponentialDecay(0.95),
        regularizers=[FiringRate("hidden", low=0.2, high=1.0, strength=0.1)],
    )


def draw(trainer, samples, classes, points):
    """The class of every point of the disc, the test points with mistakes ringed, and the way to there."""
    figure = Figure(figsize=(10.0, 3.4), layout="constrained")
    left, middle, right = figure.subplots(1, 3, width_ratios=(1, 1, 1.2))
    x, y = np.meshgrid(np.linspace(0.0, 1.0, 121), np.linspace(0.0, 1.0, 121))
    inside = np.hypot(x - 0.5, y - 0.5) <= 0.5
    times = 30.0 * np.column_stack([x[inside], y[inside], 1.0 - x[inside], 1.0 - y[inside], np.zeros(inside.sum())])
    order = times.argsort(axis=1, kind="stable")
    grid = [evsim.SpikeArray(k, row[k]) for k, row in zip(order, times, strict=True)]
    map_of_classes = np.ones((*x.shape, 3))
    map_of_classes[inside] = np.array([[int(c[k : k + 2], 16) / 255 for k in (1, 3, 5)] for c in COLORS])[
        trainer.predict(grid)
    ]
    left.imshow(map_of_classes, origin="lower", extent=(0, 1, 0, 1), interpolation="nearest")
    left.set_title("what the network says")
    wrong = trainer.predict(samples) != classes
    middle.scatter(*points.T, c=np.array(COLORS)[classes], s=5)
    middle.scatter(*points[wrong].T, s=60, facecolors="none", edgecolors="black")
    middle.set_title(f"test points; {wrong.sum()} of {len(wrong)} are missed")
    for ax in (left, middle):
        ax.set(aspect="equal", xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
        ax.axis("off")
    epochs = [epoch.number for epoch in trainer.epochs]
    for name, label in (("accuracy", "training"), ("validation_accuracy", "validation")):
        right.plot(epochs, [100.0 * getattr(epoch, name) for epoch in trainer.epochs], label=label)
    right.set(xlabel="epoch", ylabel="accuracy (%)")
    right.spines[["top", "right"]].set_visible(False)
    right.legend(frameon=False, loc="lower right")
    return figure


def main(epochs=3):
    """Train, test, draw."""
    train, validation, (samples, classes, points) = (
        yin_yang(n, seed=seed) for n, seed in ((5000, 42), (1000, 41), (1000, 40))
    )
    trainer = trainer_of()
    start = time.perf_counter()
    trainer.fit(train[:2], epochs=epochs, validation=validation[:2], progress=sys.stdout.isatty())
    accuracy = trainer.evaluate((samples, classes))[1]
    print(f"{epochs} epochs in {time.perf_counter() - start:.1f} s: {accuracy:.1%} of the test points")
    return draw(trainer, samples, classes, points)


if __name__ == "__main__":
    figure = main(*map(int, sys.argv[1:2]))
    figure.savefig(sys.argv[2] if len(sys.argv) > 2 else "yin_yang.png", dpi=110)
