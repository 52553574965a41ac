// The browser of changed samples: one metric of one task at a time, worst first.

(() => {
  const sets = embeddedData().map((script) => JSON.parse(script.textContent));
  if (sets.length === 0) return;

  const OUTCOMES = { all: "All", worse: "Worse", better: "Better", changed: "Changed" };
  const BADGES = { worse: "▼ Worse", better: "▲ Better", changed: "± Changed" };
  const find = (id) => document.getElementById(id);
  const state = { candidate: 0, task: "", metric: "", outcome: "all", query: "" };

  const unique = (values) => [...new Set(values)];
  const ofCandidate = () => sets.filter((set) => set.candidate === state.candidate);
  const ofTask = () => ofCandidate().filter((set) => set.task === state.task);
  const current = () => ofTask().find((set) => set.metric === state.metric);

  const plain = (pieces) => (pieces ?? []).map((piece) => piece[1]).join("");

  function marked(pieces, tag) {
    return pieces.map(([changed, text]) => (changed ? element(tag, {}, visible(text)) : visible(text)));
  }

  function matches(flip, words) {
    const haystack = [flip.id, flip.prompt ?? "", plain(flip.before), plain(flip.after)].join("\n").toLowerCase();
    return words.every((word) => haystack.includes(word));
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
        element("span", { dir: "auto" }, ending(flip.prompt ?? "", 110)),
        element("span", { class: "answer", dir: "auto" }, answers(flip)),
        element("span", { class: "id" }, clipped(flip.id, 80))),
      element("span", { class: "score" }, `${shortNumber(flip.baseline)} → ${shortNumber(flip.candidate)}`));
    const details = element("details", {}, summary);
    details.addEventListener("toggle", () => {
      if (details.open && details.childElementCount === 1) details.append(detail(flip));
    });
    return element("li", {}, details);
  }

  function detail(flip) {
    const box = element("div", { class: "detail" });
    const pair = element("div", { class: "pair" });
    if (flip.before !== undefined) pair.append(block(`Baseline, ${shortNumber(flip.baseline)}`, ...marked(flip.before, "del")));
    if (flip.after !== undefined) pair.append(block(`Candidate, ${shortNumber(flip.candidate)}`, ...marked(flip.after, "ins")));
    if (flip.before === undefined || flip.after === undefined) {
      box.append(element("p", { class: "small" }, "Saved without texts: keep the run folders, or save a baseline with its prompts."));
    }
    box.append(pair);
    if (flip.prompt !== undefined) box.append(block("Prompt", flip.prompt));
    return box;
  }

  function draw() {
    const { flips, changed } = current();
    const words = state.query.toLowerCase().split(/\s+/).filter(Boolean);
    const found = flips.filter((flip) => matches(flip, words));
    for (const [outcome, span] of Object.entries(labels)) {
      const count = outcome === "all" ? found.length : found.filter((flip) => flip.outcome === outcome).length;
      span.textContent = `${OUTCOMES[outcome]} ${count}`;
    }
    const shown = state.outcome === "all" ? found : found.filter((flip) => flip.outcome === state.outcome);
    find("list").replaceChildren(...shown.map(row));
    if (shown.length === 0) find("list").append(element("li", { class: "empty" }, "No sample matches."));
    find("count").textContent = `${shown.length} of ${changed.toLocaleString("en")} changed samples`;
    find("rule").textContent = flips.length < changed
      ? `The ${flips.length} worst of ${changed.toLocaleString("en")} changed samples are here. Struck through: only in the baseline. Underlined: only in the candidate.`
      : "Worst first. Struck through: only in the baseline. Underlined: only in the candidate.";
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
    draw();
  }

  let waiting = 0;
  find("search").addEventListener("input", (event) => {
    clearTimeout(waiting);
    waiting = setTimeout(() => { state.query = event.target.value; if (current()) draw(); }, 120);
  });
  find("controls").addEventListener("submit", (event) => event.preventDefault());
  find("candidate")?.addEventListener("change", (event) => { state.candidate = Number(event.target.value); rebuild(); });
  for (const key of ["task", "metric"]) {
    find(key).addEventListener("change", (event) => { state[key] = event.target.value; rebuild(); });
  }
  find("verdicts").addEventListener("change", (event) => { state.outcome = event.target.value; draw(); });

  state.candidate = sets[0].candidate;
  if (find("candidate")) find("candidate").value = String(state.candidate);
  rebuild();
})();
