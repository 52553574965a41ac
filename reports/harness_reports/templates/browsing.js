// What the browsers of samples share: permalinks, search, keys, copying, export.

// "#samples?task=squad&outcome=wrong" → {task: "squad", outcome: "wrong"}; null for other links.
function readPermalink() {
  const [place, query] = location.hash.split("?");
  return place === "#samples" && query !== undefined ? Object.fromEntries(new URLSearchParams(query)) : null;
}

function permalink(wanted) {
  const pairs = Object.entries(wanted).filter(([, value]) => value !== "" && value !== null && value !== undefined);
  return `#samples?${new URLSearchParams(pairs)}`;
}

// The address follows what is shown, without a new entry in the browser's history.
function writePermalink(wanted) {
  try { history.replaceState(null, "", permalink(wanted)); } catch { /* a page without an address */ }
}

// Words that must all occur, or a regular expression; says what is wrong with one.
function searcher(query, isRegex, input) {
  let test = () => true;
  let fault = "";
  if (isRegex && query !== "") {
    try {
      const pattern = new RegExp(query, "iu");
      test = (text) => pattern.test(text);
    } catch (error) {
      fault = `Not a regular expression: ${error.message}`;
    }
  } else {
    const words = query.toLowerCase().split(/\s+/).filter(Boolean);
    if (words.length > 0) test = (text) => words.every((word) => text.toLowerCase().includes(word));
  }
  input.setAttribute("aria-invalid", String(fault !== ""));
  return { test, fault };
}

async function copyText(text, button) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const area = element("textarea", { "aria-hidden": "true" });
    area.value = text;
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
  if (button === null) return;
  const label = button.textContent;
  button.textContent = "Copied";
  setTimeout(() => { button.textContent = label; }, 1200);
}

function absolute(hash) {
  return `${location.href.split("#")[0]}${hash}`;
}

function copyButtons(hash, data) {
  const link = element("button", { type: "button" }, "Copy link");
  link.addEventListener("click", () => copyText(absolute(hash()), link));
  const json = element("button", { type: "button" }, "Copy JSON");
  json.addEventListener("click", () => copyText(JSON.stringify(data(), null, 2), json));
  return element("p", { class: "copy" }, link, json);
}

function download(name, text, type) {
  const address = URL.createObjectURL(new Blob([text], { type }));
  const link = element("a", { href: address, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}

// A spreadsheet must not take a text for a formula, hence the apostrophe.
function csvCell(value) {
  if (typeof value === "number") return String(value);
  const text = value === null || value === undefined ? "" : String(value);
  const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\n\r]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

function csv(head, rows) {
  return [head, ...rows].map((row) => row.map(csvCell).join(",")).join("\r\n") + "\r\n";
}

function jsonLines(rows) {
  return rows.map((row) => JSON.stringify(row)).join("\n") + (rows.length > 0 ? "\n" : "");
}

// Keys: / j k n p c ?. ``turn`` shows another page and says whether there was one.
function listenForKeys({ list, search, turn, link }) {
  const dialog = document.getElementById("keys");
  document.getElementById("keys-button")?.addEventListener("click", () => dialog.showModal());

  function move(step) {
    const rows = () => [...list.querySelectorAll(":scope > li > details > summary")];
    const place = rows().indexOf(document.activeElement);
    let next = place === -1 ? (step > 0 ? 0 : rows().length - 1) : place + step;
    if (place !== -1 && (next < 0 || next >= rows().length)) {
      if (!turn(step)) return;
      next = step > 0 ? 0 : rows().length - 1;
    }
    rows()[next]?.focus();
    rows()[next]?.scrollIntoView({ block: "nearest" });
  }

  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest?.("input, select, textarea, dialog, [contenteditable]");
    if (event.key === "Escape" && event.target === search) search.blur();
    if (typing || event.ctrlKey || event.altKey || event.metaKey) return;
    const actions = {
      "/": () => { search.focus(); search.scrollIntoView({ block: "center" }); },
      j: () => move(1), k: () => move(-1), n: () => turn(1), p: () => turn(-1),
      c: () => { const hash = link(document.activeElement); if (hash) copyText(absolute(hash), null); },
      "?": () => dialog.showModal(),
    };
    const action = actions[event.key];
    if (action === undefined) return;
    event.preventDefault();
    action();
  });
}
