"""Find two moving squares in synthetic events, follow them, and draw their way through space and time."""

import numpy as np
from matplotlib.figure import Figure

import evsim
from evsim.spikeseg import EncoderConfig, LayerConfig, SpikeSEG, segment

rng = np.random.default_rng(0)
t = np.sort(rng.integers(0, 200_000, 20_000))  # microseconds
first = rng.random(t.size) < 0.5
x = np.where(first, 10 + t // 2500, 110 - t // 2500) + rng.integers(0, 8, t.size)
y = np.where(first, 20, 60) + rng.integers(0, 8, t.size)
events = evsim.EventArray(t, x, y, rng.integers(0, 2, t.size), width=128, height=96)

# Without competition between objects, and with uniform weights: no training is needed to see what moves together.
layers = {"conv1": LayerConfig(1, 5, 6.0, 4.0), "conv2": LayerConfig(1, 5, 4.0, 1.0), "conv3": LayerConfig(1, 7, 10.0)}
model = SpikeSEG(EncoderConfig(**layers, use_wta=False))
for weights in model.get_layer_weights().values():
    weights[...] = 1.0

result = segment(events, model, n_steps=10)
print(result)
for track in result.tracks:
    (x0, y0), (x1, y1) = track.centroids[0], track.centroids[-1]
    print(f"object {track.track_id}: from ({x0:.0f}, {y0:.0f}) to ({x1:.0f}, {y1:.0f}) in {len(track)} windows")

figure = Figure(figsize=(7.5, 6.0), layout="constrained")
evsim.plot.trajectories(events, result.tracks, ax=figure.add_subplot(projection="3d"))
figure.savefig("trajectories.png", dpi=110)
