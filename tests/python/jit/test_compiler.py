"""The compiler: which one is taken, and what it says."""

import os
import re
import shlex
import signal
import subprocess
import sys

import pytest
from compiling import Wrapper, answer, is_running, names, unit, wait_until

from evsim import jit
from evsim.errors import CompilerNotFoundError, InvalidArgumentError, KernelCompileError
from evsim.jit import compiler

# What the compiler says


def test_an_error_names_file_and_line_of_the_user(folder):
    source = 'int before;\n#line 11 "/models/my model.cpp"\nint fine;\nint broken = speed;\n'
    with pytest.raises(KernelCompileError, match=r"^/models/my model\.cpp:12: error: .*'?speed'?") as caught:
        jit.build(source)
    assert "ended with exit code 1 and says:\n/models/my model.cpp:12:" in str(caught.value)
    assert names(folder) == set()


def test_a_missing_header_is_an_error_of_the_kernel(user_folder):
    with pytest.raises(KernelCompileError, match=r"^/models/mine\.cpp:1: fatal error: .*none\.h"):
        jit.build('#line 1 "/models/mine.cpp"\n#include "none.h"\n', quote_folders=[user_folder])


def test_what_is_no_error_message_is_passed_on_in_english(wrapper, monkeypatch):
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    wrapper.write(compiling='echo "out of order in $LC_ALL" >&2; exit 3')
    with pytest.raises(KernelCompileError, match=r"(?s)^/models/answer\.cpp does not .* exit code 3 .*of order in C$"):
        jit.build(unit(42))


def test_a_long_message_keeps_its_beginning_and_its_end():
    errors = "\n".join(f'static_assert(false, "{digit * 2000}");' for digit in "0123456789")
    with pytest.raises(KernelCompileError, match=r"(?s)error: .*0{2000}.*characters left out\].*9{2000}") as caught:
        jit.build(errors)
    assert len(str(caught.value)) < 11000


@pytest.fixture
def endless(wrapper):
    """Make the compiler a driver whose child never ends; return the file of the child's number."""
    pid = wrapper.path.with_name("pid")
    wrapper.write(compiling=f"sleep 1000 & echo $! > {shlex.quote(str(pid))}.new; mv {pid}.new {pid}; wait")
    return pid


def test_a_compiler_that_does_not_end_is_stopped(folder, endless, monkeypatch):
    monkeypatch.setenv("EVSIM_COMPILE_TIMEOUT", "0.5")
    with pytest.raises(KernelCompileError, match=r"answer.cpp: .* after 0\.5 s; .*EVSIM_COMPILE_TIMEOUT"):
        jit.build(unit(42))
    wait_until(lambda: not is_running(int(endless.read_text())))
    assert names(folder) == set()


def test_ctrl_c_stops_the_compiler(folder, endless):
    code = f"from evsim import jit; jit.build({unit(42)!r})"
    with subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True) as process:
        wait_until(endless.exists)
        process.send_signal(signal.SIGINT)
        assert process.communicate()[1].strip().endswith("KeyboardInterrupt")
    wait_until(lambda: not is_running(int(endless.read_text())))
    assert names(folder) == set()


@pytest.mark.parametrize("given", ["soon", "0", "-1", "nan", "inf", "86401"])
def test_a_timeout_must_make_sense(monkeypatch, given):
    monkeypatch.setenv("EVSIM_COMPILE_TIMEOUT", given)
    with pytest.raises(InvalidArgumentError, match=f"EVSIM_COMPILE_TIMEOUT .* not '{given}'"):
        jit.build(unit(42))


# Which compiler


def test_without_a_compiler_the_error_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    message = r"c\+\+ is not found; g\+\+ is .*; clang\+\+ is .*apt install g\+\+.*dnf.*xcode-select.*conda.*CXX"
    with pytest.raises(CompilerNotFoundError, match=message):
        jit.build(unit(42))


def test_the_first_that_works_is_taken(tmp_path, monkeypatch):
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    wrapper = Wrapper(tmp_path / "bin")
    assert jit.find_compiler().command == (str(wrapper.path),)
    wrapper.path.rename(wrapper.path.with_name("g++"))
    wrapper.write(probe="exit 1")
    assert jit.find_compiler().command == (str(wrapper.path.with_name("g++")),)


@pytest.mark.parametrize(
    ("behaviour", "words"),
    [
        ({"version": "false"}, r"does not tell its version \(exit code 1\)"),
        ({"probe": "echo too old >&2; exit 2"}, r"does not compile C\+\+20 \(exit code 2\): too old"),
    ],
)
def test_a_named_compiler_that_does_not_work_is_an_error(wrapper, behaviour, words):
    wrapper.write(**behaviour)
    with pytest.raises(CompilerNotFoundError, match=rf"CXX names {re.escape(str(wrapper.path))}, which {words}"):
        jit.build(unit(42))


@pytest.mark.parametrize(
    ("named", "words"),
    [
        ("/no/c++", "is not found"),
        ("'c++", "cannot be read"),
        ("''", "is not found"),
        ("true", r"is no C\+\+ compiler"),
        ("echo", r"is no C\+\+ compiler"),
        ("cat", r"(is no C\+\+ compiler|does not compile C\+\+20)"),
        ("false", "does not tell its version"),
        ("yes", r"does not compile C\+\+20"),
        ("/tmp", "is not found"),
    ],
)
def test_a_name_that_is_no_compiler_is_an_error(monkeypatch, named, words):
    monkeypatch.setenv("CXX", named)
    with pytest.raises(CompilerNotFoundError, match=f"CXX names {re.escape(named)}, which {words}"):
        jit.find_compiler()


def test_a_compiler_of_another_machine_is_an_error(wrapper):
    wrapper.path.write_bytes(b"\x7fELF")
    with pytest.raises(CompilerNotFoundError, match=r"cannot be run: Exec format error"):
        jit.find_compiler()


def test_a_compiler_that_went_away_is_an_error_of_the_kernel(wrapper):
    jit.build(unit(1))
    wrapper.path.unlink()
    with pytest.raises(KernelCompileError, match=r"answer\.cpp: .* cannot be run: No such file"):
        jit.build(unit(2))


@pytest.mark.parametrize(
    ("refused", "expected"),
    [("none", {"-march=native"}), ("-march=native", {"-mcpu=native"}), ("-m*=native", set())],
)
def test_native_code_is_asked_for_in_the_words_the_compiler_knows(wrapper, refused, expected):
    wrapper.write(probe=f'case "$1" in {refused}) exit 1 ;; -mcpu*) exit 0 ;; esac')
    chosen = compiler.flags(jit.find_compiler())
    assert {flag for flag in chosen if flag.endswith("=native")} == expected
    assert "-ffp-contract=off" in chosen
    assert not {"-ffast-math", "-Ofast"} & set(chosen)


def made(command):
    """A shell command that writes to the file after -o."""
    return f'for word; do [ "$last" = -o ] && out=$word; last=$word; done; {command} > "$out"; exit 0'


@pytest.mark.parametrize(
    ("compiling", "words"),
    [
        ("exit 0", "ended without an error, but wrote no library"),
        (made("head -c 100 /dev/zero"), "has made a library that cannot be loaded: .*"),
        (made("head -c 100000 /dev/urandom"), "has made a library that cannot be loaded: .*"),
    ],
)
def test_what_is_no_library_is_not_kept(folder, wrapper, compiling, words):
    wrapper.write(compiling=compiling)
    with pytest.raises(KernelCompileError, match=rf"/models/answer\.cpp: {re.escape(str(wrapper.path))} {words}"):
        jit.build(unit(42))
    assert names(folder) == set()
    wrapper.write()
    assert answer(jit.build(unit(42))) == 42


def test_a_compiler_that_never_stops_talking_is_stopped(wrapper):
    wrapper.write(compiling="yes >&2")
    with pytest.raises(KernelCompileError, match=r"answer\.cpp: .*says more than 64 MiB"):
        jit.build(unit(42))


def test_a_function_that_is_missing_is_named():
    source = unit("helper(1, 2.0f)", "namespace mine { int helper(int, float); }\nusing mine::helper;")
    message = r"^/models/answer\.cpp: error: mine::helper\(int, float\) is declared or called, but not defined"
    with pytest.raises(KernelCompileError, match=message):
        jit.build(source)


def test_ziglang_is_a_compiler_where_there_is_no_other(monkeypatch, tmp_path):
    pytest.importorskip("ziglang")
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    compiler._find.cache_clear()
    assert jit.find_compiler().command[1:] == ("-m", "ziglang", "c++")
    assert answer(jit.build(unit(42))) == 42
    with pytest.raises(KernelCompileError, match=r"^/models/answer\.cpp:1: error: .*missing"):
        jit.build(unit("missing"))
