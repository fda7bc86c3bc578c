// Draws the charts of a page from the tables below them, so that both have the same numbers.

// Times on the axis: a unit and how it is written, and what is added where a year or a day begins.
const ticks = [
  [86400, "{D} {MMM}", "\n{YYYY}", null, null, null, null, null, 1],
  [60, "{HH}:{mm}", "\n{D} {MMM} {YYYY}", null, "\n{D} {MMM}", null, null, null, 1],
  [1, "{HH}:{mm}:{ss}", "\n{D} {MMM} {YYYY}", null, "\n{D} {MMM}", null, null, null, 1],
];

const colors = ["--accent", "--bad", "--wait", "--good"];

function draw(figure) {
  const table = figure.querySelector("table");
  const heads = [...table.querySelectorAll("thead th")].map((th) => th.textContent);
  const rows = [...table.querySelectorAll("tbody tr")];
  const style = getComputedStyle(document.documentElement);
  const resolve = (name) => {
    const probe = document.createElement("i");
    probe.style.color = `var(${name})`;
    figure.append(probe);
    const color = getComputedStyle(probe).color;
    probe.remove();
    return color;
  };
  const ink = resolve("--ink-soft"), line = resolve("--line");
  const data = heads.map((_, column) => rows.map((tr) => {
    const cell = tr.children[column];
    return column === 0 ? Date.parse(cell.querySelector("time").dateTime) / 1000 : Number(cell.dataset.value);
  }));
  // Stacked: the first series stands on those after it, so each is drawn as the sum with them; the legend says what it is by itself.
  const stacked = figure.dataset.chart === "stacked";
  const drawn = stacked ? data.map((values, s) => s === 0 ? values : values.map((_, i) => data.slice(s).reduce((sum, d) => sum + d[i], 0))) : data;
  const bars = stacked && uPlot.paths.bars({ size: [0.7, 28], align: 0 });
  const look = (i) => {
    const color = resolve(colors[i % colors.length]);
    return stacked ? { paths: bars, fill: color, stroke: color, width: 0, points: { show: false }, value: (_, v, s, idx) => data[s][idx] ?? data[s].reduce((sum, n) => sum + n, 0) }
      : { stroke: color, width: 1.5, points: { show: false } };
  };
  const axis = { stroke: ink, grid: { stroke: line, width: 1 }, ticks: { stroke: line, width: 1 }, font: `12px ${style.getPropertyValue("--sans")}` };
  const plot = figure.querySelector(".chart__plot");
  const size = () => ({ width: plot.clientWidth, height: 200 });
  const zone = "utc" in figure.dataset ? "UTC" : Intl.DateTimeFormat().resolvedOptions().timeZone;
  const written = uPlot.fmtDate("{D} {MMM} {YYYY}, {HH}:{mm}");
  // Things that are counted have no halves: the axis has whole numbers alone.
  const whole = [1, 2, 5].flatMap((n) => [...Array(13).keys()].map((e) => n * 10 ** e)).sort((a, b) => a - b);
  const chart = new uPlot({
    ...size(),
    tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), zone),
    axes: [{ ...axis, values: ticks }, { ...axis, size: 44, ...(stacked && { incrs: whole }) }],
    series: [{ label: "Time", value: (_, at) => at == null ? `all, in ${zone}` : `${written(uPlot.tzDate(new Date(at * 1000), zone))} (${zone})` }, ...heads.slice(1).map((label, i) => ({ label, ...look(i) }))],
  }, drawn, plot);
  new ResizeObserver(() => chart.setSize(size())).observe(plot);
}

// After the first paint: whoever waits for the page reads its words first, and the tables have the same numbers.
requestAnimationFrame(() => setTimeout(() => document.querySelectorAll(".chart[data-chart]").forEach(draw)));
