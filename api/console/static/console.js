// The console's own script: tells a cut stream, copies command lines, draws charts.
"use strict";
(() => {
  const live = document.getElementById("live");
  const banner = document.getElementById("banner");
  const liveState = document.getElementById("live-state");
  const asOf = document.getElementById("as-of");
  const silence = Number(live.dataset.silence) * 1000;
  let heard = performance.now();
  let ended = false;

  const clock = (iso) => iso.slice(11, 19);

  function said(text, link) {
    if (banner.dataset.said === text) return;
    banner.dataset.said = text;
    banner.replaceChildren(document.createTextNode(text));
    if (link) {
      const a = document.createElement("a");
      a.href = link;
      a.textContent = "Sign in again";
      banner.append(" ", a);
    }
    banner.hidden = false;
  }

  function mark(state, word) {
    liveState.dataset.state = state;
    liveState.querySelector(".live-word").textContent = word;
    document.body.classList.toggle("is-old", state === "cut");
  }

  function cut(text, link) {
    mark("cut", "not updated since");
    said(text, link);
  }

  function fresh() {
    const stamp = live.querySelector("data.stamp");
    if (!stamp) return;
    heard = performance.now();
    asOf.dateTime = stamp.value;
    asOf.textContent = clock(stamp.value);
    mark("live", "live, as of");
    banner.hidden = true;
    delete banner.dataset.said;
    dress();
  }

  document.addEventListener("htmx:sse:after:message", fresh);
  document.addEventListener("htmx:sse:after:connection", () => { if (!ended) heard = performance.now(); });
  document.addEventListener("htmx:sse:error", (event) => {
    if (event.detail && event.detail.status === 401) {
      ended = true;
      cut(`Your session has ended. This page was not updated since ${clock(asOf.dateTime)} UTC.`,
        "/console/login?back=" + encodeURIComponent(location.pathname + location.search));
    } else if (!ended) {
      cut(`Not updated since ${clock(asOf.dateTime)} UTC; reconnecting.`);
    }
  });
  setInterval(() => {
    if (!ended && !document.hidden && performance.now() - heard > silence) {
      cut(`Not updated since ${clock(asOf.dateTime)} UTC; reconnecting.`);
    }
  }, 1000);

  document.addEventListener("click", async (event) => {
    const button = event.target.closest("button.copy");
    if (!button) return;
    let done = "copied";
    try {
      await navigator.clipboard.writeText(button.dataset.copy);
    } catch {
      done = "select the text to copy it";
      getSelection().selectAllChildren(button.previousElementSibling);
    }
    const word = document.createElement("span");
    word.className = "copied";
    word.setAttribute("role", "status");
    word.textContent = done;
    button.after(word);
    setTimeout(() => word.remove(), 1600);
  });

  // A table that is laid out as blocks on a narrow screen is still a table for a screen reader.
  function roles() {
    for (const [selector, role] of [["table", "table"], ["thead, tbody", "rowgroup"], ["tr", "row"],
      ["td", "cell"], ["thead th", "columnheader"], ["tbody th", "rowheader"]]) {
      for (const each of live.querySelectorAll(`table.stack${selector === "table" ? "" : " "}${
        selector === "table" ? "" : selector.split(", ").join(", table.stack ")}`)) {
        if (each.getAttribute("role") !== role) each.setAttribute("role", role);
      }
    }
  }

  const charts = new Map();

  function colour(name) {
    return getComputedStyle(document.body).getPropertyValue(name).trim();
  }

  // A figure holds its data as JSON: x (seconds), names, series (a list of numbers or null each), unit.
  function draw() {
    for (const [figure, chart] of charts) {
      if (!figure.isConnected) { chart.destroy(); charts.delete(figure); }
    }
    for (const figure of live.querySelectorAll("figure.chart")) {
      const source = figure.querySelector("script[type='application/json']");
      const place = figure.querySelector(".chart-place");
      if (!source || !place) continue;
      const told = JSON.parse(source.textContent);
      const data = [told.x, ...told.series];
      const known = charts.get(figure);
      if (known && place.firstChild) { known.setData(data); continue; }
      place.replaceChildren();
      const lines = ["--chart-1", "--chart-2", "--chart-3"].map(colour);
      const long = told.x[told.x.length - 1] - told.x[0] > 7200;
      const hour = (at) => new Date(at * 1000).toISOString().slice(11, long ? 16 : 19);
      const short = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
      const axis = { stroke: colour("--muted"), grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false }, font: "12px system-ui, sans-serif" };
      charts.set(figure, new uPlot({
        width: place.clientWidth, height: 190, tzDate: (at) => uPlot.tzDate(new Date(at * 1000), "UTC"),
        cursor: { y: false }, legend: { live: true },
        series: [{ label: "UTC", value: (_, at) => (at == null ? "–" : hour(at)) }, ...told.names.map((name, n) => ({
          label: name, stroke: lines[n % 3], width: 2, dash: told.dashes?.[n] ? [6, 4] : undefined,
          points: { show: !told.dashes?.[n] && told.x.length < 40, size: 5 },
          value: (_, n) => (n == null ? "–" : n.toLocaleString("en") + told.unit),
        }))],
        axes: [{ ...axis, values: (_, ticks) => ticks.map(hour) }, { ...axis, size: 64, values: (_, ticks) => ticks.map((tick) => short.format(tick) + told.unit) }],
      }, data, place));
    }
  }

  addEventListener("resize", () => {
    for (const [figure, chart] of charts) chart.setSize({ width: figure.querySelector(".chart-place").clientWidth, height: 190 });
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    for (const chart of charts.values()) chart.destroy();
    charts.clear();
    draw();
  });

  function dress() { roles(); draw(); }
  dress();
})();
