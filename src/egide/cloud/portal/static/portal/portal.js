// What pages do beyond reading: fill in a sign-in code, draw a chart that one can move in. All pages read well without it.
"use strict";

/** The link's secret lies after "#": browsers never send it. Take it out of the address, then post it. */
function signIn() {
  const form = document.getElementById("sign-in");
  const code = decodeURIComponent(location.hash.slice(1));
  if (!form || !/^[a-z2-7]{16,64}$/.test(code)) return;
  history.replaceState(null, "", location.pathname + location.search);
  form.elements.code.value = code;
  form.requestSubmit();
}

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();
const lang = document.documentElement.lang === "en" ? "en-GB" : document.documentElement.lang;
/** Hours are those of the place that the reader chose; else of this device. */
const place = document.querySelector("figure[data-zone]");
const timeZone = place ? place.dataset.zone : undefined;
const dated = new Intl.DateTimeFormat(lang, { dateStyle: "medium", timeStyle: "short", timeZone });

/** Exact digits as the language writes them: the server's text, with its own decimal sign. */
const written = (text) => (lang === "fr" ? text.replace(".", ",") : text);

function loadCharts() {
  if (loadCharts.promise) return loadCharts.promise;
  loadCharts.promise = new Promise((done, fail) => {
    const script = document.createElement("script");
    script.src = new URL("vendor/echarts.portal.min.js", document.querySelector('script[src*="portal.js"]').src).href;
    script.onload = done;
    script.onerror = fail;
    document.head.append(script);
  });
  return loadCharts.promise;
}

/** A silence of three usual steps is a gap: a null between two points breaks the curve. Doubtful points stand apart. */
function split(series) {
  const steps = series.points.slice(1).map((p, i) => p[0] - series.points[i][0]).filter((s) => s > 0).sort((a, b) => a - b);
  const gap = 3 * Math.max(steps.length ? steps[steps.length >> 1] : 0, series.cadence_ms, 1000);
  const curve = [], doubtful = [];
  let last = null;
  for (const [at, value, fine] of series.points) {
    if (!fine) {
      doubtful.push({ value: [Math.min(at, series.until), Number(value)], text: value, at });
      curve.push({ value: [at, null] });
      last = null;
      continue;
    }
    if (last !== null && at - last > gap) curve.push({ value: [last + 1, null] });
    curve.push({ value: [at, Number(value)], text: value });
    last = at;
  }
  return { curve, doubtful };
}

const MANY = 800, SLICES = 240; // as the server draws: joined one by one, so many points would fill the chart

/** What is in sight, by slices of time: the middle, the lowest and the highest of each; a gap stays a gap. */
function sliced(points, since, until) {
  const seen = points.filter((p) => p.value[0] >= since && p.value[0] <= until);
  if (seen.filter((p) => p.value[1] !== null).length <= MANY) return null;
  const width = Math.max(1, (until - since) / SLICES), middle = [], low = [], high = [];
  let same = [], open = null, broken = false, end = null; // the ends of a run are as wide as their slice: it can be seen alone
  const close = () => {
    if (!same.length) return;
    const values = same.map((p) => p.value[1]).sort((a, b) => a - b), chosen = same.find((p) => p.value[1] === values[values.length >> 1]);
    const at = (same[0].value[0] + same[same.length - 1].value[0]) / 2;
    const put = (list, x, y) => list.push({ value: [x, y], text: chosen.text, range: [values[0], values[values.length - 1]] });
    const all = (x) => { put(middle, x, chosen.value[1]); put(low, x, values[0]); put(high, x, values[values.length - 1] - values[0]); };
    if (broken || !end) { if (end) end(); all(since + open * width); }
    all(at);
    const until = since + (open + 1) * width;
    end = () => { all(until - 1); for (const list of [middle, low, high]) list.push({ value: [until, null] }); };
    same = [];
    broken = false;
  };
  for (const point of seen) {
    if (point.value[1] === null) { if (same.length) close(); broken = true; continue; }
    const here = Math.floor((point.value[0] - since) / width);
    if (here !== open) close();
    open = here;
    same.push(point);
  }
  close();
  if (end) end();
  return { middle, low, high };
}

const hour = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", timeZone });
const midnight = (at) => hour.format(at) === "00:00";
const hourly = new Intl.DateTimeFormat(lang, { hour: "2-digit", minute: "2-digit", timeZone });
const daily = new Intl.DateTimeFormat(lang, { weekday: "short", day: "numeric", timeZone });
const monthly = new Intl.DateTimeFormat(lang, { day: "numeric", month: "short", timeZone });

function tick(at, span) {
  if (!midnight(at)) return hourly.format(at);
  return (span > 10 * 86400000 ? monthly : daily).format(at);
}

/** The axis fits what is plausible; a doubtful value beyond it is pinned to its edge, where it cannot be missed. */
function extent(curve, band) {
  const seen = curve.map((p) => p.value[1]).filter((v) => v !== null).concat((band || []).map(Number));
  if (!seen.length) return [undefined, undefined];
  const low = Math.min(...seen), high = Math.max(...seen), room = (high - low || Math.abs(high) || 1) * 0.08;
  return [low - room, high + room];
}

/** The series of a chart between two instants: the values joined; very many, their middle over how far they spread. */
function drawn(series, curve, doubtful, since, until) {
  const accent = colour("accent"), dense = sliced(curve, since, until);
  const bare = { type: "line", connectNulls: false, showSymbol: false, silent: true, lineStyle: { width: 0 }, stack: "spread", stackStrategy: "all" };
  return [
    { type: "line", data: dense ? dense.middle : curve, connectNulls: false, showSymbol: curve.length < 120, symbol: "circle", symbolSize: 6, lineStyle: { width: 2, color: accent }, itemStyle: { color: accent },
      markArea: series.band ? { silent: true, itemStyle: { color: colour("band"), borderColor: colour("band-line"), borderWidth: 1 }, data: [[{ yAxis: Number(series.band[0]) }, { yAxis: Number(series.band[1]) }]] } : undefined },
    { type: "scatter", data: doubtful, clip: false, symbol: "circle", symbolSize: 9, itemStyle: { color: colour("card"), borderColor: colour("wait"), borderWidth: 2 } },
    ...(dense ? [{ ...bare, data: dense.low }, { ...bare, data: dense.high, areaStyle: { color: accent, opacity: 0.3 } }] : []),
  ];
}

function options(series, figure) {
  const { curve, doubtful } = split(series);
  const [low, high] = extent(curve, series.band);
  [figure.low, figure.high] = low === undefined ? [-Infinity, Infinity] : [low, high];
  if (low !== undefined) for (const point of doubtful) point.value[1] = Math.min(high, Math.max(low, point.value[1]));
  const soft = colour("soft"), line = colour("line");
  const unit = figure.dataset.unit;
  const axis = { axisLabel: { color: soft, hideOverlap: true }, axisLine: { lineStyle: { color: line } }, splitLine: { lineStyle: { color: line } } };
  return {
    animation: false,
    textStyle: { fontFamily: '"Source Sans 3", sans-serif' },
    aria: { enabled: true, label: { enabled: false } },
    grid: { left: 8, right: 12, top: 12, bottom: 56, containLabel: true },
    xAxis: { type: "time", min: series.since, max: series.until, ...axis, axisLabel: { color: soft, hideOverlap: true, formatter: (at) => tick(at, series.until - series.since) } },
    yAxis: { type: "value", scale: true, min: low, max: high, ...axis, axisLabel: { color: soft, showMinLabel: false, showMaxLabel: false, formatter: (v) => new Intl.NumberFormat(lang).format(v) } },
    tooltip: {
      trigger: "axis", renderMode: "richText", backgroundColor: colour("card"), borderColor: line, textStyle: { color: colour("ink") },
      formatter: (hits) => hits.filter((h) => h.data.text).slice(0, 1).map((h) =>
        written(h.data.text) + "\u202f" + unit + (h.data.range ? " (" + h.data.range.map((v) => new Intl.NumberFormat(lang).format(v)).join("–") + ")" : "") + (h.data.at ? " (" + figure.dataset.doubt + ")" : "") + "\n" + dated.format(h.data.at || h.data.value[0])).join("\n"),
    },
    dataZoom: [{ type: "inside", zoomOnMouseWheel: "ctrl", filterMode: "none" }, { type: "slider", showDataShadow: false, height: 24, bottom: 8, filterMode: "none", borderColor: line, fillerColor: colour("accent") + "22", textStyle: { color: soft } }],
    series: drawn(series, curve, doubtful, series.since, series.until),
  };
}

/** The points lie in the page when they are few; else they are asked for (and that look is journaled too). */
async function fetchSeries(figure) {
  const carried = document.getElementById("series").dataset.series;
  if (carried) return JSON.parse(carried);
  const until = Date.now();
  const answer = await fetch(`${figure.dataset.src}&since=${until - Number(figure.dataset.span)}&until=${until}`, { headers: { Accept: "application/json" } });
  if (!answer.ok) throw new Error(String(answer.status));
  return answer.json();
}

/** Zoom and move with the keyboard: + and -, arrows, 0 to see everything again. */
function keys(chart, plot) {
  plot.addEventListener("keydown", (event) => {
    const zoom = chart.getOption().dataZoom[0];
    let { start, end } = zoom;
    const width = end - start, middle = (start + end) / 2;
    const moves = {
      "+": [middle - width / 4, middle + width / 4], "-": [middle - width, middle + width],
      ArrowLeft: [start - width / 4, end - width / 4], ArrowRight: [start + width / 4, end + width / 4], 0: [0, 100],
    };
    if (!(event.key in moves) || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    [start, end] = moves[event.key];
    if (start < 0) [start, end] = [0, Math.min(100, end - start)];
    if (end > 100) [start, end] = [Math.max(0, start - (end - 100)), 100];
    chart.dispatchAction({ type: "dataZoom", start, end });
  });
}

function redraw(figure) {
  figure.chart.setOption(options(figure.series, figure), { replaceMerge: ["series"] });
}

/** After a zoom, single values appear where they are few enough to be told apart. */
function closer(figure) {
  const { startValue, endValue } = figure.chart.getOption().dataZoom[0], { curve, doubtful } = split(figure.series);
  for (const point of doubtful) point.value[1] = Math.min(figure.high, Math.max(figure.low, point.value[1]));
  figure.chart.setOption({ series: drawn(figure.series, curve, doubtful, startValue, endValue) }, { replaceMerge: ["series"] });
}

/** Put a chart that one can move in over the server's drawing; if anything fails, that drawing stays. */
async function enhance(figure) {
  try {
    const [series] = await Promise.all([fetchSeries(figure), loadCharts()]);
    if (!series.points.length) return;
    const plot = figure.querySelector(".plot");
    if (!figure.chart) {
      const title = document.getElementById("chart-title");
      plot.replaceChildren();
      plot.classList.add("ready");
      plot.tabIndex = 0;
      plot.setAttribute("role", "application");
      plot.setAttribute("aria-label", (title ? title.textContent : "") + ". " + figure.dataset.keys);
      figure.chart = echarts.init(plot, null, { renderer: "canvas" });
      keys(figure.chart, plot);
      figure.chart.on("datazoom", () => closer(figure));
      new ResizeObserver(() => figure.chart.resize()).observe(plot);
    }
    figure.series = series;
    redraw(figure);
  } catch {
    /* the server's drawing is still there */
  }
}

/** Where colours are the person's own, the server's drawing stays: it takes them. */
function charts() {
  if (matchMedia("(forced-colors: active)").matches) return;
  for (const figure of document.querySelectorAll('figure[data-chart="line"]')) enhance(figure);
}

/** What renews itself can be held still, and let go again (WCAG 2.2, 2.2.2). A record that closes still closes. */
function still(button) {
  button.hidden = false;
  button.addEventListener("click", () => button.setAttribute("aria-pressed", String(button.getAttribute("aria-pressed") !== "true")));
  document.addEventListener("htmx:beforeRequest", (event) => { if (button.getAttribute("aria-pressed") === "true") event.preventDefault(); });
}

/** What asks again and gets no answer says so, and since when; an answer takes the words away. */
function cut(notice) {
  let heard = Date.now();
  document.addEventListener("htmx:beforeRequest", (event) => event.detail.target.setAttribute("aria-busy", "true"));
  document.addEventListener("htmx:afterRequest", (event) => {
    event.detail.target.removeAttribute("aria-busy");
    if (event.detail.successful) [heard, notice.textContent] = [Date.now(), ""];
    else notice.textContent = `${notice.dataset.since} ${hourly.format(heard)}. ${notice.dataset.safe}`;
  });
}

/** A tooltip goes away by the Escape key (1.4.13). */
function hideTips(event) {
  if (event.key !== "Escape") return;
  for (const figure of document.querySelectorAll("figure")) if (figure.chart) figure.chart.dispatchAction({ type: "hideTip" });
}

signIn();
charts();
document.querySelectorAll("[data-still]").forEach(still);
document.querySelectorAll("#cut").forEach(cut);
document.addEventListener("keydown", hideTips);
// paper is light, whatever the screen: drawn again at once, before it is printed
matchMedia("print").addEventListener("change", () => { for (const figure of document.querySelectorAll("figure")) if (figure.chart) redraw(figure); });
document.addEventListener("htmx:afterSwap", (event) => { if (event.target.id === "latest") charts(); });
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", charts);
