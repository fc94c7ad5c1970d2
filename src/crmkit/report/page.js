// What a reader changes on the page: the language, the light, and whom and when the figures are of.
// The page is complete without it. Figures are made from counters that Python embedded, by the same formulas.
(() => {
  "use strict";
  const root = document.documentElement;
  const data = document.getElementById("states");
  const given = data ? JSON.parse(data.textContent) : null;

  // ---- estimators: the formulas of crmkit.metrics.estimators and crmkit.metrics.survival ----

  // Wilson 1927, without continuity correction.
  function wilson(x, n, z) {
    const spread = z * Math.sqrt(z * z + 4 * x * (1 - x / n));
    const under = 2 * (n + z * z);
    return [x === 0 ? 0 : (2 * x + z * z - spread) / under, x === n ? 1 : (2 * x + z * z + spread) / under];
  }

  // Lanczos, g = 7, nine terms: relative error below 1e-14.
  const LANCZOS = [0.99999999999980993, 676.5203681218851, -1259.1392167224028, 771.32342877765313,
    -176.61502916214059, 12.507343278686905, -0.13857109526572012, 9.9843695780195716e-6, 1.5056327351493116e-7];
  function logGamma(a) {
    const x = a - 1;
    let sum = LANCZOS[0];
    for (let i = 1; i < 9; i++) sum += LANCZOS[i] / (x + i);
    const t = x + 7.5;
    return 0.5 * Math.log(2 * Math.PI) + (x + 0.5) * Math.log(t) - t + Math.log(sum);
  }

  // The regularised lower incomplete gamma function, by its series below a + 1 and its continued fraction above.
  function gammaP(a, x) {
    if (x <= 0) return 0;
    const front = Math.exp(a * Math.log(x) - x - logGamma(a));
    if (x < a + 1) {
      let term = 1 / a, sum = term;
      for (let n = 1; n < 100000 && Math.abs(term) > Math.abs(sum) * 1e-17; n++) sum += term *= x / (a + n);
      return front * sum;
    }
    let b = x + 1 - a, c = 1e300, d = 1 / b, h = d;
    for (let i = 1; i < 100000; i++) {
      const an = -i * (i - a);
      b += 2;
      d = an * d + b || 1e-300;
      c = b + an / c || 1e-300;
      d = 1 / d;
      h *= d * c;
      if (Math.abs(d * c - 1) < 1e-16) break;
    }
    return 1 - front * h;
  }

  function gammaInverse(a, p) {
    let low = 0, high = a + 10 * Math.sqrt(a) + 50;
    for (let i = 0; i < 200 && high - low > 1e-15 * high; i++) {
      const middle = (low + high) / 2;
      if (gammaP(a, middle) < p) low = middle; else high = middle;
    }
    return (low + high) / 2;
  }

  // Garwood 1936.
  function garwood(n, exposure, alpha) {
    return [n === 0 ? 0 : gammaInverse(n, alpha / 2) / exposure, gammaInverse(n + 1, 1 - alpha / 2) / exposure];
  }

  // Aalen & Johansen 1978 with the Greenwood-type variance, complementary log-log limits; `ends[cause][day]` are counts,
  // cause 0 lasting, 1 won, 2 lost.
  function incidence(ends, z, alpha) {
    const width = ends[0].length;
    let risk = 0, n = 0, open = 0;
    for (const row of ends) for (const count of row) n += count;
    for (const count of ends[0]) open += count;
    risk = n;
    let alive = 1, won = 0, ended = 0, known = Infinity;
    const steps = [];
    for (let day = 0; day < width; day++) {
      const [last, good, bad] = ends.map((row) => row[day]);
      const all = good + bad;
      known = Math.min(known, ended + risk);
      ended += all;
      if (all) {
        won += alive * good / risk;
        steps.push([risk, good, all, alive, won]);
        alive *= 1 - all / risk;
      }
      if (day < width - 1) risk -= last + all;
    }
    let variance = 0;
    for (const [at, good, all, before, so] of steps) {
      const g = good / at;
      variance += before * before * g * (1 - g) / at - 2 * (won - so) * before * g / at;
      if (at > all) variance += (won - so) ** 2 * all / (at * (at - all));
    }
    won = Math.min(Math.max(won, 0), 1);
    const left = risk > 0 ? 0 : alive;
    if (!n || left > 0.05) return [NaN, NaN, NaN, n, open];
    const edge = alpha ** (1 / Math.max(known, 1));
    let low, high;
    if (won <= 0) [low, high] = [0, 1 - edge];
    else if (won >= 1 - 1e-12) [low, high] = [edge, 1];
    else {
      const hazard = -Math.log1p(-won);
      const spread = Math.exp(z * Math.sqrt(Math.max(variance, 0)) / ((1 - won) * hazard));
      [low, high] = [-Math.expm1(-hazard / spread), -Math.expm1(-hazard * spread)];
    }
    return [won, low, Math.min(high + left, 1), n, open];
  }

  // ---- figures of a choice ----

  // `chosen`: for each column the place of its value or null for all; `from` and `to`: months, both inclusive.
  function figures(chosen, from, to) {
    const alpha = 1 - given.level, at = given.dims.length;
    const made = {};
    for (const one of given.kpis) {
      const rows = one.cells.filter((cell) => chosen.every((place, i) => place === null || cell[i] === place)
        && cell[at] >= from && cell[at] <= to);
      const sum = (i) => rows.reduce((total, cell) => total + cell[at + i], 0);
      let found;
      if (one.kind === "share") {
        const x = sum(1), n = sum(2);
        found = n ? [x / n, ...wilson(x, n, given.z), n] : [NaN, NaN, NaN, 0];
      } else if (one.kind === "count") {
        const n = sum(1);
        found = [n, ...garwood(n, 1, alpha), n];
      } else if (one.kind === "rate") {
        const n = sum(1), exposure = sum(2) / one.scale;
        found = exposure ? [n / exposure, ...garwood(n, exposure, alpha), n] : [NaN, NaN, NaN, 0];
      } else {
        const ends = [0, 1, 2].map(() => new Array(one.horizon + 1).fill(0));
        for (const cell of rows) ends[cell[at + 1] + 1][cell[at + 2]] += cell[at + 3];
        found = incidence(ends, given.z, alpha);
      }
      made[one.key] = found;
    }
    return made;
  }

  const shown = (value, unit) => Number.isNaN(value) ? "–" : unit === "share" ? `${(100 * value).toFixed(1)}%`
    : value >= 1000 || Number.isInteger(value) ? Math.round(value).toLocaleString("en")
    : String(Number(value.toPrecision(3)));

  function show() {
    const chosen = given.dims.map((dim) => {
      const value = document.getElementById(`choose-${dim.name}`).value;
      return value === "" ? null : Number(value);
    });
    const [from, to] = ["from", "to"].map((id) => Number(document.getElementById(`choose-${id}`).value));
    const made = figures(chosen, Math.min(from, to), Math.max(from, to));
    for (const one of given.kpis) {
      const [value, low, high, n] = made[one.key];
      const row = document.getElementById(`kpi-${one.key}`);
      row.querySelector(".now").textContent = shown(value, one.unit);
      row.querySelector(".limits").textContent = Number.isNaN(low) ? "–"
        : `${shown(low, one.unit)} … ${shown(high, one.unit)}`;
      row.querySelector(".n").textContent = n.toLocaleString("en");
    }
  }

  // ---- language and light ----

  function speak(language) {
    root.lang = language;
    for (const one of document.querySelectorAll("[data-en]")) {
      one.textContent = language === "en" ? one.dataset.en : one.dataset.zh;
    }
    for (const one of document.querySelectorAll("[data-speak]")) {
      one.setAttribute("aria-pressed", String(one.dataset.speak === language));
    }
  }

  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.theme || (dark.matches ? "dark" : "light")) === "dark";
  const light = document.getElementById("light");
  light.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    light.setAttribute("aria-pressed", String(isDark()));
  });
  light.setAttribute("aria-pressed", String(isDark()));
  for (const one of document.querySelectorAll("[data-speak]")) {
    one.addEventListener("click", () => speak(one.dataset.speak));
  }
  if (given) {
    for (const one of document.querySelectorAll("#choose select")) one.addEventListener("change", show);
    document.getElementById("choose").addEventListener("reset", () => setTimeout(show));
  }
  root.classList.add("live");
  speak(root.lang);
  window.crmkitReport = { figures, states: given, speak };
})();
