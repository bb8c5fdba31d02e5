"use strict";
// The rows of the page, and what can be added up from them. What counts as connected, interested and so on was
// decided by the views; here counts are summed over the rows that the filters admit, and divided.
const DATA = JSON.parse(document.getElementById("data").textContent);
const DAY = 86400000, FIRST = Date.parse(DATA.first + "T00:00:00Z"), Z = 1.959963984540054;
const COUNTS = ["calls", "dialed", "answered", "connected", "engaged", "interested", "engaged_interested", "scored", "successful", "costed", "paid", "cost"];
const TASKS = ["total", "completed"];
const LAST = DATA.days - 1; // the last complete day; the rows of DATA.today come after it
const dateOf = (day) => new Date(FIRST + day * DAY);
const iso = (day) => dateOf(day).toISOString().slice(0, 10);
const dayOf = (text) => Math.round((Date.parse(text + "T00:00:00Z") - FIRST) / DAY);
const weekday = (day) => (dateOf(day).getUTCDay() + 6) % 7; // 0 is Monday

function nothing() {
  const sums = { seconds: new Map(), outcomes: new Map() };
  for (const name of [...COUNTS, ...TASKS]) sums[name] = 0;
  return sums;
}

// Calls `use(row number)` for each row of a table that the filter admits.
function each(table, filter, use) {
  for (let row = 0; row < table.day.length; row++) {
    const day = table.day[row];
    if (day < filter.since || day > filter.until) continue;
    if (filter.space >= 0 && table.space[row] !== filter.space) continue;
    if (filter.agent >= 0 && table.agent[row] !== filter.agent) continue;
    use(row);
  }
}

const bump = (map, key, number) => map.set(key, (map.get(key) || 0) + number);

// Sums by key: `key(table, row)` names the group of a row.
function group(filter, key) {
  const groups = new Map();
  const of = (table, row) => {
    const name = key(table, row);
    if (!groups.has(name)) groups.set(name, nothing());
    return groups.get(name);
  };
  const { calls, tasks, durations, outcomes } = DATA;
  each(calls, filter, (row) => { const sums = of(calls, row); for (const name of COUNTS) sums[name] += calls[name][row]; });
  each(tasks, filter, (row) => { const sums = of(tasks, row); for (const name of TASKS) sums[name] += tasks[name][row]; });
  each(durations, filter, (row) => bump(of(durations, row).seconds, durations.seconds[row], durations.calls[row]));
  each(outcomes, filter, (row) => bump(of(outcomes, row).outcomes, outcomes.outcome[row], outcomes.calls[row]));
  return groups;
}

// Callbacks due of a space and an agent, whatever the dates: an obligation does not end with a period.
const due = ({ space, agent }) => DATA.callbacks.calls.reduce((all, calls, row) =>
  (space < 0 || DATA.callbacks.space[row] === space) && (agent < 0 || DATA.callbacks.agent[row] === agent) ? all + calls : all, 0);

const total = (filter) => group(filter, () => "all").get("all") || nothing();

function rate(hits, cases) {
  if (!cases) return { hits, cases, rate: null, low: null, high: null };
  const share = hits / cases, scale = 1 + Z * Z / cases, centre = (share + Z * Z / (2 * cases)) / scale;
  const margin = Z / scale * Math.sqrt(share * (1 - share) / cases + Z * Z / (4 * cases * cases));
  return { hits, cases, rate: share, low: Math.max(0, centre - margin), high: Math.min(1, centre + margin) };
}

// The change of a measure. Its 95% interval, with calls clustered by day and contact, was computed where contacts are
// known, for the last DATA.presets complete days: `low` is undefined for other selections, null with too few days.
function change(key, filter, now, before) {
  if (now.rate === null || before.rate === null) return null;
  const judged = filter.until === LAST && DATA.changes[[filter.until - filter.since + 1, filter.space, filter.agent].join("|")];
  const [low, high] = judged && judged[key] || [];
  return { by: now.rate - before.rate, low, high, clear: low > 0 || high < 0 };
}

const labelled = (sums) => [...sums.outcomes].reduce((all, [key, number]) => key < 0 ? all : all + number, 0);

const MEASURES = {
  connected: { name: "Connected", cases: "dialed calls", of: (sums) => rate(sums.connected, sums.dialed), metric: "call_funnel.connect_rate" },
  interested: { name: "Interested", cases: "connected calls", of: (sums) => rate(sums.interested, sums.connected), metric: "agent_scorecard.interested_rate" },
  completed: { name: "Completed", cases: "tasks", of: (sums) => rate(sums.completed, sums.total), metric: "space_completion.completion_rate" },
  answered: { name: "Answered", cases: "dialed calls", of: (sums) => rate(sums.answered, sums.dialed), metric: "call_funnel.answered_rate" },
  engaged: { name: "Engaged", cases: "connected calls", of: (sums) => rate(sums.engaged, sums.connected), metric: "call_funnel.engaged_rate" },
  successful: { name: "Successful", cases: "scored calls", of: (sums) => rate(sums.successful, sums.scored), metric: "agent_scorecard.success_rate" },
};
DATA.outcome_names.forEach((name, key) => {
  MEASURES["outcome:" + name] = { name: "Outcome " + name.replaceAll("_", " "), cases: "calls with an outcome",
    of: (sums) => rate(sums.outcomes.get(key) || 0, labelled(sums)), metric: "call_outcomes.outcome_share" };
});

// A quantile as DuckDB's quantile_cont has it, from counts by value.
function quantile(counts, part) {
  const values = [...counts].sort((one, other) => one[0] - other[0]);
  const cases = values.reduce((all, pair) => all + pair[1], 0);
  if (!cases) return null;
  const at = (place) => { let seen = 0; for (const [value, number] of values) { seen += number; if (place < seen) return value; } };
  const place = part * (cases - 1), low = Math.floor(place);
  return at(low) + (place - low) * (at(Math.ceil(place)) - at(low));
}

// NULL where every cost is 0 or absent, as in call_costs.
const cost = (sums, cases) => sums.paid && cases ? sums.cost / cases : null;

// Numbers as people read them, as in unpod_sync/formatting.py; what is not known is –.
const rounded = (value, digits = 0) => Math.floor(value * 10 ** digits + .5) / 10 ** digits;
const fixed = (value, digits) => rounded(value, digits).toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
const number = (value) => value === null ? "–" : fixed(value, 0);
const plural = (count, one, many = one + "s") => number(count) + " " + (count === 1 ? one : many);
function percent(share) {
  if (share === null) return "–";
  if (!(share > 0 && share < .005 || share >= .995 && share < 1)) return rounded(100 * share) + "%";
  return share >= .0005 && share < .9995 ? fixed(100 * share, 1) + "%" : share < .5 ? "< 0.1%" : "> 99.9%";
}
const ofCases = (value) => value.rate === null ? "–" : percent(value.rate) + " of " + number(value.cases);
const span = (value) => value.rate === null ? "–" : rounded(100 * value.low) + "–" + rounded(100 * value.high) + "%";
function clock(seconds) {
  if (seconds === null) return "–";
  const whole = rounded(seconds), two = (part) => String(part).padStart(2, "0"), minutes = Math.floor(whole / 60);
  return minutes < 60 ? minutes + ":" + two(whole % 60) : Math.floor(minutes / 60) + ":" + two(minutes % 60) + ":" + two(whole % 60);
}
const money = (amount) => amount === null ? "–" : fixed(amount, Math.abs(amount) >= 1 || amount === 0 ? 2 : 3);
const signed = (value, unit) => (value > 0 ? "+" : value < 0 ? "−" : "±") + Math.abs(value) + unit;
const points = (difference) => signed(rounded(100 * difference), " pts");
const between = (low, high) => signed(rounded(100 * low), "") + " to " + signed(rounded(100 * high), "") + " points";
const growth = (now, before) => now === null || !before ? "–" : now / before >= 10 ? "× " + rounded(now / before) : signed(rounded(100 * (now / before - 1)), "%");
const shortDay = (day) => dateOf(day).toLocaleDateString("en-GB", { day: "numeric", month: "short", timeZone: "UTC" });
const longDay = (day) => dateOf(day).toLocaleDateString("en-GB", { weekday: "short", day: "numeric", month: "short", year: "numeric", timeZone: "UTC" });
