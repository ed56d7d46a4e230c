"""A text diff gives the new text when it fits the stored one, and says so when it does not."""

import hashlib

import pytest
from hypothesis import given, strategies as st

from sandbox.org.events.changes import text_diff
from transforms.ingest.text_diffs import DiffMismatchError, apply_diff, holds_diff

LINES = st.lists(
    st.sampled_from(["", "a", "b", "-a", "+a", "@@ -1,1 +1,1 @@", "--- ", "+++ x", "\\", "ü🙂", " "]),
    max_size=12,
)
BREAKS = st.sampled_from(["\n", "\r\n", "\r"])


@given(LINES, LINES, BREAKS)
def test_applying_the_diff_of_two_texts_to_the_one_gives_the_other(
    old: list[str], new: list[str], end: str
) -> None:
    base, wanted = end.join(old), end.join(new)
    # A text of one line does not show which breaks it would have; new ones are then line feeds.
    expected = wanted if end in base else "\n".join(new)
    assert apply_diff(base, text_diff(base, wanted)) == expected


@given(st.lists(st.tuples(st.sampled_from(["a", "b", "+a"]), BREAKS), max_size=12))
def test_lines_that_stay_keep_the_breaks_they_have(lines: list[tuple[str, str]]) -> None:
    base = "".join(line + end for line, end in lines)
    assert apply_diff(base, text_diff(base, base + "last")) == base + "last"


@given(LINES.map("\n".join), LINES.map("\n".join), LINES.map("\n".join))
def test_another_base_is_refused_never_patched(base: str, other: str, new: str) -> None:
    if other != base:
        with pytest.raises(DiffMismatchError, match="not the one"):
            apply_diff(other, text_diff(base, new))


def test_a_record_without_the_text_is_another_base() -> None:
    with pytest.raises(DiffMismatchError, match="not the one"):
        apply_diff(None, text_diff("a", "b"))


@given(LINES, LINES, BREAKS)
def test_a_text_that_a_diff_has_made_holds_it(old: list[str], new: list[str], end: str) -> None:
    base, wanted = end.join(old), end.join(new)
    diff = text_diff(base, wanted)
    # Breaks are not in a diff: a text that shows none, or loses its only ones, cannot be taken back
    # exactly.
    if end == "\n" or (end in base and end in wanted):
        assert holds_diff(apply_diff(base, diff), diff)


@given(LINES.map("\n".join), LINES.map("\n".join), LINES.map("\n".join))
def test_another_text_than_the_diff_has_made_does_not_hold_it(base: str, new: str, other: str) -> None:
    if other != new:
        assert not holds_diff(other, text_diff(base, new))


def test_no_text_is_the_empty_text() -> None:
    assert apply_diff(None, text_diff("", "a")) == "a"


@pytest.mark.parametrize("lost", [1, 2])
def test_a_diff_that_is_cut_short_is_refused(lost: int) -> None:
    diff = text_diff("a\nb\nc", "a\nx\ny\nc").split("\n")
    with pytest.raises(DiffMismatchError):
        apply_diff("a\nb\nc", "\n".join(diff[:-lost]))


@pytest.mark.parametrize("diff", ["", "x", "--- ", "--- \n+++ ", "--- \n+++ 00\n@@ -1,1 +1,1 @@"])
def test_what_is_no_diff_is_refused(diff: str) -> None:
    with pytest.raises(DiffMismatchError):
        apply_diff("a", diff)


def test_a_hunk_that_is_none_is_refused() -> None:
    with pytest.raises(DiffMismatchError, match="no hunk"):
        apply_diff("a", text_diff("a", "b").replace("@@", "##"))


def test_the_example_of_the_guide_reads_as_it_should() -> None:
    """Change Data Capture Developer Guide, "Change Events for Large Text Fields": the second of
    three lines replaced.
    """
    base = "First line\rSecond line\rThird line"
    assert (
        apply_diff(base, text_diff(base, "First line\rNew line\rThird line"))
        == "First line\rNew line\rThird line"
    )


def diff_of(base: str, *lines: str) -> str:
    return "\n".join(("--- ", f"+++ {hashlib.sha256(base.encode()).hexdigest()}", *lines))


def test_a_hunk_without_a_count_is_of_one_line() -> None:
    diff = diff_of("a\nb\nc", "@@ -2 +2 @@", "-b", "+B", "@@ -3,0 +4 @@", "+d")
    assert apply_diff("a\nb\nc", diff) == "a\nB\nc\nd"
    assert holds_diff("a\nB\nc\nd", diff)
    assert not holds_diff("a\nB\nc\nD", diff)


def test_the_line_that_is_no_hunk_is_named_by_its_number() -> None:
    with pytest.raises(DiffMismatchError, match="line 5 of the diff"):
        apply_diff("a\nb", diff_of("a\nb", "@@ -1,0 +1,1 @@", "+x", "@@"))
