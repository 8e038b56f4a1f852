import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.core.errors import SpoolError
from gateway.core.protocols import Files
from gateway.spool.disk import DiskFiles
from tests.fakes_files import MemoryFiles


@pytest.fixture(params=["disk", "memory"])
def files(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Files]:
    if request.param == "memory":
        yield MemoryFiles()
        return
    disk = DiskFiles(tmp_path / "spool")
    yield disk
    disk.close()


def test_a_new_file_is_there_with_its_size_and_zeros(files: Files) -> None:
    """Allocating makes a file of the size asked for that reads as zeros, also where one was before."""
    files.allocate("a.seg", size_bytes=10_000)
    assert list(files.names()) == ["a.seg"]
    assert files.read("a.seg") == bytes(10_000)
    files.write("a.seg", offset=5, chunk=b"x")
    files.allocate("a.seg", size_bytes=6_000)
    assert files.read("a.seg") == bytes(6_000)


def test_parts_are_written_and_read_in_place(files: Files) -> None:
    """A write changes its bytes only; a read gives the part asked for, and less at the end."""
    files.allocate("a.seg", size_bytes=1000)
    files.write("a.seg", offset=100, chunk=b"hello")
    files.sync("a.seg")
    assert files.read("a.seg", offset=99, size_bytes=7) == b"\0hello\0"
    assert files.read("a.seg", offset=998, size_bytes=10) == b"\0\0"
    assert files.read("a.seg", offset=2000, size_bytes=10) == b""
    assert len(files.read("a.seg", offset=10)) == 990


def test_what_is_set_aside_is_out_of_the_way(files: Files) -> None:
    """A file that is set aside is no longer listed nor read, and a file that is not there is no error."""
    files.allocate("a.seg", size_bytes=10)
    files.set_aside("a.seg")
    files.set_aside("never there")
    assert list(files.names()) == []
    with pytest.raises(SpoolError):
        files.read("a.seg")


def test_files_set_aside_keep_their_content(tmp_path: Path) -> None:
    """Two files of one name are both kept, as they were."""
    disk = DiskFiles(tmp_path)
    for content in (b"first", b"second"):
        (tmp_path / "a.seg").write_bytes(content)
        disk.set_aside("a.seg")
    kept = sorted((tmp_path / "aside").iterdir())
    assert [path.read_bytes() for path in kept] == [b"first", b"second"]
    disk.close()


def test_blocks_are_reserved_at_once(tmp_path: Path) -> None:
    """A segment that is made has its blocks, so that no other program can take them."""
    disk = DiskFiles(tmp_path)
    disk.allocate("a.seg", size_bytes=1 << 20)
    status = (tmp_path / "a.seg").stat()
    assert status.st_blocks * 512 >= 1 << 20
    assert stat.S_IMODE(status.st_mode) == 0o600
    disk.close()


def test_one_folder_has_one_process(tmp_path: Path) -> None:
    """A second user of the folder is refused until the first has closed it."""
    disk = DiskFiles(tmp_path)
    with pytest.raises(SpoolError, match="in use by another process"):
        DiskFiles(tmp_path)
    disk.close()
    disk.close()
    DiskFiles(tmp_path).close()


def test_errors_of_the_system_are_ours(tmp_path: Path) -> None:
    """Whatever the system refuses is a SpoolError that names the file."""
    disk = DiskFiles(tmp_path / "spool")
    for refused in (
        lambda: disk.read("missing.seg"),
        lambda: disk.write("missing.seg", offset=0, chunk=b"x"),
        lambda: disk.sync("missing.seg"),
    ):
        with pytest.raises(SpoolError, match=r"missing\.seg: No such file"):
            refused()
    with pytest.raises(SpoolError, match=r"no/where\.seg cannot be made"):
        disk.allocate("no/where.seg", size_bytes=10)
    disk.close()


def test_a_folder_that_cannot_be_made_is_tried_again(tmp_path: Path) -> None:
    """A file system that is not there at the start is used as soon as it is."""
    (tmp_path / "mount").write_bytes(b"")
    disk = DiskFiles(tmp_path / "mount" / "spool")
    with pytest.raises(SpoolError, match="cannot be listed: Not a directory"):
        disk.names()
    with pytest.raises(SpoolError, match=r"a\.seg cannot be made"):
        disk.allocate("a.seg", size_bytes=10)
    with pytest.raises(SpoolError, match=r"a\.seg: Not a directory"):
        disk.write("a.seg", offset=0, chunk=b"x")
    disk.set_aside("a.seg")
    (tmp_path / "mount").unlink()
    disk.allocate("a.seg", size_bytes=10)
    assert disk.names() == ["a.seg"]
    disk.close()


def test_only_regular_files_are_used(tmp_path: Path) -> None:
    """A pipe, a link or a folder in place of a segment is neither read nor followed, and makes way for a new one."""
    disk = DiskFiles(tmp_path)
    (tmp_path / "target").write_bytes(b"untouched")
    os.mkfifo(tmp_path / "pipe.seg")
    (tmp_path / "link.seg").symlink_to(tmp_path / "target")
    (tmp_path / "folder.seg").mkdir()
    assert sorted(disk.names()) == ["link.seg", "pipe.seg", "target"]
    for name in ("pipe.seg", "link.seg", "folder.seg"):
        with pytest.raises(SpoolError):
            disk.read(name)
        disk.allocate(name, size_bytes=10)
        assert disk.read(name) == bytes(10)
    assert (tmp_path / "target").read_bytes() == b"untouched"
    disk.close()


def test_few_files_are_open_at_one_time(tmp_path: Path) -> None:
    """A ring of many segments does not use up the descriptors of the process."""
    disk = DiskFiles(tmp_path)
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - names, not paths
    for number in range(100):
        disk.allocate(f"{number}.seg", size_bytes=100)
        disk.write(f"{number}.seg", offset=0, chunk=b"x")
    assert len(os.listdir("/proc/self/fd")) - before <= 16  # noqa: PTH208
    disk.close()
    assert len(os.listdir("/proc/self/fd")) == before - 1  # noqa: PTH208
