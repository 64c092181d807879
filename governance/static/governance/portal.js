// What pages can do more with JavaScript; each of them works without this file.
//
// Menus close on Escape and on a click elsewhere. Without this file they close by their own button.
"use strict";

const openMenus = () => document.querySelectorAll("details.menu[open]");

document.addEventListener("click", (event) => {
  for (const menu of openMenus()) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const menu of openMenus()) {
    menu.open = false;
    menu.querySelector("summary").focus();
  }
});

// Copy buttons are shown only where copying works: a secure context. Without them the text selects whole on a click.
const prepareCopying = () => {
  if (!navigator.clipboard) return;
  for (const button of document.querySelectorAll("button.copy[hidden]")) button.hidden = false;
};

document.addEventListener("click", async (event) => {
  const button = event.target.closest?.("button.copy");
  if (!button) return;
  try {
    await navigator.clipboard.writeText(document.getElementById(button.dataset.copies).textContent);
    button.textContent = "Copied";
  } catch {
    button.textContent = "Not allowed";
  }
});

// A long choice gets a field to search it.
const MANY_CHOICES = 12;

const prepareChoices = () => {
  for (const body of document.querySelectorAll(".choice fieldset:not([data-ready])")) {
    body.dataset.ready = "";
    const labels = [...body.querySelectorAll(":scope > .check")];
    if (labels.length <= MANY_CHOICES) continue;
    const field = document.createElement("input");
    field.type = "search";
    field.className = "choice-search";
    field.placeholder = "Search";
    field.setAttribute("aria-label", `Search: ${body.querySelector("legend").textContent}`);
    field.addEventListener("input", () => {
      const wanted = field.value.trim().toLowerCase();
      for (const label of labels) label.hidden = !label.textContent.toLowerCase().includes(wanted);
    });
    field.addEventListener("keydown", (event) => {
      if (event.key === "Enter") event.preventDefault();
    });
    body.querySelector("legend").after(field);
  }
};

// One tick for all rows of a page, where rows can be ticked.
const prepareTicks = () => {
  for (const table of document.querySelectorAll("table:not([data-ticks])")) {
    const ticks = [...table.querySelectorAll("tbody input.tick")];
    const head = table.querySelector("thead th");
    if (!ticks.length || !head) continue;
    table.dataset.ticks = "";
    const all = document.createElement("input");
    all.type = "checkbox";
    all.className = "tick";
    all.setAttribute("aria-label", "Choose all rows of this page");
    const tell = () => {
      const chosen = ticks.filter((tick) => tick.checked).length;
      all.checked = chosen === ticks.length;
      all.indeterminate = chosen > 0 && chosen < ticks.length;
    };
    all.addEventListener("change", () => {
      for (const tick of ticks) tick.checked = all.checked;
    });
    table.addEventListener("change", tell);
    head.prepend(all);
    tell();
  }
};

const prepare = () => {
  prepareCopying();
  prepareChoices();
  prepareTicks();
};

prepare();
document.addEventListener("htmx:afterSettle", prepare);
