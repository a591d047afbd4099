"""Edges where rounding, order or timing could tempt a simulator into a wrong answer."""

import os
import pickle
import signal
import subprocess
import sys
import textwrap
import threading
import time

import numpy as np
import pytest

import evsim

MODELS = {
    "LIF, ratio 2": evsim.LIF(tau_mem=20.0, tau_syn=10.0),
    "LIF, ratio 4": evsim.LIF(tau_mem=20.0, tau_syn=5.0),
    "LIF, ratio 1": evsim.LIF(tau_mem=20.0, tau_syn=20.0),
    "LIF, refractory": evsim.LIF(tau_mem=20.0, tau_syn=10.0, refractory=0.01),
    "LIF, driven": evsim.LIF(tau_mem=20.0, tau_syn=10.0, bias=1.5),
    "LIFDelta, driven": evsim.LIFDelta(tau_mem=20.0, bias=1.5, refractory=0.01),
}


def one_neuron(neuron, weight, dtype="float64"):
    net = evsim.SpikingNetwork(dtype=dtype)
    net.add_layer(evsim.Dense(1, 1, weights=[[weight]]), neuron)
    return net


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", MODELS)
def test_a_stream_cut_a_few_ulp_beside_a_spike_loses_nothing(name, dtype):
    rng = np.random.default_rng(1)
    for _ in range(20):
        net = one_neuron(MODELS[name], rng.uniform(30, 3000), dtype)
        start = rng.uniform(0, 100)
        whole = net.infer([0], [start], until=start + 30.0)
        if whole.is_empty():
            continue
        spike = whole.times[rng.integers(len(whole))]
        for ulps in (-64, -2, -1, 0, 1, 2, 64, 512):
            cut = spike + ulps * np.spacing(spike)
            if not start <= cut <= start + 30.0:
                continue
            pieces = net.infer([0], [start], until=cut)
            rest = net.infer([], [], until=start + 30.0, reset=False)
            pieces.add(rest.indices, rest.times)
            assert len(pieces) == len(whole), (ulps, spike)
            same = pieces.times == whole.times
            if net[0].neuron.refractory > 0:
                # What is at its threshold when it is released waits 4 ulp for arrivals that count as at the release; a
                # call that ends meanwhile leaves the spike to the next one, whose beginning it counts as at.
                waits = (whole.times < cut) & (whole.times + 4.0 * np.spacing(whole.times) >= cut)
                same |= waits & (pieces.times == cut)
            assert same.all(), (ulps, spike)


@pytest.mark.parametrize(
    ("parameters", "weight"),
    [
        ({"tau_mem": 20.0, "tau_syn": 5.0, "v_init": -10.0}, 0.1),
        ({"tau_mem": 20.0, "tau_syn": 10.0, "v_init": -10.0}, 0.1),
        ({"tau_mem": 5.0, "tau_syn": 4.0, "v_init": -1e6}, 1.0),
    ],
)
def test_a_potential_that_only_approaches_its_threshold_does_not_fire(parameters, weight):
    net = one_neuron(evsim.LIF(threshold=1.0, bias=1.0, **parameters), weight)
    assert net.infer([0], [0.0]).is_empty()


def test_a_threshold_at_the_driven_rest_is_crossed_where_the_closed_form_says():
    tau, weight = 20.0, 0.005
    net = one_neuron(evsim.LIF(tau_mem=tau, tau_syn=tau, threshold=1.0, bias=1.0), weight)
    # v - v_inf = (-1 + w t / tau) e^{-t / tau} is 0 at t = tau / w
    np.testing.assert_allclose(net.infer([0], [0.0]).times[0], tau / weight, rtol=1e-12)


def test_a_neuron_far_below_a_driven_threshold_climbs_to_it_in_the_exact_time():
    net = one_neuron(evsim.LIF(tau_mem=20.0, tau_syn=5.0, bias=2.0, v_init=-1e50), 1e-9)
    spikes = net.infer([0], [0.0], until=2400.0)
    np.testing.assert_allclose(spikes.times[0], 20.0 * np.log(1e50 + 2.0), rtol=1e-9)


@pytest.mark.parametrize("scale", [1e-150, 1e-9, 1.0, 1e9, 1e150])
def test_the_unit_of_time_does_not_matter(scale):
    reference = one_neuron(evsim.LIF(tau_mem=4.0, tau_syn=1.0), 30.0).infer([0], [0.0])
    scaled = one_neuron(evsim.LIF(tau_mem=4.0 * scale, tau_syn=scale), 30.0).infer([0], [0.0])
    np.testing.assert_allclose(scaled.times / scale, reference.times, rtol=1e-12)


def test_many_evenly_spaced_inputs_do_not_make_float32_drift():
    tau_mem, refractory = 10.0, 100.0
    times = np.linspace(1.0, 90.0, 30_000)
    indices = np.where(np.arange(times.size) == 0, 0, 1)
    for neuron in (
        evsim.LIF(tau_mem=tau_mem, tau_syn=200.0, refractory=refractory),
        evsim.LIF(tau_mem=100.0, tau_syn=50.0, threshold=6.0),
    ):
        spikes = {}
        for dtype in ("float32", "float64"):
            net = evsim.SpikingNetwork(dtype=dtype)
            net.add_layer(evsim.Dense(2, 1, weights=[[64.0, 0.0]]), neuron)
            spikes[dtype] = net.infer(indices, times).times
        assert len(spikes["float32"]) == len(spikes["float64"]) > 1
        np.testing.assert_allclose(spikes["float32"], spikes["float64"], rtol=0, atol=1e-5 * neuron.tau_mem)


def test_spikes_at_one_time_come_in_the_order_of_their_indices():
    neuron = evsim.LIF(tau_mem=20.0, tau_syn=10.0, refractory=1000.0)
    first = one_neuron(neuron, 30.0).infer([0], [0.0]).times[0]
    net = evsim.SpikingNetwork(dtype="float64")
    net.add_layer(evsim.Dense(2, 2, weights=[[0.0, 1e20], [30.0, 0.0]]), neuron)
    output = net.infer([0, 1], [0.0, first])
    assert output.times[0] == output.times[1]
    assert output.indices.tolist() == [0, 1]


def test_recording_many_times_of_a_driven_neuron_is_linear_in_their_number():
    net = one_neuron(evsim.LIF(tau_mem=20.0, tau_syn=10.0, bias=2.0), 1.0)
    probe = evsim.Probe(0, times=np.linspace(0.0, 20_000.0, 20_001))
    net.infer([], [], until=20_000.0, record=probe)
    period = 20.0 * np.log(2.0)
    phase = probe.values[:, 0] - 2.0 * (1.0 - np.exp(-(np.asarray(probe.times) % period) / 20.0))
    away_from_spikes = np.abs((np.asarray(probe.times) / period + 0.5) % 1.0 - 0.5) > 1e-3
    assert np.abs(phase[away_from_spikes]).max() < 1e-9


def test_a_potential_too_large_to_reset_is_an_error():
    net = one_neuron(evsim.LIFDelta(tau_mem=10.0, refractory=1.0), 1e30)
    with pytest.raises(evsim.errors.NonFiniteError, match="neuron 0"):
        net.infer([0], [0.0])


def test_networks_pickle_between_instruction_sets(tmp_path):
    net = evsim.SpikingNetwork(seed=1)
    net.add_layer(evsim.Dense(3, 5), evsim.LIF(tau_mem=20.0, tau_syn=10.0, threshold=0.1))
    net.add_layer(evsim.Dense(5, 21), evsim.LI(tau_mem=20.0, tau_syn=10.0))
    net.infer([0, 1], [0.0, 1.0], until=5.0)
    (tmp_path / "net.pickle").write_bytes(pickle.dumps(net))
    net.infer([2], [6.0], reset=False)
    script = textwrap.dedent(f"""
        import pickle
        net = pickle.load(open({str(tmp_path / "net.pickle")!r}, "rb"))
        net.infer([2], [6.0], reset=False)
        print(net[0].n_spikes.sum(), *net.output_layer.maximum)
    """)
    environment = {**os.environ, "EVSIM_SIMD": "baseline"}
    run = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
    n_spikes, *maximum = run.stdout.split()
    assert int(n_spikes) == net[0].n_spikes.sum()
    np.testing.assert_allclose([float(m) for m in maximum], net.output_layer.maximum, rtol=1e-5, atol=1e-7)


def test_results_can_be_read_while_another_thread_infers():
    net = evsim.SpikingNetwork(seed=1)
    layer = net.add_layer(evsim.Dense(50, 200), evsim.LIF(tau_mem=20.0, tau_syn=10.0, threshold=0.5))
    readout = net.add_layer(evsim.Dense(200, 10), evsim.LI(tau_mem=20.0, tau_syn=10.0))
    rng = np.random.default_rng(1)
    batch = [(rng.integers(0, 50, 300), np.sort(rng.uniform(0, 50, 300))) for _ in range(8)]
    net.infer(batch)
    expected = layer.n_spikes.tolist()
    stop = threading.Event()
    failures = []

    def read():
        while not stop.is_set():
            if layer.n_spikes.tolist() != expected or readout.maximum.shape != (8, 10) or len(pickle.dumps(net)) == 0:
                failures.append(layer.n_spikes)

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    deadline = time.monotonic() + 1.0
    while time.monotonic() < deadline:
        net.infer(batch)
    stop.set()
    for reader in readers:
        reader.join()
    assert not failures


def test_a_long_recording_can_be_interrupted():
    script = textwrap.dedent("""
        import evsim
        net = evsim.SpikingNetwork()
        net.add_layer(evsim.Dense(1, 1), evsim.LIF(tau_mem=0.001, tau_syn=0.001, bias=2.0))
        print("ready", flush=True)
        net.infer([], [], until=1e9, record=evsim.Probe(0, [1e9]))
    """)
    process = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "ready\n"
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=20)
    assert "KeyboardInterrupt" in errors


def test_equality_and_hash_of_neuron_models_agree():
    assert evsim.LIF(tau_mem=1.0, tau_syn=1.0, v_rest=0.0) == evsim.LIF(tau_mem=1.0, tau_syn=1.0, v_rest=-0.0)
    assert hash(evsim.LIF(tau_mem=1.0, tau_syn=1.0, v_rest=0.0)) == hash(
        evsim.LIF(tau_mem=1.0, tau_syn=1.0, v_rest=-0.0)
    )
    per_neuron = evsim.Dense(1, 2, weights=[[1.0], [2.0]])
    assert per_neuron == per_neuron
    assert per_neuron != evsim.Dense(1, 2, weights=[[1.0], [2.0]])


def test_saved_networks_keep_how_often_a_neuron_may_fire_at_once(tmp_path):
    net = evsim.SpikingNetwork(max_spikes_per_instant=5000)
    net.add_layer(evsim.Dense(1, 1, weights=[[2000.5]]), evsim.IAFDelta())
    net.save(tmp_path / "net.safetensors")
    assert len(evsim.load(tmp_path / "net.safetensors").infer([0], [0.0])) == 2000


def test_a_network_with_weights_that_are_not_finite_is_not_saved(tmp_path):
    net = evsim.SpikingNetwork()
    layer = net.add_layer(evsim.Dense(1, 1), evsim.IAFDelta())
    layer.weights[0, 0] = np.nan
    with pytest.raises(evsim.errors.NonFiniteError, match="layer 0"):
        net.save(tmp_path / "net.safetensors")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("dt", [1e-300, 1e-12, 1e-9])
def test_a_dense_array_beyond_all_memory_is_refused_before_it_is_made(dt):
    with pytest.raises(evsim.errors.MemoryLimitError, match="longer dt"):
        evsim.SpikeArray([0, 99], [0.0, 1000.0]).to_dense(dt)


def test_recording_a_long_input_equals_recording_its_beginning():
    rng = np.random.default_rng(3)
    times, indices = np.sort(rng.uniform(0.0, 100.0, 20_000)), rng.integers(0, 5, 20_000)
    net = evsim.SpikingNetwork(seed=1)
    net.add_layer(evsim.Dense(5, 70), evsim.LIF(tau_mem=20.0, tau_syn=10.0, refractory=0.5))
    # 8192 events are prepared at a time: look around those borders, before the first event and after the last one
    borders = [0, 1, 8191, 8192, 8193, 16383, 16384, 16385, 19_999]
    wanted = np.sort(np.concatenate([[0.0], times[borders], times[borders] + 1e-6, [110.0]]))
    whole = evsim.Probe(0, wanted)
    net.infer(indices, times, record=whole)
    assert np.ptp(whole.values) > 0
    for k, moment in enumerate(wanted):
        past = times <= moment
        alone = evsim.Probe(0, [moment])
        net.infer(indices[past], times[past], record=alone)
        np.testing.assert_array_equal(whole.values[k], alone.values[0])
