"""Write the generated pages: `python -m tests.docs`, or `make docs`."""

from tests.docs.pages import DOCS, PAGES

for name, page in PAGES.items():
    (DOCS / name).write_text(page())
