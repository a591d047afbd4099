"""Running out of memory for output spikes is a MemoryLimitError, in every engine."""

import subprocess
import sys

import pytest

PROGRAM = """
import resource, numpy as np, evsim
evsim.set_num_threads(2)
net = evsim.SpikingNetwork()
neuron = evsim.LIF(tau_mem=1e-3, tau_syn=1e-3, bias=2.0)
if CONV:
    net.add_layer(evsim.Conv2d(4, 1, in_shape=(1, 1, 1)), neuron)
else:
    net.add_layer(evsim.Dense(1, 4), neuron)
net.infer([], [], until=1.0)
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 100 * 2**20, resource.RLIM_INFINITY))
try:
    net.infer([], [], until=3e4)
except evsim.errors.MemoryLimitError as error:
    print("refused:", error)
resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
print(net.time, len(net.infer([], [], until=1.0)) > 0)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs RLIMIT_AS and /proc")
@pytest.mark.parametrize("conv", [False, True], ids=["dense", "conv"])
def test_output_spikes_without_room_raise_and_change_nothing(conv):
    program = PROGRAM.replace("CONV", str(conv))
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=100)
    assert done.stdout.startswith("refused: "), done.stderr
    assert done.stdout.splitlines()[-1] == "1.0 True"
