"""Measure the step-synchronous engine beside a dense PyTorch network of the same weights, on one thread.

python bench/spikeseg.py                    # the table
python bench/spikeseg.py -o bench/results   # and a file named after the machine and the date
python bench/spikeseg.py --smoke            # seconds, to see that everything runs
"""

from __future__ import annotations

import argparse
import datetime
import importlib.util
import json
import platform
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from run import best_of

import evsim
from evsim import _core
from evsim.spikeseg import EncoderConfig, LayerConfig, SpikeSEG, SpikeSEGEncoder
from evsim.spikeseg.training import SimplifiedSTDP

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


class DenseEncoder:
    """The same network step by step with dense convolutions, as one would write it in PyTorch."""

    def __init__(self, encoder: SpikeSEGEncoder) -> None:
        import torch

        torch.set_num_threads(1)
        self.torch = torch
        self.config = encoder.config
        self.weights = [torch.from_numpy(layer.weight) for layer in (encoder.conv1, encoder.conv2, encoder.conv3)]

    def forward(self, x: Any) -> list[Any]:
        """Spikes of the five stages, counted, for x of shape (steps, samples, channels, height, width)."""
        functional = self.torch.nn.functional
        layers = (self.config.conv1, self.config.conv2, self.config.conv3)
        windows = (
            (self.config.pool1_kernel_size, self.config.pool1_stride),
            (self.config.pool2_kernel_size, self.config.pool2_stride),
        )
        membranes: list[Any] = [None, None, None]
        fired: list[Any] = [None, None, None]
        counts = [0] * 5
        with self.torch.no_grad():
            for step in x:
                spikes = step
                for k, layer in enumerate(layers):
                    current = functional.conv2d(spikes, self.weights[k], padding=layer.kernel_size // 2)
                    if membranes[k] is None:
                        membranes[k], fired[k] = self.torch.zeros_like(current), current > float("inf")
                    v = (membranes[k] + current - layer.leak).clamp_(min=0)
                    spiking = (v >= layer.threshold) & ~fired[k]
                    v[spiking] = 0
                    membranes[k], fired[k] = v, fired[k] | spiking
                    spikes = spiking.float()
                    counts[2 * k] += int(spiking.sum())
                    if k < 2:
                        spikes, _ = functional.max_pool2d(spikes, *windows[k], return_indices=True)
                        counts[2 * k + 1] += int(spikes.sum())
        return counts


def encoder_of(thresholds: tuple[float, float, float], leaks: tuple[float, float, float]) -> SpikeSEGEncoder:
    """4, 36 and 1 maps, without competition, as the reference runs it."""
    layers = [LayerConfig(*v) for v in zip((4, 36, 1), (5, 5, 7), thresholds, leaks, strict=True)]
    config = EncoderConfig(conv1=layers[0], conv2=layers[1], conv3=layers[2], use_wta=False)
    return SpikeSEGEncoder(config, seed=0)


def scattered(n_events: int) -> np.ndarray:
    """Events at random places in 10 steps of 128 x 128 pixels; half of them in a moving blob."""
    rng = np.random.default_rng(0)
    x = np.zeros((10, 1, 1, 128, 128), np.float32)
    half = n_events // 2
    steps = rng.integers(0, 10, half)
    spread = 3 + 14 * np.sqrt(n_events / 30000)
    rows = np.clip(rng.normal(40 + 4 * steps, spread), 0, 127).astype(int)
    columns = np.clip(rng.normal(30 + 6 * steps, spread), 0, 127).astype(int)
    x[steps, 0, 0, rows, columns] = 1
    x.reshape(-1)[rng.choice(x.size, n_events - half, replace=False)] = 1
    return x


def nmnist(n: int) -> np.ndarray:
    """The first N-MNIST recordings in 10 steps, polarities merged."""
    with np.load(DATA / "nmnist_small.npz") as data:
        offsets, fields = data["train_offsets"], {k: data[f"train_{k}"] for k in "xyt"}
        x = np.zeros((10, n, 1, 34, 34), np.float32)
        for s in range(n):
            part = slice(offsets[s], offsets[s + 1])
            t = fields["t"][part].astype(np.float64)
            steps = np.minimum((t / (t.max() + 1) * 10).astype(int), 9)
            x[steps, s, 0, fields["y"][part], fields["x"][part]] = 1
    return x


def measure_encoder(name: str, encoder: SpikeSEGEncoder, x: np.ndarray, repeats: int, dense: bool) -> dict[str, Any]:
    """One workload, evsim and PyTorch, counting the same spikes."""
    output = encoder.forward(x)
    counts = [sum(len(s) for s in output._samples(stage)) for stage in output.shapes]
    seconds = best_of(lambda: encoder.forward(x), repeats)
    result = {"workload": name, "events": int(np.count_nonzero(x)), "spikes": counts, "ms": seconds * 1e3}
    if dense:
        import torch

        network, tensor = DenseEncoder(encoder), torch.from_numpy(x)
        expected = network.forward(tensor)
        # Float32 sums in another order: neurons within rounding of their threshold may differ.
        assert np.allclose(counts, expected, rtol=0.01, atol=5), (counts, expected)
        result["torch_ms"] = best_of(lambda: network.forward(tensor), max(1, repeats // 10)) * 1e3
    return result


def measure_decoder(repeats: int) -> dict[str, Any]:
    """The way back from the classes of 3,300 events."""
    model = SpikeSEG(encoder_of((10, 10, 10), (0, 0, 0)).config, seed=0)
    output = model.encode(scattered(3300))
    seconds = best_of(lambda: model.decode(output), repeats)
    return {
        "workload": "decoder, 3,300 events",
        "events": output.n_classification_spikes,
        "spikes": [],
        "ms": seconds * 1e3,
    }


def conv_stage(
    in_shape: tuple[int, int, int], maps: int, kernel: int, pad: int, threshold: float, fire_once: bool = True
) -> Any:
    """One convolution of integrate-and-fire neurons."""
    stage = _core.ConvStage(
        in_shape, maps, (kernel, kernel), (1, 1), (pad, pad), (1, 1), (0, 0), 1, False, 4, threshold, 0.0, False,
        fire_once, False, 0, 2,
    )  # fmt: skip
    stage.weights[...] = np.random.default_rng(0).normal(0.8, 0.05, stage.weights.shape)
    return stage


def measure_conv(
    name: str, in_shape: tuple[int, int, int], maps: int, kernel: int, n_spikes: int, threshold: float, repeats: int
) -> list[dict[str, Any]]:
    """One convolution over 15 steps, without and with STDP."""
    rng = np.random.default_rng(1)
    size = int(np.prod(in_shape))
    x = np.zeros((15, 1, size), np.float32)
    x[rng.integers(0, 15, n_spikes), 0, rng.choice(size, n_spikes, replace=False)] = 1
    stage = conv_stage(in_shape, maps, kernel, 0, threshold)
    network = _core.SteppedNetwork([stage])
    spikes = _core.spikes_from_dense(x)
    learner, rule = _core.ConvLearner(stage), SimplifiedSTDP(0.0, 0.0).compiled()

    def learn() -> None:
        ((stages, _),) = network.run(spikes, [], True, False)
        learner.learn(spikes[0], _core.select_winners(stages[0], stage.shape, 0, 5, []), rule)

    ((stages, _),) = network.run(spikes, [], True, False)
    count = [len(stages[0])]
    plain = best_of(lambda: network.run(spikes, [], True, False), repeats)
    return [
        {"workload": name, "events": n_spikes, "spikes": count, "ms": plain * 1e3},
        {"workload": f"{name}, STDP", "events": n_spikes, "spikes": count, "ms": best_of(learn, repeats) * 1e3},
    ]


def measure_recordings(repeats: int) -> list[dict[str, Any]]:
    """Camera events through conv1 in steps of 1 ms, and through the whole encoder."""
    results = []
    for name in ("evt3_sample.raw", "evt2.raw", "dvs.es"):
        events = evsim.io.read_events(DATA / "recordings" / name)
        milliseconds = events.duration / 1e3
        spikes = events.binned(n_bins=max(1, round(milliseconds)))
        channels, height, width = spikes.shape
        stage = conv_stage((channels, height, width), 4, 5, 2, 10.0, fire_once=False)
        network = _core.SteppedNetwork([stage])
        steps = [_core.StepSpikes(np.searchsorted(spikes.times, np.arange(spikes.times[-1] + 2)), spikes.indices)]
        conv1 = best_of(lambda: network.run(steps, [], True, False), repeats)  # noqa: B023
        results.append(
            {
                "workload": f"conv1, {name}, 1 ms steps",
                "events": len(events),
                "spikes": [],
                "ms": conv1 * 1e3,
                "million_events_per_s": len(events) / conv1 / 1e6,
            }
        )
        encoder = SpikeSEGEncoder.from_paper("ebssa", seed=0)
        frames = events.binned(n_bins=10)
        whole = best_of(lambda: encoder.forward(frames), max(1, repeats // 5))  # noqa: B023
        results.append(
            {
                "workload": f"encoder (ebssa), {name}, 10 steps",
                "events": len(events),
                "spikes": [],
                "ms": whole * 1e3,
                "recording_ms": milliseconds,
                "million_events_per_s": len(events) / whole / 1e6,
            }
        )
    return results


def measure_continuous(repeats: int, n_events: int) -> list[dict[str, Any]]:
    """A camera layer in continuous time: every event at its own time, exact output times."""
    rng = np.random.default_rng(2)
    shape = (2, 260, 346)
    x = np.clip(rng.normal(173 + 60 * np.sin(np.arange(n_events) / n_events * 6), 40), 0, 345).astype(int)
    y = np.clip(rng.normal(130, 40, n_events), 0, 259).astype(int)
    indices = np.ravel_multi_index((rng.integers(0, 2, n_events), y, x), shape)
    spikes = evsim.SpikeArray(indices, np.sort(rng.uniform(0, 1000, n_events)), shape=shape)
    models = (
        ("IAFDelta", evsim.IAFDelta(threshold=40.0)),
        ("LinearLeakIF", evsim.LinearLeakIF(leak=0.05, threshold=20.0)),
        ("LIFDelta", evsim.LIFDelta(tau_mem=50.0, threshold=15.0)),
        ("LIF", evsim.LIF(tau_mem=20.0, tau_syn=5.0, threshold=2.0)),
    )
    results = []
    for name, neuron in models:
        net = evsim.SpikingNetwork(seed=1)
        weights = evsim.initializers.Uniform(0.2, 0.8)
        net.add_conv_layer(4, 5, neuron, in_shape=shape, padding=2, initializer=weights)
        count = [len(net.infer(spikes))]
        seconds = best_of(lambda: net.infer(spikes), repeats)  # noqa: B023
        workload = f"continuous conv 2->4 5x5, 346x260, {name}"
        results.append({"workload": workload, "events": n_events, "spikes": count, "ms": seconds * 1e3})
    return results


def show(results: list[dict[str, Any]]) -> None:
    """Print one table."""
    table = Table(title=f"SpikeSEG on one thread, {_core.active_isa()}, minimum of many runs")
    for column in ("workload", "events", "output spikes", "ms", "M events/s", "torch ms", "times torch"):
        table.add_column(column, justify="left" if column == "workload" else "right")
    for r in results:
        torch_ms = r.get("torch_ms")
        table.add_row(
            r["workload"],
            f"{r['events']:,}",
            " ".join(f"{n:,}" for n in r["spikes"]),
            f"{r['ms']:.3f}",
            f"{r['events'] / r['ms'] / 1e3:.2f}",
            f"{torch_ms:.1f}" if torch_ms else "",
            f"{torch_ms / r['ms']:.1f}" if torch_ms else "",
        )
    Console(width=140).print(table)


def main() -> None:
    """Run all workloads."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", type=Path)
    parser.add_argument("--smoke", action="store_true")
    arguments = parser.parse_args()
    evsim.set_num_threads(1)
    repeats = 2 if arguments.smoke else 60
    dense = importlib.util.find_spec("torch") is not None
    results = []
    for n in (170, 3300, 30000):
        for label, thresholds, leaks in (
            ("igarss2023", (10.0, 10.0, 10.0), (9.0, 1.0, 0.0)),
            ("no leak", (10.0, 10.0, 10.0), (0.0, 0.0, 0.0)),
            ("threshold 2", (2.0, 2.0, 2.0), (0.0, 0.0, 0.0)),
        ):
            name = f"encoder 10x1x128x128, {label}"
            results.append(measure_encoder(name, encoder_of(thresholds, leaks), scattered(n), repeats, dense))
    if (DATA / "nmnist_small.npz").exists():
        x = nmnist(5 if arguments.smoke else 50)
        name = f"encoder, {x.shape[1]} N-MNIST recordings"
        results.append(measure_encoder(name, encoder_of((10, 10, 10), (0, 0, 0)), x, max(2, repeats // 10), dense))
    results.append(measure_decoder(repeats))
    results += measure_conv("conv 6->30 5x5, 28x28", (6, 28, 28), 30, 5, 928, 15.0, repeats)
    results += measure_conv("conv 30->250 3x3, 12x12", (30, 12, 12), 250, 3, 928, 10.0, repeats)
    results += measure_continuous(2 if arguments.smoke else 10, 20_000 if arguments.smoke else 200_000)
    if (DATA / "recordings").exists() and importlib.util.find_spec("lz4") is not None:
        results += measure_recordings(2 if arguments.smoke else 10)
    show(results)
    if arguments.output is not None:
        today = datetime.date.today().isoformat()
        path = arguments.output / f"{today}-spikeseg-{platform.machine()}-{_core.active_isa()}.json"
        path.write_text(json.dumps({"date": today, "isa": _core.active_isa(), "results": results}, indent=1) + "\n")
        print(path)


if __name__ == "__main__":
    main()
