"""The rooms of mutation testing: what they name is there, and they leave out no transform."""

from tests.mutants.rooms import ROOMS, ROOT, files_of, room_of


def test_every_file_and_every_judge_of_a_room_is_there() -> None:
    named = [place for room in ROOMS.values() for place in (*room.files, *room.judges)]
    assert [place for place in named if not (ROOT / place).exists()] == []


def test_every_transform_is_of_a_room() -> None:
    transforms = files_of(["transforms"])
    assert [file for file in transforms if room_of(file) not in ROOMS] == []
    assert set(transforms) <= set(files_of([]))
