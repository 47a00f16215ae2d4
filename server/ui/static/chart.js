// Curves of metrics with uPlot: smoothing, logarithmic scale, steps or time. How
// they are shown stands in the address, so that a view can be shared.
const tools = document.querySelector("[data-chart-tools]");
const state = { smooth: 0, log: false, x: "step" };
const here = new URLSearchParams(location.search);
if (here.get("smooth")) state.smooth = Math.min(0.98, Math.max(0, +here.get("smooth") || 0));
state.log = here.get("log") === "1";
if (here.get("x") === "time") state.x = "time";

const colour = (i) => {
  const probe = document.createElement("span");
  probe.className = "dot s" + (i % 8);
  document.body.append(probe);
  const c = getComputedStyle(probe).backgroundColor;
  probe.remove();
  return c;
};
const resolve = (name) => {
  const probe = document.createElement("span");
  probe.style.color = `var(${name})`;
  document.body.append(probe);
  const c = getComputedStyle(probe).color;
  probe.remove();
  return c;
};

// Exponential moving average with the bias of the first values taken out (Kingma
// and Ba 2015); a gap stays a gap.
function smooth(values, weight) {
  if (!weight) return values;
  let mean = 0, n = 0;
  return values.map((v) => {
    if (v == null) return null;
    mean = mean * weight + (1 - weight) * v;
    n++;
    return mean / (1 - weight ** n);
  });
}

const short = (v) => {
  if (v == null) return "";
  if (Number.isInteger(v) && Math.abs(v) < 1e12) return v.toLocaleString("en");
  const a = Math.abs(v);
  return a >= 1e6 || a < 1e-3 ? v.toExponential(3) : String(+v.toPrecision(4));
};
const tick = (v) => (v == null ? "" : v !== 0 && (Math.abs(v) < 1e-3 || Math.abs(v) >= 1e6) ? v.toExponential(1).replace(".0e", "e") : String(+v.toPrecision(4)));
const seconds = (s) => (s < 120 ? +s.toPrecision(3) + " s" : s < 7200 ? +(s / 60).toPrecision(3) + " min" : +(s / 3600).toPrecision(3) + " h");

class Chart {
  constructor(el) {
    this.el = el;
    this.box = el.querySelector(".box");
    this.say = el.querySelector(".say");
  }
  async load() {
    try {
      const r = await fetch(this.el.dataset.points);
      if (!r.ok) throw new Error((await r.text()).trim());
      this.runs = (await r.json()).filter((c) => c.value && c.value.length);
      this.draw();
    } catch (err) {
      this.say.textContent = err.message;
    }
  }
  draw() {
    if (!this.runs?.length) { this.say.textContent = "no points"; return; }
    const key = state.x === "time" ? "time" : "step";
    const xs = [...new Set(this.runs.flatMap((c) => c[key]))].sort((a, b) => a - b);
    const at = new Map(xs.map((x, i) => [x, i]));
    const data = [xs], series = [{}];
    const add = (c, i, values, faint) => {
      const column = new Array(xs.length).fill(undefined);
      values.forEach((v, j) => { column[at.get(c[key][j])] = state.log && v != null && v <= 0 ? null : v; });
      data.push(column);
      const stroke = colour(i);
      series.push({ label: c.name, stroke, width: faint ? 1 : 1.6, alpha: faint ? 0.3 : 1, spanGaps: false, faint, points: { show: c.value.length < 40 && !faint, size: 4, fill: stroke } });
    };
    this.runs.forEach((c, i) => {
      if (state.smooth) add(c, i, c.value, true);
      add(c, i, smooth(c.value, state.smooth), false);
    });
    const ink = resolve("--soft"), line = resolve("--line");
    const axis = { stroke: ink, grid: { stroke: line, width: 1 }, ticks: { stroke: line, width: 1, size: 4 }, font: "11px system-ui, sans-serif" };
    const opts = {
      width: this.box.clientWidth, height: this.box.clientHeight, legend: { show: false }, padding: [6, 8, 0, 0],
      scales: { x: { time: false }, y: state.log ? { distr: 3 } : {} },
      axes: [
        { ...axis, size: 28, values: (u, v) => v.map((x) => (state.x === "time" ? seconds(x) : tick(x))) },
        { ...axis, size: 52, values: (u, v) => v.map(tick) },
      ],
      cursor: { y: false, points: { size: 7 }, drag: { x: true, y: false } },
      series,
      hooks: { setCursor: [(u) => this.tell(u)] },
    };
    this.plot?.destroy();
    this.box.replaceChildren();
    this.plot = new uPlot(opts, data, this.box);
    this.tell(this.plot);
  }
  tell(u) {
    const i = u.cursor.idx;
    const parts = [];
    for (let s = 1; s < u.series.length; s++) {
      if (u.series[s].faint) continue;
      const column = u.data[s];
      let v = i == null ? column.findLast((x) => x != null) : column[i];
      if (v == null) continue;
      parts.push(this.runs.length > 1 ? `${u.series[s].label} ${short(v)}` : short(v));
    }
    const x = i == null ? "last" : state.x === "time" ? seconds(u.data[0][i]) : "step " + short(u.data[0][i]);
    this.say.textContent = parts.length ? x + ": " + parts.join(", ") : x;
    this.say.title = this.say.textContent;
  }
}

const charts = new Map();
const eye = new IntersectionObserver((seen) => {
  for (const e of seen) {
    if (!e.isIntersecting || charts.has(e.target)) continue;
    const c = new Chart(e.target);
    charts.set(e.target, c);
    c.load();
  }
}, { rootMargin: "200px" });
for (const el of document.querySelectorAll("[data-points]")) eye.observe(el);

const redraw = () => { for (const c of charts.values()) c.draw(); };
if (tools) {
  tools.hidden = false;
  const { smooth: range, log, x } = tools.elements;
  range.value = state.smooth;
  log.checked = state.log;
  x.value = state.x;
  tools.querySelector("output").textContent = range.value;
  tools.addEventListener("input", () => {
    state.smooth = +range.value;
    state.log = log.checked;
    state.x = x.value;
    tools.querySelector("output").textContent = range.value;
    const u = new URL(location);
    for (const [k, v] of [["smooth", state.smooth || ""], ["log", state.log ? "1" : ""], ["x", state.x === "time" ? "time" : ""]]) v ? u.searchParams.set(k, v) : u.searchParams.delete(k);
    history.replaceState(null, "", u);
    redraw();
  });
  tools.addEventListener("submit", (ev) => ev.preventDefault());
}
let width = innerWidth;
addEventListener("resize", () => {
  if (innerWidth === width) return;
  width = innerWidth;
  for (const c of charts.values()) c.plot?.setSize({ width: c.box.clientWidth, height: c.box.clientHeight });
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);

// new points of a run that goes on, at most once a second
let waiting = null;
document.addEventListener("points", () => {
  waiting ??= setTimeout(() => { waiting = null; for (const c of charts.values()) c.load(); }, 1000);
});
