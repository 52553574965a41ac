// Zooms forest plots: the axis from one number to another, fitted to the values, or whole.

for (const figure of document.querySelectorAll("figure.forest")) {
  const whole = [Number(figure.dataset.from), Number(figure.dataset.to)];
  const rows = [...figure.querySelectorAll("tbody tr[data-value]")];
  if (rows.length === 0) continue;
  const known = (row, name) => (row.dataset[name] === undefined ? [] : [Number(row.dataset[name])]);
  const spread = rows.flatMap((row) => [...known(row, "value"), ...known(row, "low"), ...known(row, "high")]);
  const reference = figure.dataset.reference === undefined ? null : Number(figure.dataset.reference);
  const ends = [...spread, ...(reference === null ? [] : [reference])];
  const pad = (Math.max(...ends) - Math.min(...ends)) * 0.04 || Math.abs(ends[0]) * 0.1 || 0.5;
  const fitted = [Math.min(...ends) - pad, Math.max(...ends) + pad];

  const input = (name, text) => element("input", { type: "number", step: "any", "aria-label": text, name });
  const [from, to] = [input("from", "Axis from"), input("to", "Axis to")];
  const fit = element("button", { type: "button" }, "Fit");
  const all = element("button", { type: "button" }, "Whole");
  figure.querySelector("figcaption").append(element("span", { class: "zoom" }, "Axis", from, "to", to, fit, all));

  const short = (value) => String(Number(value.toPrecision(3)));

  function steps(low, high) {
    const raw = (high - low) / 5;
    const power = 10 ** Math.floor(Math.log10(raw));
    const step = [1, 2, 5, 10].map((factor) => factor * power).find((each) => each >= raw * 0.999999);
    const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
    const found = [];
    for (let place = Math.ceil(low / step - 1e-9); place * step <= high + step * 1e-9; place += 1) {
      found.push([place * step, (place * step).toFixed(digits).replace(/^-(?=0\.?0*$)/, "").replace("-", "−")]);
    }
    return found;
  }

  function draw(low, high) {
    const at = (value) => ((value - low) / (high - low)) * 100;
    const place = (line, value) => {
      if (line === null) return;
      const share = at(value);
      line.classList.toggle("off", share < 0 || share > 100);
      for (const name of ["x1", "x2"]) line.setAttribute(name, `${share}%`);
    };
    const marks = steps(low, high);
    for (const row of figure.querySelectorAll("tbody tr")) {
      const svg = row.querySelector("svg");
      svg.querySelectorAll(".tick").forEach((tick) => tick.remove());
      const first = svg.querySelector(".axis");
      for (const [value] of marks) {
        const tick = document.createElementNS(svg.namespaceURI, "line");
        for (const [name, text] of [["class", "tick"], ["x1", `${at(value)}%`], ["x2", `${at(value)}%`], ["y1", 0], ["y2", 22]]) tick.setAttribute(name, text);
        first.after(tick);
      }
      place(svg.querySelector(".reference"), reference);
      const ideal = svg.querySelector(".ideal");
      if (ideal !== null) place(ideal, Number(ideal.dataset.at));
      const point = svg.querySelector(".point");
      if (point === null) continue;
      const center = at(Number(row.dataset.value));
      point.classList.toggle("off", center < 0 || center > 100);
      point.setAttribute("cx", `${center}%`);
      const whisker = svg.querySelector(".whisker");
      if (whisker === null) continue;
      const [left, right] = [at(Number(row.dataset.low)), at(Number(row.dataset.high))];
      whisker.classList.toggle("off", right < 0 || left > 100);
      whisker.setAttribute("x1", `${Math.max(0, left)}%`);
      whisker.setAttribute("x2", `${Math.min(100, right)}%`);
      place(svg.querySelector(".cap.low"), Number(row.dataset.low));
      place(svg.querySelector(".cap.high"), Number(row.dataset.high));
    }
    const labels = figure.querySelector("svg.ticks");
    labels.replaceChildren(...marks.map(([value, text]) => {
      const node = document.createElementNS(labels.namespaceURI, "text");
      const share = at(value);
      node.setAttribute("x", `${share}%`);
      node.setAttribute("y", "13");
      node.setAttribute("text-anchor", share < 2 ? "start" : share > 98 ? "end" : "middle");
      node.textContent = text;
      return node;
    }));
  }

  function show(low, high) {
    from.value = short(low);
    to.value = short(high);
    draw(low, high);
  }

  function typed() {
    const [low, high] = [Number(from.value), Number(to.value)];
    const isRange = from.value !== "" && to.value !== "" && low < high;
    for (const each of [from, to]) each.setAttribute("aria-invalid", String(!isRange));
    if (isRange) draw(low, high);
  }

  from.addEventListener("change", typed);
  to.addEventListener("change", typed);
  fit.addEventListener("click", () => show(...fitted));
  all.addEventListener("click", () => show(...whole));
  show(...whole);
}
