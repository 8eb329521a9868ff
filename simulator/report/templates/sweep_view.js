"use strict";
(() => {
  const data = JSON.parse(document.getElementById("sweep-data").textContent);
  const view = document.getElementById("explore");
  const at = name => view.querySelector(`[data-at="${name}"]`);
  const {points, columns, objectives, parts} = data;
  const SVG = "http://www.w3.org/2000/svg";
  const draw = (tag, attributes, text) => {
    const made = document.createElementNS(SVG, tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    if (text !== undefined) made.textContent = text;
    return made;
  };
  const column = name => columns.find(each => each.name === name);
  const valid = number => number !== null && Number.isFinite(number);

  // ---- the front, with a tolerance: a point leaves it when another is better by more than that in every way it is better
  const costs = objectives.map(name => column(name).numbers);
  const weightOf = () => {  // as in simulator/sweep/pareto.py: no points beat each other in a circle
    const shares = costs.map(cost => {
      const found = cost.filter(valid), scale = Math.max(...found.map(Math.abs)) || 1;
      return cost.map(found.every(c => c > 0) ? Math.log : c => c / scale);
    });
    return points.map((_, i) => shares.reduce((sum, share) => sum + share[i], 0));
  };
  const frontOf = tolerance => {
    const weights = weightOf();
    const usable = points.map((_, i) => !data.broken[i] && costs.every(cost => valid(cost[i])));
    const same = (a, b) => Math.abs(a - b) <= tolerance * Math.min(Math.abs(a), Math.abs(b));
    const dominates = (a, b) => costs.every(cost => cost[a] <= cost[b] || same(cost[a], cost[b]))
      && costs.some(cost => cost[a] < cost[b] && !same(cost[a], cost[b])) && (!tolerance || weights[a] < weights[b]);
    return costs.length ? points.map((_, b) => usable[b] && !points.some((_, a) => a !== b && usable[a] && dominates(a, b))) : [];
  };

  const choose = {};
  for (const [role, fallback] of [["x", 0], ["y", 1], ["size", -1]]) {
    const select = at(role);
    if (role === "size") select.append(new Option("the same", ""));
    columns.forEach(each => select.append(new Option(each.label, each.name)));
    select.value = fallback < 0 ? "" : objectives[fallback] ?? columns[0].name;
    choose[role] = select;
  }
  let front = [], chosen = null;
  const brushes = new Map();
  const kept = i => [...brushes].every(([name, [low, high]]) => {
    const value = column(name).numbers[i];
    return valid(value) && value >= low && value <= high;
  });

  const WIDTH = 720, HEIGHT = 380, LEFT = 84, RIGHT = 16, TOP = 30, BOTTOM = 46;
  const scaleOf = (each, from, to) => {
    const found = each.numbers.filter(valid);
    let low = Math.min(...found), high = Math.max(...found);
    const log = low > 0 && high / low >= 100;
    const f = value => log ? Math.log10(value) : value;
    if (low === high) { low -= Math.abs(low) / 2 || 1; high += Math.abs(high) / 2 || 1; }
    const place = value => from + (to - from) * (f(value) - f(low)) / (f(high) - f(low) || 1);
    place.inverse = p => { const v = f(low) + (p - from) / (to - from) * (f(high) - f(low)); return log ? 10 ** v : v; };
    return place;
  };
  const ticksOf = each => {  // a few values that are really there, the smallest and the largest among them
    const seen = new Map();
    each.numbers.forEach((number, i) => valid(number) && !seen.has(number) && seen.set(number, each.texts[i]));
    const sorted = [...seen].sort((a, b) => a[0] - b[0]);
    if (sorted.length <= 6) return sorted;
    return [0, 0.25, 0.5, 0.75, 1].map(part => sorted[Math.round(part * (sorted.length - 1))]);
  };
  const spread = (ticks, place, least) => ticks.reduce((kept, tick) =>  // labels that do not overprint one another
    kept.every(other => Math.abs(place(other[0]) - place(tick[0])) >= least) ? [...kept, tick] : kept, []);
  const describe = i => columns.map(each => `${each.label}: ${each.texts[i]}`).join("\n");

  const scatter = () => {
    const [x, y, size] = ["x", "y", "size"].map(role => column(choose[role].value));
    const xs = scaleOf(x, LEFT, WIDTH - RIGHT - 20), ys = scaleOf(y, HEIGHT - BOTTOM - 12, TOP + 8);
    const radius = size ? scaleOf(size, 4, 14) : () => 6;
    const picture = at("scatter");
    picture.replaceChildren();
    for (const [value, text] of spread(ticksOf(x), xs, 80)) {
      picture.append(draw("line", {x1: xs(value), x2: xs(value), y1: TOP, y2: HEIGHT - BOTTOM, class: "rule"}));
      picture.append(draw("text", {x: xs(value), y: HEIGHT - BOTTOM + 18, "text-anchor": "middle"}, text));
    }
    for (const [value, text] of spread(ticksOf(y), ys, 18)) {
      picture.append(draw("line", {x1: LEFT - 6, x2: WIDTH - RIGHT, y1: ys(value), y2: ys(value), class: "rule"}));
      picture.append(draw("text", {x: LEFT - 10, y: ys(value) + 4, "text-anchor": "end"}, text));
    }
    picture.append(draw("text", {x: WIDTH - RIGHT, y: HEIGHT - 6, "text-anchor": "end", class: "axis"}, `${x.label} →`));
    picture.append(draw("text", {x: 2, y: 13, class: "axis"}, `↑ ${y.label}`));
    const order = [...points.keys()].sort((a, b) => front[a] - front[b]);
    for (const i of order) {
      if (!valid(x.numbers[i]) || !valid(y.numbers[i]) || (size && !valid(size.numbers[i]))) continue;
      const dot = draw("circle", {cx: xs(x.numbers[i]), cy: ys(y.numbers[i]), r: radius(size ? size.numbers[i] : 0), tabindex: 0,
        "data-point": i, role: "button", "aria-label": `point ${points[i]}`,
        class: [front[i] ? "front" : "dominated", kept(i) ? "" : "away", chosen === i ? "chosen" : ""].join(" ")});
      dot.append(draw("title", {}, describe(i)));
      picture.append(dot);
    }
  };

  const parallel = () => {
    const shown = [...data.axes, ...objectives].map(column);
    const picture = at("parallel"), gap = (WIDTH - 150) / Math.max(shown.length - 1, 1);
    const top = 40, bottom = 300;
    const xs = shown.map((_, n) => 40 + n * gap);
    const scales = shown.map(each => scaleOf(each, bottom, top));
    picture.replaceChildren();
    const order = [...points.keys()].filter(i => shown.every(each => valid(each.numbers[i]))).sort((a, b) => front[a] - front[b]);
    for (const i of order) {
      const line = draw("polyline", {points: shown.map((each, n) => `${xs[n]},${scales[n](each.numbers[i])}`).join(" "), "data-point": i,
        class: [front[i] ? "front" : "dominated", kept(i) ? "" : "away", chosen === i ? "chosen" : ""].join(" ")});
      line.append(draw("title", {}, describe(i)));
      picture.append(line);
    }
    shown.forEach((each, n) => {
      picture.append(draw("line", {x1: xs[n], x2: xs[n], y1: top, y2: bottom, class: "axis-line"}));
      picture.append(draw("text", {x: xs[n], y: n % 2 ? 14 : 28, "text-anchor": n ? "middle" : "start", class: "axis"}, each.label));
      for (const [value, text] of spread(ticksOf(each), scales[n], 13)) picture.append(draw("text", {x: xs[n] + 7, y: scales[n](value) + 4, class: "halo"}, text));
      const brush = brushes.get(each.name);
      if (brush) {
        const [a, b] = brush.map(scales[n]);
        picture.append(draw("rect", {x: xs[n] - 8, width: 16, y: Math.min(a, b) - 3, height: Math.abs(a - b) + 6, class: "brush"}));
      }
      const grip = draw("rect", {x: xs[n] - 14, width: 28, y: top - 8, height: bottom - top + 16, class: "grip", "data-axis": each.name});
      grip.append(draw("title", {}, `drag to keep a part of ${each.label}; click to keep all`));
      const height = event => {
        const box = picture.getBoundingClientRect();
        return Math.max(top - 3, Math.min(bottom + 3, (event.clientY - box.top) * 340 / box.height));
      };
      let from = null;
      grip.addEventListener("pointerdown", event => { from = height(event); grip.setPointerCapture(event.pointerId); event.preventDefault(); });
      grip.addEventListener("pointerup", event => {
        const to = height(event);
        if (from === null) return;
        if (Math.abs(to - from) < 4) brushes.delete(each.name);
        else brushes.set(each.name, [scales[n].inverse(from), scales[n].inverse(to)].sort((a, b) => a - b));
        from = null;
        show();
      });
      picture.append(grip);
    });
  };

  const details = () => {
    const box = at("point");
    box.hidden = chosen === null;
    if (chosen === null) return;
    at("point-id").textContent = points[chosen];
    at("rerun").textContent = `spikewatt rerun ${points[chosen]} --in ${data.folder} --out ${points[chosen]}`;
    at("values").replaceChildren(...columns.flatMap(each => {
      const name = document.createElement("dt"), value = document.createElement("dd");
      name.textContent = each.label;
      value.textContent = each.texts[chosen];
      return [name, value];
    }));
    const whole = parts.reduce((total, part) => total + (part.numbers[chosen] ?? 0), 0);
    const sorted = parts.filter(part => part.numbers[chosen] > 0).sort((a, b) => b.numbers[chosen] - a.numbers[chosen]);
    at("parts").replaceChildren(...sorted.map(part => {
      const piece = document.createElement("i");
      piece.style.width = `${100 * part.numbers[chosen] / whole}%`;
      piece.style.background = part.color;
      piece.title = `${part.label}: ${(100 * part.numbers[chosen] / whole).toFixed(1)}%`;
      return piece;
    }));
    at("parts-words").textContent = sorted.slice(0, 5).map(part => `${part.label} ${(100 * part.numbers[chosen] / whole).toFixed(1)}%`).join(", ");
  };

  const show = () => {
    const tolerance = Math.max(0, Number(at("tolerance").value) || 0) / 100;
    front = frontOf(tolerance);
    const n = front.filter(Boolean).length;
    at("found").textContent = `${n} of ${points.length} points are on the front`
      + (tolerance ? `; differences up to ${at("tolerance").value}% count as none` : "")
      + (brushes.size ? `; ${[...points.keys()].filter(kept).length} points are kept by the brushes` : "") + ".";
    scatter();
    parallel();
    details();
    const words = ["x", "y", "size"].map(role => `${role}=${encodeURIComponent(choose[role].value)}`);
    words.push(`tolerance=${at("tolerance").value}`);
    if (chosen !== null) words.push(`point=${points[chosen]}`);
    for (const [name, [low, high]] of brushes) words.push(`keep.${encodeURIComponent(name)}=${low}..${high}`);
    if (touched) try { history.replaceState(null, "", `#explore&${words.join("&")}`); } catch { /* the address stays */ }
  };
  at("tolerance").value = data.tolerance;
  let touched = location.hash.startsWith("#explore&");
  if (touched) for (const word of location.hash.split("&").slice(1)) {
    const [name, value] = word.split("=").map(decodeURIComponent);
    if (name in choose && (column(value) || (name === "size" && value === ""))) choose[name].value = value;
    else if (name === "tolerance" && Number(value) >= 0) at("tolerance").value = value;
    else if (name === "point" && points.includes(value)) chosen = points.indexOf(value);
    else if (name.startsWith("keep.") && column(name.slice(5))) {
      const ends = value.split("..").map(Number);
      if (ends.length === 2 && ends.every(Number.isFinite)) brushes.set(name.slice(5), ends);
    }
  }
  const again = () => { touched = true; show(); };
  for (const select of Object.values(choose)) select.addEventListener("change", again);
  at("tolerance").addEventListener("input", again);
  at("all").addEventListener("click", () => { brushes.clear(); again(); });
  for (const name of ["scatter", "parallel"]) {
    const pick = event => {
      const target = event.target.closest("[data-point]");
      if (!target || (event.type === "keydown" && event.key !== "Enter" && event.key !== " ")) return;
      chosen = Number(target.dataset.point);
      again();
      event.preventDefault();
    };
    at(name).addEventListener("click", pick);
    at(name).addEventListener("keydown", pick);
  }
  view.hidden = false;
  document.querySelectorAll("[data-with-script]").forEach(each => { each.hidden = false; });
  show();
})();
