"""The cache of compiled kernels: found again, never trusted, shared."""

import ctypes
import fcntl
import os
import re
import shlex
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
from compiling import STRANGE, Wrapper, answer, flip_a_bit, names, unit

from evsim import jit
from evsim.errors import KernelCacheError
from evsim.jit import compiler
from evsim.jit.lock import locked

# Cache hits and misses


def test_a_unit_becomes_a_library_in_a_private_folder(folder):
    library = jit.build(unit(42))
    assert answer(library) == 42
    assert library.parent == folder
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert names(folder) == {f"{library.stem}.so", f"{library.stem}.json"}


def test_a_second_build_does_not_run_the_compiler(wrapper):
    first = jit.build(unit(42))
    assert jit.build(unit(42)) == first
    assert wrapper.runs == 1


def test_another_unit_is_another_library():
    assert [answer(jit.build(unit(value))) for value in (1, 2)] == [1, 2]


def test_a_changed_header_of_evsim_is_noticed(tmp_path):
    (tmp_path / "include" / "evsim").mkdir(parents=True)
    header = tmp_path / "include" / "evsim" / "value.hpp"
    for value in (1, 2):
        header.write_text(f"#define VALUE {value}\n")
        library = jit.build(unit("VALUE", "#include <evsim/value.hpp>"), include_folders=[tmp_path / "include"])
        assert answer(library) == value


@pytest.mark.parametrize("include", ['#include "outer.h"', '# include\t"outer.h"', "#define H <outer.h>\n#include H"])
def test_a_changed_header_of_the_user_is_noticed(user_folder, include):
    (user_folder / "outer.h").write_text('#include "inner.h"\n')
    folders = {"quote_folders": [user_folder]}
    if "<" in include:
        folders["include_folders"] = [user_folder]
    for value in (1, 2):
        (user_folder / "inner.h").write_text(f"#define VALUE {value}\n")
        assert answer(jit.build(unit("VALUE", include), **folders)) == value


def test_a_header_of_the_user_that_appears_is_noticed(user_folder):
    source = unit("VALUE", '#if __has_include("value.h")\n#define VALUE 2\n#else\n#define VALUE 1\n#endif')
    assert answer(jit.build(source, quote_folders=[user_folder])) == 1
    (user_folder / "value.h").touch()
    assert answer(jit.build(source, quote_folders=[user_folder])) == 2


def test_an_unchanged_header_of_the_user_is_a_hit(wrapper, user_folder):
    (user_folder / "value.h").write_text("#define VALUE 1\n")
    for _ in range(2):
        jit.build(unit("VALUE", '#include "value.h"'), quote_folders=[user_folder])
    assert wrapper.runs == 1


def test_another_version_of_the_compiler_compiles_anew(wrapper):
    libraries = set()
    for version in (1, 2):
        wrapper.write(version=f"echo compiler {version}")
        libraries.add(jit.build(unit(42)))
    assert wrapper.runs == len(libraries) == 2


def test_a_folder_can_be_given(folder, user_folder):
    library = jit.build(unit(42), folder=user_folder)
    assert library.parent == user_folder / "evsim-kernels"
    assert not folder.exists()


# What is in the cache is not trusted


def append(library):
    library.write_bytes(library.read_bytes() + b"\0")


def truncate(library):
    library.write_bytes(library.read_bytes()[:-100])


def keep_the_digest_only(library):
    library.write_bytes(library.read_bytes()[-32:])


def remove_the_digest(library):
    library.write_bytes(library.read_bytes()[:-32])


def empty(library):
    library.write_bytes(b"")


def link_elsewhere(library):
    library.rename(library.with_suffix(".elsewhere"))
    library.symlink_to(library.with_suffix(".elsewhere"))


def let_the_group_write(library):
    library.chmod(0o770)


def give_away(path):
    if os.geteuid() != 0:
        pytest.skip("only root can give files to another user")
    os.chown(path, 12345, 12345)


def make_a_pipe(library):
    library.unlink()
    os.mkfifo(library, 0o700)


@pytest.mark.parametrize(
    "spoil",
    [
        *(flip_a_bit, append, truncate, keep_the_digest_only, remove_the_digest, empty),
        *(link_elsewhere, let_the_group_write, give_away, make_a_pipe),
    ],
)
def test_a_spoilt_library_is_compiled_anew(wrapper, spoil):
    library = jit.build(unit(42))
    spoil(library)
    assert jit.build(unit(42)) == library
    assert wrapper.runs == 2
    assert answer(library) == 42
    status = library.lstat()
    assert (stat.S_IFMT(status.st_mode), status.st_uid, status.st_mode & 0o022) == (stat.S_IFREG, os.geteuid(), 0)


def link_to_elsewhere(folder):
    (folder.parent / "elsewhere").mkdir(mode=0o700)
    folder.symlink_to(folder.parent / "elsewhere")


def make_writable(folder):
    folder.mkdir()
    folder.chmod(0o770)


def make_a_file(folder):
    folder.touch()


def make_foreign(folder):
    folder.mkdir(mode=0o700)
    give_away(folder)


UNSAFE_FOLDERS = {
    link_to_elsewhere: "symbolic link",
    make_writable: r"written by others \(mode 770\)",
    make_a_file: "not a folder",
    make_foreign: "belongs to user 12345",
}


@pytest.mark.parametrize(
    "use", [lambda: jit.build(unit(42)), jit.entries, jit.clear], ids=["build", "entries", "clear"]
)
@pytest.mark.parametrize("spoil", UNSAFE_FOLDERS)
def test_a_folder_that_others_could_write_to_is_refused(folder, spoil, use):
    spoil(folder)
    message = rf"{re.escape(str(folder))}, .*{UNSAFE_FOLDERS[spoil]}.*chmod 700.*compile_path.*EVSIM_CACHE_DIR"
    with pytest.raises(KernelCacheError, match=message):
        use()


# Many at once


def test_sixteen_processes_share_one_compilation(folder, wrapper):
    code = f"""
import ctypes, sys
from evsim import jit
jit.find_compiler()
print("ready", flush=True)
sys.stdin.readline()
print(ctypes.CDLL(str(jit.build({unit(42)!r}))).answer())
"""
    command = [sys.executable, "-c", code]
    pipe = subprocess.PIPE
    processes = [subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) for _ in range(16)]
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    assert [process.communicate()[0] for process in processes] == ["42\n"] * 16
    assert wrapper.runs == 1
    assert {Path(name).suffix for name in names(folder)} == {".so", ".json"}


def test_where_files_cannot_be_locked_kernels_are_compiled_all_the_same(folder, monkeypatch):
    def no_locks(handle, operation):
        raise OSError(37, "No locks available")

    monkeypatch.setattr(fcntl, "flock", no_locks)
    library = jit.build(unit(42))
    assert answer(library) == 42
    assert names(folder) == {f"{library.stem}.so", f"{library.stem}.json"}
    (folder / f"{'a' * 64}.1.tmp").mkdir()
    assert jit.clear() == 1
    assert names(folder) == {f"{'a' * 64}.1.tmp"}


# Names


def test_strange_names_are_just_names(tmp_path, monkeypatch, user_folder):
    monkeypatch.chdir(user_folder)
    wrapper = Wrapper(tmp_path / STRANGE / "bin")
    monkeypatch.setenv("CXX", f"{shlex.quote(str(wrapper.path))} -DVALUE=6")
    (tmp_path / STRANGE / "user").mkdir()
    (tmp_path / STRANGE / "user" / "value.h").write_text("#define TWICE (VALUE * 7)\n")
    folders = {"quote_folders": [tmp_path / STRANGE / "user"], "folder": tmp_path / STRANGE}
    library = jit.build(unit("TWICE", '#include "value.h"'), **folders)
    assert library == jit.build(unit("TWICE", '#include "value.h"'), **folders)
    assert answer(library) == 42
    assert wrapper.runs == 1
    assert not [*tmp_path.rglob("x")]


def test_an_entry_bears_the_name_of_the_users_file():
    assert compiler.Unit('#line 1 "<evsim>"').name == "unnamed"
    assert compiler.Unit('int x;\n # line 3 "/a b/\\"c\\"\\\\d.cpp"\n#line 7 "other"').name == '/a b/"c"\\d.cpp'
    assert compiler.Unit("int x;").name == "unnamed"


# Listing and clearing


def test_the_list_says_where_kernels_come_from():
    libraries = [jit.build(unit(value)) for value in (1, 2)]
    entries = jit.entries()
    assert [entry.path for entry in entries] == libraries
    for entry, library in zip(entries, libraries, strict=True):
        assert (entry.key, entry.name) == (library.stem, "/models/answer.cpp")
        assert entry.size == library.stat().st_size
        assert abs(entry.created.timestamp() - time.time()) < 600
        assert entry.compiler == str(jit.find_compiler())


@pytest.mark.parametrize("note", ["", "[]", "\udc80", '{"name": 3}'])
def test_the_list_does_not_need_the_notes(note):
    library = jit.build(unit(42))
    library.with_suffix(".json").write_text(note, errors="surrogateescape")
    assert [entry.compiler for entry in jit.entries()] == ["unknown"]


def test_clear_removes_what_is_ours_and_nothing_else(folder):
    library = jit.build(unit(42))
    loaded = ctypes.CDLL(str(library))
    (folder / f"{'a' * 64}.lock").touch()
    (folder / f"{'b' * 64}.1_x.tmp").mkdir()
    (folder / f"{'b' * 64}.1_x.tmp" / "kernel.cpp").touch()
    for other in ("notes.json", "mine.so", "x.tmp"):
        (folder / other).touch()
    assert jit.clear() == 1
    assert names(folder) == {"notes.json", "mine.so", "x.tmp"}
    assert jit.entries() == []
    assert jit.clear() == 0
    assert loaded.answer() == 42
    assert answer(jit.build(unit(42))) == 42


def test_clear_leaves_a_compilation_alone(folder):
    key = "c" * 64
    folder.mkdir(mode=0o700)
    (folder / f"{key}.1.tmp").mkdir()
    with locked(folder / f"{key}.lock") as held:
        assert held
        jit.clear()
        assert names(folder) == {f"{key}.lock", f"{key}.1.tmp"}
    jit.clear()
    assert names(folder) == set()


def test_what_was_abandoned_goes_with_the_next_kernel(folder):
    folder.mkdir(mode=0o700)
    old, new = (folder / f"{digit * 64}.1.tmp" for digit in "ab")
    for path in (old, new):
        path.mkdir()
        (path / "kernel.cpp").touch()
    os.utime(old, (0, 0))
    jit.build(unit(42))
    assert not old.exists()
    assert new.exists()
