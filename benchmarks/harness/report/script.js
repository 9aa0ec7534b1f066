"use strict";
// Sorting, slider, comparison. The page is whole without it; it reads the JSON beside it only.
(() => {
  const { sections, tiles } = JSON.parse(document.getElementById("data").textContent);
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const one = (id) => document.getElementById(id);
  document.documentElement.classList.add("js");

  // --- overview: what is shown, and in which order ---
  for (const part of all(".overview")) {
    const table = part.querySelector(".sortable");
    const heads = all("thead th", table);
    const body = table.tBodies[0];
    const firstOrder = [...body.rows];
    const view = part.querySelector(".view");
    const show = () => {
      const bySet = view.value[0] === "d";
      const target = view.value.slice(2);
      table.classList.toggle("by-set", bySet);
      const hidden = heads.map((h) => Boolean(h.dataset.data)
        && (bySet ? h.dataset.data : h.dataset.metric) !== target);
      for (const row of all("tr", table)) {
        [...row.cells].forEach((cell, i) => { cell.hidden = hidden[i]; });
      }
      const meaning = heads.find((h, i) => !hidden[i] && h.dataset.data)?.dataset.meaning ?? "";
      part.querySelector(".meaning").textContent = bySet ? "" : meaning && `${meaning[0].toUpperCase()}${meaning.slice(1)}.`;
      const lost = heads.find((h, i) => hidden[i] && h.getAttribute("aria-sort") !== "none");
      if (!lost) return;
      const alike = (h, i) => !hidden[i] && h.dataset.data
        && (bySet ? h.dataset.metric === lost.dataset.metric : h.dataset.data === lost.dataset.data);
      const twin = heads.find(alike);
      if (twin) return sort(twin, best(twin));
      lost.setAttribute("aria-sort", "none");
      body.append(...firstOrder);
    };
    const best = (head) => (head.dataset.better === "higher" ? "descending" : "ascending");
    const turned = (head) => {
      const order = best(head);
      if (head.getAttribute("aria-sort") !== order) return order;
      return order === "ascending" ? "descending" : "ascending";
    };
    const sort = (head, order) => {
      const i = head.cellIndex;
      for (const h of heads) h.setAttribute("aria-sort", h === head ? order : "none");
      const sign = order === "ascending" ? 1 : -1;
      const name = head.dataset.key === "name";
      const value = (row) => row.cells[i].dataset.v;
      const rows = [...body.rows].sort((a, b) => {
        if (name) return sign * a.cells[0].textContent.localeCompare(b.cells[0].textContent);
        if (value(a) === undefined || value(b) === undefined) {
          return (value(a) === undefined) - (value(b) === undefined);
        }
        return sign * (Number(value(a)) - Number(value(b)));
      });
      body.append(...rows);
    };
    view.addEventListener("change", show);
    for (const h of heads) h.querySelector("button").addEventListener("click", () => sort(h, turned(h)));
    show();
  }

  // --- tiles ---
  const strip = (column, level, seed) =>
    column.strips[`${level}/${seed}`] ?? column.strips[`/${seed}`] ?? column.strips["/-1"];
  const paint = (tile, column, row, what, level, seed) => {
    const number = strip(column, level, seed);
    const at = row - column.first;
    const exists = number !== undefined && at >= 0 && at < tiles[number];
    const whole = exists && level !== "" && !("/-1" in column.strips)
      && !(`${level}/${seed}` in column.strips);
    tile.className = `t ${exists ? `s${number}` : "none"}${whole ? " whole" : ""}`;
    tile.style.setProperty("--i", exists ? at : 0);
    const but = exists ? (whole ? ", no layer swapped" : "") : ": no picture";
    tile.setAttribute("aria-label", `${column.name}, ${what}${but}`);
  };

  // --- pictures of a data set: seed and level of layer swap ---
  for (const section of all("section.data")) {
    const current = sections[Number(section.dataset.section)];
    const slider = section.querySelector(".level input");
    const seeds = all(".seeds input", section);
    const rows = all(".matrix tbody tr:not(.group)", section);
    const update = () => {
      const level = current.levels[slider ? Number(slider.value) : 0];
      const seed = seeds.find((s) => s.checked)?.value ?? current.seeds[0];
      rows.forEach((row, r) => {
        current.columns.forEach((column, c) => {
          const tile = row.cells[c + 1].firstElementChild;
          if (tile) paint(tile, column, r, current.rows[r], level, seed);
        });
      });
      for (const row of all("tr[data-level]", section)) {
        row.hidden = current.levels[Number(row.dataset.level)] !== level;
      }
      if (slider) {
        const text = level ? `up to ${level}` : "none swapped";
        section.querySelector(".level output").value = text;
        slider.setAttribute("aria-valuetext", text);
      }
    };
    slider?.addEventListener("input", update);
    for (const s of seeds) s.addEventListener("change", update);
  }

  // --- two methods ---
  if (one("compare")) compare();
  function compare() {
    const [data, left, right, seed, level] = ["data", "left", "right", "seed", "level"]
      .map((name) => one(`compare-${name}`));
    const fill = (select, values, preferred) => {
      const old = select.value;
      select.replaceChildren(...values.map((v) => new Option(v === "" ? "none" : v, v)));
      select.value = values.map(String).includes(old) ? old : preferred;
    };
    const element = (kind, name = "", text = "") => {
      const node = document.createElement(kind);
      node.className = name;
      node.textContent = text;
      return node;
    };
    const choose = () => {
      const current = sections[Number(data.value)];
      const names = current.columns.map((c) => c.name);
      const methods = names.filter((n) => n !== "source" && n !== "truth");
      fill(right, names, methods.find((n) => n !== left.value) ?? names[0]);
      const another = names.find((n) => n !== right.value) ?? names[0];
      fill(left, names, names.includes("source") ? "source" : another);
      fill(seed, current.seeds, current.seeds[0]);
      fill(level, current.levels, "");
      one("compare-levels").hidden = current.levels.length < 2;
      draw();
    };
    const draw = () => {
      const current = sections[Number(data.value)];
      const pair = [left, right].map((s) => current.columns.find((c) => c.name === s.value));
      const boxes = current.rows.map((what, row) => {
        const box = element("div", "wipe");
        const [over, under] = pair.map((column) => {
          const tile = element("i");
          tile.setAttribute("role", "img");
          paint(tile, column, row, what, level.value, seed.value);
          return tile;
        });
        over.classList.add("over");
        box.append(under, over);
        return box;
      });
      one("wipe-tiles").replaceChildren(...boxes);
      all("#wipe .ends span, #compare-numbers thead .left, #compare-numbers thead .right")
        .forEach((s) => { s.textContent = pair[s.classList.contains("left") ? 0 : 1].name; });
      const numbers = pair.map((c) => c.numbers[level.value] ?? c.numbers[""] ?? []);
      one("compare-numbers").tBodies[0].replaceChildren(...current.metrics.map((title, i) => {
        const row = element("tr");
        const head = element("th", "", title);
        head.scope = "row";
        row.append(head, ...numbers.map((n) => element("td", "", n[i] ?? "–")));
        return row;
      }));
      one("wipe-caption").textContent =
        `${pair[0].name} left of the line, ${pair[1].name} right of it, on ${current.data}. `
        + "Numbers are means over all seeds.";
    };
    const wipe = (share) => {
      one("wipe-at").value = share;
      one("wipe").style.setProperty("--w", `${share}%`);
    };
    one("wipe-at").addEventListener("input", (event) => wipe(event.target.value));
    one("wipe-tiles").addEventListener("pointermove", (event) => {
      const box = event.target.closest(".wipe")?.getBoundingClientRect();
      if (box) wipe(Math.round(100 * Math.min(Math.max((event.clientX - box.left) / box.width, 0), 1)));
    });
    for (const section of all("section.data")) {
      for (const button of all(".matrix thead button", section)) {
        button.addEventListener("click", () => {
          data.value = section.dataset.section;
          choose();
          right.value = button.textContent;
          draw();
          one("compare").scrollIntoView();
          right.focus({ preventScroll: true });
        });
      }
    }
    data.addEventListener("change", choose);
    for (const s of [left, right, seed, level]) s.addEventListener("change", draw);
    choose();
    wipe(50);
  }

  // --- the list of data sets closes when one is chosen, or something else is ---
  const sets = document.querySelector(".sets");
  const close = (event) => {
    if (sets && (event.key === "Escape" || event.target.closest?.(".sets a")
      || (event.type === "click" && !sets.contains(event.target)))) sets.open = false;
  };
  for (const kind of ["click", "keydown"]) document.addEventListener(kind, close);

  // --- records ---
  const groups = all(".runs").map((group) => [group, all(".run", group).map((run) =>
    [run, [group.firstElementChild.textContent, run.firstElementChild.textContent,
      run.dataset.find].join(" ").toLowerCase()])]);
  const has = (text, word) =>
    (/^\d+$/.test(word) ? new RegExp(`\\b${word}\\b`).test(text) : text.includes(word));
  one("filter").addEventListener("input", (event) => {
    const words = event.target.value.toLowerCase().split(/\s+/).filter(Boolean);
    let matches = 0;
    let count = 0;
    for (const [group, runs] of groups) {
      for (const [run, text] of runs) run.hidden = !words.every((w) => has(text, w));
      const left = runs.filter(([run]) => !run.hidden).length;
      group.hidden = left === 0;
      group.open = words.length > 0 && left > 0;
      matches += left;
      count += runs.length;
    }
    one("filtered").value = words.length ? `${matches} of ${count}` : "";
  });
})();
