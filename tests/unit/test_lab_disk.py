"""Snapshots are layers that nothing copies: what is kept, what is dropped, what lies on what."""

import os
from pathlib import Path

import pytest

from lab.disk import Disk, File
from lab.errors import LabError


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    (tmp_path / "image" / "etc").mkdir(parents=True)
    (tmp_path / "image" / "etc").chmod(0o750)
    disk = Disk(tmp_path / "host")
    disk.create([str(tmp_path / "image")], [])
    return disk


def write(disk: Disk, name: str) -> None:
    (disk.upper / name).write_text(name)


def seen(disk: Disk) -> list[str]:
    """What a host would find, the image aside."""
    folders = [disk.upper, *(Path(layer) for layer in disk.layers[:-1])]
    return sorted(path.name for folder in folders for path in folder.iterdir())


def kept(disk: Disk) -> list[str]:
    return sorted(path.name for path in (disk.folder / "kept").glob("*"))


def test_a_bare_disk_holds_its_own_files_in_folders_like_the_images(tmp_path: Path, disk: Disk) -> None:
    files = [File("etc/key", "secret", 0o600, os.getuid()), File("top", "", 0o644, os.getuid())]
    write(disk, "old")
    disk.create([str(tmp_path / "image")], files)
    assert seen(disk) == ["etc", "top"]
    assert (disk.upper / "etc" / "key").read_text() == "secret"
    assert (disk.upper / "etc" / "key").stat().st_mode & 0o777 == 0o600
    assert (disk.upper / "etc").stat().st_mode & 0o777 == 0o750
    assert disk.layers == [str(tmp_path / "image")]


def test_a_host_goes_on_with_what_it_kept_and_comes_back_to_it(tmp_path: Path, disk: Disk) -> None:
    write(disk, "one")
    disk.snapshot("first")
    assert seen(disk) == ["one"]
    write(disk, "two")
    disk.snapshot("second")
    write(disk, "three")
    disk.restore("first")
    assert seen(disk) == ["one"]
    disk.restore("second")
    assert seen(disk) == ["one", "two"]
    disk.create([str(tmp_path / "image")], [])
    assert seen(disk) == []
    disk.restore("second")  # back to bare did not cost the snapshots
    assert seen(disk) == ["one", "two"]


def test_a_snapshot_may_be_taken_anew(disk: Disk) -> None:
    write(disk, "one")
    disk.snapshot("name")
    write(disk, "two")
    disk.snapshot("name")
    disk.restore("name")
    assert seen(disk) == ["one", "two"]
    assert len(kept(disk)) == 2  # the first has no name any more, but the second lies on it


def test_layers_that_nothing_lies_on_are_dropped(tmp_path: Path, disk: Disk) -> None:
    write(disk, "one")
    disk.snapshot("name")
    disk.create([str(tmp_path / "image")], [])
    write(disk, "other")
    disk.snapshot("name")
    assert kept(disk) == ["2"]
    disk.restore("name")
    assert seen(disk) == ["other"]


def test_a_missing_snapshot_is_refused_with_those_that_are_there(disk: Disk) -> None:
    disk.snapshot("b")
    disk.snapshot("a")
    disk.require("a")
    with pytest.raises(LabError, match="host host has no snapshot 'c'; it has: a, b"):
        disk.require("c")


def test_more_layers_than_can_be_mounted_are_refused_before_anything_changes(disk: Disk) -> None:
    def keep_on() -> None:
        for number in range(1000):
            write(disk, f"file{number}")
            disk.snapshot("name")

    with pytest.raises(LabError, match="more than can be mounted"):
        keep_on()
    assert len(":".join(disk.layers)) < 4000
    assert len(seen(disk)) == len(disk.layers)  # one file for each layer above the image, one above all


def test_a_half_made_disk_is_not_taken_for_one(disk: Disk) -> None:
    disk.snapshot("name")
    disk.upper.rename(disk.folder / "upper.part")  # as if killed before the last step
    disk.restore("name")
    assert disk.upper.is_dir()
    assert not (disk.folder / "upper.part").exists()
