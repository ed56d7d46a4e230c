"""Opens pages of a served console in Chromium, and prints its findings as JSON.

Run by an interpreter that has playwright: `driver.py URL TOKEN AXE_JS FOLDER PATH ...`. For each
page it prints accessibility violations in light and dark, breaches of the content security
policy, errors of scripts, and requests to other hosts; it writes a picture a page, theme and
width into the folder.
"""

import json
import re
import sys
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import Browser, Page, sync_playwright

CHROMIUM = "/usr/bin/chromium"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking"]
WIDTHS = {1440: 900, 1280: 900, 390: 844, 360: 800}
THEMES = ("light", "dark")


def sign_in(page: Page, url: str, token: str) -> None:
    page.goto(f"{url}/console/login")
    page.fill("#token", token)
    page.click("button[type=submit]")
    page.wait_for_url(re.compile(r"/console$"))


def look(browser: Browser, theme: str, given: list[str]) -> list[dict]:
    url, token, axe, folder, *paths = given
    context = browser.new_context(viewport={"width": 1280, "height": 900}, color_scheme=theme)
    page = context.new_page()
    seen: dict[str, list[str]] = {"outside": [], "errors": []}
    ours = urlsplit(url).netloc
    page.on("request", lambda r: None if urlsplit(r.url).netloc == ours else seen["outside"].append(r.url))
    page.on("console", lambda m: seen["errors"].append(m.text) if m.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: seen["errors"].append(str(error)))
    found = []
    page.goto(f"{url}/console/login")
    found.append(check(page, theme, "login", axe, folder, seen))
    sign_in(page, url, token)
    for path in paths:
        page.set_viewport_size({"width": 1280, "height": 900})
        page.goto(f"{url}{path}")
        page.wait_for_selector("main")
        found.append(check(page, theme, path, axe, folder, seen))
    context.close()
    return found


def cut_off(browser: Browser, url: str, token: str) -> dict:
    """The words of the overview when its stream never comes, and when its session was ended."""
    page = browser.new_page()
    sign_in(page, url, token)  # nothing is cached: the extension must be there before htmx begins
    page.wait_for_selector("#live-state[data-state=live]", timeout=60_000)
    page.close()
    page = browser.new_page()
    page.route("**/*stream=1*", lambda route: route.abort())
    sign_in(page, url, token)
    said = banner(page)
    page.unroute_all()
    page.reload()
    page.wait_for_selector("#live-state[data-state=live]", timeout=60_000)
    csrf = page.get_attribute("input[name=csrf]", "value")
    same = {"Sec-Fetch-Site": "same-origin"}
    page.context.request.post(f"{url}/console/logout", form={"csrf": csrf}, headers=same, max_redirects=0)
    found = {"silent": said, "ended": banner(page)}
    page.close()
    return found


def banner(page: Page) -> str:
    page.wait_for_selector("#banner:not([hidden])", timeout=60_000)
    return re.sub(r"\d\d:\d\d:\d\d", "TIME", page.inner_text("#banner"))


def check(page: Page, theme: str, path: str, axe: str, folder: str, seen: dict[str, list[str]]) -> dict:
    page.wait_for_timeout(300)
    page.evaluate(Path(axe).read_text())
    answer = page.evaluate(
        "axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'best-practice']})"
    )
    violations = [
        f"{each['id']}: {node['html'][:160]} {node.get('failureSummary', '')[:200]}"
        for each in answer["violations"]
        for node in each["nodes"][:3]
    ]
    name = re.sub(r"[^A-Za-z0-9]+", "-", path).strip("-") or "overview"
    wide = {}
    for width, height in WIDTHS.items():
        page.set_viewport_size({"width": width, "height": height})
        page.wait_for_timeout(150)
        wide[width] = page.evaluate("document.documentElement.scrollWidth")
        page.screenshot(path=f"{folder}/{name}-{theme}-{width}.png", full_page=True)
    told = {
        "path": path,
        "theme": theme,
        "title": page.title(),
        "violations": violations,
        "widths": wide,
        **seen,
    }
    seen["outside"], seen["errors"] = [], []
    return told


def main(arguments: list[str]) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        found = [each for theme in THEMES for each in look(browser, theme, arguments)]
        cut = cut_off(browser, *arguments[:2])
        browser.close()
    print(json.dumps({"pages": found, "cut": cut}))


if __name__ == "__main__":
    main(sys.argv[1:])
