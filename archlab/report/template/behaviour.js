// Sorts and filters tables, opens what a link leads to, and everything in print; without it the page is complete, only still.
"use strict";
for (const holder of document.querySelectorAll(".table")) {
  const table = holder.querySelector("table");
  const body = table.tBodies[0];
  const headers = [...table.tHead.rows[0].cells];
  headers.forEach((header, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...header.childNodes);
    header.append(button);
    button.addEventListener("click", () => sort(header, column));
  });

  function sort(header, column) {
    const numeric = !header.classList.contains("text");
    const before = header.getAttribute("aria-sort");
    const descending = before ? before === "ascending" : numeric;
    headers.forEach((other) => other.removeAttribute("aria-sort"));
    header.setAttribute("aria-sort", descending ? "descending" : "ascending");
    const key = (row) => {
      const cell = row.cells[column];
      return numeric ? (cell.dataset.value === undefined ? null : Number(cell.dataset.value)) : cell.textContent;
    };
    const rows = [...body.rows].map((row) => [key(row), row]);
    rows.sort(([a], [b]) => {
      if (a === null || b === null) return (a === null) - (b === null); // what is missing stays below
      const order = numeric ? a - b : a.localeCompare(b, "en", { numeric: true });
      return descending ? -order : order;
    });
    body.append(...rows.map(([, row]) => row));
  }

  if (!("filter" in holder.dataset)) continue;
  const bar = document.createElement("form");
  bar.className = "filter";
  bar.addEventListener("submit", (event) => event.preventDefault());
  const labelled = (text, control) => {
    const label = document.createElement("label");
    label.append(text, control);
    bar.append(label);
    for (const event of ["input", "change"]) control.addEventListener(event, filter);
    return control;
  };
  const words = labelled("Filter rows", Object.assign(document.createElement("input"), { type: "search" }));
  const roles = new Set([...body.rows].map((row) => row.dataset.role).filter(Boolean));
  let role = null;
  if (roles.size > 1) {
    role = labelled("Role", document.createElement("select"));
    role.append(new Option("all", ""), ...[...roles].map((name) => new Option(name + "s", name)));
  }
  const count = document.createElement("output");
  bar.append(count);
  holder.querySelector(".scroll").before(bar);

  function filter() {
    const wanted = words.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const row of body.rows) {
      const text = row.textContent.toLowerCase();
      row.hidden = !wanted.every((word) => text.includes(word)) || Boolean(role?.value && row.dataset.role !== role.value);
      shown += !row.hidden;
    }
    count.value = `${shown} of ${body.rows.length} rows`;
  }
  filter();
}
function reveal(hash) {
  const target = document.getElementById(decodeURIComponent(hash.slice(1)));
  if (!target) return;
  for (let details = target.closest("details"); details; details = details.parentElement.closest("details")) details.open = true;
  const inside = target.querySelector(":scope > details");
  if (inside) inside.open = true;
  target.scrollIntoView();
}
addEventListener("hashchange", () => reveal(location.hash));
addEventListener("click", (event) => {
  const link = event.target.closest?.('a[href^="#"]');
  if (link && link.hash === location.hash) reveal(link.hash); // followed again: no change of the hash
});
reveal(location.hash);
let opened = [];
addEventListener("beforeprint", () => {
  opened = [...document.querySelectorAll("details:not([open])")];
  opened.forEach((details) => (details.open = true));
});
addEventListener("afterprint", () => opened.forEach((details) => (details.open = false)));
