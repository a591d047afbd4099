"""The picture of ``evsim demo``."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from .. import plot
from .._lib.optional import require
from ..probe import Probe
from ..spikes import SpikeArray

WINNER, OTHER = plot.COLORS[1], "#B8B8B8"


def draw(classifier: Any, images: npt.NDArray[np.float64]) -> Any:
    """Return a matplotlib Figure: below every image all spikes of inputs and of the first hidden layer, and readouts.

    Parameters
    ----------
    classifier : SpikingClassifier
        Of digits.
    images : ndarray, shape (n, 64)
    """
    matplotlib_figure = require("matplotlib.figure", "matplotlib", "plot", "the picture")
    net, end, n = classifier.network_, classifier.until, len(images)
    inputs = classifier.code_.encode(images)
    probe = Probe(len(net) - 1, np.linspace(0.0, end, 600))
    net.infer(inputs, until=end, record=probe)
    hidden = net[0].post_spikes
    assert isinstance(hidden, list)
    predicted = classifier.predict(images)

    figure = matplotlib_figure.Figure(figsize=(1.55 * n + 1.2, 8.6), layout="constrained")
    figure.get_layout_engine().set(wspace=0.02, hspace=0.02)
    axes = figure.subplots(4, n, sharey="row", height_ratios=(1.0, 1.9, 2.6, 2.0), squeeze=False)
    low, high = float(probe.values.min()), float(probe.values.max())
    room = 0.06 * (high - low)
    for k in range(n):
        top, of_inputs, of_hidden, readout = axes[:, k]
        top.imshow(images[k].reshape(8, 8), cmap="gray_r", interpolation="nearest")
        top.set(xticks=[], yticks=[])
        top.set_title(f"says {predicted[k]}", color=WINNER, fontsize=11)
        _draw_spikes(of_inputs, inputs[k], classifier.code_.n_inputs)
        _draw_spikes(of_hidden, hidden[k], net[0].n_neurons)
        _draw_readout(readout, probe.times, probe.values[k], int(np.argmax(classifier.classes_ == predicted[k])))
        readout.set(xlabel="time", ylim=(low - room, high + room))
        for ax in axes[1:, k]:
            ax.set(xlim=(-0.03 * end, end), xticks=(0.0, classifier.window, end))  # room for spikes at 0
            ax.spines[["top", "right"]].set_visible(False)
            ax.tick_params(labelbottom=ax is readout, labelleft=k == 0, labelsize=8)
    _name_rows(axes[:, 0], net[0].n_neurons, classifier.code_.n_features)
    return figure


def _draw_spikes(ax: Any, spikes: SpikeArray, n_neurons: int) -> None:
    plot.raster(spikes, ax=ax, n_neurons=n_neurons)
    ax.collections[-1].set(sizes=[5.0], linewidths=0.8)
    ax.set(xlabel="", ylabel="")


def _draw_readout(ax: Any, times: Any, values: Any, winner: int) -> None:
    for neuron in np.argsort(np.arange(values.shape[1]) == winner, kind="stable"):  # the winner last, on top
        of_winner = neuron == winner
        ax.plot(times, values[:, neuron], color=WINNER if of_winner else OTHER, linewidth=1.6 if of_winner else 0.9)


def _name_rows(axes: Any, n_hidden: int, n_features: int) -> None:
    axes[1].set_ylabel(f"inputs: {n_features} pixels, bright early;\nabove, the same, dark early", fontsize=9)
    axes[2].set_ylabel(f"{n_hidden} hidden neurons", fontsize=9)
    axes[3].set_ylabel("readouts; the highest mean decides", fontsize=9)
