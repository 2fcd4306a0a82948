"""How long a browser takes for a chart of thirty days: its points asked for, its picture drawn."""

from __future__ import annotations

import json
import statistics
import sys
from pathlib import Path
from typing import Final

from playwright.sync_api import sync_playwright

CHROMIUM: Final = "/usr/bin/chromium"
_DRAW: Final = """async () => {
  const figure = document.querySelector('figure[data-chart="line"]');
  figure.chart.dispose();
  figure.chart = null;
  const begin = performance.now();
  await enhance(figure);
  await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
  return [performance.now() - begin, (await fetchSeries(figure)).points.length];
}"""


def main(*, base: str, folder: str, patient: str, times: int) -> None:
    session = json.loads((Path(folder) / "clinicians.json").read_text())[0]["session"]
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        context = browser.new_context(viewport={"width": 1280, "height": 800})
        context.add_cookies([{"name": "sessionid", "value": session, "url": base}])
        page = context.new_page()
        page.goto(f"{base}/patients/{patient}?period=30d&metric=99504-3")
        page.locator("figure canvas").first.wait_for()
        drawn = [page.evaluate(_DRAW) for _ in range(times)]
        browser.close()
    taken = [ms for ms, _ in drawn]
    print(json.dumps({"p50_ms": statistics.median(taken), "max_ms": max(taken), "points": drawn[0][1]}))


if __name__ == "__main__":
    main(**json.loads(sys.argv[1]))
