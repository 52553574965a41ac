// The sample browser: records are parsed when their task is first shown, pages of 25 are drawn.

(() => {
  const scripts = embeddedData();
  if (scripts.length === 0) return;

  const PAGE = 25;
  const OUTCOMES = { all: "All", right: "Right", partial: "Partly right", wrong: "Wrong", unread: "Unread", error: "Error", scored: "Scored" };
  const BADGES = { right: "✓ Right", partial: "± Partly", wrong: "✗ Wrong", unread: "✗ Unread", error: "! Error", scored: "Scored" };
  const find = (id) => document.getElementById(id);
  const tasks = scripts.map((script) => ({ script, name: taskName(script), data: null, haystacks: null }));
  const state = { task: 0, query: "", regex: false, outcome: "all", probe: "", group: "", sort: "", page: 0 };
  let matches = [];
  let opened = null; // the sample that the address names

  // Task names come first in each record set, so that nothing else need be parsed to list them.
  function taskName(script) {
    const head = /^\{"task":("(?:[^"\\]|\\.)*")/.exec(script.textContent.slice(0, 2000));
    return head ? JSON.parse(head[1]) : "?";
  }

  function current() {
    const task = tasks[state.task];
    if (task.data === null) {
      task.data = JSON.parse(task.script.textContent);
      task.script.textContent = "";
    }
    return task;
  }

  function haystack(sample) {
    const choices = (sample.choices ?? []).map((choice) => choice.text);
    const later = (sample.rounds ?? []).flatMap((round) => [round.prompt, ...round.responses]);
    return [sample.id, sample.prompt, ...sample.responses, ...later, ...sample.targets, ...choices, sample.error ?? ""]
      .join("\n");
  }

  // What a corpus metric keeps of a sample; long lists mean nothing to a reader.
  function statistics(values) {
    return values.length > 8
      ? `${values.length} corpus statistics`
      : `corpus statistics ${values.map(shortNumber).join(", ")}`;
  }

  // ------------------------------------------------------------------------- selecting

  function inScope(sample) {
    if (state.probe === "" ? sample.probe !== undefined : sample.probe !== state.probe) return false;
    if (state.group === "") return true;
    const [attribute, group] = JSON.parse(state.group);
    return sample.groups?.[attribute] === group;
  }

  function select() {
    const task = current();
    const samples = task.data.samples;
    const { test, fault } = searcher(state.query, state.regex, find("search"));
    if (state.query !== "") task.haystacks ??= samples.map(haystack);
    const found = [];
    for (let index = 0; index < samples.length; index += 1) {
      if (!inScope(samples[index])) continue;
      if (state.query !== "" && !test(task.haystacks[index])) continue;
      found.push(samples[index]);
    }
    showOutcomes(found);
    find("rule").textContent = fault || task.rule;
    matches = state.outcome === "all" ? found : found.filter((sample) => sample.verdict === state.outcome);
    sortMatches();
    const place = opened === null ? -1 : matches.findIndex(isOpened);
    state.page = Math.max(0, Math.floor(place / PAGE));
    draw();
  }

  function isOpened(sample) {
    return opened !== null && sample.id === opened.id && String(sample.variant ?? "") === opened.variant;
  }

  function sortMatches() {
    if (state.sort === "") return;
    if (state.sort === "id") {
      const collator = new Intl.Collator(undefined, { numeric: true });
      matches.sort((a, b) => collator.compare(a.id, b.id));
      return;
    }
    const [metric, direction] = JSON.parse(state.sort);
    const missing = direction * Infinity;
    const key = (sample) => typeof sample.scores[metric] === "number" ? sample.scores[metric] : missing;
    matches.sort((a, b) => {
      const [left, right] = [key(a), key(b)];
      return left === right ? 0 : direction * (left - right);
    });
  }

  // ------------------------------------------------------------------------- controls

  function showOutcomes(found) {
    const counts = { all: found.length };
    for (const sample of found) counts[sample.verdict] = (counts[sample.verdict] ?? 0) + 1;
    for (const [outcome, span] of Object.entries(outcomeLabels)) {
      span.textContent = `${OUTCOMES[outcome]} ${(counts[outcome] ?? 0).toLocaleString("en")}`;
    }
  }

  const outcomeLabels = {};
  function buildOutcomes() {
    const box = find("verdicts");
    const present = new Set(current().data.samples.map((sample) => sample.verdict));
    box.querySelectorAll("label").forEach((label) => label.remove());
    for (const key of Object.keys(outcomeLabels)) delete outcomeLabels[key];
    for (const outcome of Object.keys(OUTCOMES)) {
      if (outcome !== "all" && !present.has(outcome)) continue;
      const input = element("input", { type: "radio", name: "outcome", value: outcome });
      input.checked = outcome === state.outcome;
      outcomeLabels[outcome] = element("span");
      box.append(element("label", {}, input, outcomeLabels[outcome]));
    }
  }

  function buildControls() {
    const { samples, metrics, primary, total } = current().data;
    const probes = [...new Set(samples.map((sample) => sample.probe).filter((probe) => probe !== undefined))];
    find("probe-label").hidden = probes.length === 0;
    find("probe").replaceChildren(option("", "Original"), ...probes.map((probe) => option(probe, probe)));
    const groups = new Set();
    for (const sample of samples) {
      for (const pair of Object.entries(sample.groups ?? {})) groups.add(JSON.stringify(pair));
    }
    find("group-label").hidden = groups.size === 0;
    find("group").replaceChildren(
      option("", "All groups"),
      ...[...groups].sort().map((pair) => option(pair, JSON.parse(pair).join(": "))),
    );
    const numeric = metrics.map((_, index) => index)
      .filter((index) => samples.some((sample) => typeof sample.scores[index] === "number"));
    find("sort").replaceChildren(
      option("", "As evaluated"), option("id", "Sample id"),
      ...numeric.flatMap((index) => [
        option(JSON.stringify([index, 1]), `${metrics[index]}, lowest first`),
        option(JSON.stringify([index, -1]), `${metrics[index]}, highest first`),
      ]),
    );
    const rule = primary === null
      ? "This task has no score of 0 to 1 for each sample, so nothing is called right or wrong."
      : `Right and wrong follow ${visible(primary)}.`;
    const rest = total > samples.length
      ? ` The first ${samples.length.toLocaleString("en")} of ${total.toLocaleString("en")} records are here; the run folder holds all.`
      : "";
    current().rule = rule + rest;
    buildOutcomes();
  }

  function openTask(index) {
    Object.assign(state, { task: index, outcome: "all", probe: "", group: "", sort: "" });
    opened = null;
    buildControls();
    select();
  }

  // ------------------------------------------------------------------------- permalinks

  // The order as a link says it: "f1:lowest" → "[1,1]".
  function sortValue(text) {
    const [name, direction] = [text.slice(0, text.lastIndexOf(":")), text.slice(text.lastIndexOf(":") + 1)];
    const index = current().data.metrics.indexOf(name);
    const value = JSON.stringify([index, direction === "highest" ? -1 : 1]);
    return text === "id" ? "id" : [...find("sort").options].some((each) => each.value === value) ? value : "";
  }

  function sortText() {
    if (state.sort === "" || state.sort === "id") return state.sort;
    const [index, direction] = JSON.parse(state.sort);
    return `${current().data.metrics[index]}:${direction < 0 ? "highest" : "lowest"}`;
  }

  function address(sample) {
    const [by, group] = state.group === "" ? ["", ""] : JSON.parse(state.group);
    return {
      task: tasks[state.task].name, outcome: state.outcome === "all" ? "" : state.outcome, probe: state.probe,
      by, group, sort: sortText(), q: state.query, regex: state.regex ? "1" : "",
      page: sample || state.page === 0 ? "" : String(state.page + 1),
      sample: sample?.id, variant: sample?.variant,
    };
  }

  // Shows what the address names; filters that this page does not have are left out.
  function follow() {
    const wanted = readPermalink();
    if (wanted === null) return false;
    const index = tasks.findIndex((task) => task.name === wanted.task);
    openTask(index === -1 ? 0 : index);
    find("task").value = String(state.task);
    const has = (key, value) => [...find(key).options].some((each) => each.value === value);
    const group = JSON.stringify([wanted.by, wanted.group]);
    state.probe = has("probe", wanted.probe) ? wanted.probe : "";
    state.group = wanted.by !== undefined && has("group", group) ? group : "";
    state.sort = wanted.sort === undefined ? "" : sortValue(wanted.sort);
    state.query = wanted.q ?? "";
    state.regex = wanted.regex === "1";
    state.outcome = Object.hasOwn(outcomeLabels, wanted.outcome ?? "") ? wanted.outcome : "all";
    for (const key of ["probe", "group", "sort"]) find(key).value = state[key];
    find("search").value = state.query;
    find("regex").checked = state.regex;
    find("verdicts").querySelector(`input[value="${state.outcome}"]`).checked = true;
    opened = wanted.sample === undefined ? null : { id: wanted.sample, variant: wanted.variant ?? "" };
    select();
    if (opened === null && wanted.page > 1) turn(Number(wanted.page) - 1 - state.page);
    (find("list").querySelector("details[open]") ?? find("samples")).scrollIntoView({ behavior: "instant" });
    return true;
  }

  // ------------------------------------------------------------------------- drawing

  function draw() {
    const start = state.page * PAGE;
    const shown = matches.slice(start, start + PAGE);
    const list = find("list");
    list.replaceChildren(...shown.map(row));
    list.setAttribute("start", String(start + 1));
    if (shown.length === 0) list.append(element("li", { class: "empty" }, "No sample matches."));
    const figure = (value) => value.toLocaleString("en");
    find("count").textContent = shown.length === 0
      ? "0 samples"
      : `${figure(start + 1)}–${figure(start + shown.length)} of ${figure(matches.length)} samples`;
    for (const button of document.querySelectorAll("[data-page]")) {
      const target = state.page + Number(button.dataset.page);
      button.disabled = target < 0 || target * PAGE >= matches.length;
    }
  }

  function mostLikely(sample) {
    const value = (choice) => choice.logprob ?? choice.probability ?? -Infinity;
    return (sample.choices ?? []).reduce(
      (best, choice) => (best === null || value(choice) > value(best) ? choice : best), null);
  }

  function answer(sample) {
    if (sample.error) return sample.error;
    if (sample.responses.length > 0) return sample.responses[0];
    return sample.choices?.length > 1 ? mostLikely(sample).text : "";
  }

  function row(sample) {
    const { metrics, primary } = current().data;
    const score = primary === null ? null : sample.scores[metrics.indexOf(primary)];
    const target = sample.targets.length > 0 ? ` · target: ${clipped(sample.targets[0], 80)}` : "";
    const lines = element("span", { class: "lines" },
      element("span", { dir: "auto" }, clipped(sample.title, 180)),
      element("span", { class: "answer", dir: "auto" }, (clipped(answer(sample), 120) || "(empty)") + target),
      element("span", { class: "id" }, clipped(sample.id, 80)));
    const summary = element("summary", {},
      element("span", { class: `badge ${sample.verdict}` }, BADGES[sample.verdict]),
      lines,
      element("span", { class: "score" }, primary === null ? "" : shortNumber(score)));
    const details = element("details", {}, summary);
    summary.permalink = () => permalink(address(sample));
    if (isOpened(sample)) {
      details.open = true;
      details.append(detail(sample));
    }
    details.addEventListener("toggle", () => {
      if (details.open && details.childElementCount === 1) details.append(detail(sample));
      if (details.open) {
        opened = { id: sample.id, variant: String(sample.variant ?? "") };
        writePermalink(address(sample));
      } else if (isOpened(sample)) {
        opened = null;
        writePermalink(address(null));
      }
    });
    return element("li", {}, details);
  }

  function table(head, rows) {
    return element("table", {},
      element("thead", {}, element("tr", {}, ...head.map((text) => element("th", { scope: "col" }, text)))),
      element("tbody", {}, ...rows));
  }

  function choicesTable(sample) {
    const best = mostLikely(sample);
    const targets = new Set(sample.targets.map((target) => target.trim()));
    const isProbability = sample.choices.some((choice) => choice.probability !== undefined);
    const rows = sample.choices.map((choice) => {
      const isTarget = targets.has(choice.text.trim());
      const marks = [choice === best ? "most likely" : "", isTarget ? "target" : ""].filter(Boolean).join(", ");
      const value = isProbability ? choice.probability : choice.logprob;
      const cells = [element("td", { class: "text", dir: "auto" }, visible(choice.text)),
        element("td", {}, value === null || value === undefined ? "−∞" : value.toFixed(4))];
      if (!isProbability) cells.push(element("td", {}, String(choice.tokens)), element("td", {}, choice.greedy ? "yes" : "no"));
      cells.push(element("td", {}, marks));
      return element("tr", { class: choice === best ? "chosen" : "" }, ...cells);
    });
    const head = isProbability ? ["Choice", "Probability", ""] : ["Choice", "Log-likelihood", "Tokens", "Greedy", ""];
    return element("div", {}, element("h3", {}, "Choices"), table(head, rows));
  }

  function scoresTable(sample) {
    const rows = current().data.metrics.flatMap((metric, index) => {
      const value = sample.scores[index];
      if (value === null || value === undefined) return [];
      const text = Array.isArray(value) ? statistics(value) : shortNumber(value);
      return [element("tr", {}, element("td", {}, visible(metric)), element("td", {}, visible(text)))];
    });
    if (rows.length === 0) return "";
    return element("div", {}, element("h3", {}, "Scores"), table(["Metric", "Value"], rows));
  }

  function detail(sample) {
    const facts = Object.entries(sample.groups ?? {}).map(([attribute, group]) => `${attribute}: ${group}`);
    if (sample.repeat !== undefined) facts.push(`answer ${sample.repeat}`);
    if (sample.probe !== undefined) facts.push(`probe ${sample.probe}, variant ${sample.variant}`);
    const box = element("div", { class: "detail" });
    if (sample.error) box.append(block("Error", sample.error));
    if (sample.cut_off) box.append(block("Cut off", "The tokens ran out before the answer began."));
    else if (sample.unread) box.append(block("Unread", "The answer names none of the options, so it counts as wrong."));
    if (sample.prompt !== "") box.append(block("Prompt", sample.prompt));
    for (const thought of sample.thinking ?? []) box.append(block("Thinking", thought));
    const pair = element("div", { class: "pair" });
    sample.responses.forEach((text, index) =>
      pair.append(block(sample.responses.length > 1 ? `Response ${index + 1}` : "Response", text)));
    if (sample.targets.length > 0) pair.append(block(sample.targets.length > 1 ? "Targets" : "Target", sample.targets.join("\n")));
    box.append(pair);
    for (const round of sample.rounds ?? []) {
      const said = element("div", { class: "pair" }, block(round.title, round.prompt));
      for (const text of round.responses) said.append(block("Response", text));
      box.append(said);
    }
    if (sample.choices) box.append(choicesTable(sample));
    box.append(scoresTable(sample));
    box.append(copyButtons(() => permalink(address(sample)), () => plain(sample)));
    if (facts.length > 0) box.append(element("p", { class: "small" }, visible(facts.join(" · "))));
    return box;
  }

  // ------------------------------------------------------------------------- export

  // A sample with its scores by name, and without what is only for drawing.
  function plain(sample) {
    const { title, verdict, scores, ...rest } = sample;
    const named = Object.fromEntries(current().data.metrics.map((metric, index) => [metric, scores[index]]));
    return { task: tasks[state.task].name, outcome: verdict, ...rest, scores: named };
  }

  function asTable() {
    const { metrics } = current().data;
    const head = ["task", "id", "outcome", "probe", "variant", "prompt", "response", "target", ...metrics];
    return csv(head, matches.map((sample) => [
      tasks[state.task].name, sample.id, sample.verdict, sample.probe, sample.variant, sample.prompt,
      answer(sample), sample.targets.join("\n"),
      ...sample.scores.map((score) => (Array.isArray(score) ? JSON.stringify(score) : score)),
    ]));
  }

  // What was expected against what was answered wrongly, one pair a sample.
  function asPairs() {
    return jsonLines(matches
      .filter((sample) => ["wrong", "partial", "unread"].includes(sample.verdict) && sample.targets.length > 0)
      .map((sample) => ({ prompt: sample.prompt, chosen: sample.targets[0], rejected: answer(sample) }))
      .filter((pair) => pair.chosen.trim() !== pair.rejected.trim()));
  }

  function save(kind) {
    const name = tasks[state.task].name.replace(/[^\w.-]+/g, "_");
    if (kind === "csv") download(`${name}.csv`, asTable(), "text/csv");
    else if (kind === "json") download(`${name}.jsonl`, jsonLines(matches.map(plain)), "application/jsonl");
    else download(`${name}-pairs.jsonl`, asPairs(), "application/jsonl");
  }

  // ------------------------------------------------------------------------- events

  function turn(step) {
    const target = state.page + step;
    if (target < 0 || target * PAGE >= matches.length) return false;
    state.page = target;
    draw();
    writePermalink(address(null));
    return true;
  }

  function changed() {
    opened = null;
    select();
    writePermalink(address(null));
  }

  let waiting = 0;
  find("search").addEventListener("input", (event) => {
    clearTimeout(waiting);
    waiting = setTimeout(() => { state.query = event.target.value; changed(); }, 120);
  });
  find("regex").addEventListener("change", (event) => { state.regex = event.target.checked; changed(); });
  find("controls").addEventListener("submit", (event) => event.preventDefault());
  find("task").addEventListener("change", (event) => {
    openTask(Number(event.target.value));
    writePermalink(address(null));
  });
  for (const key of ["probe", "group", "sort"]) {
    find(key).addEventListener("change", (event) => { state[key] = event.target.value; changed(); });
  }
  find("verdicts").addEventListener("change", (event) => { state.outcome = event.target.value; changed(); });
  for (const button of document.querySelectorAll("[data-page]")) {
    button.addEventListener("click", () => {
      turn(Number(button.dataset.page));
      find("samples").scrollIntoView();
    });
  }
  for (const button of document.querySelectorAll("[data-export]")) {
    button.addEventListener("click", () => save(button.dataset.export));
  }
  listenForKeys({ list: find("list"), search: find("search"), turn, link: (node) => node?.permalink?.() });
  window.addEventListener("hashchange", follow);

  find("task").replaceChildren(...tasks.map((task, index) => option(String(index), task.name)));
  if (!follow()) openTask(0);
})();
