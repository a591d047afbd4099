"""The example of docs/torch.md with Lightning."""

import re
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="PyTorch is not installed")
lightning = pytest.importorskip("lightning", reason="Lightning is not installed")

PAGE = Path(__file__).parents[3] / "docs" / "torch.md"


@pytest.mark.filterwarnings("ignore")  # of Lightning, on how many workers and processors there might be
def test_the_example_with_lightning_runs(tmp_path, monkeypatch):
    (example,) = re.findall(r"```python\n(import lightning.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    monkeypatch.chdir(tmp_path)
    # Lightning looks for MPI wherever mpi4py is, which may be without a library.
    monkeypatch.setattr("lightning.fabric.plugins.environments.MPIEnvironment.detect", staticmethod(lambda: False))
    space = {}
    exec(example, space)
    losses = space["model"].losses
    assert len(losses) > 10
    assert sum(losses[-4:]) < 0.5 * sum(losses[:4])
