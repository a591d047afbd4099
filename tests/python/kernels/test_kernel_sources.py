"""Sources of kernels as files and editors make them, and what is no source."""

import os

import pytest
from callback_kernels import network

import evsim
from evsim.errors import DTypeError, InvalidArgumentError, KernelCompileError

SOURCE = """#include <evsim/callbacks.h>
auto neuron_traces_tau() { return evsim::time_constants(INFINITY); }
void on_post_neuron(evsim::real* été) { été[0] += 1; }
"""


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbf" + SOURCE.encode(),
        SOURCE.replace("\n", "\r\n").encode(),
        SOURCE.encode().rstrip(),
        b"#pragma once\n" + SOURCE.encode(),
    ],
    ids=["byte order mark", "line ends of Windows", "no last line end", "a header"],
)
def test_a_file_of_any_editor_is_read(tmp_path, content):
    (tmp_path / "rule.cpp").write_bytes(content)
    net = network(evsim.Kernel(tmp_path / "rule.cpp"), [[9.0]])
    assert net[0].neuron_traces.shape == (1, 1)


def test_lines_are_counted_right_with_line_ends_of_windows():
    source = SOURCE.replace("été[0]", "été[1]").replace("\n", "\r\n")
    with pytest.raises(KernelCompileError, match=r"^source string:3: error: .*no neuron trace 1"):
        network(evsim.Kernel(source), [[9.0]])


@pytest.mark.parametrize(
    ("content", "message"),
    [(SOURCE.encode("utf-16"), "is not a text file"), (b" " * (2**24 + 1), "has 16777217 bytes; .* at most 16777216")],
    ids=["utf-16", "large"],
)
def test_what_is_no_source_is_refused(tmp_path, content, message):
    (tmp_path / "rule.cpp").write_bytes(content)
    with pytest.raises(InvalidArgumentError, match=rf"rule\.cpp {message}"):
        evsim.Kernel(tmp_path / "rule.cpp")


@pytest.mark.parametrize("path", ["/dev/zero", "pipe"])
def test_a_pipe_or_a_device_is_not_waited_for(tmp_path, path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InvalidArgumentError, match="is no regular file"):
        evsim.Kernel(tmp_path / path)


def test_a_string_that_is_no_text_is_refused():
    with pytest.raises(InvalidArgumentError, match="the source string is not text"):
        evsim.Kernel(SOURCE + "// \ud800\n")
    with pytest.raises(InvalidArgumentError, match="characters; a kernel source has at most"):
        evsim.Kernel(SOURCE + "\n" * 2**24)


def test_a_file_that_includes_itself_is_an_error_of_the_file(tmp_path):
    (tmp_path / "rule.cpp").write_text(SOURCE + '#include "rule.cpp"\n')
    with pytest.raises(KernelCompileError, match=r"^/.*rule\.cpp:"):
        network(evsim.Kernel(tmp_path / "rule.cpp"), [[9.0]])


def test_a_compile_path_that_is_none_is_refused():
    with pytest.raises(DTypeError, match="compile_path must be a path, got 3"):
        evsim.neurons.from_source(evsim.kernels.shipped("adaptive_lif.h"), compile_path=3)
