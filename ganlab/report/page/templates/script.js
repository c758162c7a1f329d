"use strict";
// Sorts and filters tables, and shows other pictures. Without it the page is whole, and still.
(() => {
  const make = (tag, facts = {}, ...inner) => {
    const element = Object.assign(document.createElement(tag), facts);
    element.append(...inner);
    return element;
  };

  // What a cell is sorted by: a number where it has one, otherwise its text; an empty one is last either way.
  const key = (row, place, numeric) => {
    const cell = row.cells[place];
    if (numeric) return cell.dataset.sort === undefined ? null : Number(cell.dataset.sort);
    return cell.textContent.trim() || null;
  };

  const compare = (first, second, sign) => {
    if (first === null || second === null) return (first === null) - (second === null);
    const order = typeof first === "number" ? first - second : first.localeCompare(second, "en", { numeric: true });
    return sign * order;
  };

  const sortable = (table) => {
    const body = table.tBodies[0];
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, place) => {
      const numeric = head.classList.contains("number");
      const button = make("button", { type: "button" }, ...head.childNodes);
      button.addEventListener("click", () => {
        const sign = head.getAttribute("aria-sort") === "ascending" ? -1 : 1;
        heads.forEach((other) => other.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", sign > 0 ? "ascending" : "descending");
        const rows = [...body.rows].map((row) => [key(row, place, numeric), row]);
        rows.sort((first, second) => compare(first[0], second[0], sign));
        body.append(...rows.map(([, row]) => row));
      });
      head.append(button);
    });
  };

  // All words must occur. A word such as init=he is that level alone, not init=hex.
  const filterable = (table, input, output) => {
    const rows = [...table.tBodies[0].rows].map((row) => {
      const words = (row.dataset.words || "").split(" ");
      return { row, words: new Set(words), text: `${row.textContent} ${row.dataset.words || ""}`.toLowerCase() };
    });
    input.addEventListener("input", () => {
      const wanted = input.value.toLowerCase().split(/\s+/).filter(Boolean);
      let count = 0;
      for (const { row, words, text } of rows) {
        const fits = (word) => (/^[^=]+=./.test(word) && rows.some((one) => one.words.has(word)))
          ? words.has(word) : text.includes(word);
        row.hidden = !wanted.every(fits);
        count += !row.hidden;
      }
      output.textContent = count === rows.length ? `${count} rows` : `${count} of ${rows.length} rows`;
    });
  };

  for (const one of document.querySelectorAll(".table")) {
    const table = one.querySelector("table");
    sortable(table);
    const input = one.querySelector("input");
    if (input) filterable(table, input, one.querySelector("output"));
  }

  const gallery = (box) => {
    const data = JSON.parse(box.querySelector(".pictures").textContent);
    const byNumber = new Map(data.runs.map((run) => [String(run.run), run]));
    for (const image of box.querySelectorAll("img[data-shot]")) {
      const [run, step] = image.dataset.shot.split(":");
      byNumber.get(run).shots[step] = image.src;
    }
    const controls = box.querySelector(".controls");
    const note = box.querySelector(".note");
    const names = Object.keys(data.axes);
    const chosen = { rows: data.rows, columns: data.columns, levels: { ...data.fixed, step: String(data.step) } };

    const shot = (row, column) => {
      const wanted = {};
      for (const name of names) wanted[name] = chosen.levels[name];
      if (chosen.rows) wanted[chosen.rows] = row;
      if (chosen.columns) wanted[chosen.columns] = column;
      const step = Number(wanted.step ?? chosen.levels.step);
      delete wanted.step;
      const run = data.runs.find((one) => Object.entries(wanted).every(([name, level]) => one.at[name] === level));
      if (!run) return make("span", { className: "muted" }, "no run");
      const before = Object.keys(run.shots).map(Number).filter((own) => own <= step);
      const own = before.length ? Math.max(...before) : null;
      let picture;
      if (own === null) {
        picture = make("div", { className: "none" }, "no picture");
        picture.setAttribute("role", "img");
        picture.setAttribute("aria-label", `No samples of ${run.alt}`);
      } else {
        picture = make("img", { src: run.shots[own] });
        picture.alt = `Samples of ${run.alt}, after ${own.toLocaleString("en")} steps`;
      }
      const link = make("a", { href: run.link }, own === null ? run.text : run.lines[own]);
      const caption = make("figcaption", { className: `is-${run.outcome}` }, link);
      return make("figure", { className: "shot" }, picture, caption);
    };

    const show = () => {
      const rows = chosen.rows ? data.axes[chosen.rows] : [""];
      const columns = chosen.columns ? data.axes[chosen.columns] : [""];
      const head = (text, scope) => make("th", { scope }, text);
      box.querySelector(".shots thead").replaceChildren(
        make("tr", {}, make("td"), ...columns.map((level) => head(level, "col"))));
      box.querySelector(".shots tbody").replaceChildren(...rows.map((row) =>
        make("tr", {}, head(row, "row"), ...columns.map((column) => make("td", {}, shot(row, column))))));
    };

    const select = (title, levels, value, change) => {
      const list = make("select", {}, ...levels.map((level) => make("option", { value: level }, level || "–")));
      list.value = value;
      list.addEventListener("change", () => { change(list.value); draw(); });
      return make("label", {}, `${title} `, list);
    };

    const draw = () => {
      const fixed = names.filter((name) => name !== chosen.rows && name !== chosen.columns);
      controls.replaceChildren(
        select("rows", ["", ...names], chosen.rows, (name) => {
          if (name && name === chosen.columns) chosen.columns = chosen.rows;
          chosen.rows = name;
        }),
        select("columns", ["", ...names], chosen.columns, (name) => {
          if (name && name === chosen.rows) chosen.rows = chosen.columns;
          chosen.columns = name;
        }),
        ...fixed.map((name) => {
          if (!data.axes[name].includes(chosen.levels[name])) chosen.levels[name] = data.axes[name][0];
          return select(name, data.axes[name], chosen.levels[name], (level) => { chosen.levels[name] = level; });
        }));
      show();
    };

    if (names.length) {
      note.textContent = "Below each picture its score or outcome; ⚠ marks a lifted rule. A run that ended before the "
        + "step shows its last picture. The latents are the same for equal seeds.";
      controls.hidden = false;
      draw();
    }
  };

  for (const box of document.querySelectorAll(".gallery")) gallery(box);

  // Paper shows what is folded.
  let opened = [];
  addEventListener("beforeprint", () => {
    opened = [...document.querySelectorAll("details:not(.numbers):not([open])")];
    opened.forEach((one) => { one.open = true; });
  });
  addEventListener("afterprint", () => opened.forEach((one) => { one.open = false; }));
})();
