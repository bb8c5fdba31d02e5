// Drawing: SVG elements by hand, so that the page needs nothing from anywhere. All text goes in as text.
const SVG = "http://www.w3.org/2000/svg";

function put(parent, name, attributes = {}, text = null) {
  const inSvg = name === "svg" || parent.namespaceURI === SVG;
  const element = inSvg ? document.createElementNS(SVG, name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key === "tip") { element.dataset.tip = value; if (name !== "rect" && name !== "circle") element.tabIndex = 0; }
    else if (value !== null) element.setAttribute(key, value);
  }
  if (text !== null) element.textContent = text;
  parent.append(element);
  return element;
}

// A term with its definition from meta.metrics.
function define(element, metric) {
  const found = DATA.metrics[metric];
  if (found) { element.classList.add("def"); element.dataset.tip = found.join("\n"); element.tabIndex = 0; }
  return element;
}

// Clears a figure and opens an SVG as wide as it; `use(svg, width)` draws. Says so when there is nothing.
function chart(name, height, isEmpty, use) {
  const figure = document.querySelector(`[data-chart=${name}]`);
  const open = figure.querySelector("details")?.open;
  for (const child of [...figure.children].slice(1)) child.remove();
  if (isEmpty) { put(figure, "p", { class: "empty" }, "No such calls in this selection."); return null; }
  const width = Math.max(260, Math.floor(figure.clientWidth - 28));
  const svg = put(figure, "svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": figure.querySelector("h2").textContent });
  use(svg, width);
  figure.dataset.open = open || "";
  return figure;
}

function note(figure, text) { if (figure) put(figure, "p", { class: "note" }, text); }

// The numbers behind a chart. A head may be [text, metric].
function table(figure, heads, rows) {
  if (!figure) return;
  const details = put(figure, "details");
  details.open = Boolean(figure.dataset.open);
  put(details, "summary", {}, "Table");
  const grid = put(put(details, "div", { class: "scroll" }), "table");
  const head = put(put(grid, "thead"), "tr");
  for (const cell of heads) Array.isArray(cell) ? define(put(put(head, "th"), "span", {}, cell[0]), cell[1]) : put(head, "th", {}, cell);
  const body = put(grid, "tbody");
  for (const row of rows) { const line = put(body, "tr"); for (const cell of row) put(line, "td", {}, String(cell)); }
}

function ticks(top, wanted = 4) {
  const raw = (top || 1) / wanted, power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= raw);
  return Array.from({ length: Math.floor(top / step + 1e-9) + 1 }, (_, place) => place * step);
}

const ease = (text, room) => text.length * 6.6 > room ? text.slice(0, Math.max(3, Math.floor(room / 6.6) - 1)) + "…" : text;

// Rates over time with their intervals, and the cases below.
function drawTrend(points, measure, marks) {
  const tall = 210, low = 44, top = 12, left = 42;
  const known = points.filter((point) => point.rate.rate !== null);
  return chart("trend", tall + low + 34, !known.length, (svg, width) => {
    const peak = Math.min(1, Math.max(...known.map((point) => point.rate.cases >= 10 ? point.rate.high : point.rate.rate)) * 1.05) || 1;
    const step = (width - left - 8) / points.length;
    const x = (place) => left + step * (place + .5), y = (share) => top + (tall - top) * (1 - Math.min(share, peak) / peak);
    for (const tick of ticks(peak)) {
      put(svg, "line", { x1: left, x2: width, y1: y(tick), y2: y(tick), class: "axis" });
      put(svg, "text", { x: left - 6, y: y(tick) + 4, "text-anchor": "end" }, percent(tick));
    }
    let run = [];
    const flush = () => {
      if (run.length > 1) {
        const upper = run.map(([place, value]) => `${x(place)},${y(value.high)}`), lower = run.map(([place, value]) => `${x(place)},${y(value.low)}`).reverse();
        put(svg, "polygon", { points: [...upper, ...lower].join(" "), fill: "var(--accent)", opacity: .14 });
        put(svg, "polyline", { points: run.map(([place, value]) => `${x(place)},${y(value.rate)}`).join(" "), fill: "none", stroke: "var(--accent)", "stroke-width": 2, "stroke-linejoin": "round" });
      }
      run = [];
    };
    points.forEach((point, place) => point.rate.rate === null ? flush() : run.push([place, point.rate]));
    flush();
    const most = Math.max(...known.map((point) => point.rate.cases));
    const base = tall + low + 8, every = Math.ceil(points.length / Math.max(2, Math.floor(width / 90)));
    points.forEach((point, place) => {
      const tip = `${point.label}\n${measure.name}: ${ofCases(point.rate)}\n95%: ${span(point.rate)}` + (marks.get(point.key) ? "\n" + marks.get(point.key) : "");
      const tall = point.rate.cases / most * low;
      put(svg, "rect", { x: x(place) - step * .35, width: Math.max(1, step * .7), y: base - tall, height: tall, fill: "var(--not_connected)", opacity: .55 });
      if (point.rate.rate !== null) put(svg, "circle", { cx: x(place), cy: y(point.rate.rate), r: marks.get(point.key) ? 5 : Math.min(3, step * .3), stroke: marks.get(point.key) ? "var(--bad)" : "var(--accent)", "stroke-width": 1.5,
        fill: marks.get(point.key) ? "var(--bad)" : point.rate.cases < 10 ? "var(--card)" : "var(--accent)" });
      put(svg, "rect", { x: x(place) - step / 2, width: step, y: 0, height: base, fill: "transparent", tip });
      if (place % every === 0) put(svg, "text", { x: x(place), y: base + 18, "text-anchor": place ? "middle" : "start" }, point.short);
    });
    put(svg, "text", { x: left - 6, y: base - low + 10, "text-anchor": "end" }, number(most));
  });
}

// Steps as bars, each with its share of the step before.
function drawFunnel(steps) {
  const line = 44, left = 88;
  return chart("funnel", steps.length * line, !steps[0].count, (svg, width) => {
    const label = (step) => number(step.count) + (step.rate && step.rate.rate !== null ? " · " + ofCases(step.rate) : "");
    const room = width - left - 12 - Math.max(...steps.map((step) => label(step).length * 6.8));
    steps.forEach((step, place) => {
      const y = place * line, wide = Math.max(1, room * step.count / steps[0].count);
      define(put(svg, "text", { x: 0, y: y + 22, class: "strong" }, step.name), step.metric);
      put(svg, "rect", { x: left, y: y + 6, width: wide, height: 24, rx: 3, fill: "var(--accent)", opacity: 1 - .11 * place, tip: `${step.name}: ${number(step.count)}` + (step.rate ? `\n${ofCases(step.rate)} ${step.of}\n95%: ${span(step.rate)}` : "") });
      put(svg, "text", { x: left + wide + 7, y: y + 22, class: "strong" }, label(step));
    });
  });
}

// Weekdays by hours: colour is the rate, size how narrow its interval is.
function drawHeat(cells, hours) {
  const left = 36, names = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"], found = [...cells.values()];
  return chart("heat", 7 * 26 + 24, !found.length, (svg, width) => {
    const step = Math.min(44, (width - left) / hours.length), rates = found.filter((cell) => cell.cases >= 5).map((cell) => cell.rate);
    const low = Math.min(...rates, 1), high = Math.max(...rates, low + .01);
    names.forEach((name, row) => put(svg, "text", { x: 0, y: row * 26 + 17 }, name));
    hours.forEach((hour, column) => {
      if (step > 24 || hour % 2 === 0) put(svg, "text", { x: left + step * (column + .5), y: 7 * 26 + 16, "text-anchor": "middle" }, String(hour).padStart(2, "0"));
      for (let row = 0; row < 7; row++) {
        put(svg, "rect", { x: left + step * column + 1, y: row * 26 + 1, width: step - 2, height: 24, rx: 3, fill: "var(--line)", opacity: .35 });
        const cell = cells.get(row * 24 + hour);
        if (!cell) continue;
        const size = 1 - (cell.high - cell.low), wide = (step - 2) * size, tall = 24 * size;
        const shade = .15 + .85 * Math.min(1, Math.max(0, (cell.rate - low) / (high - low)));
        put(svg, "rect", { x: left + step * (column + .5) - wide / 2, y: row * 26 + 13 - tall / 2, width: wide, height: tall, rx: 2, fill: "var(--accent)", opacity: shade,
          tip: `${names[row]} ${hour}:00\n${ofCases(cell)} connected\n95%: ${span(cell)}` });
      }
    });
  });
}

// A dot with its interval per agent, and a line for all together.
function drawDots(rows, all, measure) {
  const line = 32, left = 104;
  const known = rows.filter((row) => row.rate.rate !== null);
  return chart("agents", known.length * line + 28, !known.length, (svg, width) => {
    const right = 16 + Math.max(...known.map((row) => ofCases(row.rate).length * 6.8));
    const room = width - left - right, peak = Math.min(1, Math.max(...known.map((row) => row.rate.high)) * 1.04) || 1, x = (share) => left + room * share / peak;
    for (const tick of ticks(peak)) {
      put(svg, "line", { x1: x(tick), x2: x(tick), y1: 0, y2: known.length * line, class: "axis" });
      put(svg, "text", { x: x(tick), y: known.length * line + 18, "text-anchor": "middle" }, percent(tick));
    }
    put(svg, "line", { x1: x(all.rate), x2: x(all.rate), y1: 0, y2: known.length * line, stroke: "var(--dim)", "stroke-dasharray": "3 3" });
    known.forEach((row, place) => {
      const y = place * line + line / 2, tip = `${row.name}\n${measure.name}: ${ofCases(row.rate)} ${measure.cases}\n95%: ${span(row.rate)}`;
      put(svg, "text", { x: 0, y: y + 4, class: "strong" }, ease(row.name, left - 8));
      put(svg, "line", { x1: x(row.rate.low), x2: x(row.rate.high), y1: y, y2: y, stroke: "var(--accent)", "stroke-width": 7, opacity: .3, "stroke-linecap": "round" });
      put(svg, "circle", { cx: x(row.rate.rate), cy: y, r: 5, fill: "var(--accent)" });
      put(svg, "text", { x: width, y: y + 4, "text-anchor": "end", class: "strong" }, ofCases(row.rate));
      put(svg, "rect", { x: 0, y: y - line / 2, width, height: line, fill: "transparent", tip });
    });
  });
}

const outcomeColour = (key) => key < 0 ? "var(--none)" : `var(--${DATA.outcome_names[key]}, var(--other))`;
const outcomeName = (key) => key < 0 ? "no outcome" : DATA.outcome_names[key].replaceAll("_", " ");

// One bar of outcomes per agent, with a legend below.
function drawOutcomes(rows, keys) {
  const line = 32, left = 104, right = 52;
  const figure = chart("outcomes", rows.length * line, !rows.length, (svg, width) => {
    rows.forEach((row, place) => {
      let x = left;
      put(svg, "text", { x: 0, y: place * line + 20, class: "strong" }, ease(row.name, left - 8));
      for (const key of keys) {
        const count = row.outcomes.get(key) || 0, wide = (width - left - right) * count / row.calls;
        if (!count) continue;
        const share = key < 0 ? "" : `\n${percent(count / row.labelled)} of ${number(row.labelled)} calls with an outcome`;
        put(svg, "rect", { x, y: place * line + 4, width: Math.max(.5, wide - 1), height: 24, fill: outcomeColour(key), tip: `${row.name}: ${outcomeName(key)}\n${plural(count, "call")}${share}` });
        x += wide;
      }
      put(svg, "text", { x: width, y: place * line + 20, "text-anchor": "end" }, number(row.calls));
    });
  });
  if (!figure) return figure;
  const legend = put(figure, "div", { class: "legend" });
  for (const key of keys) { const item = put(legend, "span"); put(item, "i").style.background = outcomeColour(key); item.append(outcomeName(key)); }
  return figure;
}

// How many calls lasted how long, with the median and the bound of nine in ten.
function drawDurations(bins, size, median, p90) {
  const tall = 204, left = 36;
  return chart("durations", tall + 26, !bins.length, (svg, width) => {
    const most = Math.max(...bins), step = (width - left) / bins.length, y = (count) => 32 + (tall - 32) * (1 - count / most), x = (seconds) => left + seconds / size * step;
    for (const tick of ticks(most, 3)) { put(svg, "line", { x1: left, x2: width, y1: y(tick), y2: y(tick), class: "axis" }); put(svg, "text", { x: left - 6, y: y(tick) + 4, "text-anchor": "end" }, number(tick)); }
    const every = Math.ceil(bins.length / Math.max(2, Math.floor(width / 70)));
    bins.forEach((count, place) => {
      const until = place === bins.length - 1 ? " or more" : "–" + clock((place + 1) * size);
      put(svg, "rect", { x: left + place * step + .5, width: Math.max(1, step - 1), y: y(count), height: tall - y(count), fill: "var(--accent)", opacity: .75, tip: `${clock(place * size)}${until}\n${plural(count, "call")}` });
      if (place % every === 0) put(svg, "text", { x: left + place * step, y: tall + 17, "text-anchor": place ? "middle" : "start" }, clock(place * size));
    });
    for (const [name, seconds, y] of [["median", median, 10], ["9 in 10 within", p90, 25]]) {
      const at = Math.min(x(seconds), width), isLate = at > width - 130;
      put(svg, "line", { x1: at, x2: at, y1: y - 8, y2: tall, stroke: "var(--ink)", "stroke-dasharray": name === "median" ? "none" : "3 3" });
      put(svg, "text", { x: at + (isLate ? -5 : 5), y, "text-anchor": isLate ? "end" : "start", class: "strong" }, `${name} ${clock(seconds)}`);
    }
  });
}

// Two bars per agent: cost of a connected call, and of one with outcome interested.
function drawCosts(rows) {
  const line = 44, left = 104, right = 150, known = rows.filter((row) => row.perConnect !== null);
  return chart("costs", known.length * line + 4, !known.length, (svg, width) => {
    const most = Math.max(...known.map((row) => Math.max(row.perInterested || 0, row.perConnect || 0))), room = Math.max(40, width - left - right);
    known.forEach((row, place) => {
      put(svg, "text", { x: 0, y: place * line + 25, class: "strong" }, ease(row.name, left - 8));
      [["connected", row.perConnect, .45], ["interested", row.perInterested, .9]].forEach(([name, amount, shade], slot) => {
        const y = place * line + 4 + slot * 18, wide = Math.max(1, room * (amount || 0) / most);
        put(svg, "rect", { x: left, y, width: wide, height: 15, rx: 2, fill: "var(--accent)", opacity: shade, tip: `${row.name}\n${money(amount)} per ${name}\n${money(row.cost)} in all, ${plural(row.costed, "call")} with a cost` });
        put(svg, "text", { x: left + wide + 6, y: y + 12 }, `${money(amount)} per ${name}`);
      });
    });
  });
}

function sparkline(parent, values) {
  const known = values.filter((value) => value !== null), width = 120, height = 26;
  if (known.length < 2) return;
  const low = Math.min(...known, .6 * Math.max(...known)), high = Math.max(...known, low + 1e-9);
  const svg = put(parent, "svg", { width, height, viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true" });
  const at = values.map((value, place) => value === null ? null : [3 + place * (width - 6) / (values.length - 1), 3 + (height - 6) * (1 - (value - low) / (high - low))]);
  put(svg, "polyline", { points: at.filter(Boolean).join(" "), fill: "none", stroke: "var(--accent)", "stroke-width": 1.6 });
  const last = at.filter(Boolean).at(-1);
  put(svg, "circle", { cx: last[0], cy: last[1], r: 2.6, fill: "var(--accent)" });
}
