import ctypes
import fcntl
import os
import re
import shlex
import shutil
import signal
import stat
import subprocess
import sys
import time
import warnings
from pathlib import Path

import platformdirs
import pytest

from evsim import jit
from evsim.errors import CompilerNotFoundError, InvalidArgumentError, KernelCacheError, KernelCompileError
from evsim.jit import compiler
from evsim.jit.lock import locked

try:
    REAL = shlex.join(jit.find_compiler().command)
except CompilerNotFoundError as error:
    pytest.skip(str(error), allow_module_level=True)

STRANGE = "a b'c\"d\ne$(touch x)`touch x`;#\\,=é"


def unit(value, includes=""):
    return f"""{includes}
#line 1 "/models/answer.cpp"
extern "C" __attribute__((visibility("default"))) int answer() {{ return {value}; }}
"""


def answer(library):
    return ctypes.CDLL(str(library)).answer()


def names(folder):
    return {path.name for path in folder.iterdir()}


def wait_until(condition):
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def is_running(pid):
    """Whether the process lives; one that its parent has not asked about yet does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


class Wrapper:
    """A script that is $CXX: it counts how often it compiles, and can be made to misbehave."""

    def __init__(self, folder):
        folder.mkdir(parents=True, exist_ok=True)
        self.path, self.log = folder / "c++", folder / "log"
        self.write()

    def write(self, *, version=f"{REAL} --version", probe=":", compiling=":"):
        log = shlex.quote(str(self.log))
        self.path.write_text(f"""#!/bin/sh
[ "$1" = --version ] && exec {version}
case " $* " in
*" -o "*) echo compile >> {log}; {compiling} ;;
*) {probe} ;;
esac
exec {REAL} "$@"
""")
        self.path.chmod(0o700)
        compiler._find.cache_clear()
        compiler.flags.cache_clear()

    @property
    def runs(self):
        return self.log.read_text().count("compile") if self.log.exists() else 0


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("EVSIM_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.delenv("EVSIM_COMPILE_TIMEOUT", raising=False)
    monkeypatch.setattr("evsim.jit.folder._temporary", None)
    return tmp_path / "cache"


@pytest.fixture
def wrapper(tmp_path, monkeypatch):
    made = Wrapper(tmp_path / "bin")
    monkeypatch.setenv("CXX", str(made.path))
    yield made
    compiler._find.cache_clear()


@pytest.fixture
def user_folder(tmp_path):
    (tmp_path / "user").mkdir()
    return tmp_path / "user"


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


def flip_a_bit(library):
    content = bytearray(library.read_bytes())
    content[len(content) // 2] ^= 1
    library.write_bytes(content)


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
    assert compiler.Unit('#line 1 "<evsim>"').name == "<evsim>"
    assert compiler.Unit('int x;\n # line 3 "/a b/\\"c\\"\\\\d.cpp"\n#line 7 "other"').name == '/a b/"c"\\d.cpp'
    assert compiler.Unit("int x;").name == "unnamed"


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
    ("named", "words"), [("/no/c++", "is not found"), ("'c++", "cannot be read"), ("''", "is not found")]
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
