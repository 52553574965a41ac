// The pages of many runs: filters, keys, links to copy, and news of what goes on.

(() => {
  const find = (id) => document.getElementById(id);
  const search = find("search");

  // ------------------------------------------------------------------------- filters

  // Rows that hold all words and every chosen value; the address keeps both.
  const filters = find("filters");
  if (filters !== null) {
    const rows = [...document.querySelectorAll(".runs tbody tr, .noted > li")];
    const texts = rows.map((row) => row.textContent.toLowerCase());
    const selects = [...filters.querySelectorAll("select")];
    const apply = () => {
      const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
      let shown = 0;
      rows.forEach((row, place) => {
        const isShown = words.every((word) => texts[place].includes(word))
          && selects.every((select) => select.value === "" || row.dataset[select.dataset.filter].split("\n").includes(select.value));
        row.hidden = !isShown;
        shown += Number(isShown);
      });
      find("shown").textContent = `${shown.toLocaleString("en")} of ${rows.length.toLocaleString("en")} shown`;
    };
    const changed = () => {
      apply();
      const pairs = [["q", search.value], ...selects.map((select) => [select.dataset.filter, select.value])];
      const query = new URLSearchParams(pairs.filter(([, value]) => value !== ""));
      try { history.replaceState(null, "", `${location.pathname}${query.size ? `?${query}` : ""}`); } catch { /* a file */ }
    };
    const wanted = new URLSearchParams(location.search);
    search.value = wanted.get("q") ?? "";
    for (const select of selects) {
      const value = wanted.get(select.dataset.filter) ?? "";
      if ([...select.options].some((each) => each.value === value)) select.value = value;
    }
    filters.addEventListener("submit", (event) => event.preventDefault());
    filters.addEventListener("input", changed);
    if (location.search !== "") apply();
  }

  // ------------------------------------------------------------------------- two runs to compare

  const compare = find("compare-button");
  if (compare !== null) {
    const boxes = [...document.querySelectorAll('#compare input[name="run"]')];
    const count = () => { compare.disabled = boxes.filter((box) => box.checked).length !== 2; };
    find("compare").addEventListener("change", count);
    count();
  }

  // ------------------------------------------------------------------------- keys

  const isTyping = (node) => node.matches("input:not([type=checkbox]), textarea, select");
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
    const turn = { j: "next", n: "next", k: "prev", p: "prev" }[event.key];
    const items = [...document.querySelectorAll(".samples summary")];
    if (event.key === "/" && search !== null) search.focus();
    else if ((event.key === "j" || event.key === "k") && items.length > 0) {
      const place = items.indexOf(document.activeElement);
      const target = items[event.key === "j" ? place + 1 : Math.max(0, place - 1)];
      if (target === undefined) document.querySelector("a[rel=next]")?.click();
      else target.focus();
    } else if (turn !== undefined) document.querySelector(`a[rel=${turn}]`)?.click();
    else return;
    event.preventDefault();
  });

  // ------------------------------------------------------------------------- links

  const copy = find("copy-link");
  if (copy !== null) {
    copy.addEventListener("click", async () => {
      const address = location.href.split("#")[0];
      try {
        await navigator.clipboard.writeText(address);
        copy.textContent = "Copied";
      } catch { copy.textContent = "Copy it from the address bar"; }
      setTimeout(() => { copy.textContent = "Copy link"; }, 1500);
    });
  }

  // A sample that the address names is open.
  function follow() {
    const target = location.hash.length > 1 ? find(decodeURIComponent(location.hash.slice(1))) : null;
    const details = target?.querySelector("details");
    if (!details) return;
    details.open = true;
    target.scrollIntoView();
  }
  window.addEventListener("hashchange", follow);
  follow();

  // ------------------------------------------------------------------------- news

  // A page that somebody is writing on, or choosing from, says that there is news; others reload.
  const live = find("live");
  if (live !== null) {
    const { state, version } = live.dataset;
    const EVERY = 2000;
    const isBusy = () => isTyping(document.activeElement)
      || document.querySelector("#compare input:checked, details[open], dialog[open]") !== null;
    const ask = async () => {
      try {
        const answer = await fetch(state);
        const found = await answer.json();
        if (answer.ok && String(found.version) !== version) {
          if (!isBusy()) { location.reload(); return; }
          const again = element("button", { type: "button" }, "There is news: reload");
          again.addEventListener("click", () => location.reload());
          live.replaceChildren(again);
          return;
        }
        if (found.work !== live.textContent) live.textContent = found.work ?? "";
      } catch { live.textContent = "The server does not answer."; }
      setTimeout(ask, EVERY);
    };
    setTimeout(ask, EVERY);
  }
})();
