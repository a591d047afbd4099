import json
import re
import subprocess
import sys

import numpy as np
import pytest
from places import DATA
from typer.testing import CliRunner

import evsim
from evsim.cli import info, main as cli
from evsim.io import read_spikes, write_spikes

pytest.importorskip("safetensors")
SAMPLE = DATA / "recordings" / "sample_nmnist.bin"


@pytest.fixture(autouse=True)
def plain_wide_output(monkeypatch):
    threads = evsim.num_threads()
    for console in (cli.console, cli.errors):
        monkeypatch.setattr(console, "_width", 200)
    yield
    evsim.set_num_threads(threads)


def run(*arguments):
    return CliRunner().invoke(cli.app, [str(argument) for argument in arguments])


def evsim_command(*arguments, **options):
    command = [sys.executable, "-c", "from evsim.cli.main import main; main()", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)


def save_network(path, n_inputs, readout=False):
    net = evsim.SpikingNetwork(seed=1)
    weights = np.full((3, n_inputs), 2.0) * [[1.0], [2.0], [0.5]]
    neuron = evsim.LI if readout else evsim.LIF
    net.add_layer(evsim.Dense(n_inputs, 3, weights=weights), neuron(tau_mem=20.0, tau_syn=10.0))
    net.save(path)
    return net


@pytest.fixture
def network(tmp_path):
    save_network(tmp_path / "net.safetensors", 6)
    return tmp_path / "net.safetensors"


@pytest.fixture
def recording(tmp_path):
    write_spikes(evsim.SpikeArray([0, 3, 5], [0.5, 1.0, 2.0]), tmp_path / "in.npz")
    return tmp_path / "in.npz"


def assert_one_line_error(result, *words, code=1):
    assert result.exit_code == code, result.output
    assert result.stderr.startswith("Error: ")
    assert len(result.stderr.strip().splitlines()) == 1
    for word in words:
        assert word in result.stderr


def test_help_lists_the_commands():
    result = run("--help")
    assert result.exit_code == 0
    for command in ("cache", "demo", "infer", "info", "simulate", "train"):
        assert command in result.stdout


def test_version_is_printed():
    assert run("--version").stdout.strip() == f"evsim {evsim.__version__}"


def test_an_unknown_command_is_a_usage_error():
    assert run("fly").exit_code == 2


def test_info_says_what_is_in_use():
    result = run("info")
    assert result.exit_code == 0
    for word in (evsim.__version__, "CPU features", "threads", "GPU", "LIFDelta", "safetensors"):
        assert word in result.stdout


def test_info_names_the_extra_of_what_is_missing():
    assert info._installed("no-such-package-of-evsim", "plot") == (
        "not installed: python -m pip install 'evsim\\[plot]'"
    )


def test_infer_writes_what_the_network_fires(network, recording, tmp_path):
    result = run("infer", network, recording, "-o", tmp_path / "out.npz")
    assert result.exit_code == 0, result.stderr
    expected = evsim.load(network).infer(read_spikes(recording))
    assert read_spikes(tmp_path / "out.npz") == expected
    assert f"neuron {expected.indices[0]} at {expected.times[0]:.6g}" in result.stdout
    assert f"{len(expected)} spikes of 3 neurons" in result.stdout


def test_infer_stops_at_until(network, recording, tmp_path):
    run("infer", network, recording, "-o", tmp_path / "out.npz", "--until", 5)
    assert read_spikes(tmp_path / "out.npz") == evsim.load(network).infer(read_spikes(recording), until=5.0)


def test_infer_draws_all_layers(network, recording, tmp_path):
    pytest.importorskip("matplotlib")
    assert run("infer", network, recording, "--plot", tmp_path / "a.png").exit_code == 0
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


def test_infer_reads_the_maximum_of_a_readout(recording, tmp_path):
    save_network(tmp_path / "li.safetensors", 6, readout=True)
    assert "neuron 1 reaches" in run("infer", tmp_path / "li.safetensors", recording).stdout


def test_infer_says_when_no_output_fired(network, tmp_path):
    write_spikes(evsim.SpikeArray(), tmp_path / "none.npz")
    assert "no output neuron fired" in run("infer", network, tmp_path / "none.npz").stdout


def test_infer_merges_polarities_for_a_network_of_pixels(network, tmp_path):
    write_spikes(evsim.SpikeArray([1, 7], [0.5, 1.0], shape=(2, 2, 3)), tmp_path / "in.npz")
    result = run("infer", network, tmp_path / "in.npz", "-o", tmp_path / "out.npz")
    assert "polarities merged" in result.stdout
    assert read_spikes(tmp_path / "out.npz") == evsim.load(network).infer([1, 1], [0.5, 1.0])


@pytest.mark.parametrize("n_inputs", [2 * 34 * 34, 34 * 34])
def test_infer_takes_an_nmnist_recording(tmp_path, n_inputs):
    if not SAMPLE.exists():
        pytest.skip(f"{SAMPLE} is not here")
    save_network(tmp_path / "net.safetensors", n_inputs)
    result = run("infer", tmp_path / "net.safetensors", SAMPLE)
    assert result.exit_code == 0, result.stderr
    assert "4,325 spikes" in result.stdout


def test_infer_names_both_sizes_if_they_differ(network, tmp_path):
    write_spikes(evsim.SpikeArray([1], [0.5], shape=(2, 5, 5)), tmp_path / "in.npz")
    result = run("infer", network, tmp_path / "in.npz")
    assert_one_line_error(result, "2 x 5 x 5 = 50 inputs", "network has 6", "50 or 25 (polarities merged)")
    write_spikes(evsim.SpikeArray([8], [0.5]), tmp_path / "in.npz")
    assert_one_line_error(run("infer", network, tmp_path / "in.npz"), "input 8", "6 inputs", "at least 9")


def test_infer_takes_a_shape_for_event_camera_arrays(network, tmp_path):
    np.savez(tmp_path / "in.npz", x=[0], y=[0], p=[1], t=[1000])
    assert_one_line_error(run("infer", network, tmp_path / "in.npz"), "2 x 1 x 1", "--shape")
    assert run("infer", network, tmp_path / "in.npz", "--shape", "2,1,3").exit_code == 0
    assert run("infer", network, tmp_path / "in.npz", "--shape", "2,1").exit_code == 2


def test_infer_refuses_damaged_and_missing_files_in_one_line(network, recording, tmp_path):
    (tmp_path / "bad.npz").write_bytes(b"no zip")
    (tmp_path / "bad.safetensors").write_bytes(b"no tensors")
    assert_one_line_error(run("infer", network, tmp_path / "bad.npz"), "bad.npz", "not a readable")
    assert_one_line_error(run("infer", tmp_path / "bad.safetensors", recording), "bad.safetensors")
    assert_one_line_error(run("infer", network, tmp_path / "none.npz"), "none.npz", "No such file")
    assert_one_line_error(run("infer", network, tmp_path), "Is a directory")
    assert_one_line_error(run("infer", network, recording, "--time-scale", "0"), "time_scale")


@pytest.mark.parametrize("option", ["-o", "--plot"])
def test_infer_finds_out_early_that_it_cannot_write(network, recording, tmp_path, option):
    suffix = ".npz" if option == "-o" else ".png"
    assert_one_line_error(run("infer", network, recording, option, tmp_path / f"no/x{suffix}"), "does not exist")
    (tmp_path / f"folder{suffix}").mkdir()
    assert_one_line_error(run("infer", network, recording, option, tmp_path / f"folder{suffix}"), "is a folder")
    assert run("infer", network, recording, option, tmp_path / "x.txt").exit_code == 2


def test_infer_without_matplotlib_names_the_extra(network, recording, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    result = run("infer", network, recording, "--plot", tmp_path / "a.png")
    assert_one_line_error(result, "--plot needs matplotlib", "evsim[plot]")


def test_messages_are_no_markup(network, tmp_path):
    assert_one_line_error(run("infer", network, tmp_path / "[red]none[/].npz"), "[red]none[/].npz")


def test_demo_does_its_work_and_says_what_to_try_next(tmp_path):
    pytest.importorskip("sklearn")
    pytest.importorskip("matplotlib")
    result = run("demo", "-o", tmp_path / "out", "--threads", 1, "--hidden", 30, "--epochs", 5)
    assert result.exit_code == 0, result.stderr
    assert float(re.search(r"([\d.]+)% of the test digits", result.stdout)[1]) > 70
    names = {"network.safetensors", "digit.npz", "digits.png"}
    assert {path.name for path in (tmp_path / "out").iterdir()} == names
    command = re.search(r"Try next: evsim (.*)", result.stdout)[1].split()
    again = run(*command)
    assert again.exit_code == 0, again.stderr
    assert (tmp_path / "out" / "raster.png").exists()


def test_demo_cannot_write_into_a_file(tmp_path):
    pytest.importorskip("sklearn")
    pytest.importorskip("matplotlib")
    (tmp_path / "file").touch()
    assert_one_line_error(run("demo", "-o", tmp_path / "file"), "file: File exists")


def test_demo_without_scikit_learn_names_the_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn", None)
    assert_one_line_error(run("demo", "-o", tmp_path / "out"), "scikit-learn", "evsim[demo]")


@pytest.fixture
def kernels(tmp_path):
    folder = tmp_path / "[models]" / "evsim-kernels"
    folder.mkdir(mode=0o700, parents=True)
    for key, name, size in (("a" * 64, "/models/[red]adaptive.cpp", 1500), ("b" * 64, "lif.cpp", 2_000_000)):
        (folder / f"{key}.so").write_bytes(bytes(size))
        (folder / f"{key}.json").write_text(json.dumps({"name": name, "compiler": "c++ 12.2.0"}))
    return folder


def test_cache_lists_compiled_kernels(kernels):
    result = run("cache", "--path", kernels.parent)
    assert result.exit_code == 0, result.stderr
    for word in ("/models/[red]adaptive.cpp", "lif.cpp", "c++ 12.2.0", "1.5 kB", "2 MB"):
        assert word in result.stdout
    assert result.stdout.splitlines()[-1] == f"{kernels}  2 compiled kernels, 2 MB"


def test_cache_clear_removes_compiled_kernels(kernels):
    (kernels / "mine.txt").touch()
    result = run("cache", "clear", "--path", kernels.parent)
    assert result.stdout == f"{kernels}  2 compiled kernels removed\n"
    assert [path.name for path in kernels.iterdir()] == ["mine.txt"]
    assert run("cache", "--path", kernels.parent).stdout == f"{kernels}  0 compiled kernels, 0 B\n"


def test_cache_uses_the_folder_of_the_environment(kernels, monkeypatch):
    monkeypatch.setenv("EVSIM_CACHE_DIR", str(kernels))
    assert "2 compiled kernels, 2 MB" in run("cache").stdout


def test_cache_refuses_an_unsafe_folder_and_an_unknown_action(kernels):
    kernels.chmod(0o777)
    for action in ("list", "clear"):
        assert_one_line_error(run("cache", action, "--path", kernels.parent), str(kernels), "mode 777", "chmod 700")
    assert run("cache", "melt").exit_code == 2


def test_the_command_prints_errors_on_stderr_without_traceback(tmp_path):
    result = evsim_command("infer", tmp_path / "none.safetensors", tmp_path / "none.npz")
    assert result.returncode == 1
    assert result.stdout == ""
    assert result.stderr.startswith("Error: ")
    assert "Traceback" not in result.stderr


def test_help_loads_nothing_heavy():
    code = (
        "import sys; from evsim.cli.main import app\n"
        "try: app(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'matplotlib', 'sklearn', 'safetensors', 'scipy', 'cupy'}\n"
        "sys.exit(', '.join(heavy & set(sys.modules)) or 0)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["--version"], ["infer", "--help"], ["segment", "--help"], ["simulate", "brunel", "--help"]],
)
def test_help_and_version_do_not_wait_for_numpy(arguments):
    source = f"""
import sys
from evsim.cli.main import main
sys.argv = ["evsim", *{arguments!r}]
try:
    main()
finally:
    assert not {{"numpy", "evsim._core"}} & set(sys.modules), "slow"
"""
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_command_names_the_version_of_the_package():
    assert run("--version").output.split() == ["evsim", evsim.__version__]
