"use strict";
(() => {
  // sorting and filtering of every long table; without script it is as printed
  const PREFIX = {f: 1e-15, p: 1e-12, n: 1e-9, "µ": 1e-6, m: 1e-3, "": 1, k: 1e3, M: 1e6, G: 1e9, T: 1e12};
  const BINARY = {K: 2 ** 10, M: 2 ** 20, G: 2 ** 30, T: 2 ** 40};
  const numberOf = text => {
    const found = /^([<−+-]?)\s*([\d\u202f,]*\.?\d+(?:e[+-]?\d+)?)\s*([fpnµmkMGT]?)(i?)[A-Za-z%²×/]*$/.exec(text.trim());
    if (!found) return NaN;
    const [, sign, digits, prefix, binary] = found;
    const size = Number(digits.replace(/[\u202f,]/g, "")) * (binary ? BINARY[prefix] ?? 1 : PREFIX[prefix]);
    return (sign === "−" || sign === "-" ? -1 : 1) * size;
  };
  const sort = (table, column, down) => {
    const body = table.tBodies[0];
    const keyed = [...body.rows].map(row => {
      const text = row.cells[column]?.textContent.trim() ?? "";
      return {row, text, number: numberOf(text)};
    });
    const numeric = table.tHead.rows[0].cells[column].classList.contains("n");
    keyed.sort((a, b) => numeric
      ? ((Number.isNaN(a.number) ? -Infinity : a.number) - (Number.isNaN(b.number) ? -Infinity : b.number) || 0) * (down ? -1 : 1)
      : a.text.localeCompare(b.text, "en", {numeric: true}) * (down ? -1 : 1));
    body.append(...keyed.map(each => each.row));
  };
  for (const table of document.querySelectorAll(".tall:not(.what-if .tall) table")) {
    if (!table.tHead || table.tBodies[0].rows.length < 2) continue;
    for (const head of table.tHead.rows[0].cells) {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const down = head.getAttribute("aria-sort") ? head.getAttribute("aria-sort") === "ascending" : head.classList.contains("n");
        for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
        sort(table, head.cellIndex, down);
      });
    }
    if (table.tBodies[0].rows.length < 15) continue;
    const label = document.createElement("label");
    label.className = "filter";
    const input = document.createElement("input");
    input.type = "search";
    input.placeholder = "part of a name";
    label.append("filter ", input);
    table.closest(".tall").before(label);
    input.addEventListener("input", () => {
      const words = input.value.trim().toLowerCase();
      for (const row of table.tBodies[0].rows) row.hidden = !row.textContent.toLowerCase().includes(words);
    });
  }
})();
