"""The CUDA kernels compile for the GPUs we name, where no GPU is there to run them."""

from concurrent.futures import ThreadPoolExecutor

import nvrtc
import pytest
from places import ROOT
from rules import EVSPIKESIM, STDP

from evsim import _core, kernels
from evsim.devices.cuda.program import dense_program
from evsim.kernels import NeuronType, Source

if nvrtc.library() is None:
    pytest.skip(f"none of the packages {', '.join(nvrtc.PACKAGES)} is installed", allow_module_level=True)

ARCHITECTURES = ("sm_80", "sm_90", "sm_100")
DTYPES = ("float32", "float64")
USER = "adaptive_lif.h"
MODELS = (*_core.model_names(), USER)
SHIPPED = tuple(path.stem for path in sorted(kernels.INCLUDE_FOLDER.glob("shipped/*.cpp")))
RULES = {"own": Source(STDP), **{name: Source.read(kernels.shipped(f"{name}.cpp")) for name in SHIPPED}}
ALL = [
    (m, d, a, None, file) for m in MODELS for d in DTYPES for a in ARCHITECTURES for file in ("dense.cu", "record.cu")
]
# With callbacks each for one of the architectures, in turn: what is compiled is the same for all.
ALL += [
    (model, dtype, ARCHITECTURES[(m + d + r) % 3], rule, "dense.cu")
    for m, model in enumerate(MODELS)
    for d, dtype in enumerate(DTYPES)
    for r, rule in enumerate(RULES)
]
# Every model once, for one of the architectures and types in turn, every second one with callbacks; but for the larger
# of two that differ in nothing else, which take half a minute each.
LARGER = ["linear_8_heterogeneous", "srm_alpha_grid_long"]
FEW = [
    (model, DTYPES[m // 2 % 2], ARCHITECTURES[m % 3], list(RULES)[m // 2 % len(RULES)] if m % 2 else None, "dense.cu")
    for m, model in enumerate(model for model in MODELS if model not in LARGER)
]
FEW += [("lif_refractory", "float32", "sm_90", None, "record.cu")]


def program(model, dtype, rule, file):
    if model == USER:
        neuron = NeuronType("AdaptiveLif", "evsim_neuron_model", Source.read(kernels.shipped(USER)))
    else:
        neuron = NeuronType(model, f"evsim::model_{model}")
    return dense_program(neuron, RULES[rule] if rule else None, dtype, file=file)


def compiled(model, dtype, arch, rule, file):
    made = program(model, dtype, rule, file)
    return nvrtc.compile_program(made.text, made.options, arch)


@pytest.fixture(scope="module")
def results():
    with ThreadPoolExecutor(2) as pool:
        yield {case: pool.submit(compiled, *case) for case in FEW}
        pool.shutdown(cancel_futures=True)


def assert_good(ptx, cubin, arch, file):
    entry = {"dense.cu": b".entry evsim_dense", "record.cu": b".entry evsim_record"}[file]
    assert entry in ptx
    assert f".target {arch}".encode() in ptx
    assert cubin.startswith(b"\x7fELF")


@pytest.mark.parametrize("case", FEW, ids=str)
def test_every_model_compiles(results, case):
    assert_good(*results[case].result(), case[2], case[4])


@pytest.mark.nightly
@pytest.mark.parametrize("case", ALL, ids=str)
def test_every_combination_compiles(case):
    assert_good(*compiled(*case), case[2], case[4])


def test_sources_written_for_evspikesim_compile():
    made = dense_program(NeuronType("lif", "evsim::model_lif"), Source(EVSPIKESIM), "float32")
    assert_good(*nvrtc.compile_program(made.text, made.options, "sm_90"), "sm_90", "dense.cu")


def test_a_broken_source_fails_with_its_line():
    source = Source(STDP.replace("neuron_traces[0] += 1", "neuron_traces[0] += one"), "/home/me/rule.cpp")
    line = next(k for k, text in enumerate(source.text.splitlines(), 1) if "+= one" in text)
    made = dense_program(NeuronType("lif", "evsim::model_lif"), source, "float32")
    with pytest.raises(
        nvrtc.CompileError, match=rf'/home/me/rule\.cpp\({line}\): error: identifier "one" is undefined'
    ):
        nvrtc.compile_program(made.text, made.options, "sm_90")


def test_a_change_in_an_included_file_changes_the_program(tmp_path):
    (tmp_path / "mine.h").write_text("#define RATE 1\n")
    rule = tmp_path / "rule.cpp"
    rule.write_text('#include "mine.h"\n#include <evsim/callbacks.h>\nvoid on_post_neuron(evsim::real*) {}\n')
    texts = []
    for content in ("#define RATE 1\n", '#include "deeper.h"\n', "#define RATE 1\n"):
        (tmp_path / "mine.h").write_text(content)
        texts.append(dense_program(NeuronType("lif", "evsim::model_lif"), Source.read(rule), "float32").text)
    assert texts[0] == texts[2] != texts[1]


def test_multiplications_are_fused_only_where_the_headers_say_so():
    """Or else the GPU would round unlike the CPU."""
    ptx, _ = nvrtc.compile_program(
        "__global__ void f(float* x) { x[0] = x[1] * x[2] + x[3]; }",
        dense_program(NeuronType("lif", "evsim::model_lif"), None, "float32").options,
        "sm_90",
    )
    assert b"fma" not in ptx


def test_the_yardsticks_of_the_benchmark_compile():
    text = (ROOT / "bench" / "limits.cu").read_text()
    ptx, _ = nvrtc.compile_program(text, ["-std=c++20"], "sm_90")
    assert b".entry copy" in ptx
    assert b".entry multiply_add" in ptx
