"""What may be assigned to networks, layers and their parts, and how they look."""

import copy
import gc
import html
import pickle
import weakref

import numpy as np
import pytest

import evsim


def made():
    net = evsim.SpikingNetwork(seed=0)
    net.add_layer(evsim.Dense(10, 20), evsim.LIF(tau_mem=20.0, tau_syn=5.0))
    net.add_layer(evsim.Dense(20, 3), evsim.LIF(tau_mem=20.0, tau_syn=5.0, threshold=0.5))
    return net


OBJECTS = {
    "network": made,
    "layer": lambda: made()[0],
    "spikes": lambda: evsim.SpikeArray([1], [2.0]),
    "events": lambda: evsim.EventArray([1], [0], [0], [1]),
    "probe": lambda: evsim.Probe(0, [1.0]),
    "neuron": lambda: evsim.IAFDelta(),
    "connection": lambda: evsim.Dense(1, 1),
}


@pytest.mark.parametrize("name", OBJECTS)
@pytest.mark.parametrize("attribute", ["foo", "weigths", "x_"])
def test_attributes_that_there_are_not_cannot_be_assigned(name, attribute):
    thing = OBJECTS[name]()
    with pytest.raises(AttributeError):
        setattr(thing, attribute, 1)
    assert not hasattr(thing, attribute)


@pytest.mark.parametrize(
    ("name", "attribute"),
    [
        ("network", "dtype"),
        ("network", "device"),
        ("network", "compile_path"),
        ("network", "time"),
        ("network", "output_layer"),
        ("layer", "connection"),
        ("layer", "kernel"),
        ("layer", "n_neurons"),
        ("layer", "threshold"),
        ("layer", "post_spikes"),
        ("spikes", "indices"),
        ("spikes", "times"),
        ("events", "t"),
        ("events", "width"),
        ("probe", "values"),
        ("neuron", "threshold"),
        ("connection", "n_inputs"),
    ],
)
def test_what_cannot_change_cannot_be_assigned(name, attribute):
    with pytest.raises(AttributeError):
        setattr(OBJECTS[name](), attribute, 1)


@pytest.mark.parametrize("name", OBJECTS)
def test_objects_can_be_referred_to_weakly(name):
    thing = OBJECTS[name]()
    reference = weakref.ref(thing)
    assert reference() is thing
    del thing
    gc.collect()
    assert reference() is None


@pytest.mark.parametrize("name", [name for name in OBJECTS if name != "layer"])
@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_objects_can_be_copied_and_pickled(name, copied):
    thing = OBJECTS[name]()
    assert type(copied(thing)) is type(thing)
    assert repr(copied(thing)) == repr(thing)


@pytest.mark.parametrize("name", ["network", "layer", "spikes", "events"])
def test_notebooks_show_small_tables(name):
    thing = OBJECTS[name]()
    table = thing._repr_html_()
    assert table.startswith("<table>")
    assert table.count("<tr>") == table.count("</tr>")
    assert html.escape(repr(thing).split("(")[0]) in table


def test_tables_are_escaped_and_short():
    source = "#include <evsim/callbacks.h>\nusing evsim::real;\nvoid on_post_neuron(real*) {}\n"
    rule = evsim.Kernel(source)
    net = evsim.SpikingNetwork()
    layer = net.add_layer(evsim.Dense(1, 1), evsim.LIF(tau_mem=2.0, tau_syn=1.0), kernel=rule)
    assert "<evsim" not in layer._repr_html_()
    assert "-> 20 LIF" not in made()._repr_html_()
    assert "-&gt; 20 LIF" in made()._repr_html_()
    many = evsim.SpikeArray(np.arange(10**5), np.arange(10**5))
    assert len(many._repr_html_()) < 2000
    assert "99,990 more" in many._repr_html_()
    assert "empty" in evsim.SpikeArray()._repr_html_()
    assert "empty" in evsim.SpikingNetwork()._repr_html_()


def test_the_summary_counts_weights_and_bytes():
    net = made()
    net.add_layer(evsim.Dense(3, 49), evsim.LI(tau_mem=20.0, tau_syn=5.0))
    lines = net.summary().splitlines()
    assert len(lines) == 2 + len(net) + 1
    assert lines[2].split() == ["0", "Dense(10,", "20)", "LIF", "20", "200", "800", "B"]
    assert lines[-1].split() == ["total", "72", "407", "1.63", "kB"]
    assert evsim.SpikingNetwork().summary().splitlines()[-1].split() == ["total", "0", "0", "0", "B"]
    images = evsim.SpikingNetwork(dtype="float64")
    images.add_conv_layer(4, 3, evsim.IAFDelta(), in_shape=(2, 8, 8))
    images.add_pool_layer(2)
    assert "4x3x3" in images.summary()
    assert "576 B" in images.summary()


def test_a_network_is_called_like_a_function():
    net = made()
    spikes = evsim.SpikeArray([1, 2], [0.0, 1.0])
    assert net(spikes) == net.infer(spikes)
    assert net([1, 2], [0.0, 1.0], until=50.0) == net.infer(spikes, until=50.0)
    assert net([spikes, spikes]) == net.infer([spikes, spikes])
