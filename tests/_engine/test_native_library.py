"""Compiled kernels are kept, found by other processes, and compiled again where they are not whole or not there."""

import json
import os
import shutil
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from children import VERY_LONG, run, started
from numpy.testing import assert_array_equal
from problems import Problem, assert_close, spec_of

import skrnn
from skrnn._engine.native import cache, library
from skrnn._engine.native.cache import CACHE_VARIABLE, cache_folder, kernel_hash
from skrnn._engine.native.library import LIBRARIES, Library

TESTS = Path(__file__).parents[1]
SMALL = "draw_kept"  # a kernel that calls no other one
DAY = 24 * 60 * 60
SPEC = {"units": (7, 9), "bidirectional": True, "return_sequences": True, "dropout": 0.2, "recurrent_dropout": 0.2}

# What a child runs first; `places` are its arguments.
BEGIN = f"""
import sys
places = sys.argv[1:]
sys.path[:0] = [{str(TESTS)!r}, {str(TESTS / "_engine")!r}]
import json, os
from test_native_library import *
"""


def worked(cells=("gru",)):
    """Predict and train; return all that comes of it, by name."""
    found = {}
    for dtype in LIBRARIES:
        for cell in cells:
            problem = Problem(spec_of(cell=cell, dtype=dtype, **SPEC), 40, 9)
            training = problem.training("RMSprop", batch_size=16, shuffle=True)
            losses = [training.train(epoch) for epoch in range(2)]
            values = training.values()[: len(problem.weights)]
            for i, array in enumerate([problem.outputs(), np.array(losses), *values]):
                found[f"{dtype}-{cell}-{i}"] = array
    return found


def report():
    """Print what has been compiled and imported."""
    compiled = {dtype: lib.n_compiled for dtype, lib in LIBRARIES.items()}
    print(json.dumps({"compiled": compiled, "imported": sorted({"numba", "keras", "tensorflow"} & set(sys.modules))}))


def reported(text):
    found = json.loads(text)
    return found["compiled"], found["imported"]


def child(code, *arguments, cwd=None, **env):
    """Run code in a child process, which imports skrnn from a folder, or the one that is tested."""
    source = str(cwd or Path(skrnn.__file__).parents[1])
    env["PYTHONPATH"] = os.pathsep.join([source, os.environ.get("PYTHONPATH", "")])
    done = run("-c", BEGIN + code, *map(str, arguments), cwd=source, env=env, seconds=VERY_LONG)
    assert done.returncode == 0, done.stderr
    return done


def files_of(place):
    return {path: path.stat().st_mtime_ns for path in place.rglob("*")}


@pytest.fixture
def place(tmp_path, monkeypatch):
    """An empty place for compiled kernels, for this process as well."""
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path))
    cache_folder.cache_clear()
    yield tmp_path / "skrnn"
    cache_folder.cache_clear()


@pytest.fixture(scope="module")
def results():
    """What comes of the work in this process."""
    return worked()


@pytest.fixture
def filled(results, tmp_path):
    """A folder for the variable, in which all kernels of the work are compiled."""
    for dtype in LIBRARIES:
        for folder in cache._folders(dtype):
            if folder.is_dir():
                shutil.copytree(folder, tmp_path / "skrnn" / folder.name, dirs_exist_ok=True)
    return tmp_path


def test_a_second_process_only_loads_and_computes_the_same_bits(filled, results, tmp_path):
    before = files_of(filled / "skrnn")
    assert len(before) > 60
    done = child("np.savez(places[0], **worked()); report()", tmp_path / "results.npz", **{CACHE_VARIABLE: str(filled)})
    assert reported(done.stdout) == (dict.fromkeys(LIBRARIES, 0), [])
    assert done.stderr == ""
    assert files_of(filled / "skrnn") == before
    with np.load(tmp_path / "results.npz") as theirs:
        assert set(theirs) == set(results)
        for name, ours in results.items():
            assert_array_equal(theirs[name], ours, strict=True)


INTERRUPTED = """
class Interrupted:
    def __init__(self, engine):
        self.engine, self.n_added = engine, 0

    def add_object_file(self, code):
        self.n_added += 1
        if self.n_added == 3:
            raise KeyboardInterrupt
        self.engine.add_object_file(code)

    def finalize_object(self):
        self.engine.finalize_object()

lib = LIBRARIES["float64"]
lib._start()
engine = lib._engine
lib._engine = Interrupted(engine)
try:
    lib.load(["train"])
except KeyboardInterrupt:
    print("interrupted")
lib._engine = engine
problem = Problem(spec_of(**SPEC), 40, 9)
print(np.isfinite(problem.outputs()).all(), np.isfinite(problem.training().train(0)))
"""


@pytest.mark.slow
def test_loading_that_was_interrupted_is_ended_by_the_next(filled):
    done = child(INTERRUPTED, **{CACHE_VARIABLE: str(filled)})
    assert done.stdout == "interrupted\nTrue True\n"


FORK = """
import os, threading
problem = Problem(spec_of(**SPEC), 40, 9)
expected = problem.outputs()
holds, ends = threading.Event(), threading.Event()

def hold():
    with LIBRARIES["float64"]._lock:
        holds.set()
        ends.wait()

thread = threading.Thread(target=hold)
thread.start()
holds.wait()
if os.fork() == 0:
    same = (problem.outputs() == expected).all()
    LIBRARIES["float64"].function("loss_poisson")  # the first use of it
    os._exit(0 if same else 1)
_, status = os.wait()
ends.set()
thread.join()
print(status)
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="There are no forks.")
def test_a_fork_computes_the_same_and_waits_for_no_lock(filled):
    LIBRARIES["float64"].function("loss_poisson")
    for folder in cache._folders("float64"):
        if folder.is_dir():
            shutil.copytree(folder, filled / "skrnn" / folder.name, dirs_exist_ok=True)
    done = child(FORK, **{CACHE_VARIABLE: str(filled), "PYTHONWARNINGS": "ignore::DeprecationWarning"})
    assert done.stdout == "0\n"


# The hash.


@pytest.fixture
def hashed(tmp_path, monkeypatch):
    """What returns the hash as it would be now, of sources in a folder of their own."""
    sources = tmp_path / "native"
    shutil.copytree(cache._SOURCES, sources, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(cache, "_SOURCES", sources)
    return kernel_hash.__wrapped__


@pytest.mark.parametrize("name", sorted(path.name for path in cache._SOURCES.glob("*.py")))
def test_the_hash_is_of_every_source(name, hashed):
    assert hashed() == kernel_hash()
    path = cache._SOURCES / name
    path.write_text(path.read_text() + "\n")
    assert hashed() != kernel_hash()


def test_the_hash_is_of_a_new_source(hashed):
    (cache._SOURCES / "another.py").touch()
    assert hashed() != kernel_hash()


@pytest.mark.parametrize(
    ("variable", "value"), [("NUMBA_CPU_NAME", "x86-64-v2"), ("NUMBA_CPU_FEATURES", ""), ("NUMBA_OPT", "1")]
)
def test_the_hash_is_of_what_numba_compiles_for(variable, value, hashed, monkeypatch):
    monkeypatch.setenv(variable, value)
    monkeypatch.setattr(cache, "host_target", cache.host_target.__wrapped__)
    assert hashed() != kernel_hash()


@pytest.mark.parametrize("package", ["numba", "llvmlite"])
def test_the_hash_is_of_versions(package, hashed, monkeypatch):
    version = cache.importlib.metadata.version
    monkeypatch.setattr(cache.importlib.metadata, "version", lambda name: version(name) + "0" * (name == package))
    assert hashed() != kernel_hash()


# Folders and files.


def kernel_file(place, name=SMALL, dtype="float32"):
    return place / f"native-{kernel_hash()[:32]}-{dtype}" / f"{name}.kernel"


def drawn(compiled):
    """What the kernel of a library draws."""
    kept = np.empty(20, compiled.dtype)
    compiled.function(SMALL)(kept.ctypes.data, 1, 2, 3, 4, 20, 0.5)
    return kept.tolist()


def test_a_kernel_is_compiled_once(place, capsys):
    first, second = Library("float32"), Library("float32")
    expected = drawn(LIBRARIES["float32"])
    assert drawn(first) == expected
    assert first.n_compiled == 1
    assert {path.name for path in kernel_file(place).parent.iterdir()} == {f"{SMALL}.kernel", "lock"}
    before = files_of(place)
    assert drawn(second) == expected
    assert second.n_compiled == 0
    assert files_of(place) == before
    capsys.readouterr()


@pytest.mark.parametrize(
    "spoil",
    [
        lambda data: b"",
        lambda data: data[:-1],
        lambda data: data[:100] + bytes([data[100] ^ 1]) + data[101:],
    ],
    ids=["empty", "cut", "altered"],
)
def test_a_file_that_is_not_whole_is_compiled_again(spoil, place, capsys):
    drawn(Library("float32"))
    file = kernel_file(place)
    file.write_bytes(spoil(file.read_bytes()))
    assert cache.read("float32", SMALL) is None
    again = Library("float32")
    assert drawn(again) == drawn(LIBRARIES["float32"])
    assert again.n_compiled == 1
    header, _ = cache.read("float32", SMALL)
    assert header == {"calls": [], "arguments": "FIIIIId", "returns": "v"}
    capsys.readouterr()


def test_one_line_tells_of_compiling_that_takes_long(place, monkeypatch, capsys):
    monkeypatch.setattr(library, "_REPORT_AFTER", 0)
    slow = Library("float64")
    slow.function(SMALL)
    slow.function("column_sums")
    assert slow.n_compiled == 2
    assert capsys.readouterr().err == (
        "skrnn compiles kernels for float64, which takes about ten seconds, once on this machine. They are cached "
        f"in {kernel_file(place, dtype='float64').parent}.\n"
    )
    monkeypatch.setattr(library, "_REPORT_AFTER", 1000)
    Library("float32").function(SMALL)
    assert capsys.readouterr().err == ""


def test_kernels_that_cannot_be_kept_compute_all_the_same(place, monkeypatch, capsys):
    def full(*arguments):
        raise OSError("No space left on device")

    monkeypatch.setattr(library, "_REPORT_AFTER", 1000)
    monkeypatch.setattr(cache.os, "replace", full)
    compiled = Library("float32")
    assert drawn(compiled) == drawn(LIBRARIES["float32"])
    compiled.function("column_sums")
    assert compiled.n_compiled == 2  # and one line for both
    assert capsys.readouterr().err == "skrnn cannot cache its compiled kernels: No space left on device.\n"
    assert {path.name for path in kernel_file(place).parent.iterdir()} == {"lock"}


def test_a_folder_that_has_been_removed_is_made_again(place, capsys):
    compiled = Library("float32")
    compiled.function("column_sums")
    shutil.rmtree(place)
    assert drawn(compiled) == drawn(LIBRARIES["float32"])
    assert kernel_file(place).is_file()
    capsys.readouterr()


def made_days_ago(folder, days):
    folder.mkdir(parents=True)
    (folder / "x.kernel").touch()
    os.utime(folder, (time.time() - days * DAY,) * 2)
    return folder


def test_folders_that_nobody_uses_are_removed(place, capsys):
    old = made_days_ago(place / f"native-{'0' * 32}-float32", 31)
    others = [
        made_days_ago(place / f"native-{'1' * 32}-float64", 29),
        made_days_ago(place / "another", 31),
        made_days_ago(place.parent / f"native-{'0' * 32}-float32", 31),
    ]
    drawn(Library("float32"))
    assert not old.exists()
    assert all((folder / "x.kernel").exists() for folder in others)
    capsys.readouterr()


@pytest.mark.parametrize(("days", "is_marked"), [(0.9, False), (1.1, True), (100, True)])
def test_a_folder_that_is_used_is_marked_once_a_day(days, is_marked, place, capsys):
    drawn(Library("float32"))
    folder = kernel_file(place).parent
    past = time.time() - days * DAY
    os.utime(folder, (past, past))
    again = Library("float32")
    drawn(again)
    assert again.n_compiled == 0
    age = time.time() - folder.stat().st_mtime
    assert age < 1000 if is_marked else age > 0.8 * DAY
    capsys.readouterr()


@pytest.fixture
def two_places(tmp_path, monkeypatch):
    """Two places, the first of which only others can write to."""
    first, second = tmp_path / "theirs", tmp_path / "ours"
    access = os.access
    monkeypatch.setattr(cache, "_default_roots", lambda: [first, second])
    monkeypatch.setattr(cache.os, "access", lambda path, mode: first not in path.parents and access(path, mode))
    cache_folder.cache_clear()
    yield first, second
    cache_folder.cache_clear()


def test_kernels_of_others_are_loaded_and_missing_ones_kept_elsewhere(two_places, capsys):
    theirs, ours = two_places
    drawn(Library("float32"))
    shutil.copytree(ours, theirs, dirs_exist_ok=True)
    shutil.rmtree(ours)
    cache_folder.cache_clear()
    before = {path: time for path, time in files_of(theirs).items() if path.is_file()}
    compiled = Library("float32")
    assert drawn(compiled) == drawn(LIBRARIES["float32"])
    assert compiled.n_compiled == 0
    assert not ours.exists()
    compiled.function("column_sums")
    assert compiled.n_compiled == 1
    assert kernel_file(ours, "column_sums").is_file()
    assert {path: time for path, time in files_of(theirs).items() if path.is_file()} == before
    capsys.readouterr()


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="Files have no owners.")
def test_a_folder_for_temporary_files_that_others_may_write_to_is_not_trusted(tmp_path, monkeypatch, capsys):
    nowhere = tmp_path / "file"
    nowhere.touch()
    monkeypatch.setattr(cache, "_default_roots", lambda: [nowhere])
    monkeypatch.setattr(cache.tempfile, "tempdir", str(tmp_path))
    cache_folder.cache_clear()
    open_to_all = tmp_path / f"skrnn-{os.getuid()}"
    open_to_all.mkdir()
    open_to_all.chmod(0o777)
    assert len(cache._folders("float32")) == 1
    found = cache_folder("float32")
    cache_folder.cache_clear()
    assert found.parent.parent == tmp_path
    assert found.parent != open_to_all
    assert found.parent.stat().st_mode & 0o077 == 0
    open_to_all.chmod(0o700)
    assert cache_folder("float32").parent == open_to_all
    assert cache._folders("float32")[1] == cache_folder("float32")
    cache_folder.cache_clear()
    assert capsys.readouterr().err.count("\n") == 2


def test_without_a_home_there_are_other_places(monkeypatch):
    def nobody():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(cache.Path, "home", nobody)
    for variable in (CACHE_VARIABLE, "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(variable, raising=False)
    assert cache._default_roots() == [cache._SOURCES / "__pycache__"]


HOLD = """
import fcntl, signal, sys
file = open(sys.argv[1], "a")
fcntl.flock(file, fcntl.LOCK_EX)
print("holds", flush=True)
signal.pause()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="There are no such locks.")
def test_a_process_that_hangs_holds_others_up_for_some_time_only(place, monkeypatch, capsys):
    lock = kernel_file(place).parent / "lock"
    lock.parent.mkdir(parents=True)
    monkeypatch.setattr(cache, "_LOCK_TIMEOUT", 0.2)
    with started("-c", HOLD, str(lock)) as process:
        assert process.stdout.readline() == "holds\n"
        compiled = Library("float32")
        assert drawn(compiled) == drawn(LIBRARIES["float32"])
        assert compiled.n_compiled == 1
        assert process.poll() is None
    capsys.readouterr()


# What takes children that compile.

LOAD = """
for dtype in LIBRARIES:
    LIBRARIES[dtype].function("gemm")
report()
"""


@pytest.mark.slow
def test_of_two_processes_that_find_nothing_one_compiles(tmp_path):
    begin = tmp_path / "begin"
    wait = "import time\nprint('ready', flush=True)\nwhile not Path(places[0]).exists(): time.sleep(0.001)\n"
    env = {CACHE_VARIABLE: str(tmp_path), "PYTHONPATH": os.pathsep.join(sys.path)}
    arguments = "-c", BEGIN + wait + LOAD, str(begin)
    with started(*arguments, env=env) as first, started(*arguments, env=env) as second:
        assert first.stdout.readline() == second.stdout.readline() == "ready\n"
        begin.touch()
        found = [reported(process.stdout.read()) for process in (first, second)]
    for dtype in LIBRARIES:
        assert sorted(compiled[dtype] for compiled, _ in found) == [0, 1]
    for compiled, imported in found:
        assert imported == (["numba"] if any(compiled.values()) else [])


def copy_of_package(folder):
    shutil.copytree(Path(skrnn.__file__).parent, folder / "skrnn", ignore=shutil.ignore_patterns("__pycache__"))
    return folder


@pytest.mark.slow
def test_an_edited_source_is_compiled_again(tmp_path):
    package = copy_of_package(tmp_path / "package")
    env = {CACHE_VARIABLE: str(tmp_path)}
    for compiled in (1, 0):
        assert reported(child(LOAD, cwd=package, **env).stdout)[0] == dict.fromkeys(LIBRARIES, compiled)
    source = package / "skrnn" / "_engine" / "native" / "losses.py"
    source.write_text(source.read_text() + "\n# Edited.\n")
    for compiled in (1, 0):
        assert reported(child(LOAD, cwd=package, **env).stdout)[0] == dict.fromkeys(LIBRARIES, compiled)
    assert len(list((tmp_path / "skrnn").glob("native-*-float32"))) == 2


@pytest.mark.slow
def test_where_nothing_can_be_written_a_folder_for_temporary_files_serves(tmp_path):
    package = copy_of_package(tmp_path / "package")
    no_folder = package / "skrnn" / "_engine" / "native" / "__pycache__"
    no_folder.touch()  # nobody can make a folder there, not even an administrator
    home = tmp_path / "home"
    home.touch()
    (tmp_path / "temporary").mkdir()
    env = {"HOME": str(home), "TMPDIR": str(tmp_path / "temporary"), CACHE_VARIABLE: "", "XDG_CACHE_HOME": ""}
    quiet = "library._REPORT_AFTER = 1000\n"
    done = child(quiet + LOAD, cwd=package, **env)
    assert reported(done.stdout)[0] == dict.fromkeys(LIBRARIES, 1)
    (place,) = (tmp_path / "temporary").iterdir()
    lines = done.stderr.splitlines()
    assert len(lines) == len(LIBRARIES)
    for line, dtype in zip(lines, LIBRARIES, strict=True):
        (folder,) = place.glob(f"*-{dtype}")
        places = f"{no_folder} and {home / '.cache' / 'skrnn'}"
        assert line == f"skrnn caches its compiled kernels in {folder}, because {places} cannot be written to."
    again = child(quiet + LOAD, cwd=package, **env)
    assert (*reported(again.stdout), again.stderr) == (dict.fromkeys(LIBRARIES, 0), [], "")


@pytest.fixture
def nothing_writable(tmp_path, monkeypatch):
    """A machine on which nothing can be written to, as a container with a read-only file system."""

    def none_usable():
        raise FileNotFoundError("No usable temporary directory found")

    (tmp_path / "file").touch()  # nobody can make a folder there, not even an administrator
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "file"))
    monkeypatch.setattr(cache.tempfile, "gettempdir", none_usable)
    monkeypatch.setattr(library, "_REPORT_AFTER", 1000)
    cache_folder.cache_clear()
    yield tmp_path / "file" / "skrnn"
    cache_folder.cache_clear()


def test_where_nothing_can_be_written_kernels_are_compiled_for_the_process(nothing_writable, capsys):
    compiled = Library("float32")
    assert drawn(compiled) == drawn(LIBRARIES["float32"])
    assert compiled.n_compiled == 1
    compiled.function("column_sums")
    assert capsys.readouterr().err == (
        f"skrnn cannot cache its compiled kernels: neither {nothing_writable} nor temporary files are writable.\n"
    )


def test_kernels_are_read_where_nothing_can_be_written(nothing_writable, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(cache, "_default_roots", lambda: [tmp_path / "kept"])
    expected = drawn(Library("float32"))
    loaded = Library("float32")
    assert drawn(loaded) == expected
    assert loaded.n_compiled == 0
    assert capsys.readouterr().err == ""


@pytest.mark.slow
@pytest.mark.skipif(not library.llvm.get_default_triple().startswith("x86_64"), reason="Is about processors of x86.")
@pytest.mark.parametrize("processor", ["x86-64-v2", "x86-64-v3"])
def test_older_processors_compute_the_same(processor, tmp_path):
    cells = ("gru", "lstm", "rnn")
    env = {"NUMBA_CPU_NAME": processor, "NUMBA_CPU_FEATURES": "", CACHE_VARIABLE: str(tmp_path)}
    file = tmp_path / "results.npz"
    done = child(f"np.savez(places[0], **worked({cells})); report()", file, **env)
    assert min(reported(done.stdout)[0].values()) > 30
    with np.load(file) as theirs:
        for name, ours in worked(cells).items():
            assert_close(theirs[name], ours, name.split("-")[0])
