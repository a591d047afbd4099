"""Modules in other processes: workers of DataLoader, and DistributedDataParallel."""

import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import evsim

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
import evsim.torch  # noqa: E402

TIMES = torch.from_numpy(np.random.default_rng(0).uniform(0.0, 10.0, (8, 3)))


def module():
    net = evsim.SpikingNetwork(dtype="float64", seed=3)
    weights = evsim.initializers.NormalInitializer(4.0, 2.0)
    net.add_layer(evsim.Dense(3, 5, weights), evsim.LIF(tau_mem=20.0, tau_syn=5.0), name="hidden", delay=0.5)
    net.add_layer(evsim.Dense(5, 2, weights), evsim.LIF(tau_mem=20.0, tau_syn=5.0), name="out")
    model = evsim.torch.Network(net, train=("weights", "delays"), parameters={"hidden": "tau_mem"}, until=30.0)
    with torch.no_grad():
        model.weights["hidden"].mul_(1.1)
        model.neurons["hidden", "tau_mem"].mul_(1.1)
    return model


class Recordings(torch.utils.data.Dataset):
    """Spikes, and what a network of its own makes of them."""

    def __init__(self, model):
        self.model = model

    def __len__(self):
        return len(TIMES)

    def __getitem__(self, k):
        order = TIMES[k].argsort().numpy()
        spikes = evsim.SpikeArray(order, TIMES[k].numpy()[order])
        times = TIMES[k : k + 1].clone().requires_grad_()
        first = self.model(times).first
        (by_times,) = torch.autograd.grad(first.sum(), times)
        return spikes, first[0].detach(), by_times[0]


@pytest.mark.parametrize("start", ["fork", "spawn"])
def test_workers_of_a_data_loader(start):
    data = Recordings(module())
    options = {"batch_size": 3, "collate_fn": evsim.torch.collate}
    here = list(torch.utils.data.DataLoader(data, **options))
    there = list(torch.utils.data.DataLoader(data, num_workers=2, multiprocessing_context=start, **options))
    assert len(there) == 3
    for (spikes, *tensors), (others, *more) in zip(here, there, strict=True):
        assert spikes == others
        assert all(torch.equal(a, b) for a, b in zip(tensors, more, strict=True))
    assert here[0][2].any()
    model = module()
    assert torch.equal(torch.cat([model(spikes).first for spikes, *_ in there]), model(TIMES).first)


def test_threads_take_turns():
    model = module()

    def gradient(k):
        times = TIMES[k : k + 1].clone().requires_grad_()
        return torch.autograd.grad(model(times).first.sum(), times)[0]

    here = [gradient(k) for k in range(len(TIMES))]
    with ThreadPoolExecutor(4) as pool:
        there = list(pool.map(gradient, range(len(TIMES))))
    assert all(torch.equal(a, b) for a, b in zip(here, there, strict=True))


def train(model, times, steps=3):
    """Some steps of Adam; `model` may be wrapped."""
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(steps):
        optimizer.zero_grad()
        model(times).first.square().mean().backward()
        optimizer.step()


def one_of_two(rank, folder):
    """Train on half of the samples, together with the other process, and keep what comes out."""
    torch.distributed.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    model = module()
    if rank:
        with torch.no_grad():
            for one in model.parameters():
                one.mul_(0.5)  # the first process' values count
    train(torch.nn.parallel.DistributedDataParallel(model), TIMES[rank::2])
    torch.save(model.state_dict(), os.path.join(folder, f"{rank}.pt"))
    torch.distributed.destroy_process_group()


@pytest.mark.skipif(not torch.distributed.is_available(), reason="PyTorch was built without torch.distributed")
def test_two_processes_train_as_one(tmp_path):
    torch.multiprocessing.spawn(one_of_two, args=(str(tmp_path),), nprocs=2)
    first, second = (torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in (0, 1))
    model = module()
    start = {name: one.clone() for name, one in model.state_dict().items()}
    train(model, TIMES)
    for name, one in model.state_dict().items():
        assert torch.equal(first[name], second[name])
        assert not torch.equal(one, start[name])
        torch.testing.assert_close(first[name], one, rtol=1e-9, atol=1e-12)
