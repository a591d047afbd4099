"""Make the pictures of the documentation: python docs/make_images.py.

Each is saved with a palette of 128 colours, which keeps the files small.
"""

from __future__ import annotations

import functools
import io
import json
import math
import runpy
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from PIL import Image

import evsim
from evsim import encoders
from evsim.cli import demo, demo_figure
from evsim.initializers import NormalInitializer
from evsim.learning import Adam, DelayBounds, TimeToFirstSpike, Trainer, record
from evsim.neurons import Exponential, Linear
from evsim.spikeseg import EncoderConfig, EncoderOutput, LayerConfig, SpikeSEG, find_instances, track_instances

FOLDER = Path(__file__).parent / "images"
INPUT = evsim.SpikeArray([0, 1, 0, 1, 2, 0], [2.0, 4.0, 11.0, 12.0, 24.0, 33.0])
WEIGHTS = [[6.0, 4.0, -3.0], [2.2, 3.6, 2.5], [4.2, -2.5, 7.0]]


def save(figure: Figure, name: str, dpi: int = 110) -> None:
    """Write one picture."""
    buffer = io.BytesIO()
    figure.savefig(buffer, dpi=dpi)
    picture = Image.open(buffer).convert("RGB").quantize(128, dither=Image.Dither.NONE)
    picture.save(FOLDER / f"{name}.png", optimize=True)


def three_neurons() -> tuple[evsim.SpikingNetwork, evsim.Probe, evsim.SpikeArray]:
    """Three neurons and what they do with a few spikes."""
    net = evsim.SpikingNetwork()
    net.add_layer(evsim.Dense(3, 3, weights=WEIGHTS), evsim.LIF(tau_mem=20.0, tau_syn=5.0, refractory=2.0))
    probe = evsim.Probe(0, times=np.linspace(0.0, 50.0, 1001))
    spikes = net.infer(INPUT, until=50.0, record=probe)
    return net, probe, spikes


@functools.cache
def learned_digits() -> tuple[demo.Learned, demo.Digits]:
    """What ``evsim demo`` learns, and what it is tested with."""
    train, test = demo.load_digits()
    return demo.learn(train, test), test


def draw_digits() -> None:
    """Draw ten digits on their way through the network of ``evsim demo``."""
    learned, test = learned_digits()
    save(demo_figure.draw(learned.classifier, test.images[demo.examples(learned, test)]), "digits", dpi=90)


def draw_raster() -> None:
    """Draw what 30 neurons answer to random spikes."""
    rng = np.random.default_rng(4)
    times = np.sort(rng.uniform(0.0, 200.0, 900))
    net = evsim.SpikingNetwork(seed=4)
    net.add_layer(evsim.Dense(40, 30), evsim.LIF(tau_mem=20.0, tau_syn=5.0, threshold=0.6))
    spikes = net.infer(rng.integers(0, 40, 900), times)
    figure = Figure(figsize=(7.0, 2.6), layout="constrained")
    evsim.plot.raster(spikes, ax=figure.subplots(), n_neurons=30, time_unit="ms")
    save(figure, "raster")


def draw_membrane() -> None:
    """Draw three membrane potentials with threshold and spikes."""
    _, probe, spikes = three_neurons()
    figure = Figure(figsize=(7.0, 2.8), layout="constrained")
    evsim.plot.membrane(probe, threshold=1.0, spikes=spikes, ax=figure.subplots(), time_unit="ms")
    save(figure, "membrane")


def draw_weights() -> None:
    """Draw what hidden neurons of the demo have learned as small images."""
    weights = learned_digits()[0].classifier.network_[0].weights
    figure = Figure(figsize=(7.0, 1.7), layout="constrained")
    evsim.plot.weights(weights[:20, :64] - weights[:20, 64:128], shape=(8, 8), n_columns=10, ax=figure.subplots())
    save(figure, "weights")


def draw_exact() -> None:
    """Draw a potential, its exact crossing, and what a clock of 4 ms would make of it."""
    net = evsim.SpikingNetwork()
    net.add_layer(evsim.Dense(1, 1, weights=[[4.01]]), evsim.LIF(tau_mem=20.0, tau_syn=10.0))
    fine, clock = np.linspace(0.0, 40.0, 4001), np.arange(0.0, 41.0, 4.0)
    probes = evsim.Probe(0, fine), evsim.Probe(0, clock)
    spikes = net.infer([0], [0.0], until=40.0, record=probes)
    figure = Figure(figsize=(7.0, 2.8), layout="constrained")
    ax = figure.subplots()
    evsim.plot.membrane(probes[0], threshold=1.0, spikes=spikes, ax=ax, labels=["exact"], time_unit="ms")
    silent = evsim.SpikingNetwork()
    silent.add_layer(evsim.Dense(1, 1, weights=[[4.01]]), evsim.LI(tau_mem=20.0, tau_syn=10.0))
    sampled = evsim.Probe(0, clock)
    silent.infer([0], [0.0], until=40.0, record=sampled)
    ax.plot(clock, sampled.values[:, 0], "o", color=evsim.plot.INK, markersize=4, label="seen every 4 ms")
    ax.legend(frameon=False)
    save(figure, "exact")


def draw_stdp_window() -> None:
    """Draw weight changes of pair STDP, measured at silent inputs that fire before and after one output spike."""
    offsets = np.arange(-80.0, 81.0, 4.0)
    offsets = offsets[offsets != 0.0]
    net = evsim.SpikingNetwork(dtype="float64")
    weights = [[0.0] * len(offsets) + [1.0]]
    rule = evsim.rules.pair_stdp(a_plus=0.010, a_minus=0.012, tau_plus=20.0, tau_minus=20.0)
    layer = net.add_layer(evsim.Dense(len(offsets) + 1, 1, weights=weights), evsim.LIFDelta(tau_mem=20.0), kernel=rule)
    inputs = evsim.SpikeArray(np.arange(len(offsets) + 1), [*(100.0 - offsets), 100.0])
    inputs.sort()
    net.infer(inputs)
    figure = Figure(figsize=(7.0, 2.8), layout="constrained")
    ax = figure.subplots()
    ax.axhline(0.0, color="#BBBBBB", linewidth=0.8, zorder=0)
    ax.axvline(0.0, color="#BBBBBB", linewidth=0.8, zorder=0)
    before, after = np.linspace(-84.0, 0.0, 200), np.linspace(0.0, 84.0, 200)
    ax.plot(after, 0.010 * np.exp(-after / 20.0), color=evsim.plot.COLORS[0], label="formula, input first")
    ax.plot(before, -0.012 * np.exp(before / 20.0), color=evsim.plot.COLORS[1], label="formula, output first")
    ax.plot(offsets, layer.weights[0, :-1], "o", color=evsim.plot.INK, markersize=3.5, label="measured with evsim")
    ax.set(xlim=(-84.0, 84.0), xlabel="$t_{post} - t_{pre}$ (ms)", ylabel="change of the weight")
    ax.legend(frameon=False, loc="lower right")
    save(figure, "stdp_window")


def draw_shared_weights() -> None:
    """Draw the weights of two channels that learn from moving bars, as in convolutions.md."""
    size, rng = 16, np.random.default_rng(1)
    rows, columns = np.divmod(np.arange(size * size), size)
    net = evsim.SpikingNetwork()
    rule = evsim.rules.pair_stdp(a_plus=0.004, a_minus=0.004, tau_plus=3.0, tau_minus=6.0, w_min=0.0, w_max=1.0)
    neuron = evsim.LIFDelta(tau_mem=5.0, threshold=4.0, reset=0.0, refractory=20.0)
    n_bars, shown_after = 100, (0, 1, 2, 3, 4, 6, 10)
    times = [
        60.0 * k + 2.0 * (rows if rng.random() < 0.5 else columns) + rng.uniform(0.0, 1.0, size * size)
        for k in range(n_bars)
    ]
    first = rng.uniform(0.2, 0.8, (2, 1, 5, 5))
    layer = net.add_layer(evsim.Conv2d(2, 5, in_shape=(1, size, size), weights=first), neuron, kernel=rule)
    others = -20.0 * (1.0 - np.eye(2))[:, :, np.newaxis, np.newaxis]
    net.connect(layer, layer, evsim.Conv2d(2, 1, weights=others))
    figure = Figure(figsize=(7.0, 2.6), layout="constrained")
    axes = figure.subplots(2, len(shown_after))
    for column, n in enumerate(shown_after):
        if n > 0:
            begin = shown_after[column - 1]
            bars = evsim.SpikeArray(np.tile(np.arange(size * size), n - begin), np.concatenate(times[begin:n]))
            bars.sort()
            net.infer(bars, until=60.0 * n, reset=begin == 0)
        axes[0, column].set_title("at first" if n == 0 else f"{n} bar{'s' * (n > 1)}", fontsize=9)
        for channel in (0, 1):
            ax = axes[channel, column]
            ax.imshow(layer.weights[channel, 0], cmap="gray_r", vmin=0.0, vmax=1.0)
            ax.set(xticks=[], yticks=[])
    for channel in (0, 1):
        axes[channel, 0].set_ylabel(f"channel {channel}")
    save(figure, "shared_weights")


def moving_rectangles() -> evsim.SpikeArray:
    """Events of two rectangles that move towards each other, in noise."""
    step = np.arange(60)[:, np.newaxis, np.newaxis]
    y, x = np.mgrid[:64, :80]
    on = (abs(x - 13 - 0.5 * step) < 3) & (abs(y - 14) < 6) | (abs(x - 62 + 0.4 * step) < 4) & (abs(y - 48) < 4)
    off = (abs(x - 8 - 0.5 * step) < 3) & (abs(y - 14) < 6) | (abs(x - 69 + 0.4 * step) < 4) & (abs(y - 48) < 4)
    lit = np.random.default_rng(0).random((60, 2, 64, 80)) < np.where(np.stack([off, on], axis=1), 0.25, 0.001)
    t, channel, y, x = np.nonzero(lit)
    return evsim.SpikeArray((channel * 64 + y) * 80 + x, t, shape=(2, 64, 80))


def look(model: SpikeSEG, events: evsim.SpikeArray, start: int) -> EncoderOutput:
    """Return what a model sees in ten steps."""
    now = (events.times >= start) & (events.times < start + 10)
    spikes = evsim.SpikeArray(events.indices[now], events.times[now] - start, shape=events.shape)
    return model.encode(spikes, n_timesteps=10)


def untrained_model() -> SpikeSEG:
    """Return a small SpikeSEG network with differences of Gaussians and random weights."""
    layers = {
        "conv1": LayerConfig(4, 5, threshold=0.5, leak=0.1),
        "conv2": LayerConfig(6, 5, threshold=8.0, leak=0.5),
        "conv3": LayerConfig(1, 3, threshold=12.0),
    }
    model = SpikeSEG(EncoderConfig(input_channels=2, **layers, use_wta=False), seed=1)
    model.encoder.use_difference_of_gaussians()
    model.encoder.conv2.weight = np.random.default_rng(1).random((6, 4, 5, 5)) ** 2
    return model


def draw_event_frame() -> None:
    """Draw events on both grounds."""
    events = moving_rectangles()
    figure = Figure(figsize=(7.0, 2.9), layout="constrained")
    for ax, dark in zip(figure.subplots(1, 2), (False, True), strict=True):
        evsim.plot.event_frame(events, start=0, stop=10, ax=ax, dark=dark, time_unit="steps")
    save(figure, "event_frame")


def draw_maps() -> None:
    """Draw first spikes and kernels of conv2."""
    model = untrained_model()
    figure = Figure(figsize=(7.6, 3.2), layout=ConstrainedLayoutEngine(wspace=0.08))
    left, right = figure.subplots(1, 2)
    evsim.plot.feature_maps(look(model, moving_rectangles(), 0), "conv2", ax=left)
    pixels = [(model.encoder.conv1.weight, 2, 2)]
    evsim.plot.kernels(model.encoder.conv2.weight, through=pixels, ax=right)
    save(figure, "maps")


def draw_segmentation() -> None:
    """Draw saliency, instances and tracks."""
    model, events = untrained_model(), moving_rectangles()
    outputs = [look(model, events, start) for start in range(0, 50, 10)]
    windows = [find_instances(output, model.decoder) for output in outputs]
    tracks = track_instances(windows, max_distance=10.0, times=np.arange(5.0, 50.0, 10.0))
    figure = Figure(figsize=(7.0, 6.4), layout="constrained")
    grid = figure.add_gridspec(2, 2, height_ratios=(2.5, 4))
    left, right = figure.add_subplot(grid[0, 0]), figure.add_subplot(grid[0, 1])
    evsim.plot.saliency(events, model.decode(outputs[0])[:, 0], start=0, stop=10, ax=left, title="")
    evsim.plot.instances(events, windows[0], start=0, stop=10, ax=right, title="")
    bottom = figure.add_subplot(grid[1, :], projection="3d")
    evsim.plot.trajectories(events, tracks, stop=50, ax=bottom, time_unit="steps")
    save(figure, "segmentation")


def draw_instances() -> None:
    """Draw instances and tracks of the page about them."""
    rng = np.random.default_rng(0)
    step = np.arange(60)[:, np.newaxis, np.newaxis]
    y, x = np.mgrid[:64, :80]
    objects = (abs(x - 10 - 0.5 * step) < 5) & (abs(y - 14) < 5) | (abs(x - 66 + 0.4 * step) < 6) & (abs(y - 48) < 4)
    t, y, x = np.nonzero(rng.random(objects.shape) < np.where(objects, 0.25, 0.002))
    events = evsim.SpikeArray(y * 80 + x, t, shape=(1, 64, 80))
    layers = {
        "conv1": LayerConfig(2, 5, threshold=4.0, leak=1.0),
        "conv2": LayerConfig(3, 5, threshold=12.0, leak=1.0),
        "conv3": LayerConfig(1, 3, threshold=16.0),
    }
    model = SpikeSEG(EncoderConfig(**layers, use_wta=False), seed=1)
    windows = [find_instances(look(model, events, start), model.decoder) for start in range(0, 60, 10)]
    tracks = track_instances(windows, max_distance=10.0, times=np.arange(5.0, 60.0, 10.0))
    figure = Figure(figsize=(8.4, 3.4), layout="constrained")
    grid = figure.add_gridspec(1, 2, width_ratios=(1, 1.4))
    evsim.plot.instances(events, windows[0], start=0, stop=10, ax=figure.add_subplot(grid[0]), title="")
    evsim.plot.trajectories(events, tracks, ax=figure.add_subplot(grid[1], projection="3d"), time_unit="steps")
    save(figure, "instances")


def draw_brightness_codes() -> None:
    """Draw an image, and three codes of it in full and in half the light."""
    _, test = demo.load_digits()
    image = test.images[0].reshape(8, 8) / 16.0
    codes = {
        "latency": lambda light: encoders.latency(light * image, shape=(8, 8), t_max=20.0),
        "log_latency": lambda light: encoders.log_latency(light * image, shape=(8, 8), tau=6.0),
        "rank_order": lambda light: encoders.rank_order(light * image, shape=(8, 8), interval=1.4),
    }
    figure = Figure(figsize=(8.4, 3.1), layout="constrained")
    picture, *panels = figure.subplots(1, 4, width_ratios=(0.75, 1, 1, 1))
    picture.imshow(image, cmap="Greys_r")
    picture.set(xticks=[], yticks=[], title="image")
    for ax, (name, code) in zip(panels, codes.items(), strict=True):
        full, half = code(1.0), code(0.5)
        ax.plot(full.times, full.indices, "o", color=evsim.plot.COLORS[0], markersize=2.2, label="full light")
        ring = {"color": evsim.plot.COLORS[1], "markersize": 4.5, "markerfacecolor": "none", "markeredgewidth": 0.8}
        ax.plot(half.times, half.indices, "o", **ring, label="half the light")
        ax.set(title=name, xlabel="time (ms)", xlim=(-1.0, 23.0), ylim=(64.0, -1.0), yticks=[0, 16, 32, 48])
    panels[0].set(ylabel="pixel")
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=2, frameon=False)
    save(figure, "brightness_codes")


def draw_constant_currents() -> None:
    """Draw the potentials that three currents make, and the trains of thirty."""
    figure = Figure(figsize=(8.4, 2.9), layout="constrained")
    left, right = figure.subplots(1, 2)
    currents, tau, fine = np.array([0.9, 1.3, 2.5]), 10.0, np.linspace(0.0, 40.0, 2001)
    spikes = encoders.constant_current_lif(currents, until=40.0, tau_mem=tau)
    potentials = np.empty((len(fine), 3))
    for k, current in enumerate(currents):
        fired = np.concatenate(([0.0], spikes.times[spikes.indices == k]))
        since = fine - fired[np.searchsorted(fired, fine, side="right") - 1]
        potentials[:, k] = current * -np.expm1(-since / tau)
    labels = [f"x = {current}" for current in currents]
    evsim.plot.membrane(fine, potentials, threshold=1.0, spikes=spikes, labels=labels, ax=left, time_unit="ms")
    left.set_ylim(0.0, 1.42)
    left.legend(frameon=False, ncols=3, loc="upper center", columnspacing=1.2, handlelength=1.4)
    ramp = np.linspace(0.5, 3.0, 30)
    evsim.plot.raster(
        encoders.constant_current_lif(ramp, until=40.0, tau_mem=tau), ax=right, n_neurons=30, time_unit="ms"
    )
    shown = (0.5, 1.0, 2.0, 3.0)
    right.set(yticks=np.interp(shown, ramp, np.arange(30)), yticklabels=shown, ylabel="current x")
    save(figure, "constant_currents")


def draw_poisson() -> None:
    """Draw Poisson trains of rising rates, and those of a wave in two channels."""
    figure = Figure(figsize=(8.4, 2.9), layout="constrained")
    left, right = figure.subplots(1, 2)
    rates = np.linspace(0.0, 0.4, 30)
    evsim.plot.raster(encoders.poisson(rates, until=100.0, seed=1), ax=left, n_neurons=30, time_unit="ms")
    left.set(
        yticks=np.arange(0.0, 30.0, 7.25), yticklabels=[0.0, 0.1, 0.2, 0.3, 0.4], ylabel="rate (1/ms)", title="poisson"
    )
    wave = 0.4 * np.sin(np.linspace(0.0, 2 * np.pi, 30))
    spikes = encoders.signed_poisson(wave, until=100.0, seed=1)
    channel, value = spikes.coordinates()
    for k, name in enumerate(("OFF", "ON")):
        mine = evsim.SpikeArray(value[channel == k], spikes.times[channel == k])
        evsim.plot.raster(mine, ax=right, n_neurons=30, color=evsim.plot.COLORS[k], label=name, time_unit="ms")
    right.set(ylabel="value", title="signed_poisson of a sine", xlim=(-3.0, 128.0), xticks=range(0, 101, 20))
    right.legend(frameon=False, loc="center right", handletextpad=0.2)
    save(figure, "poisson")


def draw_population() -> None:
    """Draw tuning curves, and first spikes of a population that a value drives."""
    figure = Figure(figsize=(8.4, 2.9), layout="constrained")
    left, right = figure.subplots(1, 2)
    options = {"scale": 1.0, "sigma": 0.12}
    fine, value = np.linspace(0.0, 1.0, 401), 0.37
    colors = [matplotlib.colormaps["viridis"](k / 7.5) for k in range(7)]
    for curve, active, color in zip(
        encoders.population(fine, 7, axis=0, **options), encoders.population(value, 7, **options), colors, strict=True
    ):
        left.plot(fine, curve, color=color, linewidth=1.4)
        left.plot(value, active, "o", color=color, markersize=5, zorder=3)
    left.axvline(value, color=evsim.plot.INK, linewidth=0.9, linestyle=(0, (4, 3)), zorder=1)
    left.set(xlabel="value", ylabel="activation", ylim=(-0.03, 1.06))
    spikes = encoders.latency(encoders.population(value, 7, **options), t_max=20.0, threshold=0.02)
    evsim.plot.raster(spikes, ax=right, n_neurons=7, color=colors, time_unit="ms")
    right.set(xlim=(-0.8, 20.8), title=f"latency of x = {value}")
    save(figure, "population")


def draw_delta_modulation() -> None:
    """Draw a signal, what its ON and OFF spikes tell of it, and the spikes."""
    figure = Figure(figsize=(8.4, 2.9), layout="constrained")
    ax = figure.subplots()
    times = np.linspace(0.0, 100.0, 26)
    signal = np.sin(times / 12.0) + 0.4 * np.sin(times / 4.0)
    spikes = encoders.delta_modulation(signal, times, threshold=0.25)
    ax.plot(times, signal, ".-", color=evsim.plot.INK, linewidth=1.2, markersize=4, label="signal and its samples")
    told = signal[0] + 0.25 * np.concatenate(([0.0], np.cumsum(2 * spikes.indices - 1.0)))
    ax.step(
        np.append(0.0, np.append(spikes.times, 100.0)),
        np.append(told, told[-1]),
        where="post",
        color=evsim.plot.COLORS[4],
        linewidth=1.2,
        label="what the spikes tell",
    )
    for k, (name, marker) in enumerate((("OFF", "v"), ("ON", "^"))):
        fired = spikes.times[spikes.indices == k]
        ax.plot(
            fired, np.full(len(fired), -2.0 + 0.25 * k), marker, color=evsim.plot.COLORS[k], markersize=4.5, label=name
        )
    ax.set(xlabel="time (ms)", ylabel="signal", ylim=(-2.25, 1.65), xlim=(-1.0, 101.0))
    ax.legend(frameon=False, ncols=4, loc="upper center", bbox_to_anchor=(0.5, 1.16))
    save(figure, "delta_modulation")


def draw_spatial_fields() -> None:
    """Draw a bank of Gaussian derivatives: shapes to the right, orders downwards."""
    shapes = [(6.0, angle, ratio) for ratio in (1.0, 1.6) for angle in (0.0, 45.0, 90.0, 135.0)]
    orders = [(0, 0), (0, 1), (0, 2), (1, 1)]
    bank = evsim.receptive_fields.spatial_bank([(*s, 0.0, 0.0, *o) for o in orders for s in shapes], 21)
    bank /= np.abs(bank).max(axis=(1, 2), keepdims=True)
    figure = Figure(figsize=(8.4, 4.3), layout="constrained")
    ax = figure.subplots()
    evsim.plot.kernels(bank[:, np.newaxis], n_columns=8, ax=ax, title="", colorbar=False)
    save(figure, "spatial_fields")


def draw_temporal_fields() -> None:
    """Draw what a bank of leaky integrators makes of a few spikes."""
    net = evsim.SpikingNetwork()
    neuron = evsim.LI(tau_mem=5.0, tau_syn=2.0)
    net.add_layer(*evsim.receptive_fields.temporal_receptive_field(1, neuron, 4, ratio=2.0))
    probe = evsim.Probe(0, np.linspace(0.0, 120.0, 1201))
    inputs = [5.0, 30.0, 33.0, 36.0, 39.0, 42.0, 90.0]
    net.infer(np.zeros(len(inputs), int), inputs, until=120.0, record=probe)
    figure = Figure(figsize=(8.4, 2.9), layout="constrained")
    ax = figure.subplots()
    labels = [f"$\\tau_{k}$ = {5 * 2**k} ms" for k in range(4)]
    evsim.plot.membrane(probe, labels=labels, ax=ax, time_unit="ms")
    ax.plot(inputs, np.full(len(inputs), -0.08), "|", color=evsim.plot.INK, markersize=8, label="input spikes")
    ax.legend(frameon=False, loc="upper right")
    save(figure, "temporal_fields")


def draw_delays() -> None:
    """Draw how spikes one after the other arrive together."""
    pattern = np.array([0.0, 4.0, 7.0, 12.0])
    delays, times = pattern.max() - pattern, np.linspace(0.0, 58.0, 2001)
    net = evsim.SpikingNetwork(dtype="float64")
    cell = evsim.LIF(tau_mem=5.0, tau_syn=1.0, threshold=1.0)
    net.add_layer(evsim.Dense(4, 1, weights=np.full((1, 4), 2.5)), cell, delay=delays)
    sent = evsim.SpikeArray([0, 1, 2, 3, 3, 2, 1, 0], [*pattern, *(38.0 - pattern[::-1])])
    probe = evsim.Probe(0, times=times)
    spikes = net.infer(sent, until=58.0, record=probe)
    figure = Figure(figsize=(7.0, 3.6), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True)
    above.plot(sent.times, sent.indices, "|", markersize=14, color="tab:blue", label="sent")
    above.plot(sent.times + delays[sent.indices], sent.indices, "|", markersize=14, color="tab:red", label="arrives")
    above.set(ylabel="input", yticks=range(4), ylim=(-0.6, 3.6))
    above.legend(loc="upper right")
    below.plot(times, probe.values[:, 0], color="black", linewidth=1.2)
    below.axhline(1.0, color="grey", linestyle="--", linewidth=1.0)
    below.plot(spikes.times, np.full(len(spikes), 1.08), "v", color="tab:red")
    below.set(xlabel="time (ms)", ylabel="V", ylim=(-0.05, 1.2), xlim=(-1.0, 58.0))
    save(figure, "delays")


def draw_gradients() -> None:
    """Draw the time of a first spike over the weight of its input, and what its derivative becomes at grazing."""
    weights = np.linspace(5.0, 14.0, 450)
    net = evsim.SpikingNetwork(dtype="float64")
    layer = net.add_layer(evsim.Dense(1, 1), evsim.LIF(tau_mem=20.0, tau_syn=5.0), name="out")
    times, exact, bounded = np.full((3, len(weights)), np.nan)
    for k, weight in enumerate(weights):
        layer.weights = [[weight]]
        tape = record(net, [0], [0.0], until=60.0)
        n_spikes = len(tape.spikes["out"])
        if n_spikes == 0:
            continue
        by_spikes = {"out": [1.0] + [0.0] * (n_spikes - 1)}
        times[k] = tape.spikes["out"].times[0]
        exact[k] = tape.backward(by_spikes).weights["out"][0, 0]
        bounded[k] = tape.backward(by_spikes, smallest_slope=0.05).weights["out"][0, 0]
    figure = Figure(figsize=(7.0, 3.0), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.plot(weights, times, color="C0")
    left.set(xlabel="weight", ylabel="time of the first spike (ms)", xlim=(weights[0], weights[-1]))
    first = weights[np.isfinite(times)][0]
    left.axvspan(weights[0], first, color="0.9")
    left.text(0.5 * (weights[0] + first), np.nanmin(times), "no\nspike", ha="center", va="bottom", fontsize=9)
    right.plot(weights, exact, color="C0", label="exact")
    right.plot(weights, bounded, color="C1", label="smallest_slope=0.05")
    right.set(xlabel="weight", ylabel="its derivative by the weight", xlim=(weights[0], weights[-1]), ylim=(-8.0, 0.3))
    right.axvspan(weights[0], first, color="0.9")
    right.legend(loc="lower right", frameon=False)
    save(figure, "gradients")


def draw_training() -> None:
    """Draw learning curves, a confusion matrix, and delays before and after, as in pictures.md."""

    def make(n: int, seed: int) -> tuple[list[evsim.SpikeArray], np.ndarray]:
        numbers = np.random.default_rng(seed).uniform(size=(n, 3))
        times = 20.0 * np.hstack([numbers, 1.0 - numbers])
        order = times.argsort(axis=1)
        samples = [evsim.SpikeArray(k, t[k]) for k, t in zip(order, times, strict=True)]
        return samples, numbers.argmax(axis=1)

    net, neuron = evsim.SpikingNetwork(seed=1), evsim.LIF(tau_mem=20.0, tau_syn=5.0)
    begin = np.random.default_rng(1).uniform(0.0, 8.0, (40, 6))
    hidden = net.add_layer(evsim.Dense(6, 40, NormalInitializer(1.5, 1.2)), neuron, name="hidden", delay=begin)
    net.add_layer(evsim.Dense(40, 3, NormalInitializer(1.0, 0.4)), neuron, name="out")
    optimizer = Adam(net, lr=0.01, delays=DelayBounds(0.0, 12.0), delay_lr=0.05)
    loss = TimeToFirstSpike("out", early=0.1, early_tau=10.0)
    trainer = Trainer(net, loss, optimizer, until=60.0, smallest_slope=0.02)
    epochs = trainer.fit(make(1000, seed=1), epochs=12, validation=make(300, seed=2))
    samples, labels = make(1000, seed=3)
    figure = Figure(figsize=(10.0, 2.8), layout="constrained")
    left, middle, right = figure.subplots(1, 3)
    evsim.plot.learning_curves(epochs, axes=(left, middle))
    evsim.plot.confusion_matrix(labels, trainer.predict(samples), names=["first", "second", "third"], ax=right)
    save(figure, "training")
    figure = Figure(figsize=(8.4, 2.8), layout="constrained")
    left, right = figure.subplots(1, 2)
    evsim.plot.delays(hidden, before=begin, ax=left, time_unit="ms")
    evsim.plot.delays(hidden, before=begin, matrix=True, ax=right, time_unit="ms")
    save(figure, "learned_delays")


def draw_yin_yang() -> None:
    """Draw what examples/yin_yang.py learns."""
    example = runpy.run_path(str(FOLDER.parents[1] / "examples" / "yin_yang.py"))
    save(example["main"](30), "yin_yang")


def draw_remedies() -> None:
    """Draw what remedies do for three bad starts, from the last results of bench/remedies.py."""
    bench = Path(__file__).parents[1] / "bench"
    rows = json.loads(max(bench.glob("results/*-remedies-*.json")).read_text())["rows"]
    shown = {
        "silent": ["nothing", "revive=1", "revive=10", "FiringRate(low=1)", "tune_activity first"],
        "exploding": ["nothing", "smallest_slope=0.05", "clip=1", "max_step=0.02"],
    }
    figure = Figure(figsize=(10.0, 3.0), layout="constrained")
    for ax, (start, names) in zip(figure.subplots(1, 2), shown.items(), strict=True):
        for name, color in zip(names, evsim.plot.COLORS, strict=False):
            mine = [row["accuracies"] for row in rows if (row["start"], row["remedy"]) == (start, name)]
            epochs, percent = range(1, len(mine[0]) + 1), 100.0 * np.array(mine)
            ax.plot(epochs, percent.T, color=color, linewidth=0.6, alpha=0.4)
            ax.plot(epochs, percent.mean(axis=0), "o-", color=color, label=name, linewidth=2.0, markersize=4)
        ax.set(xlabel="epoch", ylabel="accuracy (%)", xticks=epochs)
        ax.set_title(start, loc="left")
        ax.legend(frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    save(figure, "remedies")


def draw_recurrent() -> None:
    """Draw the spikes of an excitatory and an inhibitory population that reach each other."""
    rng = np.random.default_rng(3)
    synapses = {"excitation": Exponential(5.0), "inhibition": Exponential(10.0)}
    net = evsim.SpikingNetwork(seed=3)
    sizes = {"E": 160, "I": 40}
    for name, n in sizes.items():
        v_init = rng.uniform(0.0, 9.9, n)
        cells = Linear(
            synapses=synapses, tau_mem=20.0, threshold=10.0, reset=0.0, bias=11.0, refractory=5.0, v_init=v_init
        )
        net.add_population(n, cells, name=name)
    for source, weight, port in (("E", 1.0, "excitation"), ("I", -6.0, "inhibition")):
        for target, n in sizes.items():
            weights = weight * (rng.random((n, sizes[source])) < 0.2)
            net.connect(source, target, evsim.Dense(sizes[source], n, weights=weights), port=port, delay=1.5)
    spikes = net.infer(until=300.0, outputs=["E", "I"])
    both = evsim.SpikeArray(spikes["E"].indices, spikes["E"].times)
    both = both.merge(evsim.SpikeArray(spikes["I"].indices + np.int32(160), spikes["I"].times))
    figure = Figure(figsize=(7.0, 3.4), layout="constrained")
    ax = figure.subplots()
    evsim.plot.raster(both, ax=ax, n_neurons=200, time_unit="ms")
    ax.axhline(159.5, color="tab:red", linewidth=1.0)
    ax.set_xlim(0.0, 300.0)
    for name, middle in (("excitatory", 80.0), ("inhibitory", 180.0)):
        ax.text(1.02, middle, name, va="center", rotation=90, transform=ax.get_yaxis_transform())
    save(figure, "recurrent")


def draw_sparse() -> None:
    """Draw the spikes and the rate of Brunel's network, made small."""
    n, jump = 500, 2.0
    excitation = evsim.Sparse.fixed_in_degree(400, n, 40, seed=1)
    inhibition = evsim.Sparse.fixed_in_degree(100, n, 10, seed=2)
    sources = np.concatenate([excitation.sources, 400 + inhibition.sources])
    targets = np.concatenate([excitation.targets, inhibition.targets])
    synapses = evsim.Sparse(n, n, sources, targets, weights=np.where(sources < 400, jump, -5.0 * jump))
    net = evsim.SpikingNetwork(seed=1)
    cells = evsim.LIFDelta(tau_mem=20.0, threshold=20.0, reset=10.0, refractory=2.0)
    net.add_population(n, cells, name="cells")
    net.connect("cells", "cells", synapses, delay=1.5)
    net.add_drive("cells", evsim.PoissonDrive(rate=1.0, weight=jump, seed=4))
    spikes = net.infer(until=500.0)
    figure = Figure(figsize=(7.0, 4.2), layout="constrained")
    pair = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    evsim.plot.raster_with_rate(spikes, stop=500.0, axes=pair, n_neurons=n, bin_width=2.0, time_unit="ms")
    save(figure, "sparse")


def draw_analysis() -> None:
    """Draw activity, intervals and spectrum of Brunel's network, made small."""
    n, jump = 500, 0.5
    rng = np.random.default_rng(1)
    weights = np.where(np.arange(n) < 400, jump, -5 * jump) * (rng.random((n, n)) < 0.1)
    cells = evsim.LIFDelta(tau_mem=20.0, threshold=20.0, reset=10.0, refractory=2.0)
    net = evsim.SpikingNetwork()
    net.add_layer(evsim.Dense(n, n, weights=jump * np.eye(n)), cells, name="cells")
    net.connect("cells", "cells", evsim.Dense(n, n, weights=weights), delay=1.5)
    spikes = net.infer(encoders.poisson(np.full(n, 4.0), until=1000.0, seed=1), until=1000.0)
    figure = Figure(figsize=(8.4, 4.4), layout="constrained")
    left, right = figure.subfigures(1, 2, width_ratios=(1.5, 1))
    pair = left.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    shown = {"start": 200.0, "n_neurons": n, "bin_width": 1.0, "time_unit": "ms"}
    evsim.plot.raster_with_rate(spikes, stop=400.0, axes=pair, **shown)
    top, bottom = right.subplots(2, 1)
    evsim.plot.intervals(spikes, start=200.0, log=True, ax=top, time_unit="ms")
    evsim.plot.spectrum(spikes, stop=1000.0, ax=bottom, **shown)
    save(figure, "analysis")


def draw_linear_neurons() -> None:
    """Draw what four linear neurons make of spikes or a constant current."""
    figure = Figure(figsize=(8.4, 4.6), layout="constrained")
    fine = np.linspace(0.0, 150.0, 3001)
    drive = {"bias": 2.2, "tau_mem": 10.0, "tau_syn": 5.0}
    cases = [
        ("LIFAlpha", evsim.LIFAlpha(tau_mem=10.0, tau_syn=4.0), [10.0, 60.0, 66.0, 110.0, 114.0, 118.0], 2.1),
        ("ALIF", evsim.ALIF(tau_adaptation=60.0, jump=0.35, **drive), [0.0], 0.0),
        ("AdLIF", evsim.AdLIF(tau_w=60.0, coupling=0.6, jump=0.25, **drive), [0.0], 0.0),
        ("ResonateAndFire", evsim.ResonateAndFire(tau=30.0, omega=0.5), [10.0, 60.0, 66.3, 110.0, 122.6], 0.75),
    ]
    for ax, (name, neuron, times, weight) in zip(figure.subplots(2, 2).flat, cases, strict=True):
        net = evsim.SpikingNetwork(dtype="float64")
        net.add_layer(evsim.Dense(1, 1, weights=[[weight]]), neuron)
        variables = [v for v in ("v", "h", "w") if v in neuron.variables]
        probes = [evsim.Probe(0, fine, variable=v) for v in variables]
        spikes = net.infer([0] * len(times), times, until=150.0, record=probes)
        ax.plot(fine, probes[0].values[:, 0], color=evsim.plot.COLORS[0], linewidth=1.2, label="v")
        level = np.ones(len(fine))
        for k, (variable, probe) in enumerate(zip(variables[1:], probes[1:], strict=True)):
            values = probe.values[:, 0] + (variable == "h")
            if variable == "h":
                level = values
            color = evsim.plot.INK if variable == "h" else evsim.plot.COLORS[1 + k]
            ax.plot(fine, values, color=color, linewidth=0.9, label="threshold + h" if variable == "h" else variable)
        if "h" not in variables:
            ax.plot(fine, level, color=evsim.plot.INK, linewidth=0.9, linestyle=(0, (4, 3)), label="threshold")
        top = 1.15 * max(level.max(), *(p.values.max() for p in probes))
        ax.plot(spikes.times, np.full(len(spikes), top), "|", color=evsim.plot.COLORS[0], markersize=8)
        ax.set(xlim=(0.0, 150.0))
        ax.set_title(name, loc="left")
        ax.legend(
            frameon=False, ncols=3, loc="lower right", bbox_to_anchor=(1.0, 1.0), borderaxespad=0.0, columnspacing=1
        )
    for ax in figure.axes[2:]:
        ax.set_xlabel("time (ms)")
    save(figure, "linear_neurons")


def draw_srm() -> None:
    """Draw the potential of a spike response neuron, its parts, and what it does on SLAYER's grid."""
    settings = {"tau_syn": 10.0, "tau_refractory": 2.0, "threshold": 1.0, "refractory_scale": 0.4}
    inputs, weights = [5.0, 9.0, 12.0, 60.0, 64.0, 90.0], [4.0, -2.0, -0.6, 1.0, 0.9, 0.7]
    fine, bins = np.linspace(0.0, 130.0, 2601), np.arange(131.0)
    figure = Figure(figsize=(8.4, 4.4), layout="constrained")
    for ax, grid in zip(figure.subplots(2, 1, sharex=True), (None, 1.0), strict=True):
        net = evsim.SpikingNetwork(dtype="float64")
        net.add_layer(evsim.Dense(6, 1, weights=[weights]), evsim.SRMAlpha(**settings, grid=grid))
        at = fine if grid is None else bins
        names = ("v", "psp", "refractory") if grid is None else ("v",)
        probes = [evsim.Probe(0, at, variable=name) for name in names]
        spikes = net.infer(range(6), inputs, until=131.0, record=probes)
        u = probes[0].values[:, 0]
        if grid is None:
            for probe, color, name in zip(probes[1:], evsim.plot.COLORS[1:], ("synaptic", "refractory"), strict=False):
                ax.plot(at, probe.values[:, 0], color=color, linewidth=0.9, label=f"{name} part")
            ax.plot(at, u, color=evsim.plot.COLORS[0], linewidth=1.3, label="u")
        else:
            ax.plot(at, u, ".-", color=evsim.plot.COLORS[0], linewidth=0.6, markersize=3, label="u in every bin")
        ax.axhline(1.0, color=evsim.plot.INK, linewidth=0.9, linestyle=(0, (4, 3)), label="threshold")
        ax.plot(spikes.times, np.full(len(spikes), 4.6), "|", color=evsim.plot.COLORS[0], markersize=8)
        ax.set(xlim=(0.0, 130.0), ylim=(-2.8, 5.0))
        ax.set_title("in continuous time" if grid is None else "grid=1.0", loc="left")
        ax.legend(
            frameon=False, ncols=4, loc="lower right", bbox_to_anchor=(1.0, 1.0), borderaxespad=0.0, columnspacing=1
        )
    figure.axes[-1].set_xlabel("time (ms)")
    save(figure, "srm_alpha")


def shown(
    model: type[evsim.Izhikevich | evsim.AdEx], name: str
) -> tuple[np.ndarray, np.ndarray, evsim.neurons.CurrentSteps]:
    """Times, potential and current of a preset."""
    current = model.current(name)
    net = evsim.SpikingNetwork(dtype="float64")
    neuron = model.preset(name, tau_syn=math.inf)
    net.add_layer(evsim.Dense(len(current.times), 1, weights=[current.steps]), neuron)
    indices = np.arange(len(current.times))
    spikes = net.infer(indices, current.times, until=current.duration)
    times = np.sort([*np.linspace(0.0, current.duration, 1501)[:-1], *(spikes.times - 1e-9)])
    probe = evsim.Probe(0, times=times)
    net.infer(indices, current.times, until=current.duration, record=probe)
    return times, probe.values[:, 0], current


def draw_gallery(model: type[evsim.Izhikevich | evsim.AdEx], name: str, n_columns: int, height: float) -> None:
    """Draw the potential of every preset, with its current below."""
    rows = -(-len(model.PRESETS) // n_columns)
    figure = Figure(figsize=(9.0, height), layout=ConstrainedLayoutEngine(hspace=0.06))
    axes = figure.subplots(2 * rows, n_columns, gridspec_kw={"height_ratios": [4, 1] * rows})
    for k, preset in enumerate(model.PRESETS):
        times, v, current = shown(model, preset)
        above, below = axes[2 * (k // n_columns) : 2 * (k // n_columns) + 2, k % n_columns]
        above.plot(times, v, color=evsim.plot.COLORS[0], linewidth=0.8)
        above.set_title(preset.replace("_", " "), fontsize=8)
        level = np.cumsum(current.steps)
        below.step([*current.times, current.duration], [*level, level[-1]], where="post", color=evsim.plot.INK)
        if current.times[0] > 0.0:
            level = np.append(level, 0.0)
            below.plot([0.0, current.times[0], current.times[0]], [0.0, 0.0, level[0]], color=evsim.plot.INK)
        for ax in (above, below):
            ax.set(xlim=(0.0, current.duration), xticks=[], yticks=[])
            ax.spines[:].set_visible(False)
        low, high = level.min(), level.max()
        below.set_ylim(low - 0.2 * (high - low) - 1e-3, high + 0.2 * (high - low) + 1e-3)
        above.set_ylim(-95.0, 35.0 if model is evsim.Izhikevich else 5.0)
    save(figure, name)


def draw_izhikevich() -> None:
    """Draw the 20 behaviours of Izhikevich 2004."""
    draw_gallery(evsim.Izhikevich, "izhikevich", 4, 9.0)


def draw_adex() -> None:
    """Draw the firing patterns of Naud et al. 2008."""
    draw_gallery(evsim.AdEx, "adex", 4, 4.0)


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    pictures = [draw_digits, draw_raster, draw_membrane, draw_weights, draw_exact, draw_stdp_window]
    pictures += [
        draw_delays,
        draw_gradients,
        draw_training,
        draw_yin_yang,
        draw_remedies,
        draw_recurrent,
        draw_sparse,
        draw_shared_weights,
        draw_analysis,
        draw_linear_neurons,
        draw_srm,
        draw_izhikevich,
        draw_adex,
    ]
    pictures += [draw_event_frame, draw_maps, draw_segmentation, draw_instances]
    pictures += [draw_brightness_codes, draw_constant_currents, draw_poisson, draw_population, draw_delta_modulation]
    pictures += [draw_spatial_fields, draw_temporal_fields]
    for draw in pictures:
        draw()
