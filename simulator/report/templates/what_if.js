"use strict";
(() => {
  const data = JSON.parse(document.getElementById("what-if-data").textContent);
  const reports = data.reports;
  const view = document.getElementById("what-if");
  const at = name => view.querySelector(`[data-at="${name}"]`);
  const node = (tag, text, attributes = {}) => {
    const made = document.createElement(tag);
    made.textContent = text;
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    return made;
  };

  // ---- quantities, written as the program writes them: four significant digits
  const UNITS = {
    J: [[-3, "fJ"], [0, "pJ"], [3, "nJ"], [6, "µJ"], [9, "mJ"], [12, "J"], [15, "kJ"]],
    W: [[-9, "nW"], [-6, "µW"], [-3, "mW"], [0, "W"], [3, "kW"]],
  };
  const write = (value, symbol = "J") => {
    const units = UNITS[symbol];
    if (!Number.isFinite(value)) return "n/a";
    if (value === 0) return "0 " + units.find(([exponent]) => exponent === 0)[1];
    const rounded = Math.abs(Number(value.toExponential(3)));
    const [exponent, unit] = units.filter(([e]) => rounded >= Number(`1e${e}`)).pop() ?? units[0];
    const scaled = Number(value.toExponential(3)) / Number(`1e${exponent}`);
    const magnitude = Math.floor(Math.log10(Math.abs(Number(scaled.toExponential(3)))));
    if (magnitude < -4 || magnitude >= 7) return scaled.toExponential(3) + " " + unit;
    return scaled.toFixed(Math.max(3 - magnitude, 0)) + " " + unit;
  };
  const times = ratio => !Number.isFinite(ratio) ? "n/a" : ratio === 0 ? "0x" : `${ratio >= 100 ? ratio.toFixed(0) : ratio.toPrecision(3)}x`;
  const percent = share => share > 0 && share < 0.0005 ? "<0.1%" : `${(100 * share).toFixed(1)}%`;
  const priceText = (price, value) => write(value, price.unit) + (price.per && price.per !== "operation" ? `/${price.per}` : "");

  // ---- state: per price "low", "high" or a factor; 1 is the price as reported
  const state = new Map();
  const settingOf = name => state.get(name) ?? 1;
  const valueOf = price => {
    const setting = settingOf(price.name);
    if (setting === "low") return price.low ?? price.value;
    if (setting === "high") return price.high ?? price.value;
    return setting === 1 ? price.value : price.value * setting;
  };
  const change = (name, setting) => setting === 1 ? state.delete(name) : state.set(name, setting);
  const sum = values => values.reduce((a, b) => a + b, 0);
  const countOf = reports.map(report => {
    const counts = report.prices.map(() => 0);
    for (const [, , ...pairs] of report.owners)
      for (let i = 0; i < pairs.length; i += 2) counts[pairs[i]] += pairs[i + 1];
    return counts;
  });
  // the reported total and what the changes add: at the start exactly the reported total
  const totalOf = (report, r) =>
    report.total + sum(report.prices.map((price, i) => countOf[r][i] * (valueOf(price) - price.value)));

  const pricesOf = group => reports.flatMap(report => report.prices.filter(price => group.includes(price.name)));
  const rangeOf = group => {
    const factors = [0.1, 10];
    for (const price of pricesOf(group))
      for (const end of [price.low, price.high]) if (end > 0 && price.value > 0) factors.push(end / price.value);
    return [Math.log10(Math.min(...factors)), Math.log10(Math.max(...factors))];
  };

  // ---- the sliders
  const sliders = data.groups.filter(group => pricesOf(group).some(price => price.value > 0)).map((group, n) => {
    const [from, to] = rangeOf(group);
    const first = pricesOf(group)[0];
    const box = node("div", "", {class: "price"});
    const known = new Map(pricesOf(group).map(price => [price.source, price]));
    const about = [...known.values()].map(price => {
      const ends = [price.low === null ? "" : `from ${priceText(price, price.low)}`, price.high === null ? "" : `to ${priceText(price, price.high)}`];
      const range = ends.join(" ").trim();
      return `${priceText(price, price.value)}, ${price.grade}; ${range ? `range ${range}` : "no known range"}. ${price.source}`;
    }).join("\n");
    const label = node("label", group.join(", "), {for: `price-${n}`, title: about});
    label.append(" ", node("span", first.grade, {class: "soft"}));
    const now = node("output", "", {for: `price-${n}`});
    const input = node("input", "", {type: "range", id: `price-${n}`, min: from, max: to, step: 0.001, title: about, "data-price": group[0]});
    const track = position => `${(100 * (position - from) / (to - from)).toFixed(1)}%`;
    if (reports.length === 1 && (first.low !== null || first.high !== null)) {
      const ends = [first.low, first.high].map(end => end === null ? 0 : end > 0 ? Math.log10(end / first.value) : from);
      box.style.setProperty("--range-from", track(Math.min(...ends)));
      box.style.setProperty("--range-to", track(Math.max(...ends)));
    }
    input.addEventListener("input", () => {
      const position = Math.abs(Number(input.value)) < 0.012 ? 0 : Number(input.value); // the reported price is easy to hit
      group.forEach(name => change(name, position === 0 ? 1 : Number((10 ** position).toPrecision(4))));
      draw();
    });
    box.append(label, now, input);
    at(n < 8 ? "prices" : "more-prices").append(box);
    const show = () => {
      const value = valueOf(first);
      now.textContent = [...new Set(pricesOf(group).map(price => priceText(price, valueOf(price))))].join(" | ");
      box.classList.toggle("changed", group.some(name => state.has(name)));
      input.value = value > 0 && first.value > 0 ? Math.log10(value / first.value) : from;
      input.setAttribute("aria-valuetext", now.textContent);
    };
    return show;
  });
  at("more").hidden = sliders.length <= 8;
  at("count").textContent = Math.max(sliders.length - 8, 0);

  // ---- energy by stage
  const charge = at("charge");
  const canCharge = reports.every(report => report.charged.some(time => time > 0));
  at("charge-label").hidden = !canCharge;
  const stagesOf = report => {
    const parts = report.stages.map(() => new Map());
    const add = (stage, part, energy) => energy && parts[stage].set(part, (parts[stage].get(part) ?? 0) + energy);
    const whole = sum(report.charged);
    for (const [, stage, ...pairs] of report.owners)
      for (let i = 0; i < pairs.length; i += 2) {
        const price = report.prices[pairs[i]];
        const part = price.name.split(".")[0];
        const energy = pairs[i + 1] * valueOf(price);
        if (part === "static" && canCharge && charge.checked && whole > 0)
          report.charged.forEach((time, to) => add(to, part, energy * time / whole));
        else add(stage, part, energy);
      }
    return parts;
  };
  const drawStages = totals => {
    const found = reports.map(stagesOf);
    const names = [...new Set(reports.flatMap(report => report.stages))];
    const rows = names.map(name => found.map((parts, r) => parts[reports[r].stages.indexOf(name)] ?? new Map()));
    const perToken = rows.map(row => row.map((parts, r) => sum([...parts.values()]) / reports[r].tokens));
    const longest = Math.max(...perToken.flat(), Number.MIN_VALUE);
    const order = [...names.keys()].filter(i => Math.max(...perToken[i]) > 0)
      .sort((a, b) => Math.max(...perToken[b]) - Math.max(...perToken[a]));
    const seen = new Set();
    at("stages").replaceChildren(...order.flatMap(i => rows[i].map((parts, r) => {
      const line = node("div", "", {class: "stage"});
      const bar = node("div", "", {class: "stage-bar"});
      const sorted = [...parts].sort((a, b) => b[1] - a[1]);
      for (const [part, energy] of sorted) {
        seen.add(part);
        const piece = node("i", "", {title: `${names[i]}, ${part}: ${write(energy / reports[r].tokens)}`});
        piece.style.width = `${100 * energy / reports[r].tokens / longest}%`;
        piece.style.background = data.colors[part] ?? "#d55e00";
        bar.append(piece);
      }
      const name = r === 0 ? names[i] : "";
      line.append(node("span", reports.length > 1 ? `${name} ${"ABCDEFGHIJ"[r] ?? r + 1}` : name, {class: "name"}), bar,
        node("span", write(perToken[i][r]), {class: "n"}), node("span", percent(perToken[i][r] * reports[r].tokens / totals[r]), {class: "n"}));
      return line;
    })));
    at("key").replaceChildren(...Object.keys(data.colors).filter(part => seen.has(part)).map(part => {
      const entry = node("span", part);
      const mark = node("i", "");
      mark.style.background = data.colors[part];
      entry.prepend(mark);
      return entry;
    }));
  };

  // ---- layers
  const LONGEST_LIST = 200;
  const order = {column: 1, down: true};
  const drawLayers = () => {
    const filter = at("filter").value.trim().toLowerCase();
    const perOwner = reports.map(report => new Map(report.owners.map(([owner, , ...pairs]) => {
      let now = 0, before = 0;
      for (let i = 0; i < pairs.length; i += 2) {
        const price = report.prices[pairs[i]];
        now += pairs[i + 1] * valueOf(price);
        before += pairs[i + 1] * price.value;
      }
      return [owner, [now / report.tokens, before / report.tokens]];
    })));
    const names = [...new Set(perOwner.flatMap(owners => [...owners.keys()]))].filter(name => name.toLowerCase().includes(filter));
    const rows = names.map(name => [name, ...perOwner.flatMap(owners => {
      const [now, before] = owners.get(name) ?? [NaN, NaN];
      return [now, before, before > 0 ? now / before : NaN];
    })]);
    const key = value => typeof value === "number" && Number.isNaN(value) ? -Infinity : value;
    rows.sort((a, b) => {
      const [x, y] = [key(a[order.column]), key(b[order.column])];
      return (x < y ? -1 : x > y ? 1 : 0) * (order.down ? -1 : 1);
    });
    at("layers").replaceChildren(...rows.slice(0, LONGEST_LIST).map(row => {
      const line = node("tr", "");
      line.append(...row.map((value, c) => c === 0
        ? node("th", value, {scope: "row"})
        : node("td", c % 3 === 0 ? times(value) : Number.isNaN(value) ? "–" : write(value), {class: "n"})));
      return line;
    }));
    at("layers-shown").textContent = rows.length > LONGEST_LIST
      ? `${LONGEST_LIST} of ${rows.length} rows: filter or sort to see others.` : `${rows.length} rows.`;
    view.querySelectorAll("th[data-column]").forEach(head => head.setAttribute("aria-sort",
      Number(head.dataset.column) !== order.column ? "none" : order.down ? "descending" : "ascending"));
  };
  view.querySelectorAll("th[data-column] button").forEach(button => button.addEventListener("click", () => {
    const column = Number(button.parentElement.dataset.column);
    order.down = order.column === column ? !order.down : column > 0;
    order.column = column;
    drawLayers();
  }));
  at("filter").addEventListener("input", () => { drawLayers(); keep(); });

  // ---- what changed, to copy
  const exact = (value, unit) => {
    const [exponent, symbol] = value > 0 ? UNITS[unit].filter(([e]) => value >= Number(`1e${e}`)).pop() ?? UNITS[unit][0] : [0, UNITS[unit].find(([e]) => e === 0)[1]];
    return `${Number((value / Number(`1e${exponent}`)).toPrecision(12))} ${symbol}`;
  };
  const changed = report => report.prices.filter(price => valueOf(price) !== price.value);
  // a chip file gives static power for one of several parts: the factor is the same
  const toSet = price => exact(price.value === price.stated ? valueOf(price) : price.stated * (valueOf(price) / price.value), price.unit);
  const setLine = report => changed(report).map(price => `--set ${price.path}="${toSet(price)}"`).join(" ");
  const yaml = report => {
    const tree = {};
    for (const price of changed(report)) {
      let place = tree;
      const keys = price.path.split(".");
      keys.forEach((key, i) => { place = place[key] ??= i === keys.length - 1 ? price : {}; });
    }
    const lines = (branch, depth) => Object.entries(branch).flatMap(([key, value]) => {
      const margin = "  ".repeat(depth);
      if (!value.path) return [`${margin}${key}:`, ...lines(value, depth + 1)];
      const note = `${write(value.stated, value.unit)} in ${report.chip}`;
      return [`${margin}${key}: {value: ${toSet(value)}, source: what-if, grade: assumed, note: "${note}"}`];
    });
    return [`extends: ${report.chip}`, `name: ${report.chip}-what-if`, `summary: ${report.chip} with other prices`,
      "sources: {what-if: chosen in the what-if view of a report}", ...lines(tree, 0)].join("\n");
  };
  const drawChanges = () => {
    const any = state.size > 0 && reports.some(report => changed(report).length);
    at("changes").hidden = !any;
    const name = report => reports.length > 1 ? `# ${report.label}\n` : "";
    const some = reports.filter(report => changed(report).length);
    at("set").textContent = some.map(report => name(report) + setLine(report)).join("\n");
    at("yaml").textContent = some.map(report => name(report) + yaml(report)).join("\n\n");
  };
  view.querySelectorAll("button[data-copy]").forEach(button => button.addEventListener("click", () => {
    const text = at(button.dataset.copy);
    const selection = getSelection();
    selection.removeAllRanges();
    const range = document.createRange();
    range.selectNodeContents(text);
    selection.addRange(range);
    const done = () => { button.textContent = "copied"; setTimeout(() => { button.textContent = "copy"; }, 1500); };
    if (navigator.clipboard) navigator.clipboard.writeText(text.textContent).then(done, () => document.execCommand("copy") && done());
    else if (document.execCommand("copy")) done();
  }));

  // ---- the address of the page holds the state
  const keep = () => {
    const words = [...state].map(([name, setting]) => `${encodeURIComponent(name)}=${setting}`);
    if (canCharge && !charge.checked) words.push("charge=chip");
    if (at("filter").value) words.push(`filter=${encodeURIComponent(at("filter").value)}`);
    const hash = words.length ? `#what-if&${words.join("&")}` : "";
    if (!hash && !location.hash.startsWith("#what-if&")) return;
    try { history.replaceState(null, "", hash || location.pathname + location.search); } catch { location.hash = hash; }
  };
  const recall = () => {
    if (!location.hash.startsWith("#what-if&")) return;
    state.clear();
    const groupOf = new Map(data.groups.flatMap(group => group.map(name => [name, group])));
    for (const word of location.hash.slice(1).split("&").slice(1)) {
      const [name, setting] = word.split("=").map(decodeURIComponent);
      if (name === "charge") charge.checked = setting !== "chip";
      else if (name === "filter") at("filter").value = setting;
      else for (const one of groupOf.get(name) ?? []) {
        if (setting === "low" || setting === "high") change(one, setting);
        else if (Number(setting) > 0 && Number.isFinite(Number(setting))) change(one, Number(setting));
      }
    }
  };

  const draw = () => {
    sliders.forEach(show => show());
    const totals = reports.map(totalOf);
    at("totals").replaceChildren(...reports.map((report, r) => {
      const line = node("div", "", {class: "total"});
      if (reports.length > 1) line.append(node("div", `${"ABCDEFGHIJ"[r] ?? r + 1}: ${report.label}`, {class: "soft"}));
      line.append(node("strong", `${write(totals[r] / report.tokens)}`, {"data-total": totals[r]}), " per token ",
        node("span", `${times(totals[r] / report.total)} of the ${write(report.total / report.tokens)} reported`, {class: "soft"}));
      if (r > 0) line.append(node("span", `; ${times(totals[r] / report.tokens / (totals[0] / reports[0].tokens))} the energy of A`, {class: "soft"}));
      return line;
    }));
    drawStages(totals);
    drawLayers();
    drawChanges();
    keep();
  };
  const all = setting => { data.groups.flat().forEach(name => change(name, setting)); draw(); };
  at("reset").addEventListener("click", () => { at("filter").value = ""; all(1); });
  at("low").addEventListener("click", () => all("low"));
  at("high").addEventListener("click", () => all("high"));
  charge.addEventListener("change", draw);
  addEventListener("hashchange", () => { recall(); draw(); });
  view.classList.toggle("several", reports.length > 1);
  view.hidden = false;
  document.querySelectorAll("[data-with-script]").forEach(each => { each.hidden = false; });
  recall();
  draw();
  if (location.hash.startsWith("#what-if")) view.scrollIntoView();
})();
