// The page: filters in, everything else out.
const by = (id) => document.getElementById(id);
const filter = { space: -1, agent: -1, since: 0, until: LAST };
const agentName = (key) => DATA.agents[key], byAgent = (table, row) => table.agent[row];

function before() {
  const length = filter.until - filter.since + 1;
  return filter.since - length < 0 ? null : { ...filter, since: filter.since - length, until: filter.since - 1 };
}

function drawLead(now, then) {
  const lead = by("lead");
  lead.replaceChildren();
  if (!now.calls && !now.total) { put(lead, "p", {}, "No calls in this selection."); return; }
  for (const [key, what] of [["connected", "dialed calls connected"], ["interested", "connected calls had the outcome interested"]]) {
    const value = MEASURES[key].of(now), old = then && MEASURES[key].of(then), moved = old && change(key, filter, value, old), line = put(lead, "p");
    if (value.rate === null) { line.textContent = `No ${what.split(" ")[0]} calls.`; continue; }
    put(line, "strong", {}, percent(value.rate));
    line.append(` of ${number(value.cases)} ${what}`);
    if (!moved) line.append(".");
    else if (moved.low === undefined) line.append(`; ${ofCases(old)} before.`);
    else if (moved.low === null) line.append(`; ${ofCases(old)} before, too few days to judge a change.`);
    else if (!moved.clear) line.append(`; ${ofCases(old)} before, no clear change.`);
    else {
      line.append("; ");
      put(line, "strong", { class: moved.by > 0 ? "good" : "bad" }, `${moved.by > 0 ? "up" : "down"} from ${ofCases(old)}`);
      line.append(` (95% interval ${between(moved.low, moved.high)}).`);
    }
  }
}

// The day of the last sync is not over: it is no part of any period.
function drawToday() {
  const line = by("today");
  line.hidden = DATA.today === null || filter.until !== LAST;
  if (line.hidden) return;
  const sums = total({ ...filter, since: DATA.today, until: DATA.today }), connected = MEASURES.connected.of(sums);
  line.textContent = `${longDay(DATA.today)} so far: ${plural(sums.total, "task")}, ${number(sums.dialed)} dialed` +
    (connected.cases ? `, ${percent(connected.rate)} connected.` : ".");
}

function drawTiles(now, then) {
  const tiles = by("tiles"), groups = buckets(10);
  tiles.replaceChildren();
  const tile = (name, metric, main, small, moved, values) => {
    const box = put(tiles, "div", { class: "tile" });
    define(put(put(box, "div", { class: "name" }), "span", {}, name), metric);
    const value = put(box, "div", { class: "value" }, main);
    if (small) put(value, "small", {}, small);
    put(box, "div", { class: "change " + (moved ? moved.tone : "") }, moved ? moved.text : "");
    sparkline(box, values);
  };
  const grown = (value) => then && { text: growth(value(now), value(then)), tone: "dim" };
  tile("Tasks", "task_counts.total_tasks", number(now.total), "created", grown((sums) => sums.total), groups.map((sums) => sums.total));
  for (const key of ["completed", "connected", "engaged", "interested", "successful"]) {
    const measure = MEASURES[key], value = measure.of(now), moved = then && change(key, filter, value, measure.of(then));
    const text = moved && { text: (moved.clear ? (moved.by > 0 ? "▲ " : "▼ ") : "") + points(moved.by), tone: moved.clear ? (moved.by > 0 ? "good" : "bad") : "dim" };
    tile(measure.name, measure.metric, percent(value.rate), "of " + number(value.cases), text, groups.map((sums) => measure.of(sums).rate));
  }
  const median = (sums) => quantile(sums.seconds, .5);
  tile("Median call", "call_durations.median_seconds", clock(median(now)), "of " + number([...now.seconds.values()].reduce((all, one) => all + one, 0)), grown(median), groups.map(median));
  tile("Cost / interested", "call_costs.cost_per_interested", money(cost(now, now.interested)), "of " + number(now.interested), grown((sums) => cost(sums, sums.interested)), groups.map((sums) => cost(sums, sums.interested)));
}

// The selection cut into `count` stretches of equal length.
function buckets(count) {
  const size = Math.max(1, Math.ceil((filter.until - filter.since + 1) / count));
  const groups = group(filter, (table, row) => Math.floor((table.day[row] - filter.since) / size));
  return Array.from({ length: Math.ceil((filter.until - filter.since + 1) / size) }, (_, place) => groups.get(place) || nothing());
}

function drawAttention() {
  const list = by("attention").querySelector("ul");
  list.replaceChildren();
  const item = (level, text, hint) => { const line = put(list, "li", { class: level }, text + " "); if (hint) put(line, "code", {}, hint); };
  for (const found of DATA.freshness) if (filter.space < 0 || found.space < 0 || found.space === filter.space) item(found.level, found.text, found.hint);
  const owed = due(filter);
  if (owed) item("act", `${plural(owed, "promised callback was", "promised callbacks were")} due when this page was made, whatever the dates above.`, DATA.hints.callbacks);
  const odd = anomalies();
  for (const found of odd.slice(-4)) item("look", `${longDay(found.day)}, ${DATA.spaces[found.space]}: ${found.text}.`, "");
  if (odd.length > 4) item("know", plural(odd.length - 4, "earlier unusual day") + ".", DATA.hints.anomalies);
  if (!list.children.length) put(list, "li", {}, "Nothing in this selection.");
}

// Unusual days are judged per space, so none is shown for a single agent.
const anomalies = () => filter.agent >= 0 ? [] : DATA.anomalies.filter((found) =>
  found.day >= filter.since && found.day <= filter.until && (filter.space < 0 || found.space === filter.space));

function trend() {
  const measure = MEASURES[by("trend-measure").value], length = filter.until - filter.since + 1, size = length > 70 ? 7 : 1;
  const start = size === 7 ? filter.since - weekday(filter.since) : filter.since;
  const groups = group(filter, (table, row) => Math.floor((table.day[row] - start) / size)), points = [];
  for (let place = 0; start + place * size <= filter.until; place++) {
    const day = start + place * size, sums = groups.get(place) || nothing();
    points.push({ key: day, label: size === 7 ? "Week of " + longDay(day) : longDay(day), short: shortDay(day), rate: measure.of(sums) });
  }
  const marks = new Map(size === 1 ? anomalies().filter((found) => found.measure === by("trend-measure").value).map((found) => [found.day, `${DATA.spaces[found.space]}: ${found.text}`]) : []);
  const figure = drawTrend(points, measure, marks);
  note(figure, `Line: ${measure.name.toLowerCase()}, of ${measure.cases}; band: 95% interval; hollow: under 10; bars: ${measure.cases} per ${size === 7 ? "week" : "day"}${marks.size ? "; red: unusual for its space" : ""}.`);
  table(figure, [size === 7 ? "Week of" : "Day", [measure.name, measure.metric], measure.cases, "Rate", "95%"],
    points.filter((point) => point.rate.cases).map((point) => [iso(Math.max(0, point.key)), number(point.rate.hits), number(point.rate.cases), percent(point.rate.rate), span(point.rate)]));
}

function funnel(now) {
  const step = (name, count, cases, of, metric) => ({ name, count, rate: cases === null ? null : rate(count, cases), of, metric });
  const steps = [
    step("Calls", now.calls, null, "", "call_funnel.tasks"), step("Dialed", now.dialed, now.calls, "calls", "call_funnel.dialed"),
    step("Answered", now.answered, now.dialed, "dialed", "call_funnel.answered"), step("Connected", now.connected, now.answered, "answered", "call_funnel.connected"),
    step("Engaged", now.engaged, now.connected, "connected", "call_funnel.engaged"), step("Interested", now.engaged_interested, now.engaged, "engaged", "call_funnel.interested")];
  const figure = drawFunnel(steps);
  note(figure, "Each rate is of the step before, and each step a part of it.");
  table(figure, ["Step", "Calls", "Rate", "95%"], steps.map((one) => [one.name, number(one.count), one.rate ? ofCases(one.rate) : "–", one.rate ? span(one.rate) : "–"]));
}

function heat() {
  const sums = new Map();
  each(DATA.calls, filter, (row) => {
    const hour = DATA.calls.hour[row], key = weekday(DATA.calls.day[row]) * 24 + hour;
    if (hour < 0 || !DATA.calls.dialed[row]) return;
    const cell = sums.get(key) || [0, 0];
    sums.set(key, [cell[0] + DATA.calls.connected[row], cell[1] + DATA.calls.dialed[row]]);
  });
  const cells = new Map([...sums].map(([key, [hits, cases]]) => [key, rate(hits, cases)])), used = [...cells.keys()].map((key) => key % 24);
  const first = Math.min(...used), hours = used.length ? Array.from({ length: Math.max(...used) - first + 1 }, (_, place) => first + place) : [];
  const figure = drawHeat(cells, hours);
  note(figure, `Stronger colour connects better; the fuller a cell, the narrower its 95% interval. Hours in ${DATA.zone}.`);
  const names = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
  table(figure, ["Weekday", "Hour", ["Dialed", "connect_heatmap.dialed_count"], ["Connected", "connect_heatmap.connected_count"], ["Rate", "connect_heatmap.connect_rate"], "95%"],
    [...cells].sort((one, other) => one[0] - other[0]).map(([key, cell]) => [names[Math.floor(key / 24)], key % 24 + ":00", number(cell.cases), number(cell.hits), percent(cell.rate), span(cell)]));
}

function agents(now, groups) {
  const measure = MEASURES[by("agents-measure").value];
  const rows = groups.map(([key, sums]) => ({ name: agentName(key), rate: measure.of(sums) })).sort((one, other) => other.rate.rate - one.rate.rate);
  const figure = drawDots(rows, measure.of(now), measure);
  note(figure, `${measure.name}, of ${measure.cases}. Dashed line: all agents. Band: 95% interval of each agent alone. Agents may have different lists; for pairs on the same days see ${DATA.hints.pairs}.`);
  table(figure, ["Agent", [measure.name, measure.metric], measure.cases, "Rate", "95%"], rows.map((row) => [row.name, number(row.rate.hits), number(row.rate.cases), percent(row.rate.rate), span(row.rate)]));
}

function outcomes(groups) {
  const rows = groups.filter(([, sums]) => sums.outcomes.size).map(([key, sums]) => ({ name: agentName(key), outcomes: sums.outcomes, calls: [...sums.outcomes.values()].reduce((all, one) => all + one, 0), labelled: labelled(sums) }));
  const keys = [...DATA.outcome_names.keys(), -1].filter((key) => rows.some((row) => row.outcomes.get(key)));
  const figure = drawOutcomes(rows, keys), cells = [];
  for (const row of rows) for (const key of keys) {
    const count = row.outcomes.get(key) || 0, share = rate(count, row.labelled);
    if (count) cells.push([row.name, outcomeName(key), number(count), key < 0 ? "–" : ofCases(share), key < 0 ? "–" : span(share)]);
  }
  table(figure, ["Agent", "Outcome", ["Calls", "call_outcomes.call_count"], ["Share", "call_outcomes.outcome_share"], "95%"], cells);
}

function durations(now) {
  const longest = Math.max(0, ...now.seconds.keys()), p99 = quantile(now.seconds, .99) || 0, bins = [];
  const size = [5, 10, 15, 30, 60, 120, 300, 600].find((step) => p99 / step <= 28) || 1800, count = now.seconds.size ? Math.floor(Math.min(longest, p99) / size) + 1 : 0;
  for (let place = 0; place < count; place++) bins.push(0);
  for (const [seconds, calls] of now.seconds) bins[Math.min(count - 1, Math.floor(seconds / size))] += calls;
  const median = quantile(now.seconds, .5), p90 = quantile(now.seconds, .9), cases = bins.reduce((all, one) => all + one, 0);
  const figure = drawDurations(bins, size, median, p90);
  note(figure, `${number(cases)} of ${number(now.connected)} connected calls have a duration.`);
  table(figure, ["From", "to", "Calls", "Share"], bins.map((calls, place) => [clock(place * size), place === count - 1 ? "longest, " + clock(longest) : clock((place + 1) * size), number(calls), percent(calls / cases)]));
}

function costs(now, groups) {
  const row = (name, sums) => ({ name, cost: cost(sums, 1), costed: sums.costed, perConnect: cost(sums, sums.connected), perInterested: cost(sums, sums.interested), connected: sums.connected, interested: sums.interested });
  const rows = groups.map(([key, sums]) => row(agentName(key), sums));
  const figure = drawCosts(rows);
  note(figure, `${money(cost(now, 1))} in all, from ${number(now.costed)} of ${number(now.calls)} calls. Costs have no currency.`);
  table(figure, ["Agent", ["Cost", "call_costs.total_cost"], ["per connected", "call_costs.cost_per_connect"], "of", ["per interested", "call_costs.cost_per_interested"], "of"],
    [...rows, row("All", now)].map((one) => [one.name, money(one.cost), money(one.perConnect), number(one.connected), money(one.perInterested), number(one.interested)]));
}

function draw() {
  const now = total(filter), earlier = before(), then = earlier && total(earlier);
  const groups = [...group(filter, byAgent)].filter(([, sums]) => sums.calls || sums.total).sort((one, other) => other[1].dialed - one[1].dialed);
  drawLead(now, then); drawTiles(now, then); drawToday(); drawAttention();
  trend(); funnel(now); heat(); agents(now, groups); outcomes(groups); durations(now); costs(now, groups);
  for (const button of by("presets").children) button.setAttribute("aria-pressed", String(Number(button.dataset.days) === filter.until - filter.since + 1 && filter.until === LAST));
  document.body.dataset.drawn = JSON.stringify({ ...filter, dialed: now.dialed });
}

function read() {
  filter.space = Number(by("space").value); filter.agent = Number(by("agent").value);
  const since = by("since").value ? dayOf(by("since").value) : 0, until = by("until").value ? dayOf(by("until").value) : LAST;
  filter.since = Math.max(0, Math.min(since, LAST)); filter.until = Math.max(filter.since, Math.min(until, LAST));
  draw();
}

function choose(days) {
  by("until").value = iso(LAST); by("since").value = iso(Math.max(0, LAST - days + 1));
  read();
}

function fill(id, all, names) {
  put(by(id), "option", { value: -1 }, all);
  names.map((name, key) => [name, key]).sort((one, other) => one[0].localeCompare(other[0])).forEach(([name, key]) => put(by(id), "option", { value: key }, name));
}

function flaws() {
  const details = by("flaws").querySelector("details"), grid = put(put(details, "div", { class: "scroll" }), "table"), head = put(put(grid, "thead"), "tr");
  for (const name of ["Found", "of", "What", "What to do"]) put(head, "th", {}, name);
  const body = put(grid, "tbody");
  for (const row of DATA.flaws) { const line = put(body, "tr"); for (const cell of row) put(line, "td", {}, cell === null ? "–" : typeof cell === "number" ? number(cell) : cell); }
  put(by("flaws"), "p", { class: "note" }, DATA.flaws.length ? `${plural(DATA.flaws.length, "data quality issue")} in the data of this page; the filters above do not act on them.` : "No data quality issues found.");
}

function setUp() {
  fill("space", "all", DATA.spaces); fill("agent", "all", DATA.agents);
  for (const id of ["trend-measure", "agents-measure"]) for (const [key, measure] of Object.entries(MEASURES)) put(by(id), "option", { value: key }, measure.name.toLowerCase());
  for (const id of ["since", "until"]) { by(id).min = iso(0); by(id).max = iso(LAST); }
  for (const days of DATA.presets.filter((days) => days < DATA.days)) put(by("presets"), "button", { type: "button", "data-days": days }, days + " days");
  put(by("presets"), "button", { type: "button", "data-days": DATA.days }, "All");
  by("presets").addEventListener("click", (event) => { if (event.target.dataset.days) choose(Number(event.target.dataset.days)); });
  by("filters").addEventListener("change", read);
  for (const id of ["trend-measure", "agents-measure"]) by(id).addEventListener("change", draw);
  by("fresh").textContent = DATA.fresh; by("source").textContent = DATA.source;
  flaws();
  choose(Math.min(DATA.days, DATA.shown));
  let wide = innerWidth;
  addEventListener("resize", () => { if (innerWidth !== wide) { wide = innerWidth; draw(); } });
  addEventListener("beforeprint", draw); addEventListener("afterprint", draw);
  const media = matchMedia("print");
  media.addEventListener("change", draw);
}

// One tooltip for everything that has a text to show, by pointer and by keyboard.
function showTip(event) {
  const tip = by("tip"), target = event.target.closest?.("[data-tip]");
  tip.hidden = !target;
  if (!target) return;
  tip.textContent = target.dataset.tip;
  const box = target.getBoundingClientRect(), x = event.clientX ?? box.left, y = event.clientY ?? box.bottom;
  tip.style.left = Math.max(4, Math.min(x + 14, innerWidth - tip.offsetWidth - 8)) + "px";
  tip.style.top = (y + 18 + tip.offsetHeight > innerHeight ? y - tip.offsetHeight - 10 : y + 18) + "px";
}
for (const kind of ["pointermove", "pointerdown", "focusin"]) document.addEventListener(kind, showTip);
for (const kind of ["focusout", "scroll"]) document.addEventListener(kind, () => { by("tip").hidden = true; }, true);
setUp();
