// The browser of changed samples: one metric of one task at a time, worst first.

(() => {
  // One set a metric of a task of a candidate, over the samples that its task holds once.
  const sets = embeddedData().map((script) => JSON.parse(script.textContent)).flatMap((task) =>
    task.metrics.map(({ metric, changed, flips }) => ({
      candidate: task.candidate, task: task.task, metric, changed,
      flips: flips.map(([place, baseline, candidate, outcome]) => ({ ...task.samples[place], baseline, candidate, outcome })),
    })));
  if (sets.length === 0) return;

  const PAGE = 25;
  const OUTCOMES = { all: "All", worse: "Worse", better: "Better", changed: "Changed" };
  const BADGES = { worse: "▼ Worse", better: "▲ Better", changed: "± Changed" };
  const find = (id) => document.getElementById(id);
  const state = { candidate: 0, task: "", metric: "", outcome: "all", query: "", regex: false, page: 0 };
  let matches = [];
  let opened = null;

  const unique = (values) => [...new Set(values)];
  const ofCandidate = () => sets.filter((set) => set.candidate === state.candidate);
  const ofTask = () => ofCandidate().filter((set) => set.task === state.task);
  const current = () => ofTask().find((set) => set.metric === state.metric);

  const plain = (pieces) => (pieces ?? []).map((piece) => piece[1]).join("");

  function marked(pieces, tag) {
    return pieces.map(([changed, text]) => (changed ? element(tag, {}, visible(text)) : visible(text)));
  }

  function haystack(flip) {
    return [flip.id, flip.input ?? "", flip.prompt ?? "", plain(flip.before), plain(flip.after), ...(flip.expected ?? [])].join("\n");
  }

  function address(flip) {
    return {
      candidate: String(state.candidate), task: state.task, metric: state.metric,
      outcome: state.outcome === "all" ? "" : state.outcome, q: state.query, regex: state.regex ? "1" : "",
      page: flip || state.page === 0 ? "" : String(state.page + 1), sample: flip?.id,
    };
  }

  // ------------------------------------------------------------------------- drawing

  // What is asked stands at the end of a prompt, after instructions and background.
  function ending(text, limit) {
    const flat = visible(text.slice(-4 * limit)).replace(/\s+/g, " ").trim();
    return flat.length > limit ? `…${flat.slice(-limit)}` : flat;
  }

  // From a little before the first changed word, so that the change is in sight.
  function excerpt(pieces, tag) {
    const first = pieces.findIndex(([changed]) => changed);
    const rest = pieces.slice(Math.max(0, first)).map(([changed, text]) => [changed, clipped(text, 100)]);
    const lead = first > 0 ? visible(pieces[first - 1][1]).replace(/\s+/g, " ") : "";
    const cut = lead.length > 40 || first > 1;
    const nodes = rest.slice(0, 6).flatMap(([changed, text]) => [changed ? element(tag, {}, text) : text, " "]);
    if (pieces.length === 0) return ["(empty)"];
    return [cut ? `…${lead.slice(-40)}` : lead, " ", ...nodes, rest.length > 6 ? "…" : ""];
  }

  function answers(flip) {
    if (flip.before === undefined || flip.after === undefined) return "the texts were not kept in both runs";
    return element("span", {}, ...excerpt(flip.before, "del"), " → ", ...excerpt(flip.after, "ins"));
  }

  function row(flip) {
    const summary = element("summary", {},
      element("span", { class: `badge ${flip.outcome}` }, BADGES[flip.outcome]),
      element("span", { class: "lines" },
        element("span", { dir: "auto" }, flip.input ? clipped(flip.input, 180) : ending(flip.prompt ?? "", 110)),
        element("span", { class: "answer", dir: "auto" }, answers(flip)),
        flip.expected ? element("span", { class: "expected", dir: "auto" }, `expected: ${clipped(flip.expected.join(" | "), 100)}`) : "",
        element("span", { class: "id" }, clipped(flip.id, 80))),
      element("span", { class: "score" }, `${shortNumber(flip.baseline)} → ${shortNumber(flip.candidate)}`));
    const details = element("details", {}, summary);
    summary.permalink = () => permalink(address(flip));
    if (flip.id === opened) {
      details.open = true;
      details.append(detail(flip));
    }
    details.addEventListener("toggle", () => {
      if (details.open && details.childElementCount === 1) details.append(detail(flip));
      if (details.open) opened = flip.id;
      else if (opened === flip.id) opened = null;
      writePermalink(address(opened === null ? null : flip));
    });
    return element("li", {}, details);
  }

  function detail(flip) {
    const box = element("div", { class: "detail" });
    if (flip.input) box.append(block("Input", flip.input));
    if (flip.expected) box.append(block("Expected", flip.expected.join("\n")));
    const pair = element("div", { class: "pair" });
    if (flip.before !== undefined) pair.append(block(`Baseline, ${shortNumber(flip.baseline)}`, ...marked(flip.before, "del")));
    if (flip.after !== undefined) pair.append(block(`Candidate, ${shortNumber(flip.candidate)}`, ...marked(flip.after, "ins")));
    if (flip.before === undefined || flip.after === undefined) {
      box.append(element("p", { class: "small" }, "Saved without texts: keep the run folders, or save a baseline with its prompts."));
    }
    box.append(pair);
    if (flip.prompt !== undefined) box.append(block("Prompt", flip.prompt));
    box.append(copyButtons(() => permalink(address(flip)), () => record(flip)));
    return box;
  }

  function select() {
    const { flips, changed } = current();
    const { test, fault } = searcher(state.query, state.regex, find("search"));
    const found = state.query === "" ? flips : flips.filter((flip) => test(haystack(flip)));
    for (const [outcome, span] of Object.entries(labels)) {
      const count = outcome === "all" ? found.length : found.filter((flip) => flip.outcome === outcome).length;
      span.textContent = `${OUTCOMES[outcome]} ${count.toLocaleString("en")}`;
    }
    matches = state.outcome === "all" ? found : found.filter((flip) => flip.outcome === state.outcome);
    const place = matches.findIndex((flip) => flip.id === opened);
    state.page = Math.max(0, Math.floor(place / PAGE));
    find("rule").textContent = fault
      || `${changed.toLocaleString("en")} changed samples, worst first. Struck through: only in the baseline. Underlined: only in the candidate.`;
    draw();
  }

  function draw() {
    const start = state.page * PAGE;
    const shown = matches.slice(start, start + PAGE);
    find("list").replaceChildren(...shown.map(row));
    find("list").setAttribute("start", String(start + 1));
    if (shown.length === 0) find("list").append(element("li", { class: "empty" }, "No sample matches."));
    const figure = (value) => value.toLocaleString("en");
    find("count").textContent = shown.length === 0
      ? "0 samples" : `${figure(start + 1)}–${figure(start + shown.length)} of ${figure(matches.length)} changed samples`;
    for (const button of document.querySelectorAll("[data-page]")) {
      const target = state.page + Number(button.dataset.page);
      button.disabled = target < 0 || target * PAGE >= matches.length;
    }
  }

  function turn(step) {
    const target = state.page + step;
    if (target < 0 || target * PAGE >= matches.length) return false;
    state.page = target;
    draw();
    writePermalink(address(null));
    return true;
  }

  // ------------------------------------------------------------------------- export

  function record(flip) {
    const { before, after, ...rest } = flip;
    return { task: state.task, metric: state.metric, ...rest, before: plain(before), after: plain(after) };
  }

  function save(kind) {
    const name = `${state.task}-${state.metric}`.replace(/[^\w.-]+/g, "_");
    if (kind === "csv") {
      const head = ["task", "metric", "id", "outcome", "baseline", "candidate", "input", "expected", "before", "after"];
      download(`${name}.csv`, csv(head, matches.map((flip) => [
        state.task, state.metric, flip.id, flip.outcome, flip.baseline, flip.candidate, flip.input,
        (flip.expected ?? []).join("\n"), plain(flip.before), plain(flip.after)])), "text/csv");
    } else if (kind === "json") {
      download(`${name}.jsonl`, jsonLines(matches.map(record)), "application/jsonl");
    } else {
      const rows = matches.filter((flip) => flip.outcome !== "changed" && flip.before && flip.after && flip.prompt !== undefined)
        .map((flip) => {
          const answers = [plain(flip.before), plain(flip.after)];
          const [chosen, rejected] = flip.outcome === "worse" ? answers : answers.reverse();
          return { prompt: flip.prompt, chosen, rejected };
        }).filter((pair) => pair.chosen !== pair.rejected);
      download(`${name}-pairs.jsonl`, jsonLines(rows), "application/jsonl");
    }
  }

  // ------------------------------------------------------------------------- controls

  const labels = {};
  function buildOutcomes() {
    const box = find("verdicts");
    box.querySelectorAll("label").forEach((label) => label.remove());
    for (const key of Object.keys(labels)) delete labels[key];
    const present = new Set(current().flips.map((flip) => flip.outcome));
    for (const outcome of Object.keys(OUTCOMES)) {
      if (outcome !== "all" && !present.has(outcome)) continue;
      const input = element("input", { type: "radio", name: "outcome", value: outcome });
      input.checked = outcome === "all";
      labels[outcome] = element("span");
      box.append(element("label", {}, input, labels[outcome]));
    }
    state.outcome = "all";
  }

  function fill(key, names) {
    if (!names.includes(state[key])) state[key] = names[0] ?? "";
    find(key).replaceChildren(...names.map((name) => option(name, name)));
    find(key).value = state[key];
  }

  function rebuild() {
    fill("task", unique(ofCandidate().map((set) => set.task)));
    fill("metric", ofTask().map((set) => set.metric));
    const isEmpty = current() === undefined;
    find("verdicts").hidden = isEmpty;
    if (isEmpty) {
      find("list").replaceChildren(element("li", { class: "empty" }, "No sample of this candidate changed."));
      find("count").textContent = find("rule").textContent = "";
      return;
    }
    buildOutcomes();
    select();
  }

  // Shows what the address names; what this page does not have is left out.
  function follow() {
    const wanted = readPermalink();
    if (wanted === null) return false;
    const known = unique(sets.map((set) => set.candidate));
    state.candidate = known.includes(Number(wanted.candidate)) ? Number(wanted.candidate) : known[0];
    if (find("candidate")) find("candidate").value = String(state.candidate);
    Object.assign(state, { task: wanted.task ?? "", metric: wanted.metric ?? "", query: wanted.q ?? "", regex: wanted.regex === "1" });
    find("search").value = state.query;
    find("regex").checked = state.regex;
    opened = wanted.sample ?? null;
    rebuild();
    if (Object.hasOwn(labels, wanted.outcome ?? "")) {
      state.outcome = wanted.outcome;
      find("verdicts").querySelector(`input[value="${state.outcome}"]`).checked = true;
      select();
    }
    if (opened === null && wanted.page > 1) turn(Number(wanted.page) - 1 - state.page);
    (find("list").querySelector("details[open]") ?? find("samples")).scrollIntoView({ behavior: "instant" });
    return true;
  }

  function changed(render) {
    opened = null;
    if (current() || render === rebuild) render();
    writePermalink(address(null));
  }

  let waiting = 0;
  find("search").addEventListener("input", (event) => {
    clearTimeout(waiting);
    waiting = setTimeout(() => { state.query = event.target.value; changed(select); }, 120);
  });
  find("regex").addEventListener("change", (event) => { state.regex = event.target.checked; changed(select); });
  find("controls").addEventListener("submit", (event) => event.preventDefault());
  find("candidate")?.addEventListener("change", (event) => { state.candidate = Number(event.target.value); changed(rebuild); });
  for (const key of ["task", "metric"]) {
    find(key).addEventListener("change", (event) => { state[key] = event.target.value; changed(rebuild); });
  }
  find("verdicts").addEventListener("change", (event) => { state.outcome = event.target.value; changed(select); });
  for (const button of document.querySelectorAll("[data-page]")) {
    button.addEventListener("click", () => { turn(Number(button.dataset.page)); find("samples").scrollIntoView(); });
  }
  for (const button of document.querySelectorAll("[data-export]")) {
    button.addEventListener("click", () => { if (current()) save(button.dataset.export); });
  }
  listenForKeys({ list: find("list"), search: find("search"), turn, link: (node) => node?.permalink?.() });
  window.addEventListener("hashchange", follow);

  state.candidate = sets[0].candidate;
  if (find("candidate")) find("candidate").value = String(state.candidate);
  if (!follow()) rebuild();
})();
