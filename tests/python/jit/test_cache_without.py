"""Kernels where the cache cannot be written, the disk is full, or there is no compiler."""

import ctypes
import os
import shutil
import stat
import subprocess
import sys
import warnings
from pathlib import Path

import platformdirs
import pytest
from compiling import answer, flip_a_bit, names, unit

from evsim import jit
from evsim.errors import CompilerNotFoundError, InvalidArgumentError, KernelCacheError
from evsim.jit import compiler

# Without a cache


def test_without_a_writable_cache_kernels_are_temporary_and_one_warning_says_so(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("EVSIM_CACHE_DIR", str(tmp_path / "file" / "cache"))
    with pytest.warns(RuntimeWarning, match=r"file/cache \(Not a directory\).*EVSIM_CACHE_DIR") as caught:
        libraries = [jit.build(unit(value)) for value in (1, 2)]
    assert len(caught) == 1
    assert [answer(library) for library in libraries] == [1, 2]
    assert stat.S_IMODE(libraries[0].parent.stat().st_mode) == 0o700
    shutil.rmtree(libraries[0].parent)
    assert answer(jit.build(unit(3))) == 3


def test_the_temporary_folder_goes_when_python_ends(tmp_path):
    (tmp_path / "file").touch()
    code = f"from evsim import jit; print(jit.build({unit(42)!r}))"
    environment = os.environ | {"EVSIM_CACHE_DIR": str(tmp_path / "file" / "cache"), "TMPDIR": str(tmp_path)}
    command = [sys.executable, "-W", "ignore", "-c", code]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert result.stdout.startswith(str(tmp_path / "evsim-kernels-"))
    assert names(tmp_path) == {"file"}


def test_without_a_home_no_folder_is_made_where_one_stands(tmp_path, monkeypatch):
    monkeypatch.delenv("EVSIM_CACHE_DIR")
    monkeypatch.setattr(platformdirs, "user_cache_path", lambda name: Path("~/.cache") / name)
    monkeypatch.chdir(tmp_path)
    with pytest.warns(RuntimeWarning, match="no home folder"):
        jit.build(unit(42))
    assert names(tmp_path) == set()


def test_a_read_only_cache_serves_what_it_has(folder, wrapper):
    library = jit.build(unit(42))
    folder.chmod(0o500)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert jit.build(unit(42)) == library
    folder.chmod(0o700)
    assert wrapper.runs == 1


NO_ROOM = 'case "$*" in *{0}*) echo "fatal error: error writing to {0}: No space left on device" >&2; exit 1 ;; esac'


def test_on_a_full_disk_kernels_are_made_elsewhere(folder, wrapper):
    wrapper.write(compiling=NO_ROOM.format(folder))
    with pytest.warns(RuntimeWarning, match=r"cannot be kept in .*cache \(No space left on device\)"):
        library = jit.build(unit(42))
    assert answer(library) == 42
    assert library.parent != folder
    assert names(folder) == set()


def test_without_room_anywhere_the_disks_are_blamed(folder, wrapper):
    wrapper.write(compiling=NO_ROOM.format("kernel"))
    message = (
        rf"neither in {folder} \(No space left on device\) nor in a temporary folder \(No space left .*EVSIM_CACHE_DIR"
    )
    with pytest.raises(KernelCacheError, match=message), pytest.warns(RuntimeWarning, match="cannot be kept"):
        jit.build(unit(42))
    assert names(folder) == set()


def test_where_nothing_may_be_executed_kernels_are_made_elsewhere(folder, monkeypatch):
    """As in a folder that is mounted noexec."""
    load = ctypes.CDLL

    def refuse(path):
        if path.startswith(str(folder)):
            raise OSError(f"{path}: failed to map segment from shared object")
        return load(path)

    monkeypatch.setattr("evsim.jit.cache.ctypes.CDLL", refuse)
    with pytest.warns(RuntimeWarning, match="libraries cannot be run from there"):
        library = jit.build(unit(42))
    assert library.parent != folder
    assert answer(library) == 42


# Without a compiler


@pytest.fixture
def no_compiler(tmp_path, monkeypatch):
    """Return a function after whose call there is none."""

    def hide():
        monkeypatch.delenv("CXX", raising=False)
        monkeypatch.setenv("PATH", str(tmp_path / "empty"))
        monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
        compiler._find.cache_clear()

    yield hide
    compiler._find.cache_clear()


def test_without_a_compiler_a_kernel_of_the_same_source_is_used(wrapper, no_compiler):
    jit.build(unit(42))
    wrapper.write(version="echo another compiler")
    newest = jit.build(unit(42))
    no_compiler()
    assert jit.build(unit(42)) == newest
    assert wrapper.runs == 2
    with pytest.raises(CompilerNotFoundError, match=r"The cache, .*, has no compiled kernel of /models/ans"):
        jit.build(unit(43))


def test_without_a_compiler_a_spoilt_kernel_is_not_used(no_compiler):
    flip_a_bit(jit.build(unit(42)))
    no_compiler()
    with pytest.raises(CompilerNotFoundError, match="no compiled kernel"):
        jit.build(unit(42))


def test_without_a_compiler_a_kernel_with_files_of_the_user_is_refused_with_the_reason(user_folder, no_compiler):
    (user_folder / "value.h").write_text("#define VALUE 1\n")
    source = unit("VALUE", '#include "value.h"')
    jit.build(source, quote_folders=[user_folder])
    no_compiler()
    with pytest.raises(CompilerNotFoundError, match=r"answer\.cpp includes files of its own, and only a compiler can"):
        jit.build(source, quote_folders=[user_folder])


def test_without_a_compiler_evsims_headers_must_be_the_same(tmp_path, no_compiler):
    (tmp_path / "include").mkdir()
    (tmp_path / "include" / "value.h").write_text("#define VALUE 1\n")
    folders = {"include_folders": [tmp_path / "include"]}
    jit.build(unit("VALUE", "#include <value.h>"), **folders)
    (tmp_path / "include" / "value.h").write_text("#define VALUE 2\n")
    no_compiler()
    with pytest.raises(CompilerNotFoundError, match="no compiled kernel"):
        jit.build(unit("VALUE", "#include <value.h>"), **folders)


def test_a_compiler_that_is_named_wrongly_is_corrected_and_not_passed_over(monkeypatch):
    jit.build(unit(42))
    monkeypatch.setenv("CXX", "/no/c++")
    with pytest.raises(CompilerNotFoundError, match="correct or unset it"):
        jit.build(unit(42))


def test_a_folder_with_a_null_character_is_no_path():
    with pytest.raises(InvalidArgumentError, match="compile_path is no path"):
        jit.build(unit(42), folder=Path("a\0b"))
