// The view of simulator/report/what_if_widget.py: sliders of prices; the energy at these prices comes from Python.
const UNITS = {
  J: [[-3, "fJ"], [0, "pJ"], [3, "nJ"], [6, "µJ"], [9, "mJ"], [12, "J"], [15, "kJ"]],
  W: [[-9, "nW"], [-6, "µW"], [-3, "mW"], [0, "W"], [3, "kW"]],
};
const write = (value, symbol = "J") => {  // as the program writes quantities: four significant digits
  const units = UNITS[symbol];
  if (!value) return `0 ${units.find(([exponent]) => exponent === 0)[1]}`;
  const [exponent, unit] = units.filter(([e]) => value >= Number(`1e${e}`)).pop() ?? units[0];
  return `${(value / Number(`1e${exponent}`)).toPrecision(4)} ${unit}`;
};
const node = (tag, text = "", attributes = {}) => {
  const made = document.createElement(tag);
  made.textContent = text;
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
};

function render({model, el}) {
  const sliders = model.get("sliders").filter(slider => slider.value > 0);
  const box = node("div", "", {style: "font-family: system-ui, sans-serif; max-width: 44em"});
  const total = node("p", "", {"aria-live": "polite", style: "font-size: 1.2em; margin: .2em 0"});
  const set = node("code", "", {style: "overflow-wrap: anywhere"});
  const grid = node("div", "", {style: "display: grid; grid-template-columns: repeat(auto-fill, minmax(18em, 1fr)); gap: .3em 1.2em"});
  const shown = sliders.map(slider => {
    const reach = Math.log10(slider.reach);
    const price = value => write(value, slider.unit) + (slider.per && slider.per !== "operation" ? `/${slider.per}` : "");
    const ends = [slider.low === null ? "" : `from ${price(slider.low)}`, slider.high === null ? "" : `to ${price(slider.high)}`];
    const range = ends.join(" ").trim();
    const title = `${price(slider.value)}, ${slider.grade}; ${range ? `range ${range}` : "no known range"}. ${slider.source}`;
    const label = node("label", "", {style: "display: block", title});
    const now = node("output");
    const input = node("input", "", {type: "range", min: -reach, max: reach, step: 0.001, style: "width: 100%", "data-price": slider.names[0]});
    label.append(`${slider.names.join(", ")} `, now, input);
    input.addEventListener("input", () => {
      const position = Math.abs(Number(input.value)) < 0.012 ? 0 : Number(input.value);  // the reported price is easy to hit
      const value = position === 0 ? slider.value : slider.value * Number((10 ** position).toPrecision(4));
      model.set("prices", {...model.get("prices"), ...Object.fromEntries(slider.names.map(name => [name, value]))});
      model.save_changes();
    });
    grid.append(label);
    return () => {
      const value = model.get("prices")[slider.names[0]];
      now.textContent = price(value);
      now.style.fontWeight = value === slider.value ? "normal" : "bold";
      input.value = value > 0 ? Math.log10(value / slider.value) : -reach;
      input.setAttribute("aria-valuetext", now.textContent);
    };
  });
  const reset = node("button", "as reported", {type: "button"});
  reset.addEventListener("click", () => { model.set("prices", {}); model.save_changes(); });
  const draw = () => {
    const reported = model.get("reported_pj"), now = model.get("total_pj");
    total.replaceChildren(node("strong", write(model.get("per_token_pj"))), ` per token, ${reported ? (now / reported).toPrecision(3) : "n/a"}x of what was reported`);
    set.textContent = model.get("set_line");
    shown.forEach(show => show());
  };
  box.append(node("p", `${model.get("label")}: only prices change, counts and times stay as simulated`), total, reset, grid, set);
  el.append(box);
  for (const name of ["prices", "total_pj", "per_token_pj", "set_line"]) model.on(`change:${name}`, draw);
  draw();
}

export default {render};
