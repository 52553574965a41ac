// The sample browser: records are parsed when their task is first shown, pages of 25 are drawn.

(() => {
  const scripts = embeddedData();
  if (scripts.length === 0) return;

  const PAGE = 25;
  const OUTCOMES = { all: "All", right: "Right", partial: "Partly right", wrong: "Wrong", unread: "Unread", error: "Error", scored: "Scored" };
  const BADGES = { right: "✓ Right", partial: "± Partly", wrong: "✗ Wrong", unread: "✗ Unread", error: "! Error", scored: "Scored" };
  const find = (id) => document.getElementById(id);
  const tasks = scripts.map((script) => ({ script, name: taskName(script), data: null, haystacks: null }));
  const state = { task: 0, query: "", outcome: "all", probe: "", group: "", sort: "", page: 0 };
  let matches = [];

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
      .join("\n").toLowerCase();
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
    const words = state.query.toLowerCase().split(/\s+/).filter(Boolean);
    if (words.length > 0) task.haystacks ??= samples.map(haystack);
    const found = [];
    for (let index = 0; index < samples.length; index += 1) {
      if (!inScope(samples[index])) continue;
      if (words.length > 0 && !words.every((word) => task.haystacks[index].includes(word))) continue;
      found.push(samples[index]);
    }
    showOutcomes(found);
    matches = state.outcome === "all" ? found : found.filter((sample) => sample.verdict === state.outcome);
    sortMatches();
    state.page = 0;
    draw();
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
    find("rule").textContent = rule + rest;
    buildOutcomes();
  }

  function openTask(index) {
    Object.assign(state, { task: index, outcome: "all", probe: "", group: "", sort: "" });
    buildControls();
    select();
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
    details.addEventListener("toggle", () => {
      if (details.open && details.childElementCount === 1) details.append(detail(sample));
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
    return element("div", {}, element("h4", {}, "Choices"), table(head, rows));
  }

  function scoresTable(sample) {
    const rows = current().data.metrics.flatMap((metric, index) => {
      const value = sample.scores[index];
      if (value === null || value === undefined) return [];
      const text = Array.isArray(value) ? statistics(value) : shortNumber(value);
      return [element("tr", {}, element("td", {}, visible(metric)), element("td", {}, visible(text)))];
    });
    if (rows.length === 0) return "";
    return element("div", {}, element("h4", {}, "Scores"), table(["Metric", "Value"], rows));
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
    if (facts.length > 0) box.append(element("p", { class: "small" }, visible(facts.join(" · "))));
    return box;
  }

  // ------------------------------------------------------------------------- events

  let waiting = 0;
  find("search").addEventListener("input", (event) => {
    clearTimeout(waiting);
    waiting = setTimeout(() => { state.query = event.target.value; select(); }, 120);
  });
  find("controls").addEventListener("submit", (event) => event.preventDefault());
  find("task").addEventListener("change", (event) => openTask(Number(event.target.value)));
  for (const key of ["probe", "group", "sort"]) {
    find(key).addEventListener("change", (event) => { state[key] = event.target.value; select(); });
  }
  find("verdicts").addEventListener("change", (event) => { state.outcome = event.target.value; select(); });
  for (const button of document.querySelectorAll("[data-page]")) {
    button.addEventListener("click", () => {
      state.page += Number(button.dataset.page);
      draw();
      find("samples").scrollIntoView();
    });
  }

  find("task").replaceChildren(...tasks.map((task, index) => option(String(index), task.name)));
  openTask(0);
})();
